"""What can be built follows from the files that are there and from the sizes of the images."""

import tarfile
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image

from rotator_assets.core.data_root import DataRoot
from rotator_assets.imaging.images import ImageSource
from rotator_assets.orchestration.buildable import Buildable, buildable
from rotator_assets.surveys.image_sizes import PEEKED
from rotator_assets_tests.commands import complaint, rotators

LARGE, SMALL = "manga-observed-128", "manga-observed-64"
NOT_HERE = {"tng100", "atlas3d"}


@pytest.fixture
def root(tmp_path) -> DataRoot:
    """A root with every input of MaNGA apart from the images; the names of catalogues are enough."""
    catalogs = tmp_path / "manga" / "catalogs"
    catalogs.mkdir(parents=True)
    for name in ("manga-morphology-dl-DR17.fits", "drpall-v3_1_1.fits", "lambda_r.csv"):
        (catalogs / name).touch()
    (tmp_path / "manga" / "images").mkdir()
    return DataRoot(tmp_path)


def picture(root: DataRoot, number: int, height: int, width: int) -> Path:
    """Write the picture of a galaxy."""
    path = root.survey("manga") / "images" / f"8000-{1901 + number}.png"
    Image.new("RGB", (width, height), (9, 7, 5)).save(path)
    return path


def cube(path: Path, *shape: int) -> Path:
    fits.PrimaryHDU(np.ones(shape, np.float32)).writeto(path)
    return path


def offered(root: DataRoot) -> Buildable:
    """Return what can be built, without the surveys that have no files."""
    found = buildable(root)
    assert found.left_out.keys() >= NOT_HERE
    found.left_out = {key: why for key, why in found.left_out.items() if key not in NOT_HERE}
    return found


def test_images_as_large_as_both_crops_offer_both(root):
    picture(root, 0, 128, 128)
    assert offered(root) == Buildable([LARGE, SMALL])


def test_smaller_images_offer_no_larger_crop(root):
    for number in range(3):
        picture(root, number, 80, 80)
    assert offered(root) == Buildable([SMALL], [], {LARGE: "images are 80 x 80 pixels"})


def test_the_smaller_side_counts_and_the_reason_gives_the_range(root):
    picture(root, 0, 127, 300)
    picture(root, 1, 64, 64)
    assert offered(root) == Buildable([SMALL], [], {LARGE: "images are 64 x 64 to 127 x 300 pixels"})


def test_images_smaller_than_every_crop_offer_nothing(root):
    picture(root, 0, 63, 64)
    why = "images are 63 x 64 pixels"
    assert offered(root) == Buildable([], [], {LARGE: why, SMALL: why})


def test_one_large_image_is_enough(root):
    for number in range(5):
        picture(root, number, 80, 80)
    picture(root, 5, 128, 128)
    assert offered(root).datasets == [LARGE, SMALL]


def test_images_that_cannot_be_read_limit_nothing(root):
    (root.survey("manga") / "images" / "8000-1901.png").write_text("no picture")
    assert offered(root).datasets == [LARGE, SMALL]


def test_frames_are_large_whatever_lies_next_to_them(root):
    picture(root, 0, 80, 80)
    (root.survey("manga") / "images" / "frame-g-001043-1-0036.fits").touch()
    assert offered(root).datasets == [LARGE, SMALL]


def test_a_missing_input_is_named(root):
    picture(root, 0, 128, 128)
    (root.survey("manga") / "catalogs" / "drpall-v3_1_1.fits").unlink()
    (root.survey("manga") / "catalogs" / "manga-morphology-dl-DR17.fits").unlink()
    assert offered(root) == Buildable([], [], {"manga": "lacks deep-learning morphology, photometry"})


def test_a_simulated_image_is_padded(tmp_path):
    folder = tmp_path / "tng100"
    (folder / "catalogs").mkdir(parents=True)
    (folder / "images").mkdir()
    for name in ("morphologies_deeplearn.hdf5", "lambda_r.csv"):
        (folder / "catalogs" / name).touch()
    cube(folder / "images" / "broadband_6.fits", 4, 30, 30)
    assert buildable(DataRoot(tmp_path)).datasets == [
        f"tng100-{noise}-{crop}" for noise in ("noisy", "noiseless") for crop in (128, 64)
    ]


def test_a_survey_of_catalogues_has_no_dataset(tmp_path):
    catalogs = tmp_path / "atlas3d" / "catalogs"
    catalogs.mkdir(parents=True)
    (catalogs / "Emsellem2011_Atlas3D_Paper3_TableB1.txt").touch()
    found = buildable(DataRoot(tmp_path))
    assert (found.datasets, found.catalogs_only, list(found.left_out)) == ([], ["atlas3d"], ["manga", "tng100"])


def test_few_of_many_images_are_read(root, monkeypatch):
    picture(root, 0, 80, 80)
    content = (root.survey("manga") / "images" / "8000-1901.png").read_bytes()
    for number in range(1, 10 * PEEKED):
        (root.survey("manga") / "images" / f"8000-{1901 + number}.png").write_bytes(content)
    shape, read = ImageSource.shape, []
    monkeypatch.setattr(ImageSource, "shape", lambda source: read.append(source) or shape(source))
    assert offered(root).datasets == [SMALL]
    assert len(set(read)) == len(read) == PEEKED


@pytest.mark.parametrize("form", ["cube", "extensions", "packed", "archive"])
def test_the_shape_of_an_image_is_that_of_its_pixels(tmp_path, form):
    path = cube(tmp_path / "8000-1901.fits", 3, 50, 70)
    if form == "extensions":
        flat = [fits.ImageHDU(np.ones((50, 70), np.float32), name=band) for band in "GRI"]
        weights = fits.ImageHDU(np.ones((9, 9), np.float32), name="IVAR_G")
        fits.HDUList([fits.PrimaryHDU(), weights, *flat]).writeto(path, overwrite=True)
    elif form == "packed":
        import gzip

        path = tmp_path / "8000-1901.fits.gz"
        path.write_bytes(gzip.compress((tmp_path / "8000-1901.fits").read_bytes()))
    elif form == "archive":
        from rotator_assets.core.archives import tar_members

        with tarfile.open(tmp_path / "all.tar", "w") as archive:
            archive.add(path, "8000-1901.fits")
        path = tar_members(tmp_path / "all.tar")[0]
    source = ImageSource("cube", (path,))
    assert source.shape() == (50, 70) == source.read().pixels.shape[:2]


def test_run_all_takes_what_the_status_offers(root):
    picture(root, 0, 80, 80)
    (root.survey("tng100") / "images").mkdir(parents=True)
    shown = rotators("status", data=root.path).stdout.splitlines()
    assert f"datasets that can be built now: {SMALL}" in shown
    assert f"not offered: {LARGE}: images are 80 x 80 pixels" in shown
    done = rotators("run", "--all", "--dry-run", data=root.path)
    assert done.returncode == 0, done.stderr
    left_out = [line for line in done.stdout.splitlines() if line.startswith("left out: ")]
    assert left_out == [
        f"left out: {LARGE}: images are 80 x 80 pixels",
        "left out: tng100: lacks deep-learning morphology (Huertas-Company et al. 2019), images, lambda_R",
    ]
    assert f"training {SMALL} thesis" in done.stdout and f"images {LARGE}" not in done.stdout


def test_nothing_that_can_be_built_is_an_error(root):
    line = complaint(rotators("run", "-r", "log", data=root.path))
    assert "nothing can be built: manga lacks images; see `rotators status`" in line
