"""Runs the numerical tests as other processors would, and prints a Markdown table with one row per configuration.

Each configuration sets the precision of trainings (float32 or bfloat16) and the instructions that oneDNN, TensorFlow's
CPU kernels, may use, or disables oneDNN. Exits with status 1 if a test fails. Arguments select tests; without any, all
numerical tests run, which takes a few minutes per configuration on two cores.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import product

PRECISIONS = ("float32", "bfloat16")
KERNELS: dict[str, dict[str, str]] = {
    "oneDNN": {},
    "oneDNN, AVX512_CORE": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
    "oneDNN, AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "no oneDNN": {"TF_ENABLE_ONEDNN_OPTS": "0"},
}
WITHOUT = ("bfloat16", "oneDNN, AVX2")
"""OneDNN has no bfloat16 convolutions for AVX2; `compute_policy` rejects this combination with an error message."""
TESTS = (  # all tests that run TensorFlow; the rest of the science uses NumPy
    "rotator_assets_tests/training",
    "rotator_assets_tests/attribution",
    "rotator_assets_tests/synthetic/test_injected_differences.py",
    "rotator_assets_tests/store/test_models.py",
)


def configurations() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield precision, kernels and environment variables of each supported configuration."""
    for precision, kernels in product(PRECISIONS, KERNELS):
        if (precision, kernels) == WITHOUT:
            continue
        yield precision, kernels, {"ROTATORS_PRECISION": precision, **KERNELS[kernels]}


def outcome(variables: dict[str, str], tests: tuple[str, ...]) -> tuple[int, str, list[str]]:
    """Run the tests; return the exit status, pytest's last line, and the names of failed tests."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", *tests]
    run = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, encoding="utf-8")
    lines = run.stdout.splitlines() or [run.stderr]
    return run.returncode, lines[-1], [line for line in lines if re.match("(FAILED|ERROR) ", line)]


def main(tests: tuple[str, ...]) -> int:
    print("| precision | kernels | passed | failed | time |\n|---|---|---|---|---|")
    worst, every_failure = 0, []
    for precision, kernels, variables in configurations():
        status, summary, failures = outcome(variables, tests)
        counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|errors?)", summary)}
        failed = sum(counts.values()) - counts.get("passed", 0)
        seconds = re.search(r"in ([\d.]+)s", summary)
        row = (precision, kernels, counts.get("passed", 0), failed, f"{seconds[1]} s" if seconds else summary)
        print(f"| {' | '.join(map(str, row))} |", flush=True)
        every_failure += [f"{precision}, {kernels}: {failure}" for failure in failures]
        worst = max(worst, status)
    print("".join(f"\n{failure}" for failure in every_failure))
    return int(worst > 0)


if __name__ == "__main__":
    sys.exit(main(tuple(sys.argv[1:]) or TESTS))
