"""Fixtures of every test."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of published files (``manga/``, ``tng/``, ``atlas3d/``, ``kinematics/``); skips where none is named."""
    named = os.environ.get("ROTATORS_REAL_DATA")
    if not named:
        pytest.skip("ROTATORS_REAL_DATA names no folder of published files")
    folder = Path(named)
    if not (folder / "manga" / "catalogs").is_dir():
        pytest.skip(f"ROTATORS_REAL_DATA: {folder} has no manga/catalogs")
    return folder
