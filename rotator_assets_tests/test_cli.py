"""The command line: exit status, one line on standard error, and output that scripts can read."""

import json
import os
import shutil
import socket
import subprocess
from pathlib import Path

import duckdb
import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.tables import open_store
from rotator_assets_tests.commands import ROTATORS, complaint, on_a_terminal, rotators
from rotator_assets_tests.store.test_table_store import roc


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A root with two rows in one table; not to be changed by a test."""
    root = tmp_path_factory.mktemp("root")
    store = open_store(DataRoot(root))
    store.write("roc_curves", "manga-observed-64|thesis", roc(0.25, rows=2))
    store.publish()
    return root


def test_csv_is_a_header_and_rows_and_nothing_else(root):
    sql = "SELECT recipe, true_positive_rate, threshold, synthetic, 'a,\"b' AS odd FROM roc_curves"
    done = rotators("query", sql, "--format", "csv", data=root)
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout == (
        "recipe,true_positive_rate,threshold,synthetic,odd\n" + 'thesis,0.25,,true,"a,""b"\n' * 2
    )  # fmt: skip


def test_csv_of_no_rows_is_the_header(root):
    done = rotators("query", "SELECT dataset FROM model_metrics", "--format", "csv", data=root)
    assert (done.returncode, done.stdout) == (0, "dataset\n")


@pytest.mark.parametrize("sql", ["CREATE TABLE t (a INTEGER)", "SET threads = 1", "SELECT 1 AS a WHERE false"])
def test_json_of_no_rows_is_an_empty_list(root, sql):
    done = rotators("query", sql, "--format", "json", "--allow-files", data=root)
    assert (done.returncode, done.stderr, json.loads(done.stdout)) == (0, "", [])


def test_a_query_may_begin_with_a_remark(root):
    sql = "-- how many = ?\nSELECT count(*) AS n FROM roc_curves;"
    assert rotators("query", sql, "--format", "csv", data=root).stdout == "n\n2\n"


@pytest.mark.parametrize("sql", ["", "  ", "-- a remark"])
def test_a_query_without_statement_gives_an_error(root, sql):
    assert "no statement" in complaint(rotators("query", sql, data=root))


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_shows_a_wide_table_whole(root, width):
    lines = on_a_terminal(
        width, "query", "FROM roc_curves LEFT JOIN model_metrics USING (dataset) LIMIT 1", "--data", root
    )
    assert max(map(len, lines)) <= width
    assert any(line.split() == ["threshold"] for line in lines)
    assert any(line.split() == ["false_positive_rate", "0.25"] for line in lines)


def test_json_knows_null_and_no_nan(root):
    sql = "SELECT recipe, threshold, 'nan'::DOUBLE AS nan FROM roc_curves LIMIT 1"
    done = rotators("query", sql, "--format", "json", data=root)
    assert json.loads(done.stdout) == [{"recipe": "thesis", "threshold": None, "nan": None}]


def test_table_shows_every_column_in_a_pipe(root):
    done = rotators("query", "SELECT * FROM roc_curves", data=root)
    assert done.returncode == 0
    for name in ("dataset", "recipe", "false_positive_rate", "threshold", "manga-observed-64"):
        assert name in done.stdout


def test_describe_and_comments_can_be_asked_for(root):
    assert "probability_fast" in rotators("query", "DESCRIBE predictions", "--format", "csv", data=root).stdout


def test_json_does_not_lose_columns_of_one_name(root):
    assert "two columns are named 'a'" in complaint(
        rotators("query", "SELECT 1 AS a, 2 AS a", "--format", "json", data=root)
    )


def test_names_and_values_are_shown_as_they_are(root):
    done = rotators("query", """SELECT 1 AS "[/b]", '[red]x' AS y""", data=root)
    assert done.returncode == 0 and "[/b]" in done.stdout and "[red]x" in done.stdout


def test_a_root_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "results").write_text("a file, not a folder")
    assert "results" in complaint(rotators("ui", data=tmp_path))


def test_a_query_of_a_root_without_results_says_so_and_writes_nothing(tmp_path):
    assert "holds no results yet" in complaint(rotators("query", "FROM galaxies", data=tmp_path))
    assert rotators("query", "SELECT 7 AS a", "--format", "csv", data=tmp_path).stdout == "a\n7\n"
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_table_is_named(root, tmp_path):
    damaged = tmp_path / "root"
    shutil.copytree(root / "results", damaged / "results")
    metrics = damaged / "results" / "tables" / "model_metrics"
    (metrics / f"d__r.{1:020d}.parquet").write_bytes(b"PAR1 and no more")
    (damaged / "results" / "dagster").mkdir()
    for command in (["query", "FROM model_metrics"], ["export", tmp_path / "x.duckdb"], ["report"], ["status"]):
        assert "d__r.00000000000000000001.parquet'; remove" in complaint(rotators(*command, data=damaged)), command
    assert not (tmp_path / "x.duckdb").exists()


def test_without_a_command_the_help_is_shown():
    done = rotators()
    assert done.returncode == 0 and "Commands:" in done.stdout and done.stderr == ""


@pytest.mark.parametrize("command", [["recipes"], ["status"], ["query", "FROM range(3000)"]])
def test_a_reader_that_has_gone_ends_the_command(root, command):
    """As in `rotators recipes | head -1`, where the shell would report the signal SIGPIPE."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        arguments = [ROTATORS, *command, "--data", str(root)]
        done = subprocess.run(arguments, stdout=pipe, stderr=subprocess.PIPE, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (141, b"")


def test_wrong_sql_is_one_line_and_status_2(root):
    assert "no_such_table" in complaint(rotators("query", "SELECT * FROM no_such_table", data=root))


def test_a_session_left_open_in_duckdb_does_not_stop_query_or_export(root, tmp_path):
    with duckdb.connect(str(root / "rotators.duckdb")) as session:
        session.execute("BEGIN; SELECT * FROM roc_curves")
        assert rotators("query", "FROM roc_curves", data=root).returncode == 0
        done = rotators("export", tmp_path / "out.duckdb", data=root)
        assert done.returncode == 0, done.stderr
    with duckdb.connect(str(tmp_path / "out.duckdb"), read_only=True) as exported:
        assert exported.sql("SELECT count(*) FROM roc_curves").fetchall() == [(2,)]


@pytest.mark.parametrize(
    ("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::1")]
)
def test_a_port_in_use_is_reported_before_dagster_starts(tmp_path, family, address):
    with socket.socket(family) as other:
        try:
            other.bind((address, 0))
        except OSError:
            pytest.skip(f"this machine has no {address}")
        other.listen()
        port = other.getsockname()[1]
        told = complaint(rotators("ui", "--port", port, data=tmp_path))
    assert told == f"rotators: port {port} is in use; give another with --port"
    assert list(tmp_path.iterdir()) == []


