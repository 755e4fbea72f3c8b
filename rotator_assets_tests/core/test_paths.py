"""Data roots under unusual paths work, or are refused with one line before anything is written."""

import os
import shutil
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from rotator_assets.core.data_root import LONGEST_PATH, DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.core.files import replacing, walk_files
from rotator_assets.orchestration.plans import Step
from rotator_assets.store.frame_content import content_hash
from rotator_assets.tables import TABLES, open_store
from rotator_assets_tests.commands import complaint, rotators
from rotator_assets_tests.store.test_table_store import roc

NOT_UTF8 = os.fsdecode(b"caf\xe9")
USABLE = {
    "signs": """..a__b c'd"e*[f]{g}|;&#%$HOME ${X}~!(h)<i>`j`=k,l:m@n^ 100% of %s gál \u202e \U0001f30c.parquet""",
    "lines": "new\nline\ttab\r\x1b",
    "dash": "-x",
    "home": "~",
    "longest": None,
}


@pytest.fixture
def longest(tmp_path) -> Path:
    """A path of the maximum length."""
    path = tmp_path
    while (room := LONGEST_PATH - len(str(path)) - 1) > 200:
        path = path / ("n" * 100)
    return path / ("n" * room)


def catalogues(root: Path, demo: Path) -> DataRoot:
    shutil.copytree(demo / "manga" / "catalogs", root / "manga" / "catalogs")
    return DataRoot.at(root)


def run_and_ask(root: DataRoot, monkeypatch) -> int:
    """Run in the root; return the rows of the morphology catalogue in a query and an export."""
    from rotator_assets.running import open_runner

    for table in set(TABLES) - {"morphology_catalog", "match_report", "input_files", "input_checksums", "notices"}:
        monkeypatch.delitem(TABLES, table)  # views of few tables are fast
    monkeypatch.setenv("ROTATORS_DATA", str(root.path))
    with open_runner(root) as runner:
        outcome = runner.run([Step("morphology", ("morphology_catalog",), "manga")])
        assert outcome.done == ["morphology"], outcome.failed
        assert runner.staleness().is_fresh("morphology_catalog", "manga")
    store, ask = open_store(root), "SELECT count(*) AS n FROM morphology_catalog"
    store.export(root.path / "all.duckdb")
    counts = {int(store.query(ask)["n"][0])}
    for file in (root.database, root.path / "all.duckdb"):
        with duckdb.connect(str(file)) as connection:
            counts.add(connection.sql(ask).fetchall()[0][0])
    (count,) = counts
    return count


@pytest.mark.parametrize("name", USABLE.values(), ids=USABLE)
def test_a_root_works_under_any_name(tmp_path, longest, small_demo_root, observed_root, monkeypatch, name):
    folder = tmp_path / name if name else longest
    before = set(tmp_path.iterdir())
    if name != USABLE["signs"]:  # one new instance is enough
        shutil.copytree(observed_root, folder)
    assert run_and_ask(catalogues(folder, small_demo_root), monkeypatch) == 90
    assert set(tmp_path.iterdir()) - before == {tmp_path / folder.relative_to(tmp_path).parts[0]}


def test_a_root_through_a_link_is_the_folder_of_the_system(tmp_path, small_demo_root, monkeypatch):
    """`link/..` is the folder that holds the target of the link, not the one that holds the link."""
    real = catalogues(tmp_path / "far" / "root", small_demo_root)
    (tmp_path / "far" / "away").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "far" / "away")
    monkeypatch.chdir(tmp_path)
    root = DataRoot.at("link/../root")
    assert root.path == real.path
    assert run_and_ask(root, monkeypatch) == 90 and not (tmp_path / "root").exists()


def test_a_linked_root_and_one_with_needless_slashes(tmp_path, monkeypatch):
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to("target")
    assert DataRoot.at(f"{tmp_path}//link/").path == tmp_path / "link"
    assert str(DataRoot.at(f"//{tmp_path}").path) == str(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROTATORS_DATA", "link")
    assert DataRoot.from_environment().path == tmp_path / "link"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("what?", "under a path with '?'"),
        ("back\\slash", "under a path with '\\'"),
        ("100%25", "under a path with '%25'"),
        (NOT_UTF8, "not UTF-8"),
        ("n" * 256, "name too long"),
        (f"{'n' * 200}/{'n' * 200}/{'n' * 200}", "bytes long"),
        ("file", "is a file, not a folder"),
        ("file/below", "Not a directory"),
        ("loop", "symbolic links"),
        ("loop/../x", "symbolic links"),
    ],
)
def test_unsuitable_paths_are_refused(tmp_path, name, reason):
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InputError) as refused:
        DataRoot.at(tmp_path / name)
    assert reason in str(refused.value)
    assert {path.name for path in tmp_path.iterdir()} == {"file", "loop"}


