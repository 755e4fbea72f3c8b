"""Celestial coordinates of images, against astropy.wcs."""

import re

import numpy as np
import pytest
from astropy.coordinates import SkyCoord, position_angle
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_area
from hypothesis import given
from hypothesis import strategies as st

from rotator_assets.core.errors import UnusableImage
from rotator_assets.imaging.coordinates import TangentPlane, pixel_scale_arcsec


def header(angle_deg=30.0, mirrored=False, ra=150.0, dec=30.0, swapped=False, keywords="cd", scale_deg=1.1e-4):
    angle = np.radians(angle_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    step = np.array([scale_deg if mirrored else -scale_deg, scale_deg])
    cards = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": ra, "CRVAL2": dec})
    cards.update({"CRPIX1": 70.2, "CRPIX2": 60.9})
    if keywords == "crota":
        cards.update({"CDELT1": step[0], "CDELT2": step[1], "CROTA2": angle_deg})
        return cards
    matrix = turn @ np.diag(step)
    if swapped:
        matrix = matrix[::-1]
        cards.update({"CTYPE1": "DEC--TAN", "CTYPE2": "RA---TAN", "CRVAL1": dec, "CRVAL2": ra})
    if keywords == "pc":
        cards.update({"CDELT1": scale_deg, "CDELT2": scale_deg})
        matrix = matrix / scale_deg
    name = "PC" if keywords == "pc" else "CD"
    cards.update({f"{name}{i + 1}_{j + 1}": matrix[i, j] for i in range(2) for j in range(2)})
    return cards


SKY = {
    "angle_deg": st.floats(0, 360),
    "mirrored": st.booleans(),
    "ra": st.floats(0, 360),
    "dec": st.floats(-89.5, 89.5),
}


@given(
    st.fixed_dictionaries(SKY), st.sampled_from(["cd", "pc", "crota"]), st.booleans(), st.floats(-0.1, 0.1),
    st.floats(-0.1, 0.1),
)  # fmt: skip
def test_positions_and_scale_agree_with_astropy(sky, keywords, swapped, east, north):
    cards = header(**sky, keywords=keywords, swapped=swapped and keywords != "crota")
    wcs, plane = WCS(cards), TangentPlane.from_header(cards)
    dec = np.clip(sky["dec"] + north, -90, 90)
    place = SkyCoord((sky["ra"] + east / np.cos(np.radians(dec + 1e-9))) % 360, dec, unit="deg")
    np.testing.assert_allclose(plane.pixel(place.ra.deg, place.dec.deg), wcs.world_to_pixel(place), atol=1e-5)
    expected = np.sqrt(proj_plane_pixel_area(wcs)) * 3600
    assert plane.arcsec_per_pixel == pytest.approx(expected, rel=1e-9)
    assert pixel_scale_arcsec(cards) == pytest.approx(expected, rel=1e-9)
    assert plane.is_mirrored == sky["mirrored"]


@given(st.fixed_dictionaries(SKY), st.booleans(), st.floats(-60, 60), st.floats(-60, 60))
def test_the_north_angle_is_the_position_angle_of_the_y_axis(sky, swapped, dx, dy):
    """At any place of an image, turned or mirrored: the position angle, by astropy, of a step along +y."""
    cards = header(**sky, swapped=swapped)
    x, y = 69.2 + dx, 59.9 + dy
    here, up = WCS(cards).pixel_to_world([x, x], [y - 0.05, y + 0.05])
    expected = position_angle(here.ra, here.dec, up.ra, up.dec).deg
    middle = WCS(cards).pixel_to_world(x, y)
    if isinstance(middle, list):
        middle = SkyCoord(*middle)
    found = TangentPlane.from_header(cards).north_angle_deg(middle.ra.deg, middle.dec.deg)
    assert 0 <= found < 360
    assert (found - expected + 180) % 360 - 180 == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize(("angle_deg", "north"), [(0, 0), (30, 330), (90, 270), (200, 160)])
def test_north_angle_of_a_turned_image(angle_deg, north):
    """CD = turn(a) diag(-s, s): +y is a to the west of north."""
    assert TangentPlane.from_header(header(angle_deg)).north_angle_deg() == pytest.approx(north, abs=1e-3)
    assert TangentPlane.from_header(header(angle_deg, mirrored=True)).north_angle_deg() == pytest.approx(
        north, abs=1e-3
    )


@given(st.fixed_dictionaries(SKY), st.integers(1, 300), st.integers(-50, 50), st.integers(-50, 50))
def test_mirrored_and_cut_images_show_the_same_sky(sky, nx, left, bottom):
    plane = TangentPlane.from_header(header(**sky))
    place = sky["ra"], sky["dec"] - np.sign(sky["dec"]) * 0.002
    x, y = plane.pixel(*place)
    turned = plane.mirrored(nx)
    assert turned.is_mirrored != plane.is_mirrored
    np.testing.assert_allclose(turned.pixel(*place), (nx - 1 - x, y), atol=1e-6)
    assert turned.north_angle_deg() == pytest.approx(plane.north_angle_deg(), abs=1e-3)
    np.testing.assert_allclose(plane.cut(left, bottom).pixel(*place), (x - left, y - bottom), atol=1e-6)


def test_the_other_half_of_the_sky_has_no_pixel():
    plane = TangentPlane.from_header(header())
    assert np.isnan(plane.pixel([330.0, 150.0], [-30.0, 30.0])).tolist() == [[True, False], [True, False]]


@pytest.mark.parametrize(
    "change",
    [
        {"CTYPE1": "pc", "CTYPE2": "pc"},
        {"CTYPE1": "GLON-TAN", "CTYPE2": "GLAT-TAN"},
        {"CTYPE1": "RA---CAR", "CTYPE2": "DEC--CAR"},
        {"CTYPE2": "RA---TAN"},
        {"LONPOLE": 90.0},
    ],
)
def test_other_coordinates_are_none(change):
    cards = header()
    cards.update(change)
    assert TangentPlane.from_header(cards) is None
    assert TangentPlane.from_header({}) is None


@pytest.mark.parametrize("change", [{"CD1_1": 0.0, "CD1_2": 0.0}, {"CRVAL2": 91.0}])
def test_invalid_coordinates_are_unusable(change):
    cards = header()
    cards.update(change)
    with pytest.raises(UnusableImage, match="its celestial coordinates"):
        TangentPlane.from_header(cards)


LINEAR = {"CDELT1": 0.396, "CDELT2": 0.396, "CTYPE1": " ", "CTYPE2": " "}


@pytest.mark.parametrize(
    ("cards", "arcsec"),
    [
        ({"PIXSCALE": 0.396, "CTYPE1": "pc"}, 0.396),
        ({"PIXSCALE": "0.396"}, 0.396),
        ({"SECPIX1": 0.396, "SECPIX2": 0.396}, 0.396),
        ({"PIXSCALE": -1.0}, None),
        ({}, None),
        (LINEAR, None),
        (LINEAR | {"CUNIT1": "arcsec", "CUNIT2": "arcsec"}, 0.396),
        (LINEAR | {"CUNIT1": "arcsec", "CUNIT2": "arcsec", "PIXSCALE": 0.396}, 0.396),
        (LINEAR | {"CUNIT1": "arcmin", "CUNIT2": "arcmin"}, 23.76),
        (LINEAR | {"CUNIT1": "rad", "CUNIT2": "rad"}, 0.396 * 180 * 3600 / np.pi),
        (LINEAR | {"CUNIT1": "kpc", "CUNIT2": "kpc", "DISTANGD": 200.0, "DISTUNIT": "Mpc"}, 0.408404),
        (LINEAR | {"CUNIT1": "pc", "CUNIT2": "pc", "CDELT1": 388.652, "CDELT2": 388.652, "USE_Z": 0.0485236}, 0.395905),
    ],
)
def test_scale_of_headers_without_celestial_coordinates(cards, arcsec):
    assert pixel_scale_arcsec(cards) == (None if arcsec is None else pytest.approx(arcsec, rel=1e-4))


@pytest.mark.parametrize(
    ("cards", "words"),
    [
        (
            {"CTYPE1": "pc", "CTYPE2": "pc", "CDELT1": 388.0, "CDELT2": 388.0},
            "its pixel size is a length, but the header has no distance",
        ),
        (LINEAR | {"CUNIT1": "arcsec", "CUNIT2": "arcsec", "PIXSCALE": 0.2}, "pixels of 0.396 arcsec .* 0.2 arcsec"),
        (LINEAR | {"CUNIT1": "arcsec", "CUNIT2": "deg"}, "axes are in different units: arcsec and deg"),
        (LINEAR | {"CUNIT1": "arcsec", "CUNIT2": "arcsec", "CDELT2": 0.5}, "not square: 0.396 x 0.5 arcsec"),
        ({"SECPIX1": 0.396, "SECPIX2": 0.5}, "pixels of 0.396 .SECPIX1. and 0.5"),
        ({"PIXSCALE": "fine"}, "PIXSCALE is 'fine'"),
    ],
)
def test_scales_that_are_refused(cards, words):
    with pytest.raises(UnusableImage, match=words):
        pixel_scale_arcsec(cards)


def test_scale_of_galactic_coordinates():
    galactic = header()
    galactic.update({"CTYPE1": "GLON-TAN", "CTYPE2": "GLAT-TAN"})
    assert pixel_scale_arcsec(galactic) == pytest.approx(0.396, rel=1e-9)


@pytest.mark.parametrize(("unit", "per_deg"), [("arcsec", 3600.0), ("arcmin", 60.0), ("rad", np.pi / 180)])
def test_celestial_axes_in_other_units(unit, per_deg):
    """``CUNIT`` holds for CRVAL, CDELT and CD; ``astropy.wcs`` converts them too."""
    plain = header()
    converted = plain.copy()
    for key in plain:
        if re.fullmatch(r"CRVAL\d|CDELT\d|CD\d_\d", key):
            converted[key] = plain[key] * per_deg
    converted.update({"CUNIT1": unit, "CUNIT2": unit})
    expected, found = TangentPlane.from_header(plain), TangentPlane.from_header(converted)
    assert found.arcsec_per_pixel == pytest.approx(expected.arcsec_per_pixel, rel=1e-9)
    assert (found.ra, found.dec) == pytest.approx((expected.ra, expected.dec), rel=1e-9)
    converted["CUNIT1"] = "furlong"
    with pytest.raises(UnusableImage, match="CUNIT1 is 'furlong' in its header, a unit of angle is needed"):
        TangentPlane.from_header(converted)


def test_celestial_pixels_that_are_not_square():
    stretched = header(keywords="crota")
    stretched.update({"CDELT1": -1.5 * 0.396 / 3600, "CDELT2": 0.396 / 3600})
    with pytest.raises(UnusableImage, match="its pixels are not square"):
        _ = TangentPlane.from_header(stretched).arcsec_per_pixel
