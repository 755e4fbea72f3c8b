"""What tables and images in FITS files have in common."""

from __future__ import annotations

import gzip
import os
import warnings
from pathlib import Path

# What a damaged file makes astropy warn of becomes a reason or an error of one line. A filter for good, as those of
# `warnings.catch_warnings` are shared by all threads, and images are read in several.
warnings.filterwarnings("ignore", module=r"astropy\.io\.fits")

SYNTHETIC_KEYWORD = "SYNTHET"
"""Primary header keyword, T in a file that holds synthetic galaxies."""


def check_complete(path: Path, hdus) -> None:
    """Raises ValueError (or what gzip raises) where a FITS file ends before the data that its headers announce.

    ``hdus`` is the open ``astropy.io.fits.HDUList``. astropy itself reads on where only later extensions are cut off.
    Missing padding behind the last data is no loss.
    """
    if path.suffix == ".gz":
        with gzip.open(path) as unpacked:
            length = unpacked.seek(0, os.SEEK_END)
    else:
        length = path.stat().st_size
    for number, hdu in enumerate(hdus):
        end = hdu.fileinfo()["datLoc"] + hdu.size
        if length < end:
            raise ValueError(f"cut short: extension {number} ends at byte {end}, the file has {length}")
