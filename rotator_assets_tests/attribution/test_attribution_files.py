"""FITS files of attributions: astropy reads back the values, the WCS and the cards."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_scales

from rotator_assets.attribution.attribution_files import SkyPlace, remove_other_files, write_attribution
from rotator_assets.core.fits_files import SYNTHETIC_KEYWORD
from rotator_assets.imaging.coordinates import TangentPlane

ATTRIBUTION, IMAGE = np.random.default_rng(0).normal(size=(2, 20, 31)).astype(np.float32)
CARDS = {
    "GALAXY": ("8000-1901 \u00e9\n", "galaxy"),
    "P_FAST": (0.25, "probability"),
    "COMPLERR": (float("nan"), "not known"),
    SYNTHETIC_KEYWORD: (True, "synthetic"),
}


def written(folder, place, galaxy_id="8000-1901"):
    return write_attribution(folder, galaxy_id, ATTRIBUTION, IMAGE, place, CARDS, "nanomaggies")


def test_a_file_is_sound_and_holds_map_image_and_cards(tmp_path):
    with fits.open(written(tmp_path, SkyPlace(150.0, 2.0, 0.396, 30.0))) as hdus:
        hdus.verify("exception")
        primary, image = hdus
        np.testing.assert_array_equal(primary.data, ATTRIBUTION)
        np.testing.assert_array_equal(hdus["IMAGE"].data, IMAGE)
        assert primary.data.dtype == np.dtype(">f4") and primary.header["BUNIT"] == "logit"
        assert image.header["BUNIT"] == "nanomaggies" and primary.header["P_FAST"] == 0.25
        assert primary.header["GALAXY"] == "8000-1901 ??" and primary.header[SYNTHETIC_KEYWORD] is True
        assert "COMPLERR" not in primary.header  # FITS has no NaN
    assert [path.name for path in tmp_path.iterdir()] == ["8000-1901.fits"]


@pytest.mark.parametrize("north", [0.0, 30.0, 200.0, 359.0])
@pytest.mark.parametrize("dec", [-89.0, 0.0, 47.3])
def test_the_wcs_gives_the_right_sky_position(tmp_path, north, dec):
    with fits.open(written(tmp_path, SkyPlace(210.7, dec, 0.396, north))) as hdus:
        planes = [WCS(hdu.header) for hdu in hdus]
        own = TangentPlane.from_header(hdus[1].header)
    for plane in planes:
        centre = plane.pixel_to_world(15.0, 9.5)
        assert centre.separation(SkyCoord(210.7 * u.deg, dec * u.deg)).deg < 1e-6
        np.testing.assert_allclose(proj_plane_pixel_scales(plane) * 3600, 0.396, rtol=1e-9)
        up, right = plane.pixel_to_world(15.0, 10.5), plane.pixel_to_world(16.0, 9.5)
        assert abs((centre.position_angle(up).deg - north + 180) % 360 - 180) < 0.05
        assert abs((centre.position_angle(right).deg - north + 90 + 180) % 360 - 180) < 0.05  # east is to the left
    assert not own.is_mirrored and own.north_angle_deg() == pytest.approx(north, abs=1e-3)


def test_a_galaxy_off_centre_is_measured_at_its_position(tmp_path):
    with fits.open(written(tmp_path, SkyPlace(210.7, 47.3, 0.396, 30.0, x_pixels=15.4, y_pixels=9.1))) as hdus:
        planes = [WCS(hdu.header) for hdu in hdus]
    for plane in planes:
        assert plane.pixel_to_world(15.4, 9.1).separation(SkyCoord(210.7 * u.deg, 47.3 * u.deg)).deg < 1e-6


@pytest.mark.parametrize(
    ("place", "unit", "step"),
    [
        (SkyPlace(), "pixel", 1.0),
        (SkyPlace(ra=150.0, dec=2.0, north_angle_deg=0.0), "pixel", 1.0),
        (SkyPlace(arcsec_per_pixel=0.396), "arcsec", 0.396),
        (SkyPlace(150.0, 2.0, arcsec_per_pixel=0.396), "arcsec", 0.396),
    ],
)
def test_without_scale_or_north_the_axes_are_linear_from_the_centre(tmp_path, place, unit, step):
    with fits.open(written(tmp_path, place)) as hdus:
        hdus.verify("exception")
        header = hdus[0].header
        plane = WCS(header)
    assert not plane.has_celestial and header["CUNIT1"] == unit
    np.testing.assert_allclose(plane.pixel_to_world_values(17.0, 9.5), [2 * step, 0], atol=1e-12)


def test_every_name_has_its_own_file_inside_the_folder(tmp_path):
    folder = tmp_path / "fits"
    names = ["8000-1901", "../up", "a/b", "a%2Fb", "..", ".hidden", "NGC 1", "\u03b1"]
    paths = {written(folder, SkyPlace(), name) for name in names}
    assert len(paths) == len(names) and {path.parent for path in paths} == {folder}
    assert {path.name for path in folder.iterdir()} == {path.name for path in paths}
    assert list(tmp_path.iterdir()) == [folder]


def test_files_of_galaxies_that_are_gone_are_removed(tmp_path):
    kept, gone = written(tmp_path, SkyPlace(), "a/b"), written(tmp_path, SkyPlace(), "c")
    remove_other_files(tmp_path, ["a/b"])
    assert kept.is_file() and not gone.exists()
