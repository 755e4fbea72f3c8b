"""Bands, units and pixel scale of FITS files are used, or the image is refused with the reason."""

import re

import numpy as np
import pytest
from astropy.io import fits

from rotator_assets.core.errors import UnusableImage
from rotator_assets.imaging.bands import band_letter
from rotator_assets.imaging.images import ImageSource
from rotator_assets.imaging.photometric_units import SKIRT_ZERO_POINTS
from rotator_assets_tests.surveys.files import BROADBAND_HEADER, picture, write_cube

PLANES = picture(20)
PIXELS = np.moveaxis(PLANES, 0, 2)
BY_BAND = dict(zip("gri", PLANES, strict=True)) | {"u": 0.2 * PLANES[0], "z": 1.1 * PLANES[2]}
SDSS_UM = {"u": 0.356, "g": 0.472, "r": 0.618, "i": 0.748, "z": 0.892}
JY = 1 / 3.631e-6
MJY_SR = 1e6 * (0.396 * np.pi / 180 / 3600) ** 2 * JY
"""Nanomaggies per pixel of 0.396 arcsec."""


def stack(bands):
    return np.stack([BY_BAND[band] for band in bands])


def read(path, form="cube"):
    return ImageSource(form, (path,)).read()


def refused(words, path, form="cube"):
    with pytest.raises(UnusableImage, match=rf"^{re.escape(path.name)}: .*{re.escape(words)}"):
        read(path, form)


def write_extension(path, planes, own, primary):
    """An image in extension 1, with keywords of its own and of the primary header."""
    first, extension = fits.PrimaryHDU(), fits.ImageHDU(planes)
    first.header.update(primary)
    extension.header.update(own)
    fits.HDUList([first, extension]).writeto(path, overwrite=True)
    return path


def write_skirt(path, bands, bunit="MJy/sr", um=None, unit="micron", column_unit=None, **header):
    """A frame cube as SKIRT 9 writes it: no names of bands, wavelengths in a table."""
    ny, nx = PLANES.shape[1:]
    primary = fits.PrimaryHDU(stack(bands))
    primary.header.update({"BUNIT": bunit, "ORIGIN": "SKIRT simulation", "CUNIT3": unit})
    for n, size in ((1, nx), (2, ny)):
        axis = {"CRPIX": (size + 1) / 2, "CRVAL": 0.0, "CDELT": 0.396, "CUNIT": "arcsec", "CTYPE": " "}
        primary.header.update({f"{key}{n}": value for key, value in axis.items()})
    primary.header.update({"CROTA1": 90.0, "CROTA2": 30.0, "CROTA3": 0.0} | header)
    um = [SDSS_UM[band] for band in bands] if um is None else um
    grid = fits.Column("GRID_POINTS", "E16.9", unit=column_unit, ascii=True, array=np.array(um))
    table = fits.TableHDU.from_columns([grid], name="Z-axis coordinate values")
    fits.HDUList([primary, table]).writeto(path, overwrite=True)
    return path


# The primary header, where the image is in an extension


@pytest.mark.parametrize("inherit", [{}, {"INHERIT": True}])
@pytest.mark.parametrize("names", [{"BANDS": "irg"}, {"BAND0": "i", "BAND1": "r", "BAND2": "g"}, {"FILTER": "i,r,g"}])
def test_the_primary_header_names_the_bands(tmp_path, inherit, names):
    image = read(write_extension(tmp_path / "1-1.fits", stack("irg"), inherit, names))
    np.testing.assert_array_equal(image.pixels, PIXELS)


def test_the_primary_header_gives_unit_and_scale(tmp_path):
    primary = {"BUNIT": "MJy/sr", "PIXSCALE": 0.396, "BANDS": "gri", "SYNTHET": True}
    image = read(write_extension(tmp_path / "1-1.fits", PLANES, {}, primary))
    np.testing.assert_allclose(image.pixels, PIXELS * MJY_SR, rtol=1e-6)
    assert image.arcsec_per_pixel == 0.396 and image.synthetic


