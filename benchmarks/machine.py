"""What this machine allows: products of matrices, memory traffic and reading of files."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

_REPEATS = 5
_MATRIX = 2048
_ARRAY_BYTES = 2**28
_FILE_BYTES = 2**27


@dataclass(frozen=True)
class Machine:
    """Limits of this machine, the best of several measurements with all cores.

    ``matrix_gflops``: float32 products of square matrices by TensorFlow, 10^9 operations/s; ``bfloat16_gflops``: the
    same in bfloat16 (0 where the processor has no such instructions). ``memory_gb_s``: traffic of a copy in memory,
    bytes read plus written. ``file_gb_s``: reading a file that the system has in memory. ``disk_gb_s``: writing a file
    to the disk, including the wait until it is there.
    """

    processor: str
    cores: int
    matrix_gflops: float
    bfloat16_gflops: float
    memory_gb_s: float
    file_gb_s: float
    disk_gb_s: float

    def described(self) -> str:
        """Return the limits in one line."""
        narrow = f", bfloat16 {self.bfloat16_gflops:.0f}" if self.bfloat16_gflops else ", no bfloat16 instructions"
        return (
            f"{self.processor}, {self.cores} cores: matrix product float32 {self.matrix_gflops:.0f} GFLOP/s{narrow}; "
            f"memory {self.memory_gb_s:.1f} GB/s; files in memory {self.file_gb_s:.1f} GB/s; "
            f"writing to disk {self.disk_gb_s:.2f} GB/s"
        )

    @classmethod
    def measured(cls, folder: Path) -> Machine:
        """Measure the limits; files go to ``folder``."""
        # TensorFlow runs in a separate process, because its threads would disturb later measurements.
        program = [sys.executable, "-m", "benchmarks.machine"]
        products = subprocess.run(program, check=True, capture_output=True, text=True).stdout.split()
        matrix, bfloat16 = map(float, products[-2:])
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            disk, file = _file_rates(Path(temporary, "file"))
        return cls(_processor(), os.cpu_count() or 1, matrix, bfloat16, _memory_rate(), file, disk)

    def as_dict(self) -> dict[str, str | int | float]:
        """Return all limits by name."""
        return asdict(self)


def _best(work: Callable[[], object], repeats: int = _REPEATS) -> float:
    """Return the shortest time in seconds."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def _memory_rate() -> float:
    """Return the traffic of copies by one thread per core, GB/s."""
    from concurrent.futures import ThreadPoolExecutor

    n_threads = os.cpu_count() or 1
    arrays = [np.ones(_ARRAY_BYTES // 8 // n_threads) for _ in range(n_threads)]
    copies = [np.empty_like(array) for array in arrays]
    with ThreadPoolExecutor(n_threads) as pool:
        seconds = _best(lambda: list(pool.map(np.copyto, copies, arrays)))
    return 2 * _ARRAY_BYTES / seconds / 1e9


def _file_rates(path: Path) -> tuple[float, float]:
    """Return the rates of writing to the disk and of reading what the system has in memory, GB/s."""
    content = np.random.default_rng(0).bytes(_FILE_BYTES)

    def write() -> None:
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    return _FILE_BYTES / _best(write, 3) / 1e9, _FILE_BYTES / _best(path.read_bytes) / 1e9


def _processor() -> str:
    """Return the processor's name, without the frequency."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].split("@")[0].strip()
    return platform.processor() or platform.machine()


def _matrix_rate(dtype: str) -> float:
    """Return the rate of products of square matrices, 10^9 operations/s."""
    from rotator_assets.core.backend import tensorflow

    tf = tensorflow()
    one = tf.cast(tf.random.stateless_uniform((_MATRIX, _MATRIX), seed=(0, 0)), dtype)
    product = tf.function(lambda: tf.reduce_sum(tf.matmul(one, one)))
    product()
    return 2 * _MATRIX**3 / _best(lambda: product().numpy()) / 1e9


if __name__ == "__main__":
    from rotator_assets.core.backend import compute_policy

    has_bfloat16 = compute_policy() == "mixed_bfloat16"
    print(_matrix_rate("float32"), _matrix_rate("bfloat16") if has_bfloat16 else 0.0)
