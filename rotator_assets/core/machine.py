"""The machine: memory and GPU, and why a GPU is not used. Files of Linux are read where they exist."""

from __future__ import annotations

import ctypes.util
import os
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path

from rotator_assets.core.backend import tensorflow

ACCELERATORS = (Path("/dev/nvidia0"), Path("/dev/kfd"))
"""Device files of the first GPU, of NVIDIA and AMD."""
_NVIDIA, _DISPLAY = "0x10de", "0x03"
_PCI = Path("/sys/bus/pci/devices")


def memory_bytes() -> tuple[int, int] | None:
    """Return the memory of the machine and how much of it is available, in bytes; None where unknown."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    sizes = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)}
    return (sizes["MemTotal"], sizes["MemAvailable"]) if "MemAvailable" in sizes else None


def installed(package: str) -> str | None:
    """Return the version of an installed package; None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def why_no_gpu() -> tuple[str, str]:
    """Return why TensorFlow uses no GPU, and what to do about it; nothing is to do on a machine without one."""
    if not any(path.exists() for path in ACCELERATORS):
        if _has_nvidia_card():
            return "the driver of the NVIDIA card is not loaded (no /dev/nvidia0)", "install the driver of NVIDIA"
        return f"no device file ({', '.join(map(str, ACCELERATORS))})", ""
    if not ACCELERATORS[0].exists():
        return "the TensorFlow of this project does not use AMD cards", ""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return "CUDA_VISIBLE_DEVICES hides it", "unset this variable"
    if not tensorflow().test.is_built_with_cuda():
        return "TensorFlow is a build for the CPU only", "install the extra: uv sync --extra gpu"
    if ctypes.util.find_library("cuda") is None:
        return "the driver is missing (no libcuda)", "install the driver of NVIDIA"
    if not any((one.name or "").startswith("nvidia-cudnn") for one in distributions()):
        return "the CUDA libraries are not installed", "install the extra: uv sync --extra gpu"
    return "TensorFlow cannot use it", "see why: TF_CPP_MIN_LOG_LEVEL=0 rotators doctor"


def _has_nvidia_card() -> bool:
    """Return True where a graphics card of NVIDIA is on the PCI bus, with or without its driver."""
    for device in _PCI.glob("*"):
        try:
            vendor, kind = ((device / name).read_text().strip() for name in ("vendor", "class"))
        except OSError:
            continue
        if vendor == _NVIDIA and kind.startswith(_DISPLAY):
            return True
    return False
