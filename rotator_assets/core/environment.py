"""The environment of the process: shell variables and files in the home folder must not change results or break runs.

`prepare` runs when anything of this package is imported, and so before any library that reads such a setting. This
holds in the `rotators` command, its workers, and Dagster's code servers and runs. Child processes inherit the result.

Variables that choose a device, a number of threads, or among kernels of the same precision are kept, such as
``CUDA_VISIBLE_DEVICES``, ``OMP_NUM_THREADS``, ``TF_ENABLE_ONEDNN_OPTS`` and ``ONEDNN_MAX_CPU_ISA``: they have the same
effect on a training as another processor. This module uses the standard library only.
"""

from __future__ import annotations

import atexit
import gc
import os
import platform
import sys
from pathlib import Path

RECIPES_VARIABLE = "ROTATORS_RECIPES"
"""Environment variable with the path of another recipes file."""
HOME = Path(__file__).parent / "home"
"""Configuration files of Keras, Matplotlib and astropy, which would otherwise be read from the home folder."""

_SET = {
    "KERAS_HOME": str(HOME),
    "KERAS_BACKEND": "tensorflow",
    "MATPLOTLIBRC": str(HOME / "matplotlibrc"),
    "MPLBACKEND": "agg",
    "ASTROPY_CONFIG_DIR": str(HOME / "astropy"),
    "XDG_CONFIG_HOME": str(HOME),  # read by astropy before release 8
    "PYTHONUTF8": "1",
    "TF2_BEHAVIOR": "1",  # TensorFlow sets this itself, for its child processes
}
_DEFAULTS = {
    # Kernels that are a third faster in training also on processors on which TensorFlow leaves them out.
    **({"TF_ENABLE_ONEDNN_OPTS": "1"} if platform.machine() in ("x86_64", "AMD64") else {}),
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    # Keeps the font cache in its usual place; Matplotlib would create a folder in XDG_CONFIG_HOME.
    "MPLCONFIGDIR": str(Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "matplotlib"),
}

_REMOVED_FAMILIES = (
    "KERAS_",
    "TF2_",
    *(  # not every name with TF_, a prefix that Terraform uses too
        f"TF_{family}"
        for family in (
            "AUTO_MIXED_PRECISION_",
            "AUTOTUNE_",
            "CONV2D_",
            "CUDNN_",
            "DATA_",
            "DETERMINISTIC_",
            "DISABLE_",
            "ENABLE_",
            "FP16_",
            "FUNCTION_",
            "GRAPH_",
            "JIT",
            "MATMUL_",
            "MLIR_",
            "ONEDNN_",
            "SET_ONEDNN_",
            "USE_",
            "XLA_",
        )
    ),
    "XLA_",
    "ONEDNN_",
    "DNNL_",
    "PANDAS_",
    "SKLEARN_",
)
_REMOVED = (
    "TF_CONFIG",
    "NVIDIA_TF32_OVERRIDE",
    "NPY_PROMOTION_STATE",
    "SCIPY_ARRAY_API",
    "PYTHONWARNINGS",
    "PYTHONOPTIMIZE",
    "PYTHONIOENCODING",
    "PYTHONINSPECT",
)
_KEPT = {
    *_SET,
    *_DEFAULTS,
    "TF_ENABLE_ONEDNN_OPTS",
    "ONEDNN_MAX_CPU_ISA",
    "ONEDNN_VERBOSE",
}
_OF_THE_INTERPRETER = ("PYTHONWARNINGS", "PYTHONOPTIMIZE", "PYTHONIOENCODING", "PYTHONINSPECT", "PYTHONPATH")
"""Variables read when Python starts: they stay in effect until the process is restarted."""
_UNSURPRISING = ("DAGSTER_HOME", "MPLBACKEND", "PYTHONIOENCODING", "PYTHONPATH", "PYTHONUTF8", "XDG_CONFIG_HOME")
"""Variables that are overridden without a message, because users expect it."""
_GARBAGE_THRESHOLD = 10_000
"""New objects between garbage collections. Python's 700 adds a fifth to the time of importing TensorFlow."""


def prepare() -> tuple[str, ...]:
    """Set up the environment of this process and its children, and collect garbage less often.

    Returns the names of the variables that had other values.
    """
    if 0 < gc.get_threshold()[0] < _GARBAGE_THRESHOLD:
        gc.set_threshold(_GARBAGE_THRESHOLD)
    said = [name for name in os.environ if name.startswith((*_REMOVED, *_REMOVED_FAMILIES)) and name not in _KEPT]
    for name in said:
        del os.environ[name]
    said += [name for name, value in _SET.items() if os.environ.get(name, value) != value]
    os.environ.update(_SET)
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    folders = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if len(folders) > 1 and "" in folders:  # the working directory, as with PYTHONPATH=$PYTHONPATH:/folder
        said.append("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, folders))
        here = str(Path.cwd())
        sys.path[:] = [folder for folder in sys.path if folder not in ("", here) or here in folders]
    if not os.environ.get("PYTHONPATH"):
        # Keep a keras.py or random.py in the working directory from being imported. (Not with a PYTHONPATH: Dagster
        # drops the first folder of sys.path, which it takes for the working directory.)
        os.environ["PYTHONSAFEPATH"] = "1"
    return tuple(said)


OVERRIDDEN = prepare()
"""Variables that `prepare` has overridden."""


def settle() -> None:
    """Report the overridden variables, and restart the program if one of them has affected Python itself.

    A command calls this first. It also removes Dagster's variables, because the command configures Dagster itself.
    """
    of_dagster = [name for name in os.environ if name.startswith("DAGSTER_")]
    for name in of_dagster:
        del os.environ[name]
    # Print names only: a value may be a secret.
    overridden = sorted({*OVERRIDDEN, *of_dagster} - {*_UNSURPRISING})
    if overridden:
        print(f"rotators: ignored environment variables: {', '.join(overridden)}", file=sys.stderr, flush=True)
    started_otherwise = any(name in OVERRIDDEN for name in _OF_THE_INTERPRETER)
    if not sys.flags.ignore_environment and (started_otherwise or sys.getfilesystemencoding() != "utf-8"):
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def end_quietly() -> None:
    """Let the process show nothing of what libraries print once it has ended.

    DuckDB 2 lists objects that other libraries still hold then, in forty lines. A program calls this first, so that it
    takes effect last.
    """
    atexit.register(_close_standard_error)


def _close_standard_error() -> None:
    if sys.stderr:
        sys.stderr.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def leave_working_directory(folder: Path) -> None:
    """Change to a folder without Python modules, because Dagster's processes import from their working directory.

    The path in ``ROTATORS_RECIPES`` is made absolute first.
    """
    if recipes := os.environ.get(RECIPES_VARIABLE):
        os.environ[RECIPES_VARIABLE] = str(Path(recipes).expanduser().absolute())
    os.chdir(folder)