def test_an_extension_that_inherits_nothing(tmp_path):
    path = write_extension(tmp_path / "1-1.fits", PLANES, {"INHERIT": False}, {"BANDS": "irg", "BUNIT": "Jy"})
    np.testing.assert_array_equal(read(path).pixels, PIXELS)


def test_an_extension_that_inherits_takes_precedence(tmp_path):
    own = {"INHERIT": True, "BANDS": "irg", "BUNIT": "nmgy"}
    path = write_extension(tmp_path / "1-1.fits", stack("irg"), own, {"BANDS": "gri", "BUNIT": "Jy"})
    np.testing.assert_array_equal(read(path).pixels, PIXELS)


def test_headers_that_contradict_each_other(tmp_path):
    path = write_extension(tmp_path / "a.fits", PLANES, {"BANDS": "gri"}, {"BANDS": "irg"})
    refused("the primary header name the bands in two ways", path)
    path = write_extension(tmp_path / "b.fits", PLANES, {"BUNIT": "nanomaggy"}, {"BUNIT": "ADU"})
    refused("BUNIT is 'nanomaggy' in the image's header and 'ADU' in the primary header", path)
    path = write_extension(tmp_path / "c.fits", PLANES, {"BUNIT": "nanomaggy"}, {"BUNIT": "nanomaggies/pixel"})
    refused("'nanomaggies/pixel'", path)
    path = write_extension(tmp_path / "d.fits", PLANES, {"BUNIT": "nanomaggy"}, {"BUNIT": "nanomaggies"})
    np.testing.assert_array_equal(read(path).pixels, PIXELS)


def test_a_repeated_keyword(tmp_path):
    path = write_cube(tmp_path / "1-1.fits", PLANES, {"BUNIT": "nanomaggy"})
    content = path.read_bytes().replace(b"END     ", b"BUNIT   = 'Jy      '".ljust(80) + b"END     ", 1)
    end = content.index(b"END     ") + 80
    path.write_bytes(content[:end] + content[end + 80 :])
    refused("its header has BUNIT twice, nanomaggy and Jy", path)


# Units of a cube


@pytest.mark.parametrize(("bunit", "nmgy"), [("Jy", JY), ("uJy", 1e-6 * JY), ("nmgy", 1.0), ("MJy/sr", MJY_SR)])
def test_a_cube_is_converted_from_its_unit(tmp_path, bunit, nmgy):
    image = read(write_cube(tmp_path / "1-1.fits", PLANES, {"BUNIT": bunit}))
    np.testing.assert_allclose(image.pixels, PIXELS * nmgy, rtol=1e-6)
    assert image.unit == "nanomaggies" and image.pixels.dtype == np.float32


def test_a_cube_in_counts(tmp_path):
    header = {"BUNIT": "ADU", "MAGZP_G": 22.5, "MAGZP_R": 25.0, "MAGZP_I": 20.0}
    image = read(write_cube(tmp_path / "1-1.fits", PLANES, header))
    np.testing.assert_allclose(image.pixels, PIXELS * [1.0, 0.1, 10.0], rtol=1e-6)
    refused("BUNIT is 'ADU', and no zero point", write_cube(tmp_path / "1-2.fits", PLANES, {"BUNIT": "ADU"}))


@pytest.mark.parametrize("card", ["FOO     = 12abc", "FOO     = 'open", "FOO     = \x01", "F@O     = 1"])
def test_a_card_that_breaks_the_rules_and_is_not_needed(tmp_path, card):
    path = write_cube(tmp_path / "1-1.fits", PLANES, {"BUNIT": "Jy", "REMARK": "x"})
    start = path.read_bytes().index(b"REMARK  =")
    content = path.read_bytes()
    path.write_bytes(content[:start] + card.encode().ljust(80) + content[start + 80 :])
    np.testing.assert_allclose(read(path).pixels, PIXELS * JY, rtol=1e-6)


