"""Image readers: every form, and every way an image can be unusable."""

import re
import struct
import zlib

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_area
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from rotator_assets.core.errors import UnusableImage
from rotator_assets.imaging.images import ImageSource
from rotator_assets.imaging.photometric_units import SKIRT_ZERO_POINTS
from rotator_assets_tests.surveys.files import BROADBAND_HEADER, picture, write_cube, write_text

PLANES = picture(20)


def cube(path) -> ImageSource:
    return ImageSource("cube", (path,))


@pytest.mark.parametrize("name", ["1-1.fits", "1-1.fits.gz"])
def test_cube(tmp_path, name):
    image = cube(write_cube(tmp_path / name, PLANES)).read()
    assert image.pixels.dtype == np.float32 and image.pixels.dtype.isnative and image.unit == "nanomaggies"
    np.testing.assert_array_equal(image.pixels, np.moveaxis(PLANES, 0, 2))
    assert image.arcsec_per_pixel == pytest.approx(0.396, rel=1e-9) and not image.synthetic


@pytest.mark.parametrize(
    "header",
    [
        {"BANDS": "rzgi"},
        {"BANDS": "r,z,g,i"},
        {"BAND0": "r", "BAND1": "z", "BAND2": "g", "BAND3": "i"},
        {"FILTER0": "sloan/sdss_r", "FILTER1": "sloan/sdss_z", "FILTER2": "sloan/sdss_g", "FILTER3": "sloan/sdss_i"},
        {"BANDS": "sdss_r sdss_z sdss_g sdss_i"},
        {"BANDS": "RZGI"},
        {"BAND1": "r'", "BAND2": "z'", "BAND3": "g'", "BAND4": "i'"},
        {"FILTER1": "r", "FILTER2": "z", "FILTER3": "g", "FILTER4": "i"},
        {"BANDS": "rzgi", "BAND0": "r", "BAND1": "z", "BAND2": "g", "BAND3": "i"},
        {"BAND0": "r", "BAND2": "g", "BAND3": "i"},
        {"BAND0": "r", "BAND1": "z", "BAND2": "g", "BAND3": "i", "FILTER0": "none", "FILTER1": "none"},
    ],
)
def test_bands_are_put_in_order_by_the_header(tmp_path, header):
    g, r, i = PLANES
    image = cube(write_cube(tmp_path / "1-1.fits", np.stack([r, 0 * r, g, i]), header)).read()
    np.testing.assert_array_equal(image.pixels, np.moveaxis(PLANES, 0, 2))


@pytest.mark.parametrize("keywords", ["cd", "pc"])
def test_pixel_scale_agrees_with_astropy(tmp_path, keywords):
    path = write_cube(tmp_path / "1-1.fits", PLANES)
    with fits.open(path, mode="update") as hdus:
        if keywords == "cd":
            wcs = WCS(hdus[0].header, naxis=2)
            cd = wcs.pixel_scale_matrix
            for key in ("PC1_1", "PC1_2", "PC2_1", "PC2_2", "CDELT1", "CDELT2"):
                hdus[0].header.remove(key, ignore_missing=True)
            hdus[0].header.update({f"CD{i + 1}_{j + 1}": cd[i, j] for i in range(2) for j in range(2)})
        expected = np.sqrt(proj_plane_pixel_area(WCS(hdus[0].header, naxis=2))) * 3600
    assert cube(path).read().arcsec_per_pixel == pytest.approx(expected, rel=1e-9)


