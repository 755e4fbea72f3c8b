"""PDF files of the report, printed by Chromium on A4."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Literal

from rotator_assets.core.chromium import VARIABLE, find_chromium
from rotator_assets.core.errors import InputError
from rotator_assets.core.files import replacing

Pages = Literal["first", "all"]
SECONDS = 300
"""Time that printing may take."""


def print_report(html: Path, pdf: Path, pages: Pages) -> Path:
    """Print the first page or all pages of the report, and return the path of the PDF.

    Parameters
    ----------
    html : Path
        The report.
    pdf : Path
        The file to write or replace.
    pages : str
        ``first`` for the answer alone, ``all`` for every section, opened.

    Raises
    ------
    InputError
        Chromium is not found, or does not print.
    """
    browser = find_chromium()
    if browser is None:
        raise InputError(
            f"a PDF needs Chromium or Chrome, which is not on the PATH: install it, or name it in {VARIABLE}"
        )
    with tempfile.TemporaryDirectory() as profile, replacing(pdf) as temporary:
        command = [
            str(browser),
            "--headless",
            "--disable-gpu",
            "--no-first-run",
            *(["--no-sandbox"] if os.geteuid() == 0 else []),  # Chromium refuses to run as root otherwise
            f"--user-data-dir={profile}",
            "--no-pdf-header-footer",
            f"--print-to-pdf={temporary}",
            f"{html.absolute().as_uri()}?pages={pages}",
        ]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=SECONDS, check=False, env=_with_home(profile)
            )
        except subprocess.TimeoutExpired:
            raise InputError(f"{browser}: does not print the report within {SECONDS} s") from None
        except OSError as error:
            raise InputError(f"{browser}: does not print the report: {error}") from error
        if done.returncode != 0 or not temporary.is_file() or not temporary.stat().st_size:
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise InputError(f"{browser}: does not print the report: {last}")
    return pdf


def _with_home(folder: str) -> dict[str, str]:
    """Return the environment with a folder in which the browser may write its own files."""
    return {**os.environ, **dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"), folder)}
