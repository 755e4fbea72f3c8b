"""Checksums of input files: recorded when they are read, and compared with the files of today."""

import hashlib
import os
import subprocess

import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.lineage import input_checksums as module
from rotator_assets.lineage.input_checksums import State, check_inputs, input_checksums, inputs_of
from rotator_assets.tables import open_store

FILES = {"catalogs/a.fits": b"catalogue", "images/1.png": b"one", "images/more/2.png": b"two", "images/.hidden": b""}


@pytest.fixture
def store(tmp_path):
    for name, content in FILES.items():
        path = tmp_path / "manga" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return open_store(DataRoot(tmp_path))


def record(store, asset="image_tensors", partition="manga-observed-64", source="image_files"):
    rows = input_checksums(store, "manga", asset, partition, source)
    rows.set(synthetic=False)
    store.write("input_checksums", f"{partition}.{asset}", rows)
    return rows.frame()


def states(store, **options) -> dict[str, State]:
    return {name: state for _, name, state in check_inputs(store, "manga", fast=False, **options)}


def test_every_file_has_its_checksum(store):
    rows = record(store)
    assert rows["path"].tolist() == ["images/1.png", "images/more/2.png"]
    assert rows["sha256"].tolist() == [hashlib.sha256(content).hexdigest() for content in (b"one", b"two")]
    assert rows["bytes"].tolist() == [3, 3] and set(rows["input"]) == {"image_files"}


def test_a_large_file_is_read_in_parts(store, tmp_path):
    content = os.urandom(2**20 + 5)
    (tmp_path / "manga/images/1.png").write_bytes(content)
    assert record(store)["sha256"][0] == hashlib.sha256(content).hexdigest()


def test_a_recorded_file_is_not_read_again(store, tmp_path, monkeypatch):
    first, read = record(store), []
    digest = module.sha256_of
    monkeypatch.setattr(module, "sha256_of", lambda path: read.append(path.name) or digest(path))
    (tmp_path / "manga/images/1.png").write_bytes(b"changed")
    again = record(store, partition="manga-observed-128")
    assert read == ["1.png"]
    assert again["sha256"][0] == hashlib.sha256(b"changed").hexdigest()
    assert again.loc[1, ["sha256", "checked_at"]].tolist() == first.loc[1, ["sha256", "checked_at"]].tolist()


def test_states_of_files(store, tmp_path):
    record(store)
    assert states(store) == {"images/1.png": State.SAME, "images/more/2.png": State.SAME}
    image = tmp_path / "manga/images/1.png"
    before = image.stat()
    image.write_bytes(b"ONE")
    os.utime(image, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert states(store)["images/1.png"] is State.DAMAGED
    os.utime(image, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert states(store)["images/1.png"] is State.CHANGED
    image.write_bytes(b"one")
    assert states(store)["images/1.png"] is State.SAME  # as in a copied folder
    image.unlink()
    assert states(store)["images/1.png"] is State.GONE


def test_fast_compares_size_and_time_only(store, tmp_path, monkeypatch):
    record(store)
    monkeypatch.setattr(module, "sha256_of", None)
    os.utime(tmp_path / "manga/images/1.png", ns=(0, 0))
    found = {name: state for _, name, state in check_inputs(store, "manga", fast=True)}
    assert found == {"images/1.png": State.CHANGED, "images/more/2.png": State.SAME}


def test_a_file_read_with_two_contents_is_compared_with_both(store, tmp_path):
    record(store)
    (tmp_path / "manga/images/1.png").write_bytes(b"changed")
    record(store, partition="manga-observed-128")
    found = [state for _, name, state in check_inputs(store, "manga", fast=False) if name == "images/1.png"]
    assert sorted(found, key=lambda state: state.value) == [State.CHANGED, State.SAME]


def test_inputs_of_a_dataset_are_those_that_sha256sum_lists(store, tmp_path):
    record(store)
    record(store, "morphology_catalog", "manga", "catalog_files")
    record(store, "photometry_catalog", "manga", "catalog_files")
    found = inputs_of(store, "manga", "manga-observed-64")
    listed = subprocess.run(
        ["sha256sum", "images/1.png", "images/more/2.png"], cwd=tmp_path / "manga", capture_output=True, check=True
    )
    assert found["image_files"] == {"files": 2, "sha256": hashlib.sha256(listed.stdout).hexdigest()}
    assert found["catalog_files"]["each"] == {"catalogs/a.fits": hashlib.sha256(b"catalogue").hexdigest()}
    assert found["catalog_files"]["files"] == 1


def test_inputs_that_were_never_recorded_are_empty(store):
    assert inputs_of(store, "manga", "manga-observed-64") == {}
    assert states(store) == {}
