"""Row counts of catalogues in `rotators status`: from headers, and equal to those of astropy."""

import gzip

import numpy as np
import pytest
from astropy.io import fits

from rotator_assets.surveys.base import ExpectedInput
from rotator_assets.surveys.inventory import FoundInput

EXPECTED = ExpectedInput("table", ("catalogs/*.fits",), "optional", "", "1 MB")


def table(n: int) -> fits.BinTableHDU:
    return fits.BinTableHDU.from_columns([fits.Column("a", "K", array=np.arange(n))])


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "before",
    [
        [fits.PrimaryHDU()],
        [fits.PrimaryHDU(np.zeros((7, 9)))],
        [fits.PrimaryHDU(header=fits.Header([("COMMENT", "no XTENSION= here")]))],
    ],
    ids=["empty", "image first", "comment"],
)
def test_rows_of_the_first_extension(tmp_path, before, packed):
    path = tmp_path / "table.fits"
    fits.HDUList([*before, table(23), table(5)]).writeto(path)
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    assert FoundInput(EXPECTED, (path,), ("a",)).rows == "23 rows"


def test_an_extension_without_rows_and_a_damaged_file_cannot_be_read(tmp_path):
    spectrum, damaged = tmp_path / "spectrum.fits", tmp_path / "damaged.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros(3))]).writeto(spectrum)
    fits.HDUList([fits.PrimaryHDU(), table(23)]).writeto(damaged)
    damaged.write_bytes(damaged.read_bytes()[:3000])
    for path in (spectrum, damaged):
        assert FoundInput(EXPECTED, (path,), ("a",)).rows == "cannot be read"
