"""Image tensors: round trip, any rows of several shards, constant memory use, and interrupted writes."""

import json
import pickle
import subprocess
import sys

import numpy as np
import pytest

from rotator_assets.core.errors import InputError
from rotator_assets.store.tensors import open_tensor, writing_tensor


def write(folder, images, synthetic=True):
    with writing_tensor(folder, images.shape[1], synthetic) as tensor:
        for row, image in enumerate(images):
            assert tensor.append(f"g{row}", image) == row
    return tensor


def test_round_trip(tmp_path):
    images = np.random.default_rng(0).normal(size=(5, 8, 8, 3)).astype(np.float32)
    writer = write(tmp_path, images)
    tensor = open_tensor(tmp_path)
    assert tensor.images.dtype == np.float32
    np.testing.assert_array_equal(tensor.images, images)
    assert tensor.galaxy_ids == ("g0", "g1", "g2", "g3", "g4")
    assert (tensor.size_px, tensor.synthetic, tensor.version) == (8, True, writer.version)
    np.testing.assert_array_equal(tensor.select(["g3", "g1"])[0], images[3])
    assert tensor.rows_of(["g4", "g0"]).tolist() == [4, 0]


@pytest.fixture(scope="module")
def in_shards(tmp_path_factory):
    """Images, and the tensor with them in shards of 3, 2 and 4 images."""
    images = np.random.default_rng(0).normal(size=(9, 4, 4, 3)).astype(np.float32)
    folder = tmp_path_factory.mktemp("tensor")
    with writing_tensor(folder, 4) as writer:
        for row, part in enumerate((0, 0, 0, 3, 3, 7, 7, 7, 7)):
            writer.append(f"g{row}", images[row], part)
    assert len(list(folder.glob("images-*.npy"))) == 3
    return images, open_tensor(folder).images


@pytest.mark.parametrize(
    "key",
    [0, 4, -1, np.int64(8), slice(None), slice(2, 6), slice(4, 4), slice(-2, 99), slice(7, 1, -2), [3],
     [8, 0, 3, 3, -9], np.arange(9)[::-1], np.array([], dtype=np.int64), np.arange(9) % 2 == 0],
)  # fmt: skip
def test_rows_of_shards_are_those_of_one_array(in_shards, key):
    images, sharded = in_shards
    np.testing.assert_array_equal(sharded[key], images[key])
    assert sharded[key].dtype == np.float32 and sharded[key].flags.writeable


def test_shards_have_the_measures_of_one_array(in_shards):
    images, sharded = in_shards
    assert (sharded.shape, len(sharded), sharded.nbytes) == (images.shape, len(images), images.nbytes)
    np.testing.assert_array_equal(np.asarray(sharded), images)
    np.testing.assert_array_equal(list(sharded), images)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(sharded))[[8, 1]], images[[8, 1]])


@pytest.mark.parametrize("key", [9, -10, [0, 9], (0, 1), [0.5], [[0], [1]], np.array([True])])
def test_rows_that_are_none_are_refused(in_shards, key):
    with pytest.raises(IndexError):
        in_shards[1][key]


def test_a_tensor_of_an_earlier_version_opens_and_is_replaced(tmp_path):
    """It had one file and no record of the images."""
    images = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype(np.float32)
    np.save(tmp_path / "images-0123456789ab.npy", images)
    manifest = {"file": "images-0123456789ab.npy", "version": "v", "synthetic": True, "galaxy_ids": ["a", "b"]}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    tensor = open_tensor(tmp_path)
    np.testing.assert_array_equal(tensor.images[[1, 0]], images[[1, 0]])
    assert (tensor.galaxy_ids, tensor.version, tensor.synthetic, tensor.size_px) == (("a", "b"), "v", True, 4)
    write(tmp_path, images)
    assert not (tmp_path / "images-0123456789ab.npy").exists()


def test_a_shard_that_another_run_has_removed_is_an_error(tmp_path):
    with pytest.raises(InputError, match="another run has removed"), writing_tensor(tmp_path, 4) as writer:
        writer.append("a", np.ones((4, 4, 3), np.float32), part=0)
        writer.append("b", np.ones((4, 4, 3), np.float32), part=1)
        next(tmp_path.glob("images-*.npy")).unlink()


def test_a_galaxy_missing_from_the_tensor_is_an_error(tmp_path):
    write(tmp_path, np.ones((2, 4, 4, 3), np.float32))
    with pytest.raises(InputError, match=r"galaxy g7 is not in the image tensor.*materialize"):
        open_tensor(tmp_path).rows_of(["g1", "g7"])