def test_pixel_scale_is_none_if_unknown(tmp_path):
    assert cube(write_cube(tmp_path / "1-1.fits", PLANES, wcs=False)).read().arcsec_per_pixel is None


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"BANDS": "grz"}, "band i is missing; the file has g, r, z"),
        ({"BAND0": "g", "BAND1": "z", "BAND2": "i"}, "band r is missing; the file has g, z, i"),
        ({"FILTER0": "sdss_u"}, "band g, r, i is missing; the file has sdss_u"),
        ({"BANDS": "gri", "BAND0": "i", "BAND1": "r", "BAND2": "g"}, "names the bands in two ways"),
        ({"BANDS": "griz"}, "its header names 4 bands (g, r, i, z), it has 3 planes"),
        ({"BANDS": "grr"}, "band i is missing"),
        ({"BAND0": "g", "BAND1": "r", "BAND2": "i", "BANDS": "g r r"}, "names the bands in two ways"),
    ],
)
def test_bands_missing_from_the_header(tmp_path, header, words):
    with pytest.raises(UnusableImage, match=re.escape(words)):
        cube(write_cube(tmp_path / "1-1.fits", PLANES, header)).read()


def test_a_repeated_band(tmp_path):
    four = np.concatenate([PLANES, PLANES[:1]])
    with pytest.raises(UnusableImage, match=r"band g appears twice in its header \(g, r, i, g\)"):
        cube(write_cube(tmp_path / "1-1.fits", four, {"BANDS": "grig"})).read()


def test_three_planes_need_no_names(tmp_path):
    image = cube(write_cube(tmp_path / "1-1.fits", PLANES)).read()
    np.testing.assert_array_equal(image.pixels, np.moveaxis(PLANES, 0, 2))
    five = np.concatenate([PLANES[:1], PLANES, PLANES[:1]])
    for n in (4, 5):
        with pytest.raises(UnusableImage, match=f"has {n} planes and its header does not name their bands"):
            cube(write_cube(tmp_path / "1-2.fits", five[:n])).read()


def mirrored(path):
    """The same sky, stored with east to the right of north."""
    with fits.open(path, mode="update") as hdus:
        header = hdus[0].header
        hdus[0].data = hdus[0].data[..., ::-1].copy()
        header["CRPIX1"] = header["NAXIS1"] + 1 - header["CRPIX1"]
        for i in (1, 2):
            header[f"PC{i}_1"] = -header.get(f"PC{i}_1", float(i == 1))
    return path


def test_a_mirrored_image_is_mirrored_back(tmp_path):
    expected = cube(write_cube(tmp_path / "a.fits", PLANES)).read()
    found = cube(mirrored(write_cube(tmp_path / "b.fits", PLANES))).read()
    np.testing.assert_array_equal(found.pixels, expected.pixels)
    assert np.moveaxis(found.pixels, 2, 0).flags.c_contiguous  # one band after the other
    assert found.coordinates.pixel(150, 30.001) == pytest.approx(expected.coordinates.pixel(150, 30.001))
    assert found.north_angle_deg == pytest.approx(expected.north_angle_deg, abs=1e-3)


def test_north_angle_of_an_image(tmp_path):
    """`write_cube` turns by 30 degrees: +y lies 30 degrees west of north."""
    assert cube(write_cube(tmp_path / "a.fits", PLANES)).read().north_angle_deg == pytest.approx(330, abs=1e-3)
    bare = cube(write_cube(tmp_path / "b.fits", PLANES, wcs=False)).read()
    assert bare.north_angle_deg is None and bare.coordinates is None


def test_bands_that_show_another_sky(tmp_path):
    paths = tuple(write_cube(tmp_path / f"1-1_{b}.fits", PLANES[0]) for b in "gri")
    fits.setval(paths[2], "CRPIX1", value=13.0)
    with pytest.raises(UnusableImage, match=r"^1-1_i.fits: is offset by 3.0 pixels on the sky from the g band"):
        ImageSource("bands", paths).read()
    fits.setval(paths[2], "CRPIX1", value=10.5)
    assert ImageSource("bands", paths).read().pixels.shape == (20, 20, 3)


def test_a_mirrored_band_fits_the_others(tmp_path):
    paths = tuple(write_cube(tmp_path / f"1-1_{b}.fits", PLANES["gri".index(b)]) for b in "gri")
    mirrored(paths[0])
    np.testing.assert_array_equal(ImageSource("bands", paths).read().pixels, np.moveaxis(PLANES, 0, 2))


