"""Find the browser Chromium, which prints PDF files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

VARIABLE = "ROTATORS_CHROMIUM"
"""Environment variable with the path or name of the program, instead of the usual ones."""
_NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "brave-browser",
)
_MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")


def find_chromium() -> Path | None:
    """Return the program of Chromium, or of a browser made from it; None where there is none."""
    names = [named] if (named := os.environ.get(VARIABLE)) else [*_NAMES, str(_MAC)]
    return next((Path(found) for name in names if (found := shutil.which(name))), None)
