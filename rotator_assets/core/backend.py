"""TensorFlow, imported late and quietly, and what it computes on."""

from __future__ import annotations

import importlib
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType

from rotator_assets.core.errors import InputError

_START_UP_NOISE = (b"absl::InitializeLog", b"cudart_stub.cc", b"cpu_feature_guard.cc", b"oneDNN custom operations")
_BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}
PRECISION_VARIABLE = "ROTATORS_PRECISION"
"""Environment variable that says what trainings compute in, whatever the hardware: ``float32`` or ``bfloat16``."""
_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


def tensorflow() -> ModuleType:
    """The TensorFlow module, without its start-up chatter; `environment` has set it up."""
    if "tensorflow" not in sys.modules:
        with _without_start_up_noise():
            importlib.import_module("tensorflow")
    _leave_borrowed_streams_open()
    return sys.modules["tensorflow"]


def _leave_borrowed_streams_open() -> None:
    """Let absl, which TensorFlow brings, write to the process's own standard error.

    Its handler keeps the ``sys.stderr`` there was when it was imported, and closes that when loggers are set up again,
    as Dagster does for every instance: whoever had lent it, a progress display or a test, could not go on.
    """
    from absl import logging

    if sys.__stderr__ is not None:
        logging.get_absl_handler().python_handler.setStream(sys.__stderr__)


def device_name() -> str:
    """Human name of the device that trains: the first GPU, else the processor."""
    gpu = _gpu_details()
    return gpu.get("device_name", "GPU") if gpu is not None else _cpu_field("model name") or platform.processor()


def compute_policy() -> str:
    """Keras dtype policy that trains fastest here without loss of accuracy that matters.

    ``mixed_bfloat16`` (products in bfloat16, weights and sums in float32) where the hardware multiplies bfloat16: GPUs
    of compute capability 8 and above, CPUs with AVX512-BF16 or AMX; elsewhere it would be emulated: ``float32``.
    `PRECISION_VARIABLE` decides instead where it is set, so that a training can be repeated on another machine; a
    training records its policy. Raises InputError where it is neither ``float32`` nor ``bfloat16``, or is ``bfloat16``
    where that cannot be computed.
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
        fast = bool(_BFLOAT16_FLAGS & set(_cpu_field("flags").split())) and computes_bfloat16()
    return "mixed_bfloat16" if fast else "float32"


@cache
def computes_bfloat16() -> bool:
    """Whether a convolution in bfloat16 can be computed, fast or not.

    Tried, since no flag says so: oneDNN has none for AVX2, be it all that the processor has or all that it may use.
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


def _gpu_details() -> dict | None:
    """TensorFlow's details of the first GPU; None where there is none."""
    config = tensorflow().config
    gpus = config.list_physical_devices("GPU")
    return config.experimental.get_device_details(gpus[0]) if gpus else None


def _cpu_field(name: str) -> str:
    """A field of the first processor in /proc/cpuinfo; empty where the system has no such file or field."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == name), "")


@contextmanager
def _without_start_up_noise() -> Iterator[None]:
    """Hold back stderr, then pass on all but the lines TensorFlow's C++ prints whatever its log level is."""
    try:
        stderr = os.dup(2)
    except OSError:  # a daemon may have none
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