def test_invalid_coordinates(tmp_path):
    path = write_cube(tmp_path / "1-1.fits", PLANES, {"CDELT1": 0.0})
    with pytest.raises(UnusableImage, match=r"^1-1.fits: its celestial coordinates \(CD, CDELT, PC\) have no inverse"):
        cube(path).read()


def test_a_packed_file_under_a_plain_name(tmp_path):
    write_cube(tmp_path / "1-1.fits.gz", PLANES).rename(tmp_path / "1-1.fits")
    np.testing.assert_array_equal(cube(tmp_path / "1-1.fits").read().pixels, np.moveaxis(PLANES, 0, 2))


def test_synthetic_mark(tmp_path):
    assert cube(write_cube(tmp_path / "1-1.fits", PLANES, {"SYNTHET": True})).read().synthetic


def test_image_in_the_first_extension(tmp_path):
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(PLANES)]).writeto(tmp_path / "1-1.fits")
    assert cube(tmp_path / "1-1.fits").read().pixels.shape == (20, 20, 3)


def test_three_files(tmp_path):
    paths = tuple(write_cube(tmp_path / f"1-1_{b}.fits", PLANES["gri".index(b)]) for b in "irg")
    image = ImageSource("bands", paths).read()
    np.testing.assert_array_equal(image.pixels, np.moveaxis(PLANES, 0, 2))
    assert image.arcsec_per_pixel == pytest.approx(0.396)
    with pytest.raises(UnusableImage, match=r"1-1_i.fits, 1-1_r.fits: the file of band g is missing"):
        ImageSource("bands", paths[:2]).read()


def test_three_files_of_different_size(tmp_path):
    write_cube(tmp_path / "1-1_i.fits", PLANES[2, :10])
    paths = (*(write_cube(tmp_path / f"1-1_{b}.fits", PLANES[0]) for b in "gr"), tmp_path / "1-1_i.fits")
    with pytest.raises(UnusableImage, match=r"1-1_i.fits: has shape \(10, 20\), the g band has \(20, 20\)"):
        ImageSource("bands", paths).read()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_colour_picture_is_flipped_and_reordered(tmp_path, mode):
    rgb = np.zeros((4, 6, 3), dtype=np.uint8)
    rgb[0, :] = (255, 51, 102)  # top row: R = i, G = r, B = g
    Image.fromarray(rgb).convert(mode).save(tmp_path / "1-1.png")
    image = ImageSource("colour", (tmp_path / "1-1.png",)).read()
    assert image.unit == "colour" and image.arcsec_per_pixel is None and image.pixels.dtype == np.float32
    np.testing.assert_allclose(image.pixels[-1, 0], [0.4, 0.2, 1.0], rtol=1e-6)
    assert not image.pixels[:-1].any()


def test_synthetic_picture(tmp_path):
    mark = PngImagePlugin.PngInfo()
    mark.add_text("synthetic", "True")
    Image.new("RGB", (4, 4)).save(tmp_path / "1-1.png", pnginfo=mark)
    assert ImageSource("colour", (tmp_path / "1-1.png",)).read().synthetic


