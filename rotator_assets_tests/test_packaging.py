"""How the project is installed: by uv with all it can do, by plain pip on Python 3.11 without statmorph."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import yaml

from rotator_assets.core.errors import InputError
from rotator_assets.imaging.morphology_table import measure_all

REPOSITORY = Path(__file__).parents[1]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))


def uv() -> str:
    """Return the program uv, or skip."""
    found = shutil.which("uv") or shutil.which("uv", path=REPOSITORY / ".uv/bin")
    if found is None:
        pytest.skip("there is no uv")
    return found


def resolved(tmp_path, requirements, python="3.11"):
    """Versions by name that a resolver without this project's overrides finds, or what it says where there are none."""
    # Pillow 9.5, the newest that alibi allows, is not built from its sources: they need libraries of C.
    command = [uv(), "pip", "compile", "-", "--no-config", "--no-header", "--no-annotate", "--only-binary", "pillow"]
    run = subprocess.run(
        [*command, "--no-python-downloads", "--python-version", python],
        input="\n".join(requirements),
        cwd=tmp_path,  # away from [tool.uv]
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    if run.returncode and "No solution found" in run.stderr:
        return run.stderr
    if run.returncode:
        pytest.skip(f"the package index cannot be reached: {run.stderr}")
    return dict(line.split("==") for line in run.stdout.splitlines() if "==" in line)


def test_pip_resolves_on_python_3_11(tmp_path):
    versions = resolved(tmp_path, PROJECT["project"]["dependencies"])
    assert isinstance(versions, dict), versions
    assert versions["alibi"] == "0.9.4" and "statmorph" not in versions
    assert versions["numpy"].startswith("1.26.") and versions["pillow"] == "9.5.0"


def test_pip_resolves_neither_statmorph_with_alibi_nor_python_3_12(tmp_path):
    """Once it does, the limits in docs/how-to/install.md can go."""
    dependencies = PROJECT["project"]["dependencies"]
    with_statmorph = resolved(tmp_path, dependencies + PROJECT["project"]["optional-dependencies"]["structure"])
    assert isinstance(with_statmorph, str) and "scikit-image" in with_statmorph
    later = resolved(tmp_path, dependencies, python="3.12")
    assert isinstance(later, str) and "pillow" in later


def test_uv_installs_statmorph_by_default():
    group, extra = PROJECT["dependency-groups"]["structure"], PROJECT["project"]["optional-dependencies"]["structure"]
    assert group == extra and "structure" in PROJECT["tool"]["uv"]["default-groups"]
    locked = tomllib.loads((REPOSITORY / "uv.lock").read_text(encoding="utf-8"))["package"]
    ours = next(package for package in locked if package["name"] == PROJECT["project"]["name"])
    assert {package["name"] for package in ours["dev-dependencies"]["structure"]} == {"statmorph"}
    assert version("statmorph") in {package["version"] for package in locked if package["name"] == "statmorph"}


def test_without_statmorph_structure_is_refused_with_what_to_do(monkeypatch):
    """Not measured as if every image were at fault."""
    monkeypatch.setitem(sys.modules, "statmorph", None)
    with pytest.raises(
        InputError,
        match="statmorph, which measures the structure of images, does not work here: install this project",
    ):
        measure_all(np.ones((1, 32, 32, 3), np.float32), np.array([0]), np.array([False]), workers=1)


def test_the_version_is_the_same_everywhere():
    current = PROJECT["project"]["version"]
    cited = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))["version"]
    headings = re.findall(r"^## (.+)$", (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert cited == current
    assert headings[0] == "Unreleased" or re.fullmatch(rf"{re.escape(current)} \(\d{{4}}-\d\d-\d\d\)", headings[0])


def test_the_wheel_holds_the_package_and_nothing_else(tmp_path):
    built = subprocess.run(
        [uv(), "build", "--quiet", "--wheel", "--out-dir", tmp_path, REPOSITORY],
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    if built.returncode and ("error sending request" in built.stderr or "dns error" in built.stderr):
        pytest.skip(f"the package index cannot be reached: {built.stderr}")
    assert built.returncode == 0, built.stderr
    with zipfile.ZipFile(*tmp_path.glob("*.whl")) as wheel:
        packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
        metadata = wheel.read(next(name for name in wheel.namelist() if name.endswith("/METADATA"))).decode()
    package = REPOSITORY / "rotator_assets"
    files = {str(path.relative_to(REPOSITORY)) for path in package.rglob("*") if path.is_file()}
    assert packed == {name for name in files if "__pycache__" not in name}
    assert f"\nVersion: {PROJECT['project']['version']}\n" in metadata