@pytest.mark.parametrize("command", [["status"], ["run", "--all"], ["ui"], ["report"], ["export", "x"], ["demo"]])
def test_every_command_refuses_unsuitable_paths_in_one_line(tmp_path, command):
    assert "caf\\udce9: DuckDB cannot" in complaint(rotators(*command, data=tmp_path / NOT_UTF8))
    assert list(tmp_path.iterdir()) == []


def test_the_same_rules_apply_to_the_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("ROTATORS_DATA", str(tmp_path / "what?"))
    with pytest.raises(InputError, match="move it elsewhere"):
        DataRoot.from_environment()


def test_an_empty_path_is_not_the_working_folder(tmp_path):
    assert "--data is empty" in complaint(rotators("status", "--data", "", cwd=tmp_path))


def test_a_read_only_root_is_reported_before_anything_runs(tmp_path, monkeypatch):
    root = DataRoot.at(tmp_path)
    root.require_writable()
    root.tables.mkdir(parents=True)
    monkeypatch.setattr("os.access", lambda path, mode: path != root.tables)
    with pytest.raises(InputError, match="tables: cannot be written to"):
        root.require_writable()


def test_a_folder_without_permission_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "a.fits").touch()
    (tmp_path / "closed").mkdir()
    scandir = os.scandir

    def guarded(path):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr("os.scandir", guarded)
    with pytest.raises(InputError, match="closed: Permission denied"):
        list(walk_files(tmp_path))
    assert list(walk_files(tmp_path / "nowhere")) == []


@pytest.mark.parametrize("name", ["n" * 255, "é" * 127, NOT_UTF8, "x.duckdb"])
def test_a_file_of_the_longest_name_is_written_whole_or_not_at_all(tmp_path, name):
    with replacing(tmp_path / name, ".part.npy") as temporary:
        assert temporary.name.startswith(".") and temporary.name.endswith(".part.npy")
        temporary.name.encode()  # DuckDB needs UTF-8
        temporary.write_text("whole")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "whole")]


def test_file_names_that_are_not_utf8_are_escaped(tmp_path):
    frame = pd.concat([roc(0.5, rows=1, recipe=NOT_UTF8), roc(0.5, rows=1)])
    store = open_store(DataRoot(tmp_path))
    store.write("roc_curves", "k", frame)
    assert content_hash(frame) == content_hash(frame.replace(NOT_UTF8, "caf\\udce9"))
    assert store.read("roc_curves", "k")["recipe"].tolist() == ["caf\\udce9", "thesis"]


def test_status_shows_names_of_files_that_are_not_utf8(tmp_path):
    (tmp_path / "manga" / "images").mkdir(parents=True)
    (tmp_path / "manga" / "images" / NOT_UTF8).with_suffix(".fits").touch()
    done = rotators("status", data=tmp_path)
    assert done.returncode == 0, done.stderr


def test_links_to_nowhere_and_in_circles_are_left_out(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a.fits").touch()
    (tmp_path / "b.fits").symlink_to(tmp_path / "there" / "a.fits")
    (tmp_path / "broken.fits").symlink_to(tmp_path / "nowhere")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    (tmp_path / "there" / "back").symlink_to(tmp_path)
    (tmp_path / "twice").symlink_to(tmp_path / "there")
    assert list(walk_files(tmp_path)) == [tmp_path / "b.fits", tmp_path / "there" / "a.fits"]


def test_pipes_and_devices_are_left_out(tmp_path):
    os.mkfifo(tmp_path / "pipe.fits")
    (tmp_path / "zeros.fits").symlink_to("/dev/zero")
    (tmp_path / "a.fits").touch()
    assert list(walk_files(tmp_path)) == [tmp_path / "a.fits"]
