"""Damaged images are found, and named by their shard."""

import json

import numpy as np
import pytest

from rotator_assets.store.checksums import DAMAGED, MISSING
from rotator_assets.store.tensor_check import check_tensor
from rotator_assets.store.tensors import MANIFEST, writing_tensor
from rotator_assets_tests.store.test_checksums import flip


@pytest.fixture
def folder(tmp_path):
    """A tensor of seven images in two shards."""
    images = np.random.default_rng(0).normal(size=(7, 4, 4, 3)).astype(np.float32)
    with writing_tensor(tmp_path, 4) as writer:
        for row, image in enumerate(images):
            writer.append(f"g{row}", image, part=row // 4)
    return tmp_path


def problems(folder, **options) -> dict[str, str]:
    return {one.path.name: one.problem for one in check_tensor(folder, **options) if one.problem}


def shards(folder) -> list[str]:
    return [shard["file"] for shard in json.loads((folder / MANIFEST).read_text())["shards"]]


def edit(folder, **entries) -> None:
    path = folder / MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))


@pytest.mark.parametrize("fast", [False, True])
def test_a_tensor_as_written_has_no_problem(folder, fast):
    found = list(check_tensor(folder, fast=fast))
    assert [one.path.name for one in found] == [*shards(folder), MANIFEST]
    assert all(one.is_recorded and not one.problem for one in found)


def test_a_folder_without_a_tensor_has_nothing_to_check(tmp_path):
    assert list(check_tensor(tmp_path)) == []


@pytest.mark.parametrize("number", [-1, -200])
def test_a_changed_pixel_is_found_in_its_shard_alone(folder, number):
    first, _ = shards(folder)
    flip(folder / first, number)
    assert problems(folder) == {first: DAMAGED}
    assert problems(folder, fast=True) == {}


@pytest.mark.parametrize("fast", [False, True])
def test_a_shard_that_is_cut_short_is_damaged(folder, fast):
    _, second = shards(folder)
    (folder / second).write_bytes((folder / second).read_bytes()[:-5])
    assert problems(folder, fast=fast) == {second: DAMAGED}


@pytest.mark.parametrize("fast", [False, True])
def test_a_shard_that_is_gone_is_missing(folder, fast):
    first, _ = shards(folder)
    (folder / first).unlink()
    assert problems(folder, fast=fast) == {first: MISSING}


def test_a_damaged_manifest_is_named(folder):
    edit(folder, version="another")
    assert problems(folder) == {MANIFEST: DAMAGED}
    edit(folder, galaxy_ids=["g0"])
    assert problems(folder) == {MANIFEST: DAMAGED}
    (folder / MANIFEST).write_text("{")
    assert problems(folder) == {MANIFEST: DAMAGED}


def test_a_tensor_of_an_earlier_version_is_not_recorded(folder):
    file, _ = shards(folder)
    old = {"file": file, "galaxy_ids": ["g0", "g1", "g2", "g3"], "version": "v", "synthetic": True}
    (folder / MANIFEST).write_text(json.dumps(old))
    (found,) = check_tensor(folder)
    assert (found.problem, found.is_recorded) == ("", False)
