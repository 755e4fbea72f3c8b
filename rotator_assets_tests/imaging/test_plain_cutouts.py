"""Cut-outs of several plain cubes at once are those made one by one; unusual images are left to the other way."""

import dataclasses

import numpy as np
import pytest

from rotator_assets.core.errors import UnusableImage
from rotator_assets.core.settings import ImageSettings
from rotator_assets.imaging.cutouts import Cutout, Treatment, make_cutout
from rotator_assets.imaging.images import ImageSource
from rotator_assets.imaging.plain_cutouts import AT_ONCE, plain_cutouts
from rotator_assets_tests.surveys.files import picture, write_cube

SIDE, CROP = 40, 32
PLACE = (150.0, 30.0)
TREATMENT = Treatment("manga", "observed", CROP)


def one_by_one(files, ra, dec, treatment):
    cutouts = []
    for file, *place in zip(files, ra, dec, strict=True):
        try:
            cutouts.append(make_cutout(ImageSource("cube", (file,)), "1-1", treatment, *place))
        except UnusableImage:
            cutouts.append(None)
    return cutouts


def check_same(ours: Cutout, theirs: Cutout) -> None:
    assert ours.pixels.tobytes() == theirs.pixels.tobytes() and ours.pixels.dtype == theirs.pixels.dtype
    of_ours, of_theirs = (dataclasses.asdict(cutout) | {"pixels": None} for cutout in (ours, theirs))
    assert repr(of_ours) == repr(of_theirs)  # also the types


USUAL = (
    {},
    {"BANDS": "irg"},
    {"BUNIT": "Jy"},
    {"SYNTHET": True},
    {"CDELT1": -1.0},  # mirrored
    {"CD1_1": -1.1e-4, "CD1_2": 1.5e-6, "CD2_1": 1.5e-6, "CD2_2": 1.1e-4},
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Files with each of the headers, several of each, in turn."""
    folder = tmp_path_factory.mktemp("cubes")
    cards = [USUAL[n % len(USUAL)] for n in range(3 * len(USUAL))]
    return [write_cube(folder / f"{n}.fits", picture(SIDE, n), dict(card)) for n, card in enumerate(cards)]


def test_usual_cubes_are_made_at_once(files):
    ra, dec = np.full(len(files), PLACE[0]), PLACE[1] + np.arange(len(files)) * 1e-6
    assert len(files) > AT_ONCE
    expected = one_by_one(files, ra, dec, TREATMENT)
    for ours, theirs in zip(plain_cutouts(files, ra, dec, TREATMENT), expected, strict=True):
        assert ours is not None and theirs is not None
        check_same(ours, theirs)


def altered(number, value, where):
    planes = picture(SIDE, number)
    planes[(slice(None), *where)] = value
    return planes


ODD = {
    "nan": (altered(1, np.nan, (20, 20)), {}),
    "sentinel": (altered(2, -999.0, (20, 20)), {}),
    "zeros": (altered(3, 0.0, (slice(18, 20), 20)), {}),
    "constant": (altered(4, 0.3, (slice(10, 30), slice(10, 30))), {}),
    "empty": (np.zeros((3, SIDE, SIDE), np.float32), {}),
    "small": (picture(CROP - 2), {}),
    "scale": (picture(SIDE), {"CDELT1": 0.5, "CDELT2": 0.5}),
    "elsewhere": (picture(SIDE), {"CRVAL2": 31.0}),
    "counts": (picture(SIDE), {"BUNIT": "counts"}),
    "two planes": (picture(SIDE)[:2], {}),
    "flat": (picture(SIDE)[0], {}),
    "cut short": (None, {}),
}


@pytest.mark.parametrize("name", ODD)
def test_unusable_cubes_are_left_to_the_closer_look(name, tmp_path, files):
    planes, cards = ODD[name]
    if planes is None:
        (tmp_path / "odd.fits").write_bytes(files[0].read_bytes()[:9000])
    else:
        write_cube(tmp_path / "odd.fits", planes, dict(cards))
    both = [files[0], tmp_path / "odd.fits"]
    ra, dec = np.full(2, PLACE[0]), np.full(2, PLACE[1])
    _, odd = plain_cutouts(both, ra, dec, TREATMENT)
    assert odd is None
    assert one_by_one(both, ra, dec, TREATMENT)[1] is None


def test_other_ways_to_be_left_out(files, tmp_path):
    """No position, a galaxy off the centre that is accepted, no coordinates, and no file."""
    write_cube(tmp_path / "no_place.fits", picture(SIDE), wcs=False)
    lenient = Treatment("manga", "observed", CROP, ImageSettings(check_centre=False))
    for file, ra, dec in (
        (files[0], np.nan, np.nan),
        (files[0], 150.1, 30.0),
        (tmp_path / "no_place.fits", *PLACE),
        (tmp_path / "absent.fits", *PLACE),
    ):
        assert plain_cutouts([file], np.array([ra]), np.array([dec]), lenient) == [None]


def test_pixels_outside_the_crop_may_be_missing(tmp_path):
    file = write_cube(tmp_path / "edge.fits", altered(5, np.nan, (0, 0)), {})
    (cutout,) = plain_cutouts([file], np.array([PLACE[0]]), np.array([PLACE[1]]), Treatment("manga", "observed", 24))
    assert cutout is not None
    check_same(cutout, make_cutout(ImageSource("cube", (file,)), "1-1", Treatment("manga", "observed", 24), *PLACE))