def test_a_card_that_breaks_the_rules_and_is_needed(tmp_path):
    path = write_cube(tmp_path / "1-1.fits", PLANES, {"BUNIT": "Jy"})
    path.write_bytes(path.read_bytes().replace(b"BUNIT   = 'Jy      '", b"BUNIT   = \x01         "))
    refused("BUNIT cannot be read in its header", path)


def test_a_unit_without_quotes(tmp_path):
    path = write_cube(tmp_path / "1-1.fits", PLANES, {"BUNIT": "Jy"})
    path.write_bytes(path.read_bytes().replace(b"= 'Jy      '", b"= Jy        "))
    np.testing.assert_allclose(read(path).pixels, PIXELS * JY, rtol=1e-6)


def test_integers_with_a_scale(tmp_path):
    hdu = fits.PrimaryHDU(PLANES.astype(np.float64))
    hdu.scale("int16", bscale=1e-4, bzero=1.0)
    hdu.header["BUNIT"] = "nanomaggy"
    hdu.writeto(tmp_path / "1-1.fits")
    np.testing.assert_allclose(read(tmp_path / "1-1.fits").pixels, PIXELS, atol=6e-5)


def test_whole_numbers_without_a_unit(tmp_path):
    whole = (1000 * PLANES).astype(np.int16)
    refused("whole numbers are counts, not nanomaggies", write_cube(tmp_path / "1-1.fits", whole))
    image = read(write_cube(tmp_path / "1-2.fits", whole, {"BUNIT": "nanomaggy"}))
    np.testing.assert_array_equal(image.pixels, np.moveaxis(whole, 0, 2))


# Bands


@pytest.mark.parametrize(
    ("name", "letter"),
    [
        *(("g", "g"), ("R", "r"), ("i'", "i"), ("sloan/sdss_r", "r"), ("SDSSg", "g"), ("HSC-I2", "i")),
        *(("r.MP9601", "r"), ("g DECam SDSS c0001 4720.0 1520.0", "g"), ("gp", "g"), ("W-S-G+", "g"), ("sdss_u", "u")),
        *(("F475W", None), ("Cousins R", None), ("Rc", None), ("Gaia G", None), ("gri", None), ("g+r", None)),
        *(("none", None), ("", None), ("clear", None)),
    ],
)
def test_letters_of_bands(name, letter):
    assert band_letter(name) == letter


