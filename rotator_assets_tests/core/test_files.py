"""Files that are written are on the disk before they take their place."""

import os
from pathlib import Path

import pytest

from rotator_assets.core.files import allocate, replacing


@pytest.fixture
def told(monkeypatch) -> list[tuple[str, str]]:
    """What is written to the disk, and what is renamed, in order."""
    events = []
    fsync, rename = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        events.append(("on disk", Path(f"/proc/self/fd/{descriptor}").readlink().name))
        fsync(descriptor)

    def renamed(path: Path, target: Path) -> Path:
        events.append(("renamed", target.name))
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    return events


def test_a_file_is_on_the_disk_before_and_its_name_after_the_rename(tmp_path, told):
    with replacing(tmp_path / "folder" / "table.parquet") as temporary:
        temporary.write_text("rows")
    assert told == [("on disk", temporary.name), ("renamed", "table.parquet"), ("on disk", "folder")]


def test_a_full_disk_leaves_the_old_file_alone(tmp_path, monkeypatch):
    (tmp_path / "table.parquet").write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"), replacing(tmp_path / "table.parquet") as temporary:
        temporary.write_text("new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("table.parquet", "old")]


def test_a_file_for_a_memory_map_has_all_its_space(tmp_path):
    with (tmp_path / "map").open("wb+") as file:
        allocate(file.fileno(), 100_000)
        assert os.fstat(file.fileno()).st_size == 100_000
        assert os.fstat(file.fileno()).st_blocks * 512 >= 100_000
