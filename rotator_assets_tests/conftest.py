"""Fixtures of every test."""

import os
import shutil
import subprocess
import sys
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


@pytest.fixture(scope="session")
def small_demo_root(tmp_path_factory) -> Path:
    """Synthetic files of 90 galaxies a survey, in the published formats; not to be changed by a test."""
    from rotator_assets.demo import write_demo

    root = tmp_path_factory.mktemp("demo")
    write_demo(root, n_galaxies=90, seed=7)
    return root


@pytest.fixture(scope="session")
def finished_root(small_demo_root, tmp_path_factory) -> Path:
    """A copy of the small demo root on which the command line has run `thesis` on manga-observed-64."""
    root = tmp_path_factory.mktemp("finished") / "root"
    shutil.copytree(small_demo_root, root)
    command = [str(Path(sys.executable).with_name("rotators")), "run", "-d", "manga-observed-64", "-r", "thesis"]
    done = subprocess.run([*command, "--data", str(root)], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return root