@pytest.mark.parametrize(
    "header",
    [
        {"FILTER": "u,g,r,i,z"},
        {"FILTER": "ugriz"},
        {"BAND01": "u", "BAND02": "g", "BAND03": "r", "BAND04": "i", "BAND05": "z"},
        {"FILTER_0": "SDSS u", "FILTER_1": "SDSS g", "FILTER_2": "SDSS r", "FILTER_3": "SDSS i", "FILTER_4": "z"},
        {"BANDS": "u/g/r/i/z"},
        {"BANDS": "u DECam c1, g DECam SDSS c0001 4720.0 1520.0, r DECam, i DECam, z DECam"},
        {"BAND": "ugriz", "BANDS": 5},
        {"BAND1": "u", "BAND2": "g", "BAND3": "r", "BAND4": "i", "BAND5": "z", "BAND6": " "},
        {"FILTNAM": "u|g|r|i|z"},
        {"PLANE1": "u", "PLANE2": "g", "PLANE3": "r", "PLANE4": "i", "PLANE5": "z"},
        {"CTYPE3": "WAVE", "CUNIT3": "nm", "CRVAL3": 336.0, "CDELT3": 136.0, "CRPIX3": 1.0},
        {"CUNIT3": "nm", "CRVAL3": 336.0, "CDELT3": -136.0, "PC3_3": -1.0, "CRPIX3": 1.0},
    ],
)
def test_five_planes_with_names(tmp_path, header):
    np.testing.assert_array_equal(read(write_cube(tmp_path / "1-1.fits", stack("ugriz"), header)).pixels, PIXELS)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"BAND0": "g", "BAND1": "r", "BAND2": "i", "BAND3": "z"}, "names 4 bands (g, r, i, z), it has 3 planes"),
        ({"BANDS": "gri", "FILTER": "irg"}, "names the bands in two ways (g, r, i; i, r, g)"),
        ({"FILTER": "SDSS r"}, "names one band, SDSS r (FILTER), for 3 planes"),
        ({"BAND": "r"}, "names one band, r (BAND), for 3 planes"),
        ({"FILTER1": "F475W", "FILTER2": "F625W", "FILTER3": "F775W"}, "band g, r, i is missing; the file has F475W"),
        ({"CTYPE3": "WAVE", "CUNIT3": "nm"}, "but CRVAL3 and CDELT3 do not give its wavelengths"),
        ({"WAVE1": 7625.0, "WAVE2": 6231.0, "WAVE3": 4770.0}, "wavelengths (WAVE1, WAVE2, WAVE3) have no unit"),
        ({"CTYPE3": "WAVE-LOG", "CUNIT3": "nm", "CRVAL3": 470.0, "CDELT3": 136.0}, "its third axis is WAVE-LOG"),
        ({"BAND0": "Cousins R", "BAND1": "g", "BAND2": "i"}, "band r is missing; the file has Cousins R, g, i"),
        ({"CTYPE3": "WAVE", "CUNIT3": "nm", "CRVAL3": 450.0, "CDELT3": 200.0}, "band g, r, i is missing; the file has"),
        ({"BANDS": "gri", "CTYPE3": "WAVE", "CUNIT3": "nm", "CRVAL3": 500.0, "CDELT3": 1.0}, "which are other bands"),
        ({"CTYPE3": "WAVE", "CUNIT3": "kg", "CRVAL3": 500.0, "CDELT3": 1.0}, "'kg', which is not a unit of wavelength"),
    ],
)
def test_bands_that_do_not_fit(tmp_path, header, words):
    refused(words, write_cube(tmp_path / "1-1.fits", PLANES, header))


def test_extensions_named_by_their_bands(tmp_path):
    hdus = [fits.PrimaryHDU()]
    for band, bunit, name in (("i", "nJy", "I"), ("g", "nanomaggy", "SDSS_G"), ("r", "uJy", "r")):
        hdus += [fits.ImageHDU(BY_BAND[band], name=name), fits.ImageHDU(np.ones((20, 20)), name=f"{name}_MASK")]
        hdus[-2].header.update({"BUNIT": bunit, "PIXSCALE": 0.396})
    fits.HDUList(hdus).writeto(tmp_path / "1-1.fits")
    image = read(tmp_path / "1-1.fits")
    np.testing.assert_allclose(image.pixels, PIXELS * [1, 1e-6 * JY, 1e-9 * JY], rtol=1e-6)
    assert image.arcsec_per_pixel == 0.396
    fits.HDUList(hdus[:5]).writeto(tmp_path / "1-2.fits")
    refused("has no extension of band r; it has I, SDSS_G", tmp_path / "1-2.fits")


def test_extensions_named_by_the_filters_of_their_headers(tmp_path):
    """The primary header may belong to an image of its own."""
    images = [fits.PrimaryHDU(BY_BAND["g"])] + [fits.ImageHDU(BY_BAND[band], name="SCI") for band in "ir"]
    for image, name in zip(images, ("SDSS g", "HSC-I2", "r DECam SDSS c0002 6415.0 1480.0"), strict=True):
        image.header["FILTER"] = name
    fits.HDUList(images).writeto(tmp_path / "1-1.fits")
    np.testing.assert_array_equal(read(tmp_path / "1-1.fits").pixels, PIXELS)


