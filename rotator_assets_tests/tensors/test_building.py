"""Builds of a tensor that continue from earlier ones: what is made again, and the same result as without them."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rotator_assets.core import progress
from rotator_assets.core.settings import ImageSettings, MockSettings
from rotator_assets.imaging.cutouts import Treatment, make_cutout
from rotator_assets.imaging.images import ImageSource
from rotator_assets.store.tensors import open_tensor, writing_tensor
from rotator_assets.tensors import building
from rotator_assets.tensors.building import Plan
from rotator_assets.tensors.image_keys import image_keys
from rotator_assets_tests.surveys.files import picture, write_cube

SIZE_PX = 64
OBSERVED = Treatment("manga", "observed", SIZE_PX)
IDS = ["a", "b", "c", "d", "e", "f", "g"]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(building, "SHARD_ROWS", 3)


@pytest.fixture
def images(tmp_path) -> Path:
    """A folder with a cube of every galaxy but one."""
    for number, name in enumerate(IDS):
        if name != "b":
            write_cube(tmp_path / "images" / f"{name}.fits", (1 + number) * picture(SIZE_PX), wcs=False)
    return tmp_path / "images"


def build(folder: Path, images: Path, treatment=OBSERVED, ids=IDS, stop_at: str | None = None, stop=None) -> list[str]:
    """Build the tensor and return the galaxies whose images were read."""
    galaxies = pd.DataFrame({"galaxy_id": list(ids), "ra": 150.0, "dec": 2.0})
    sources = {path.stem: ImageSource("cube", (path,)) for path in sorted(images.glob("*.fits"))}
    plan = Plan.of(folder, SIZE_PX, galaxies, image_keys(galaxies, sources, treatment))
    read = []

    def made():
        for galaxy in plan.missing.itertuples(index=False):
            if galaxy.galaxy_id == stop_at:
                stop()
            if galaxy.galaxy_id not in sources:
                yield galaxy, "no image"
                continue
            read.append(galaxy.galaxy_id)
            yield galaxy, make_cutout(sources[galaxy.galaxy_id], galaxy.galaxy_id, treatment, galaxy.ra, galaxy.dec)

    with writing_tensor(folder, SIZE_PX, kept=plan.kept) as tensor:
        found = [image for _, image in plan.fill(tensor, made())]
    assert [image == "no image" for image in found] == [name not in sources for name in ids]
    return read


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def kill() -> None:
    os._exit(1)


def fail() -> None:
    raise RuntimeError("stopped")


def test_a_build_continues_after_its_process_was_killed(tmp_path, images):
    """Nothing is flushed or closed, and the last record is cut in the middle."""
    if (child := os.fork()) == 0:
        build(tmp_path / "killed", images, stop_at="g", stop=kill)
    os.waitpid(child, 0)
    with pytest.raises(RuntimeError, match="stopped"):
        build(tmp_path / "killed", images, stop_at="f", stop=fail)
    assert build(tmp_path / "killed", images) == ["f", "g"]
    build(tmp_path / "fresh", images)
    killed, fresh = content(tmp_path / "killed"), content(tmp_path / "fresh")
    assert {name: killed[name] for name in fresh} == fresh
    assert all(name.startswith("unfinished-") for name in killed.keys() - fresh.keys())


def test_a_repeated_build_reads_nothing_and_writes_no_shard(tmp_path, images):
    build(tmp_path / "tensor", images)
    before = {path.name: path.stat().st_ino for path in (tmp_path / "tensor").glob("images-*")}
    assert len(before) == 2 * 3
    assert build(tmp_path / "tensor", images) == []
    assert before == {path.name: path.stat().st_ino for path in (tmp_path / "tensor").glob("images-*")}


def test_only_new_and_changed_images_are_read(tmp_path, images):
    build(tmp_path / "tensor", images)
    write_cube(images / "b.fits", 9 * picture(SIZE_PX), wcs=False)
    write_cube(images / "e.fits", 8 * picture(SIZE_PX), wcs=False)
    (images / "d.fits").unlink()
    assert build(tmp_path / "tensor", images) == ["b", "e"]
    build(tmp_path / "fresh", images)
    assert content(tmp_path / "tensor") == content(tmp_path / "fresh")
    assert open_tensor(tmp_path / "tensor").galaxy_ids == ("a", "b", "c", "e", "f", "g")


def test_galaxies_in_another_order_are_not_read_again(tmp_path, images):
    build(tmp_path / "tensor", images)
    assert build(tmp_path / "tensor", images, ids=["new", *reversed(IDS)]) == []
    build(tmp_path / "fresh", images, ids=["new", *reversed(IDS)])
    assert content(tmp_path / "tensor") == content(tmp_path / "fresh")


@pytest.mark.parametrize(
    "other",
    [
        Treatment("manga", "observed", SIZE_PX, images=ImageSettings(check_centre=False)),
        Treatment("manga", "observed", SIZE_PX, arcsec_per_pixel=None),
    ],
)
def test_another_treatment_makes_every_image_again(tmp_path, images, other):
    build(tmp_path / "tensor", images)
    assert build(tmp_path / "tensor", images, other) == ["a", "c", "d", "e", "f", "g"]


def test_mock_observations_are_kept_by_the_content_of_their_files(tmp_path, images):
    noisy = Treatment("tng100", "noisy", SIZE_PX, arcsec_per_pixel=None)
    build(tmp_path / "tensor", images, noisy, ids="ac")
    before = open_tensor(tmp_path / "tensor").version
    for path in images.glob("*.fits"):
        os.utime(path, ns=(1, 1))
    assert build(tmp_path / "tensor", images, noisy, ids="ac") == []
    assert open_tensor(tmp_path / "tensor").version == before
    other_seed = Treatment("tng100", "noisy", SIZE_PX, mock=MockSettings(seed=7), arcsec_per_pixel=None)
    assert build(tmp_path / "tensor", images, other_seed, ids="ac") == ["a", "c"]


def test_the_version_does_not_depend_on_the_shards(tmp_path, images, monkeypatch):
    build(tmp_path / "small", images)
    monkeypatch.setattr(building, "SHARD_ROWS", 100)
    build(tmp_path / "large", images)
    small, large = open_tensor(tmp_path / "small"), open_tensor(tmp_path / "large")
    assert small.version == large.version and small.galaxy_ids == large.galaxy_ids
    np.testing.assert_array_equal(small.images, large.images)


def test_an_image_with_one_changed_bit_is_made_again(tmp_path, images):
    build(tmp_path / "tensor", images)
    whole = content(tmp_path / "tensor")
    for path in (tmp_path / "tensor").glob("*.npy"):
        stored = bytearray(path.read_bytes())
        stored[-5] ^= 1
        path.write_bytes(stored)
    assert build(tmp_path / "tensor", images) == ["c", "f", "g"]  # the last images of their shards
    assert content(tmp_path / "tensor") == whole


def test_a_damaged_shard_that_is_removed_is_made_again(tmp_path, images):
    build(tmp_path / "tensor", images)
    whole = content(tmp_path / "tensor")
    first, second, third = sorted((tmp_path / "tensor").glob("*.npy"))
    first.write_bytes(first.read_bytes()[:-10])
    second.unlink()
    third.with_suffix(".jsonl").write_text("damaged")
    assert sorted(build(tmp_path / "tensor", images)) == ["a", "c", "d", "e", "f", "g"]
    assert content(tmp_path / "tensor") == whole


def test_images_are_asked_for_some_shards_at_a_time_in_one_count(tmp_path, monkeypatch):
    monkeypatch.setattr(building, "_TOGETHER", 1)
    galaxies = pd.DataFrame({"galaxy_id": IDS})
    plan = Plan.of(tmp_path, SIZE_PX, galaxies, [""] * len(IDS))
    asked, reports = [], []

    def cutouts(some):
        asked.append(some["galaxy_id"].tolist())
        for done, galaxy in enumerate(some.itertuples(index=False), start=1):
            progress.report("images", done, len(some))
            yield galaxy, "no image"

    with progress.listening(lambda stage, done, total, note: reports.append((done, total))):
        found = [galaxy.galaxy_id for galaxy, _ in plan.made(cutouts)]
    assert asked == [["a", "b", "c"], ["d", "e", "f"], ["g"]] and found == IDS
    assert reports == [(done, 7) for done in range(1, 8)]