@pytest.mark.parametrize("size", [100, 499])
def test_counts_become_nanomaggies(tmp_path, size):
    counts = np.zeros((4, size, size), dtype=np.float32)
    counts[:3, size // 2, size // 2] = SKIRT_ZERO_POINTS  # magnitude 0
    path = write_cube(tmp_path / "broadband_6.fits", counts, BROADBAND_HEADER, wcs=False)
    image = ImageSource("counts", (path,)).read()
    np.testing.assert_allclose(image.pixels.sum((0, 1)), 1e9, rtol=1e-6)
    assert image.arcsec_per_pixel == 0.396


def unusable_files(folder):
    """(what is wrong, file, expected words)"""
    good = write_cube(folder / "good.fits", PLANES).read_bytes()

    def written(name, content):
        (folder / name).write_bytes(content)
        return folder / name

    header = good[:2880]
    yield written("half.fits", good[: len(good) // 2]), "cut short"
    yield written("header.fits", header), "cut short"
    yield written("empty.fits", b""), "is empty"
    yield write_text(folder / "page.fits", "<html>"), "is neither a FITS file nor a PNG or JPG picture"
    gz = write_cube(folder / "whole.fits.gz", PLANES).read_bytes()
    yield written("half.fits.gz", gz[: len(gz) // 2]), "cannot be read"
    yield write_cube(folder / "flat.fits", PLANES[0]), "a cube (band, y, x) is needed"
    yield write_cube(folder / "two.fits", PLANES[:2]), "has 2 planes"
    yield write_cube(folder / "grz.fits", PLANES, {"BANDS": "grz"}), "band i is missing; the file has g, r, z"
    fits.PrimaryHDU().writeto(folder / "none.fits")
    yield folder / "none.fits", "holds no image"
    yield folder / "absent.fits", "cannot be read"
    big = header.replace(b"NAXIS1  =                   20", b"NAXIS1  =             20000000")
    yield written("big.fits", big), "cut short"


@pytest.mark.filterwarnings("ignore:File may have been truncated")
def test_unusable_fits(tmp_path):
    for path, words in unusable_files(tmp_path):
        with pytest.raises(UnusableImage) as error:
            cube(path).read()
        assert str(error.value).startswith(f"{path.name}: ") and words in str(error.value), path.name


def test_missing_band_of_a_simulated_image(tmp_path):
    header = BROADBAND_HEADER | {"FILTER0": "panstarrs/pogs_y"}
    path = write_cube(tmp_path / "broadband_6.fits", np.ones((4, 9, 9), dtype=np.float32), header, wcs=False)
    with pytest.raises(UnusableImage, match="band g is missing"):
        ImageSource("counts", (path,)).read()


def png_claiming(width: int, height: int) -> bytes:
    """A PNG whose header claims a size, with hardly any data behind it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(10))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_unusable_pictures(tmp_path):
    Image.fromarray((PLANES.T * 80).clip(0, 255).astype(np.uint8)).save(tmp_path / "good.png")
    Image.new("L", (9, 9)).save(tmp_path / "grey.png")
    good = (tmp_path / "good.png").read_bytes()
    damaged = bytearray(good)
    damaged[len(good) // 2] ^= 0xFF
    for name, content, words in [
        ("half.png", good[: len(good) // 2], "cannot be read"),
        ("damaged.png", bytes(damaged), "cannot be read"),
        ("empty.png", b"", "is empty"),
        ("text.jpg", b"<html>", "is neither a FITS file nor a PNG or JPG picture"),
        ("bomb.png", png_claiming(60000, 60000), "cannot be read"),
        ("large.png", png_claiming(6000, 6000), "too large"),
        ("grey.png", None, "colour mode L"),
        ("absent.png", None, "cannot be read"),
    ]:
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(UnusableImage) as error:
            ImageSource("colour", (tmp_path / name,)).read()
        assert str(error.value).startswith(f"{name}: ") and words in str(error.value), name


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", ["cube", "colour"])
@given(data=st.data())
def test_damage_never_raises_anything_else(tmp_path_factory, form, data):
    path = tmp_path_factory.getbasetemp() / f"damaged-{form}"
    if form == "cube":
        write_cube(path.with_suffix(".fits"), PLANES).rename(path)
    else:
        Image.fromarray((PLANES.T * 80).clip(0, 255).astype(np.uint8)).save(path, format="PNG")
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, min(len(content), 3000) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        image = ImageSource(form, (path,)).read()
    except UnusableImage as error:
        assert str(error).startswith(path.name) and "\n" not in str(error)
    else:
        assert image.pixels.ndim == 3 and image.pixels.shape[2] == 3 and image.pixels.dtype == np.float32