@pytest.mark.parametrize("name", ["ERR", "IVAR", "MODEL", "PSF", "R_MASK"])
def test_the_image_may_come_after_other_extensions(tmp_path, name):
    other = fits.ImageHDU(0.1 * stack("gri") + 1, name=name)
    hdus = [fits.PrimaryHDU(), other, fits.ImageHDU(stack("gri"), name="SCI")]
    fits.HDUList(hdus).writeto(tmp_path / "1-1.fits")
    np.testing.assert_array_equal(read(tmp_path / "1-1.fits").pixels, PIXELS)
    fits.HDUList(hdus[:2]).writeto(tmp_path / "1-2.fits")
    refused(f"holds no image; it has {name}", tmp_path / "1-2.fits")


# One file a band


def write_bands(folder, headers):
    return tuple(write_cube(folder / f"1-1_{b}.fits", BY_BAND[b], headers.get(b, {}), wcs=False) for b in "gri")


def test_a_file_of_one_band_may_name_its_extension(tmp_path):
    paths = write_bands(tmp_path, {})
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(BY_BAND["r"], name="R")]).writeto(paths[1], overwrite=True)
    np.testing.assert_array_equal(ImageSource("bands", paths).read().pixels, PIXELS)


def test_every_file_of_a_band_has_its_own_unit(tmp_path):
    headers = {"g": {"BUNIT": "nJy"}, "r": {"BUNIT": "ADU", "MAGZERO": 25.0}, "i": {"FILTER": "i.MP9703"}}
    image = ImageSource("bands", write_bands(tmp_path, headers)).read()
    np.testing.assert_allclose(image.pixels, PIXELS * [1e-9 * JY, 0.1, 1.0], rtol=1e-6)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"FILTER1": "CLEAR", "FILTER2": "SDSS g"}, "1-1_i.fits: its header names the band SDSS g (FILTER2), not i"),
        ({"FILTER": "F775W"}, "1-1_i.fits: its header names the band F775W (FILTER), not i"),
        ({"FILTNAM": "Cousins I"}, "1-1_i.fits: its header names the band Cousins I (FILTNAM), not i"),
        ({"FILTER": "SDSS z"}, "1-1_i.fits: its header names the band SDSS z (FILTER), not i"),
        ({"BUNIT": "counts"}, "1-1_i.fits: BUNIT is 'counts', and no zero point"),
        ({"PIXSCALE": 0.2}, "1-1_i.fits: has pixels of 0.200 arcsec, the g band has 0.396"),
    ],
)
def test_a_file_of_a_band_that_does_not_fit(tmp_path, header, words):
    paths = write_bands(tmp_path, {b: {"PIXSCALE": 0.396} for b in "gr"} | {"i": header})
    with pytest.raises(UnusableImage, match=re.escape(words)):
        ImageSource("bands", paths).read()


# SKIRT 9 (SKIRT/core/FITSInOut.cpp)


@pytest.mark.parametrize("bands", ["griz", "ugriz", "zirgu", "gri"])
def test_skirt_cubes_are_ordered_by_their_wavelengths(tmp_path, bands):
    image = read(write_skirt(tmp_path / "broadband_1.fits", bands, REDSHIFT=0.03), "counts")
    np.testing.assert_allclose(image.pixels, PIXELS * MJY_SR, rtol=1e-6)
    assert image.arcsec_per_pixel == pytest.approx(0.396) and image.redshift == 0.03


@pytest.mark.parametrize(("unit", "column_unit"), [("nm", None), ("m", "nm")])
def test_wavelengths_in_other_units(tmp_path, unit, column_unit):
    um = [1e3 * SDSS_UM[band] for band in "irg"]
    path = write_skirt(tmp_path / "broadband_1.fits", "irg", um=um, unit=unit, column_unit=column_unit)
    np.testing.assert_allclose(read(path, "counts").pixels, PIXELS * MJY_SR, rtol=1e-6)