def test_export_replaces_an_earlier_export_and_nothing_else(root, tmp_path):
    target = tmp_path / "all.duckdb"
    for _ in range(2):
        assert rotators("export", target, data=root).returncode == 0
    with duckdb.connect(str(target)) as connection:
        connection.execute("CREATE TABLE my_notes AS SELECT 1 AS a")
    assert "holds 'my_notes'" in complaint(rotators("export", target, data=root))
    (tmp_path / "notes").write_text("mine")
    assert "cannot be read as an earlier export" in complaint(rotators("export", tmp_path / "notes", data=root))
    assert (tmp_path / "notes").read_text() == "mine"


@pytest.mark.parametrize(("name", "reason"), [("results/all.duckdb", "root's results"), ("a?.duckdb", "path with '?'")])
def test_export_refuses_a_place_that_loses_the_file(root, name, reason):
    assert reason in complaint(rotators("export", root / name, data=root))
    assert not (root / name).exists()


def test_export_refuses_the_database_itself(root):
    for name in (root / "rotators.duckdb", root / ".." / root.name / "rotators.duckdb"):
        assert "own database" in complaint(rotators("export", name, data=root))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "say what to run"),
        (["run", "--all", "--recipe", "log"], "leave out --dataset and --recipe"),
        (["run", "--stale", "--robustness"], "leave out --robustness"),
        (["run", "--stale", "--questions"], "leave out --robustness"),
        (["run", "--dataset", "manga-noisy-64"], "there is no dataset 'manga-noisy-64'"),
        (["run", "--recipe", "nonsense"], "there is no recipe 'nonsense'"),
        (["run", "--dataset", "manga-observed-64"], "no such folder"),
        (["run", "--all"], "holds none of manga/, tng100/, atlas3d/"),
        (["fly"], "No such command 'fly'"),
        (["query"], "Missing argument 'SQL'"),
        (["demo", "--galaxies", "0"], "--galaxies"),
        (["report"], "nothing to report"),
        (["run", "--all", "--quiet", "--verbose"], "exclude each other"),
        (["export", "x.duckdb"], "no results to export"),
        (["ui", "--port", "0"], "0 is not in the range"),
        (["ui", "--port", "65536"], "65536 is not in the range"),
        (["ui", "--port", "http"], "'http' is not a valid integer"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(tmp_path, arguments, message):
    data = None if arguments == ["fly"] else tmp_path
    assert message in complaint(rotators(*arguments, data=data, cwd=tmp_path))


def test_the_demo_keeps_out_of_a_folder_with_other_files(tmp_path):
    (tmp_path / "setup.py").write_text("an astronomer's checkout")
    assert "holds other files, such as setup.py" in complaint(rotators("demo", data=tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["setup.py"]


def test_a_missing_root_is_an_error(tmp_path):
    assert "no such data root" in complaint(rotators("query", "SELECT 1", data=tmp_path / "nowhere"))


@pytest.mark.parametrize("command", [("summary",), ("compare", "manga-observed-64/thesis", "log")])
def test_reading_leaves_an_empty_root_as_it_is(tmp_path, command):
    complaint(rotators(*command, data=tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_without_the_default_recipe_another_one_is_named(small_demo_root, tmp_path, monkeypatch):
    (tmp_path / "recipes.yaml").write_text("recipes:\n  mine:\n    epochs: 2\n")
    monkeypatch.setenv("ROTATORS_RECIPES", str(tmp_path / "recipes.yaml"))
    done = rotators("run", "-d", "manga-observed-64", "--dry-run", data=small_demo_root)
    assert "there is no recipe 'thesis', the default; name one of: mine" in complaint(done)


def test_bad_settings_are_reported_before_anything_runs(tmp_path):
    (tmp_path / "manga").mkdir()
    (tmp_path / "settings.yaml").write_text("manga: {labels: {ttype: 3}}")
    assert "manga.labels.ttype" in complaint(rotators("run", "--dataset", "manga-observed-64", data=tmp_path))


def test_status_of_an_empty_root_says_what_is_missing_and_where_to_get_it(tmp_path):
    done = rotators("status", data=tmp_path)
    assert done.returncode == 0, done.stderr
    for text in (
        "manga-morphology-dl",
        "morphologies_deeplearn.hdf5",
        "https://",
        "datasets that can be built now: none",
    ):
        assert text in done.stdout


def test_a_terminal_shows_the_status_with_whole_links(tmp_path):
    lines = on_a_terminal(80, "status", "--data", tmp_path)
    links = [line for line in lines if "https://" in line]
    assert len(links) > 10 and all(line.startswith("  https://") and len(line.split()) == 1 for line in links)
    assert [line for line in lines if len(line) > 80 and "?" not in line and str(tmp_path) not in line] == []


def test_missing_catalogue(small_demo_root, new_root):
    root = _copy(small_demo_root, new_root)
    (root / "manga/catalogs/manga-morphology-dl-DR15.fits").unlink()
    assert "morphology" in complaint(rotators("run", "--dataset", "manga-observed-64", data=root))


def test_catalogue_cut_in_half(small_demo_root, new_root):
    root = _copy(small_demo_root, new_root)
    path = root / "manga/catalogs/manga-pymorph-DR15.fits"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "manga-pymorph-DR15.fits" in complaint(rotators("run", "--dataset", "manga-observed-64", data=root))


def test_column_that_is_not_there(tmp_path, small_demo_root, new_root):
    from astropy.io import fits

    root = _copy(small_demo_root, new_root)
    path = root / "manga/catalogs/manga-morphology-dl-DR15.fits"
    with fits.open(path) as hdus:
        columns = hdus[1].columns
        columns.del_col("TTYPE")
        fits.HDUList([hdus[0], fits.BinTableHDU.from_columns(columns)]).writeto(tmp_path / "x.fits")
    shutil.move(tmp_path / "x.fits", path)
    line = complaint(rotators("run", "--dataset", "manga-observed-64", data=root))
    assert "TTYPE" in line.upper() and path.name in line


def _copy(demo: Path, new_root: DataRoot) -> Path:
    """Copy the catalogues of MaNGA into the new root."""
    folder = new_root.survey("manga")
    shutil.copytree(demo / "manga" / "catalogs", folder / "catalogs")
    (folder / "images").mkdir()
    return new_root.path
