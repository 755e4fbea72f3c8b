"""The process that results are made in: no shell variable and no file in a home folder changes them or breaks a run.

`prepare` runs as soon as anything of this package is imported, so before any library that reads such a setting: in the
`rotators` command, in its workers, in Dagster's code servers and runs. What follows it is inherited by every process
that is started from here.

Left alone are variables that choose a device, a number of threads, or among kernels of the same precision, such as
``CUDA_VISIBLE_DEVICES``, ``OMP_NUM_THREADS``, ``TF_ENABLE_ONEDNN_OPTS`` and ``ONEDNN_MAX_CPU_ISA``: they are to a
training what another processor is. Standard library only.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

HOME = Path(__file__).parent / "home"
"""The files that libraries would else look for in a home folder: Keras', Matplotlib's and astropy's own defaults."""

_SET = {
    "KERAS_HOME": str(HOME),
    "KERAS_BACKEND": "tensorflow",
    "MATPLOTLIBRC": str(HOME / "matplotlibrc"),
    "MPLBACKEND": "agg",
    "ASTROPY_CONFIG_DIR": str(HOME / "astropy"),
    "XDG_CONFIG_HOME": str(HOME),  # where astropy before release 8 looks for its folder
    "PYTHONUTF8": "1",
    "TF2_BEHAVIOR": "1",  # TensorFlow itself sets it so, for all that its process starts
}
_DEFAULTS = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    # Its cache of fonts stays where it is; Matplotlib would write a folder where XDG_CONFIG_HOME says.
    "MPLCONFIGDIR": str(Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "matplotlib"),
}

_REMOVED_FAMILIES = (
    "KERAS_",
    "TF2_",
    *(  # not all of TF_, which is Terraform's too
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
"""Read when Python starts: a process that had them goes on with what they did until it is started anew."""
_UNSURPRISING = ("DAGSTER_HOME", "MPLBACKEND", "PYTHONIOENCODING", "PYTHONPATH", "PYTHONUTF8", "XDG_CONFIG_HOME")
"""Not worth a line: what is done about them is what a user of this program expects."""


def prepare() -> tuple[str, ...]:
    """Give this process, and those started from it, the environment that results are made in.

    Returns the names of the variables that said something else.
    """
    said = [name for name in os.environ if name.startswith((*_REMOVED, *_REMOVED_FAMILIES)) and name not in _KEPT]
    for name in said:
        del os.environ[name]
    said += [name for name, value in _SET.items() if os.environ.get(name, value) != value]
    os.environ.update(_SET)
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    folders = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if len(folders) > 1 and "" in folders:  # the working directory, as in PYTHONPATH=$PYTHONPATH:/folder, say
        said.append("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, folders))
        here = str(Path.cwd())
        sys.path[:] = [folder for folder in sys.path if folder not in ("", here) or here in folders]
    if not os.environ.get("PYTHONPATH"):
        # A keras.py or random.py of the working directory is not ours. (Dagster takes the first folder of the path for
        # the working directory and drops it: it must not be one of PYTHONPATH.)
        os.environ["PYTHONSAFEPATH"] = "1"
    return tuple(said)


OVERRIDDEN = prepare()
"""What `prepare` found."""


def settle() -> None:
    """Say which variables are overridden, and start the program anew where Python itself was started under one.

    For the beginning of a command. Dagster's variables go too: a command says itself how Dagster runs.
    """
    of_dagster = [name for name in os.environ if name.startswith("DAGSTER_")]
    for name in of_dagster:
        del os.environ[name]
    # Names alone: a value may be a secret.
    told = sorted({*OVERRIDDEN, *of_dagster} - {*_UNSURPRISING})
    if told:
        print(f"rotators: environment variables that are not used here: {', '.join(told)}", file=sys.stderr, flush=True)
    started_otherwise = any(name in OVERRIDDEN for name in _OF_THE_INTERPRETER)
    if not sys.flags.ignore_environment and (started_otherwise or sys.getfilesystemencoding() != "utf-8"):
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def leave_working_directory(folder: Path) -> None:
    """Go to a folder without modules, for Dagster, whose processes import from where they are started.

    Files that variables name stay the same.
    """
    if recipes := os.environ.get("ROTATORS_RECIPES"):
        os.environ["ROTATORS_RECIPES"] = str(Path(recipes).expanduser().absolute())
    os.chdir(folder)
