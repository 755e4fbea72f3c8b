"""Plain FITS images are read as astropy reads them, to the last bit, and refused for the same reasons."""

import io
import warnings

import numpy as np
import pytest
from astropy.io import fits

from rotator_assets.imaging.fits_images import FitsImage, read_any, read_fits
from rotator_assets.imaging.plain_fits import read_plain
from rotator_assets_tests.surveys.files import BROADBAND_HEADER, picture, write_cube
from rotator_assets_tests.surveys.fuzzing import MUTATIONS

CARDS = (
    ("BUNIT", "nanomaggy", "AB magnitude = 22.5"),
    ("NAME", "NGC 1 / a"),
    ("EMPTY", ""),
    ("FLAG", True),
    ("SMALL", -1.5e-12),
    ("COUNT", -7),
    ("COMMENT", "of a survey"),
    ("HISTORY", "made = 'here'"),
    ("", "blank"),
)
ODD_CARDS = (
    *("BSCALE  =                  2.0", "BZERO   =                  1.0", "BLANK   =                    0"),
    *("EXTNAME = 'MASK'", "CUNIT1  = 'arcsec'", "CUNIT1  = 'deg'", "CTYPE1  = 'DEC--TAN'", "CTYPE3  = 'WAVE'"),
    *("CRVAL1  =                  nan", "CRVAL2  =                 95.0", "CRVAL2  =                  -90"),
    *("CD1_1   =                  0.0", "PIXSCALE=                  1D0", "BUNIT   = 'Jy      '", "BUNIT   = nmgy"),
    *("BUNIT   = ' nmgy &'", "CONTINUE  'more'", "HIERARCH ESO A = 1", "AXIS    = 'NAME.1: 3.0'", "EQUINOX = 2.000E3"),
    *(
        "NAME    = 'it''s'",
        "BANDS   = 'i,r,g   '",
        "bands   = 'gri'",
        "KEY     = (1.0, 2.0)",
        "KEY     =",
        "KEY     =             /",
        "KEY=1",
    ),
    *("NAXIS3  =                    2", "BITPIX  =                  -64", "SIMPLE  =                    F", "END     "),
    *(
        "LONPOLE =                 90.0",
        "CRVAL3  =                  0.5",
        "A-B_C   =         000123.4500 / x",
        "SYNTHET = T",
    ),
)


def outcome(read, content: bytes):
    """The image, or the type and text of the error."""
    try:
        return read(io.BytesIO(content))
    except Exception as error:
        return type(error), str(error)


def check_same(content: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = outcome(read_fits, content), outcome(read_any, content)
    if not isinstance(ours, FitsImage):
        assert isinstance(ours, dict) or ours == theirs
        return
    assert isinstance(theirs, FitsImage)
    assert ours.planes.dtype == theirs.planes.dtype and ours.planes.shape == theirs.planes.shape
    assert ours.planes.tobytes() == theirs.planes.tobytes()
    kinds = [{key: (type(value), value) for key, value in image.keywords.items()} for image in (ours, theirs)]
    assert kinds[0] == kinds[1]
    for name in ("coordinates", "wavelengths_um", "weights", "unread", "synthetic"):
        assert getattr(ours, name) == getattr(theirs, name), name


@pytest.fixture(scope="module")
def cubes(tmp_path_factory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("cubes")
    write_cube(folder / "legacy.fits", picture(20))
    write_cube(folder / "skirt.fits", np.stack([*picture(20), picture(20)[0]]), BROADBAND_HEADER, wcs=False)
    write_cube(folder / "flat.fits", picture(20)[0])
    with fits.open(folder / "legacy.fits") as hdus:
        for card in CARDS:
            hdus[0].header.append(card)
        hdus.writeto(folder / "cards.fits")
    return [path.read_bytes() for path in sorted(folder.iterdir())]


def test_usual_files_are_plain(cubes):
    for content in cubes:
        assert read_plain(io.BytesIO(content), 10**6) is not None
        check_same(content)


def test_mutants(cubes):
    for number in range(300):
        rng = np.random.default_rng([7, number])
        check_same(MUTATIONS[number % len(MUTATIONS)](cubes[number % len(cubes)], rng))


@pytest.mark.parametrize("card", ODD_CARDS)
def test_odd_cards(cubes, card):
    """In place of the last card, or of the one with the same keyword, or twice."""
    for content in cubes:
        end = content.index(b"END".ljust(80))
        new = card.encode().ljust(80)
        same = content.find(new[:8])
        for place in {end, same if same >= 0 else end - 80}:
            shifted = content[:place] + new + (content[place:end] + content[end : end + 80] if place == end else b"")
            tail = content[place + 80 : end + 80] if place != end else b""
            header = (shifted + tail).ljust(-(-len(shifted + tail) // 2880) * 2880)
            check_same(header + content[-(-(end + 80) // 2880) * 2880 :])


def test_lengths(cubes):
    """Cut short in the header, in the data and in the padding; with more behind."""
    content = cubes[0]
    for length in (0, 29, 80, 2879, 2880, 2881, 2880 + 4 * 3 * 400 - 1, 2880 + 4 * 3 * 400, len(content) - 1):
        check_same(content[:length])
    for more in (b"\0", bytes(2880), b"x" * 2880, b"XTENSION".ljust(2880)):
        check_same(content + more)
    assert read_plain(io.BytesIO(content), 3 * 400 - 1) is None
