"""Kill commands at 40 named points and 160 random moments: `python -m rotator_assets_tests.chaos --help`."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path

from rotator_assets_tests.chaos import processes, trials
from rotator_assets_tests.chaos.full_disk import fill_after, small_disk
from rotator_assets_tests.chaos.points import POINTS, Point
from rotator_assets_tests.chaos.stages import STAGES, Place, prepare_states, write_recipes
from rotator_assets_tests.chaos.trials import Trial

MOMENTS = 160
_EARLIEST_SECONDS = 0.2
_LATEST = 0.95
"""Fraction of the time that a stage takes undisturbed."""
Planned = tuple[str, Callable[[Place, float], Trial]]
"""Name of a stage, and the function that makes a trial of it, given the seconds that the stage takes."""


def main(arguments: Sequence[str]) -> int:
    """Run the trials that the arguments name, and print what has become of them; return the exit status."""
    chosen = _parser().parse_args(arguments)
    planned = _planned(chosen)
    folder = Path(chosen.folder or tempfile.mkdtemp(prefix="chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    try:
        write_recipes(folder)
        processes.prepare()
        with small_disk(folder) if chosen.full_disk else nullcontext(Place(folder)) as place:
            done = _tried(place, planned)
    finally:
        processes.end_orphans()
        if not chosen.folder:
            shutil.rmtree(folder, ignore_errors=True)
    return _summary(done, time.monotonic() - started)


def _tried(place: Place, planned: Sequence[Planned]) -> list[Trial]:
    """Make the trials until an interrupt, and print what becomes of each."""
    seconds = prepare_states(place, [STAGES[stage] for stage, _ in planned])
    print(f"undisturbed: {', '.join(f'{name} {value:.1f} s' for name, value in seconds.items())}", flush=True)
    done = []
    with suppress(KeyboardInterrupt):  # what was tried until then is summed up
        for number, (stage, run) in enumerate(planned, start=1):
            done.append(run(place, seconds[stage]))
            _show(done[-1], number, len(planned))
            trials.note(done[-1], place.folder / "trials.jsonl")
    return done


def _planned(chosen: argparse.Namespace) -> list[Planned]:
    """Return the selected trials."""
    if chosen.full_disk:
        planned = _moments("full disk", chosen.full_disk, chosen.seed)
    else:
        planned = _points() if chosen.points or not chosen.moments else {}
        if chosen.moments or not chosen.points:
            planned |= _moments("kill", chosen.moments or MOMENTS, chosen.seed)
    named = [trial for name, trial in planned.items() if chosen.only in name]
    part, parts = map(int, chosen.part.split("/"))
    return named[part - 1 :: parts]


def _points() -> dict[str, Planned]:
    def at(name: str, point: Point) -> Planned:
        stage = STAGES[point.stage]
        return point.stage, lambda place, _: trials.kill_at(place, stage, name, point.variables(place))

    return {name: at(name, point) for name, point in POINTS.items()}


def _moments(what: str, number: int, seed: int) -> dict[str, Planned]:
    """Draw stages by their weights, and a moment of each."""
    drawn = random.Random(seed)
    names = drawn.choices([*STAGES], [stage.weight for stage in STAGES.values()], k=number)
    disturb: Callable[..., Trial] = fill_after if what == "full disk" else trials.kill_after

    def at(title: str, name: str, fraction: float) -> Planned:
        def run(place: Place, seconds: float) -> Trial:
            return disturb(place, STAGES[name], title, max(_EARLIEST_SECONDS, fraction * seconds))

        return name, run

    planned = {}
    for n, name in enumerate(names, start=1):
        fraction = drawn.uniform(0, _LATEST)
        title = f"{what} {n}: {name} after {fraction:.0%} of its time"
        planned[title] = at(title, name, fraction)
    return planned


def _show(trial: Trial, number: int, total: int) -> None:
    state = "survived" if trial.survived else "FAILED"
    print(f"{number}/{total} {trial.name}: {state} ({trial.seconds:.1f} s, {trial.looks} reads)", flush=True)
    for line in (*trial.half_written, *trial.problems):
        print(f"    {line}", flush=True)


def _summary(done: Sequence[Trial], seconds: float) -> int:
    survived = sum(trial.survived for trial in done)
    print(
        f"survived: {survived} of {len(done)}; rows lost: {sum(trial.lost for trial in done)}; rows duplicated: "
        f"{sum(trial.surplus for trial in done)}; half-written reads: {sum(len(trial.half_written) for trial in done)} "
        f"of {sum(trial.looks for trial in done)}; {seconds / 60:.1f} minutes"
    )
    return int(survived < len(done) or not done)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rotator_assets_tests.chaos", description=__doc__)
    parser.add_argument("--points", action="store_true", help="only the named points")
    parser.add_argument(
        "--moments", type=int, nargs="?", const=MOMENTS, help=f"only so many random moments (default: {MOMENTS})"
    )
    parser.add_argument(
        "--full-disk",
        type=int,
        nargs="?",
        const=20,
        help="full disks at so many random moments (default: 20), as root",
    )
    parser.add_argument("--part", default="1/1", help="one of several parts, such as 2/4")
    parser.add_argument("--seed", type=int, default=1, help="seed of the random moments")
    parser.add_argument("--only", default="", help="only trials with this in their name")
    parser.add_argument("--folder", help="folder to work in, which is kept; undisturbed results in it are used again")
    return parser


if __name__ == "__main__":
    # Networks are small, and several parts may run at a time.
    for variable in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    raise SystemExit(main(sys.argv[1:]))
