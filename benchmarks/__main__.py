"""``python -m benchmarks [STAGE …]``: measure, print a Markdown table, and write it with all numbers as JSON."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks import report
from benchmarks.harness import Options, measured
from benchmarks.machine import Machine
from benchmarks.stages import stages


def main() -> int:
    every = stages()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=f"of {', '.join(every)}; all by default")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each side, in turn (default 3)")
    parser.add_argument("--full", action="store_true", help="also the large sizes, which take hours")
    parser.add_argument(
        "--output", type=Path, default=Path("data/bench"), help="folder for input and results (default data/bench)"
    )
    chosen = parser.parse_args()
    if unknown := set(chosen.stages) - set(every):
        parser.error(f"unknown stage {', '.join(sorted(unknown))}: use {', '.join(every)}")
    chosen.output.mkdir(parents=True, exist_ok=True)
    options = Options(chosen.output.absolute() / "input", chosen.full)
    machine = Machine.measured(chosen.output)
    print(machine.described(), "", report.HEADER, sep="\n", flush=True)
    results, failures = [], []
    for name in chosen.stages or every:
        for case in every[name].cases(options):
            try:
                results.append(measured(name, case, chosen.repeats))
            except (RuntimeError, AssertionError) as error:  # the other cases are still worth measuring
                failures.append(f"{name}, {case.name}: {error}")
                continue
            print(report.row(results[-1], machine), flush=True)
    report.saved(results, machine, chosen.output)
    print(*(f"\nfailed: {failure}" for failure in failures), file=sys.stderr)
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
