"""FITS files: checks and keywords shared by tables and images."""

from __future__ import annotations

import os
import warnings
from typing import IO, Any

# Damaged files are reported as a reason or an error of one line, not by astropy's warnings. This filter is permanent,
# because `warnings.catch_warnings` is not thread-safe and images are read in several threads.
warnings.filterwarnings("ignore", module=r"astropy\.io\.fits")

SYNTHETIC_KEYWORD = "SYNTHET"
"""Keyword of the primary header; T in files of synthetic galaxies."""

BLOCK_BYTES = 2880


def check_complete(content: IO[bytes], hdus: Any) -> None:
    """Raise ValueError where a FITS file ends before the data described by its headers.

    ``content`` is the uncompressed file and ``hdus`` the ``astropy.io.fits.HDUList`` opened from it. astropy itself
    does not notice when only later extensions are cut off. Padding missing after the last data is accepted; the size of
    a compressed image (fpack) is known only to the nearest block.
    """
    from astropy.io import fits

    length = content.seek(0, os.SEEK_END)
    for number, hdu in enumerate(hdus):
        place = hdu.fileinfo()
        is_packed = isinstance(hdu, fits.CompImageHDU)
        end = place["datLoc"] + (place["datSpan"] - BLOCK_BYTES + 1 if is_packed else hdu.size)
        if length < end:
            raise ValueError(f"cut short: extension {number} ends at byte {end}, the file has {length}")
