"""Memory of this process."""

from __future__ import annotations

import ctypes
import sys


def release() -> None:
    """Give freed memory back to the system where the C library would keep it for later, as glibc does."""
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)
