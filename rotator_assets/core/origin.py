"""What made a result: the program, its packages, and everything about the machine that decides rounding errors."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path

from rotator_assets.core.backend import PRECISION_VARIABLE, tensorflow, vector_instructions
from rotator_assets.core.files import walk_files
from rotator_assets.core.machine import installed

PROGRAM = "rotator-assets"
_FOLDER = Path(__file__).parents[1]
_PACKAGES = (
    *("tensorflow", "keras", "numpy", "scipy", "scikit-learn", "pandas", "duckdb", "dagster"),
    *("astropy", "h5py", "pillow", "galsim", "photutils", "statmorph"),
)
"""Packages that compute or keep results."""
THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
"""Variables with the numbers of threads of TensorFlow, which decide the order of its sums."""
ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
"""Variable that selects oneDNN's kernels."""
_KERNELS = (ONEDNN, "ONEDNN_MAX_CPU_ISA", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES")
"""Further variables that choose devices and kernels."""
_GIT_SECONDS = 10


def program_version() -> str:
    """Return the version of this program."""
    return version(PROGRAM)


@cache
def code_hash() -> str:
    """Return the hash of the modules of this program, whatever its version says."""
    digest = hashlib.sha256()
    for path in walk_files(_FOLDER):
        if path.suffix == ".py":
            digest.update(f"{path.relative_to(_FOLDER).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def commit() -> str | None:
    """Return the git commit of this program, with the ending ``-dirty`` where files differ; None where unknown."""
    if not (_FOLDER.parent / ".git").exists():
        return None
    command = ["git", "-C", str(_FOLDER.parent), "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):  # no git, or a repository of another user
        return None
    return found.stdout.strip() or None


def packages() -> dict[str, str]:
    """Return the versions of the installed packages that compute or keep results."""
    return {name: found for name in _PACKAGES if (found := installed(name))}


def environment(policy: str) -> dict[str, str]:
    """Return the variables that a repetition of a training needs for equal rounding errors.

    ``policy``: Keras dtype policy of the training. Numbers of threads are those in use, also where no variable sets
    them.
    """
    threading = tensorflow().config.threading
    chosen = (threading.get_intra_op_parallelism_threads(), threading.get_inter_op_parallelism_threads())
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = {
        name: str(number or os.environ.get(name) or available) for name, number in zip(THREADS, chosen, strict=True)
    }
    kernels = {name: os.environ[name] for name in _KERNELS if name in os.environ}
    return {**threads, **kernels, PRECISION_VARIABLE: policy.removeprefix("mixed_")}


def system() -> str:
    """Return operating system, architecture, and those vector instructions of the processor that kernels use."""
    return " ".join([platform.system(), platform.machine(), *vector_instructions()])