def test_skirt_fluxes_a_wavelength(tmp_path):
    """F_nu = F_lambda lambda^2 / c at the wavelength of each plane."""
    image = read(write_skirt(tmp_path / "broadband_1.fits", "gri", "W/m2/micron/arcsec2"), "counts")
    um = np.array([SDSS_UM[band] for band in "gri"])
    jy = 1e26 * um * (um * 1e-6) / 299792458 * 0.396**2
    np.testing.assert_allclose(image.pixels, PIXELS * jy * JY, rtol=1e-6)


def test_wavelengths_in_a_table_of_another_kind(tmp_path):
    """A spectrum next to the image does not list its planes."""
    for um, bands in ((np.array([0.75, 0.62, 0.48]), "irg"), (np.linspace(0.4, 1.0, 50), "gri")):
        table = fits.BinTableHDU.from_columns([fits.Column("wavelength", "D", unit="um", array=um)])
        fits.HDUList([fits.PrimaryHDU(stack(bands)), table]).writeto(tmp_path / "1-1.fits", overwrite=True)
        np.testing.assert_array_equal(read(tmp_path / "1-1.fits").pixels, PIXELS)


def test_one_pivot_wavelength_is_not_that_of_every_band(tmp_path):
    path = write_cube(tmp_path / "1-1.fits", PLANES, {"BUNIT": "erg/s/cm2/A", "PHOTPLAM": 6176.0})
    refused("the pivot wavelength of its band (PHOTPLAM, in angstroms) is unknown", path)


def test_skirt_cubes_that_are_refused(tmp_path):
    path = tmp_path / "broadband_1.fits"
    refused("band i is missing; the file has 0.472 micron", write_skirt(path, "grz"), "counts")
    twice = write_skirt(path, "griz", um=[0.472, 0.618, 0.748, 0.75])
    refused("band i appears twice in its header", twice, "counts")
    refused("has 4 planes and 3 wavelengths", write_skirt(path, "griz", um=[0.472, 0.618, 0.748]), "counts")
    refused("BUNIT is 'W'", write_skirt(path, "gri", "W"), "counts")
    refused("0.396 arcsec (CDELT) and 0.2 arcsec (PIXSCALE)", write_skirt(path, "gri", PIXSCALE=0.2), "counts")
    refused("its pixels are not square", write_skirt(path, "gri", CDELT1=0.5), "counts")


def test_the_published_counts(tmp_path):
    """Counts per second in four planes; names may be missing, other bands and units are not published images."""
    path = tmp_path / "broadband_1.fits"
    expected = PIXELS * 1e9 / np.array(SKIRT_ZERO_POINTS)
    bare = {key: value for key, value in BROADBAND_HEADER.items() if not key.startswith("FILTER")}
    for header in (BROADBAND_HEADER, bare, bare | {"BUNIT": "electrons/s"}):
        write_cube(path, stack("griz"), header, wcs=False)
        np.testing.assert_allclose(read(path, "counts").pixels, expected, rtol=1e-6)
    own = write_cube(path, stack("griz"), BROADBAND_HEADER | {"MAGZERO": 22.5}, wcs=False)
    np.testing.assert_array_equal(read(own, "counts").pixels, PIXELS)
    write_cube(path, stack("griz"), bare | {"BUNIT": "Jy"}, wcs=False)
    refused("has 4 planes and its header does not name their bands", path, "counts")
    pogs = {f"FILTER{n}": f"panstarrs/pogs_{band}" for n, band in enumerate("griz")}
    write_cube(path, stack("griz"), BROADBAND_HEADER | pogs, wcs=False)
    refused("counts per second of panstarrs/pogs_g, panstarrs/pogs_r, panstarrs/pogs_i", path, "counts")
    write_cube(path, stack("griz"), BROADBAND_HEADER | {"BUNIT": "counts"}, wcs=False)
    refused("BUNIT is 'counts', and no zero point", path, "counts")
