"""A star at a known position, from frames and cubes to the stored image and its FITS file, checked with astropy."""

from types import SimpleNamespace

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from rotator_assets.attribution.attribution_files import SkyPlace, write_attribution
from rotator_assets.attribution.attribution_shape import Layers, measure_shape
from rotator_assets.core.settings import ImageSettings, MockSettings
from rotator_assets.imaging.centre import crop_start, from_middle, middle
from rotator_assets.imaging.cutouts import Treatment, make_cutout
from rotator_assets.imaging.frames import frame_sources
from rotator_assets.imaging.images import GalaxyImage, ImageSource

SCALE_DEG = 0.396 / 3600
SHAPE = (300, 420)


def sky(angle_deg, mirrored, crpix) -> WCS:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix = [150.1, 32.3], crpix
    angle = np.radians(angle_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    wcs.wcs.cd = turn @ np.diag([SCALE_DEG if mirrored else -SCALE_DEG, SCALE_DEG])
    return wcs


def star(x, y, shape, sigma=2.0):
    rows, columns = np.indices(shape)
    light = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
    return (light + np.random.default_rng(1).normal(0, 1e-6, shape)).astype(np.float32)  # exact zeros are no sky


def check(folder, cutout, position):
    """The star's light is centred on the galaxy's position, also in the coordinates of the file.

    Gives the position of another pixel, 12 to the right and 9 down.
    """
    crop, conditions = cutout.pixels, cutout.conditions
    light = crop[..., 1].astype(float)
    rows, columns = np.indices(light.shape)
    x, y = ((light * axis).sum() / light.sum() for axis in (columns, rows))
    places = conditions["galaxy_x_pixels"], conditions["galaxy_y_pixels"]
    assert places == pytest.approx((x, y), abs=0.01)
    assert np.abs(np.subtract(places, middle(len(crop)))).max() <= 1.0
    layers = Layers.of(crop[..., 1:2], crop, (1,))
    offsets = [from_middle(conditions, axis, len(crop)) for axis in "xy"]
    assert measure_shape(layers, layers.ellipse(5.0, 0.9, *offsets)).centroid_offset_r_eff < 0.005
    sky_place = SkyPlace(
        position.ra.deg, position.dec.deg, conditions["arcsec_per_pixel"], conditions["north_angle_deg"], *places
    )
    path = write_attribution(folder, "star", crop[..., 1], crop[..., 1], sky_place, {}, "nanomaggies")
    for hdu in (0, 1):
        found = WCS(fits.getheader(path, hdu)).pixel_to_world(x, y)
        assert found.separation(position).arcsec < 0.01 * 0.396
    return WCS(fits.getheader(path)).pixel_to_world(x + 12, y - 9)


@pytest.mark.parametrize("crop_px", [64, 63])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize(("angle_deg", "x", "y"), [(0.0, 201.3, 150.2), (88.0, 180.75, 140.5), (213.0, 222.02, 130.99)])
def test_a_star_in_frames(tmp_path, crop_px, mirrored, angle_deg, x, y):
    wcs = sky(angle_deg, mirrored, [SHAPE[1] / 2 + 0.7, SHAPE[0] / 2 + 0.2])
    for band in "gri":
        fits.PrimaryHDU(star(x, y, SHAPE), wcs.to_header()).writeto(tmp_path / f"frame-{band}-001043-1-0036.fits")
    position = wcs.pixel_to_world(x, y)
    source = frame_sources(tmp_path, ["a"], [position.ra.deg], [position.dec.deg])["a"]
    treatment = Treatment("manga", "observed", crop_px)
    cutout = make_cutout(source, "a", treatment, position.ra.deg, position.dec.deg)
    if crop_px % 2 == 0:
        assert np.abs(cutout.conditions["galaxy_x_pixels"] - middle(crop_px)) <= 0.5 + 1e-6
    dx = -12 if mirrored else 12  # a mirrored frame is mirrored back
    other = check(tmp_path, cutout, position)
    assert other.separation(wcs.pixel_to_world(x + dx, y - 9)).arcsec < 0.01 * 0.396


@pytest.mark.parametrize(("shape", "crop_px"), [((80, 80), 64), ((81, 81), 64), ((81, 80), 63), ((64, 65), 64)])
@pytest.mark.parametrize(("mirrored", "off"), [(False, (0.0, 0.0)), (True, (0.4, -0.3)), (False, (-0.45, 0.2))])
def test_a_star_in_a_cube_of_even_or_odd_sides(tmp_path, shape, crop_px, mirrored, off):
    x, y = (shape[1] - 1) / 2 + off[0], (shape[0] - 1) / 2 + off[1]
    wcs = sky(33.0, mirrored, [shape[1] / 2, shape[0] / 2])
    header = wcs.to_header()
    header["BUNIT"] = "nanomaggy"
    for n, band in enumerate("gri"):
        header[f"FILTER{n + 1}"] = band
    fits.PrimaryHDU(np.stack([star(x, y, shape)] * 3), header).writeto(tmp_path / "star-cube.fits")
    position = SkyCoord(*wcs.wcs_pix2world([[x, y]], 0)[0] * u.deg)
    source = ImageSource("cube", (tmp_path / "star-cube.fits",))
    cutout = make_cutout(source, "star", Treatment("manga", "observed", crop_px), position.ra.deg, position.dec.deg)
    check(tmp_path, cutout, position)


def place_of(cutout):
    return cutout.conditions["galaxy_x_pixels"], cutout.conditions["galaxy_y_pixels"]


@pytest.mark.parametrize(("side", "place"), [(80, 31.5), (81, 32.0), (64, 31.5), (65, 32.0)])
def test_without_coordinates_the_middle_of_the_file_is_used(tmp_path, side, place):
    from PIL import Image

    random = np.random.default_rng(0)
    picture = (40 + 150 * star(middle(side), middle(side), (side, side))[..., None]) * [1.0, 0.8, 0.6]
    picture += random.uniform(0, 5, picture.shape)
    Image.fromarray(picture.astype(np.uint8)).save(tmp_path / "a.png")
    cutout = make_cutout(
        ImageSource("colour", (tmp_path / "a.png",)), "a", Treatment("manga", "observed", 64), 1.0, 2.0
    )
    assert place_of(cutout) == (place, place)
    light = cutout.pixels[..., 2].astype(float)
    brightest = np.argwhere(light > 0.97 * light.max()).mean(axis=0)
    np.testing.assert_allclose(brightest, place, atol=0.6)


@pytest.mark.parametrize("redshift", [None, 0.1])
@pytest.mark.parametrize("side", [50, 51, 90, 91])
def test_a_simulated_galaxy_stays_in_the_middle(side, redshift):
    light = np.repeat(star(middle(side), middle(side), (side, side), 4.0)[..., None], 3, axis=2)
    image = GalaxyImage(light, 0.396, "nanomaggies", False, redshift=0.0485)
    treatment = Treatment("tng100", "noiseless", 64, mock=MockSettings(redshift=redshift))
    cutout = make_cutout(SimpleNamespace(read=lambda: image), "a", treatment)
    rows, columns = np.indices((64, 64))
    seen = cutout.pixels[..., 1].astype(float)
    found = (seen * columns).sum() / seen.sum(), (seen * rows).sum() / seen.sum()
    assert place_of(cutout) == pytest.approx(found, abs=0.01)
    assert place_of(cutout) == ((31.5, 31.5) if side % 2 == 0 else (32.0, 32.0))


@pytest.mark.parametrize(("n", "size"), [(80, 64), (81, 64), (40, 64), (41, 64), (41, 63), (7, 8)])
def test_a_crop_of_a_crop_is_that_of_the_whole(n, size):
    for between in range(min(n, size), max(n, size) + 1):
        assert crop_start(n, between) + crop_start(between, size) == crop_start(n, size)


def test_implausible_coordinates_are_ignored(tmp_path):
    shape = (80, 80)
    wcs = sky(0.0, False, [40.5, 40.5])
    header = wcs.to_header()
    header["BUNIT"] = "nanomaggy"
    fits.PrimaryHDU(np.stack([star(39.5, 39.5, shape)] * 3), header).writeto(tmp_path / "star.fits")
    source = ImageSource("cube", (tmp_path / "star.fits",))
    away = wcs.pixel_to_world(60.0, 39.5)
    cutout = make_cutout(
        source, "a", Treatment("manga", "observed", 64, ImageSettings(check_centre=False)), away.ra.deg, away.dec.deg
    )
    assert place_of(cutout) == (31.5, 31.5)
