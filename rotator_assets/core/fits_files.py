"""What tables and images in FITS files have in common."""

from __future__ import annotations

import os
import warnings
from typing import BinaryIO

# What a damaged file makes astropy warn of becomes a reason or an error of one line. A filter for good, as those of
# `warnings.catch_warnings` are shared by all threads, and images are read in several.
warnings.filterwarnings("ignore", module=r"astropy\.io\.fits")

SYNTHETIC_KEYWORD = "SYNTHET"
"""Primary header keyword, T in a file that holds synthetic galaxies."""


BLOCK_BYTES = 2880


def check_complete(content: BinaryIO, hdus) -> None:
    """Raises ValueError where a FITS file ends before the data that its headers announce.

    ``content``: the file's, unpacked; ``hdus``: the ``astropy.io.fits.HDUList`` opened from it. astropy itself reads on
    where only later extensions are cut off. Missing padding behind the last data is no loss; of a compressed image
    (fpack) the size is known to a block alone.
    """
    from astropy.io import fits

    length = content.seek(0, os.SEEK_END)
    for number, hdu in enumerate(hdus):
        place = hdu.fileinfo()
        is_packed = isinstance(hdu, fits.CompImageHDU)
        end = place["datLoc"] + (place["datSpan"] - BLOCK_BYTES + 1 if is_packed else hdu.size)
        if length < end:
            raise ValueError(f"cut short: extension {number} ends at byte {end}, the file has {length}")