def test_a_synthetic_image_marks_the_tensor(tmp_path):
    with writing_tensor(tmp_path, 4) as tensor:
        tensor.append("a", np.ones((4, 4, 3), np.float32))
        tensor.synthetic |= True
    assert open_tensor(tmp_path).synthetic


def test_the_file_is_a_plain_npy_that_numpy_reads(tmp_path):
    write(tmp_path, np.ones((1000, 4, 4, 3), np.float32))
    (path,) = tmp_path.glob("images-*.npy")
    assert np.load(path, allow_pickle=False).shape == (1000, 4, 4, 3)


def test_no_image_at_all_is_an_empty_tensor(tmp_path):
    write(tmp_path, np.ones((0, 16, 16, 3), np.float32))
    assert open_tensor(tmp_path).images.shape == (0, 16, 16, 3)


def test_a_failed_write_leaves_the_old_tensor_and_no_rubbish(tmp_path):
    write(tmp_path, np.ones((2, 4, 4, 3), np.float32))
    with pytest.raises(RuntimeError), writing_tensor(tmp_path, 4, True) as tensor:
        tensor.append("x", np.zeros((4, 4, 3), np.float32))
        raise RuntimeError
    assert np.asarray(open_tensor(tmp_path).images).sum() == 2 * 4 * 4 * 3
    assert len(list(tmp_path.glob("*.npy"))) == 1


def test_two_runs_at_once_do_not_take_each_others_files(tmp_path):
    with writing_tensor(tmp_path, 4, True) as slow:
        slow.append("slow", np.ones((4, 4, 3), np.float32))
        write(tmp_path, np.zeros((3, 4, 4, 3), np.float32))
        assert len(open_tensor(tmp_path).images) == 3
    assert open_tensor(tmp_path).galaxy_ids == ("slow",)


def test_a_replaced_tensor_stays_readable_while_open(tmp_path):
    write(tmp_path, np.ones((2, 4, 4, 3), np.float32))
    old = open_tensor(tmp_path)
    write(tmp_path, np.zeros((3, 4, 4, 3), np.float32))
    assert np.asarray(old.images).sum() == 2 * 4 * 4 * 3
    assert len(open_tensor(tmp_path).images) == 3
    assert old.version != open_tensor(tmp_path).version


def test_version_follows_content_and_order(tmp_path):
    a, b = np.zeros((1, 4, 4, 3), np.float32), np.ones((1, 4, 4, 3), np.float32)
    versions = [write(tmp_path / n, np.concatenate(p)).version for n, p in {"ab": (a, b), "ba": (b, a)}.items()]
    assert versions[0] != versions[1]
    assert write(tmp_path / "again", np.concatenate((a, b))).version == versions[0]


def test_an_image_of_another_size_is_refused(tmp_path):
    with pytest.raises(ValueError, match="shape"), writing_tensor(tmp_path, 4, True) as tensor:
        tensor.append("x", np.zeros((5, 4, 3), np.float32))


def test_a_missing_tensor_says_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match="materialize image_tensors"):
        open_tensor(tmp_path)


@pytest.mark.parametrize("file", ["*.json", "*.npy"])
@pytest.mark.parametrize("kept", [0, 20])
def test_a_damaged_tensor_says_what_to_do(tmp_path, file, kept):
    with writing_tensor(tmp_path, 4) as writer:
        writer.append("a", np.zeros((4, 4, 3), dtype=np.float32))
    (path,) = tmp_path.glob(file)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"the image tensor is damaged .*; materialize image_tensors again"):
        open_tensor(tmp_path)


def test_memory_stays_flat(tmp_path):
    """Writing 400 MB of images needs no more memory than writing 4 MB."""
    code = """
import resource, sys, numpy as np
from pathlib import Path
from rotator_assets.store.tensors import writing_tensor
image = np.ones((64, 64, 3), np.float32)
with writing_tensor(Path(sys.argv[1]), 64, True) as tensor:
    for row in range(int(sys.argv[2])):
        tensor.append(str(row), image)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    peak = [
        int(subprocess.run([sys.executable, "-c", code, str(tmp_path / n), n], capture_output=True, check=True).stdout)
        for n in ("80", "8000")
    ]
    assert peak[1] - peak[0] < 40_000  # kB
