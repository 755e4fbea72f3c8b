"""TensorFlow, imported only when it is needed and without its start-up messages, and the device it uses."""

from __future__ import annotations

import importlib
import os
import platform
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from rotator_assets.core.errors import InputError

_START_UP_NOISE = (b"absl::InitializeLog", b"cudart_stub.cc", b"cpu_feature_guard.cc", b"oneDNN custom operations")
_BFLOAT16_FLAGS = {"avx512_bf16": "AVX512-BF16", "amx_bf16": "AMX"}
PRECISION_VARIABLE = "ROTATORS_PRECISION"
"""Environment variable that sets the precision of trainings on any hardware: ``float32`` or ``bfloat16``."""
_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


def tensorflow() -> ModuleType:
    """Return the TensorFlow module, imported without start-up messages; `environment` has configured it."""
    if "tensorflow" not in sys.modules:
        with _without_start_up_noise():
            importlib.import_module("tensorflow")
    _leave_borrowed_streams_open()
    return sys.modules["tensorflow"]


def _leave_borrowed_streams_open() -> None:
    """Make absl, a dependency of TensorFlow, log to the process's own standard error.

    Its handler keeps the ``sys.stderr`` of the time when it was imported, and closes it when loggers are configured
    again, as Dagster does for every instance. A progress display or a test that had replaced ``sys.stderr`` would fail.
    """
    from absl import logging

    if sys.__stderr__ is not None:
        logging.get_absl_handler().python_handler.setStream(sys.__stderr__)


def device_name() -> str:
    """Return the name of the device that trains: the first GPU, else the processor."""
    return gpu_name() or processor_name()


def gpu_name() -> str | None:
    """Return the name of the first GPU that TensorFlow can use; None without one."""
    gpu = _gpu_details()
    return None if gpu is None else gpu.get("device_name", "GPU")


def processor_name() -> str:
    """Return the name of the processor; empty where unknown."""
    return _cpu_field("model name") or platform.processor()


def fast_bfloat16() -> list[str]:
    """Return the extensions of the processor that multiply bfloat16: AMX, AVX512-BF16."""
    flags = _cpu_field("flags").split()
    return [name for flag, name in _BFLOAT16_FLAGS.items() if flag in flags]


def vector_instructions() -> list[str]:
    """Return those instructions of the processor by which libraries choose among their kernels."""
    return [flag for flag in _cpu_field("flags").split() if flag.startswith(("avx", "amx", "fma"))]


def compute_policy() -> str:
    """Return the Keras dtype policy that trains fastest on this hardware.

    This is ``mixed_bfloat16`` (products in bfloat16, weights and sums in float32) where the hardware multiplies
    bfloat16: GPUs of compute capability 8 and above, and CPUs with AVX512-BF16 or AMX. Elsewhere bfloat16 would be
    emulated, so the policy is ``float32``. The environment variable `PRECISION_VARIABLE` overrides the choice, so that
    a training can be repeated on another machine; every training records its policy. Raises InputError where the
    variable has another value than ``float32`` and ``bfloat16``, or is ``bfloat16`` and the machine cannot compute it.
    """
    if wanted := os.environ.get(PRECISION_VARIABLE):
        if wanted not in _POLICIES:
            raise InputError(f"{PRECISION_VARIABLE}={wanted}: use {' or '.join(_POLICIES)}, or unset it")
        if wanted == "bfloat16" and not computes_bfloat16():
            raise InputError(f"{PRECISION_VARIABLE}=bfloat16: cannot be computed here; use float32, or unset it")
        return _POLICIES[wanted]
    gpu = _gpu_details()
    if gpu is not None:
        fast = gpu.get("compute_capability", (0, 0))[0] >= 8
    else:
        fast = bool(fast_bfloat16()) and computes_bfloat16()
    return "mixed_bfloat16" if fast else "float32"


@cache
def computes_bfloat16() -> bool:
    """Return True where a convolution in bfloat16 can be computed, whether fast or not.

    This is tried out, because no processor flag tells: oneDNN has no such convolution for AVX2, even where AVX2 is only
    a limit set by the user.
    """
    tf = tensorflow()
    image, kernel = tf.ones((1, 4, 4, 3), tf.bfloat16), tf.ones((3, 3, 3, 4), tf.bfloat16)
    try:
        with tf.GradientTape() as tape:
            tape.watch(kernel)
            summed = tf.reduce_sum(tf.nn.conv2d(image, kernel, 1, "SAME"))
        return bool(tf.reduce_all(tf.math.is_finite(tape.gradient(summed, kernel))))
    except tf.errors.OpError:
        return False


def _gpu_details() -> dict[str, Any] | None:
    """Return TensorFlow's details of the first GPU; None without a GPU."""
    config = tensorflow().config
    gpus = config.list_physical_devices("GPU")
    return config.experimental.get_device_details(gpus[0]) if gpus else None


def _cpu_field(name: str) -> str:
    """Return a field of the first processor in /proc/cpuinfo; empty without such a file or field."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == name), "")


@contextmanager
def _without_start_up_noise() -> Generator[None]:
    """Buffer stderr, then pass on all but the lines that TensorFlow's C++ code prints at every log level."""
    try:
        stderr = os.dup(2)
    except OSError:  # a daemon may have no stderr
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            held.seek(0)
            for line in held:
                if not any(noise in line for noise in _START_UP_NOISE):
                    os.write(stderr, line)
            os.close(stderr)
