"""A remembered status holds until a file, an event of Dagster or the program changes."""

import os
import shutil
import sqlite3
from contextlib import closing

import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.orchestration import remembered as module
from rotator_assets.orchestration.remembered import last_event, remember, remembered, state_of_files

CONTENT = [{"manga": [["images", "required"]]}, ["ready", {}, []], []]


@pytest.fixture
def root(tmp_path):
    """A root with one image, a settings file, and a status that was just remembered."""
    root = DataRoot(tmp_path / "root")
    for path in (_image(root), root.settings):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("content")
    _database(root).parent.mkdir(parents=True)
    _execute(root, "CREATE TABLE event_logs (id INTEGER PRIMARY KEY); INSERT INTO event_logs VALUES (1), (2);")
    _execute(root, "CREATE TABLE asset_keys (wipe_timestamp TEXT); INSERT INTO asset_keys VALUES (NULL);")
    _remember(root)
    return root


def test_nothing_changed(root):
    assert remembered(root) == CONTENT


def test_an_edit_counts_that_keeps_size_and_time(root):
    before = _image(root).stat()
    _image(root).write_text("CONTENT")
    os.utime(_image(root), ns=(before.st_atime_ns, before.st_mtime_ns))
    assert remembered(root) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda root: _image(root).unlink(),
        lambda root: _image(root).with_name("2.fits").write_text(""),
        lambda root: _image(root).with_name("2.fits").symlink_to(_image(root)),
        lambda root: _image(root).chmod(0o600),
        lambda root: root.settings.unlink(),
        lambda root: root.path.joinpath("setting.yml").write_text(""),
        lambda root: _database(root).unlink(),
        lambda root: module._file(root).write_text("{}"),
        lambda root: module._file(root).write_text("[]"),
        lambda root: module._file(root).write_text(""),
        lambda root: _execute(root, "INSERT INTO event_logs VALUES (3)"),
        lambda root: _execute(root, "DELETE FROM event_logs WHERE id = 1"),
        lambda root: _execute(root, "UPDATE asset_keys SET wipe_timestamp = '2026-01-01'"),
    ],
)
def test_a_change_of_files_or_events_counts(root, change):
    change(root)
    assert remembered(root) is None


def test_a_moved_root_and_other_recipes_count(root, monkeypatch):
    moved = DataRoot(root.path.with_name("moved"))
    shutil.copytree(root.path, moved.path)
    assert remembered(moved) is None
    monkeypatch.setenv("ROTATORS_RECIPES", str(root.settings))
    assert remembered(root) is None


def test_another_program_counts(root, monkeypatch):
    program = list(module._program())
    assert {"recipes.yaml", "remembered.py", "version.py"} <= {path.name for path in program}
    monkeypatch.setattr(module, "_program", lambda: program[1:])
    assert remembered(root) is None


def test_a_change_while_the_status_is_found_counts(root):
    state, event = state_of_files(root, _files(root)), last_event(root)
    _image(root).write_text("other content")
    remember(root, CONTENT, _files(root), state, event)
    assert remembered(root) is None


def _remember(root):
    remember(root, CONTENT, _files(root), state_of_files(root, _files(root)), last_event(root))


def _files(root):
    return [str(root.survey("manga")), str(root.encoders)]


def _image(root):
    return root.survey("manga") / "images" / "1.fits"


def _database(root):
    return root.dagster_home / "history" / "runs" / "index.db"


def _execute(root, statements):
    with closing(sqlite3.connect(_database(root))) as connection:
        connection.executescript(statements)
