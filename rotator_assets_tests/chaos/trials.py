"""One trial: a stage is killed, given again, and its results are compared with those of an undisturbed run."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from rotator_assets_tests.chaos.contents import difference
from rotator_assets_tests.chaos.processes import Process, end_orphans
from rotator_assets_tests.chaos.stages import LIMIT_SECONDS, Place, Stage, contents_now
from rotator_assets_tests.chaos.watching import Watcher, watching

_SOONER = 0.6
ORPHAN_SECONDS = 30.0
"""How long processes may take to end that a killed one had started."""


@dataclass
class Trial:
    """What has become of a stage that was disturbed and given again."""

    name: str
    lost: int = 0
    surplus: int = 0
    looks: int = 0
    half_written: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def survived(self) -> bool:
        """Whether nothing of the disturbance shows."""
        return not (self.lost or self.surplus or self.half_written or self.problems)


def kill_at(place: Place, stage: Stage, name: str, variables: dict[str, str]) -> Trial:
    """Let a process of the stage kill itself at the moment that the variables name."""

    def disturb() -> Process:
        process = stage.start(place, **variables)
        process.wait(LIMIT_SECONDS)
        return process

    return disturbed(place, stage, name, disturb, partial(_was_killed, place))


def kill_after(place: Place, stage: Stage, name: str, seconds: float) -> Trial:
    """Kill all processes of the stage after so many seconds, or sooner if it does not take so long this time."""

    def disturb(seconds: float) -> Process:
        process = started_before(place, stage, seconds)
        process.kill()
        return process

    return in_time(
        seconds, lambda left: disturbed(place, stage, name, partial(disturb, left), partial(_was_killed, place))
    )


class TooLate(Exception):
    """The stage has ended before it could be disturbed."""


def started_before(place: Place, stage: Stage, seconds: float) -> Process:
    """Start a stage so many seconds before now; raises TooLate where it has ended."""
    process = stage.start(place)
    if process.wait(seconds) is not None:
        raise TooLate
    return process


def in_time(seconds: float, attempt: Callable[[float], Trial]) -> Trial:
    """Return the first trial that is not too late, with less time at each attempt."""
    while True:
        try:
            return attempt(seconds)
        except TooLate:
            seconds *= _SOONER


def _was_killed(place: Place, process: Process) -> Iterator[str]:
    if (process.status or 0) >= 0 and not (place.now / "killed").exists():
        yield f"it was not killed: it ended with {process.status}: {process.output[-500:]}"


def disturbed(
    place: Place, stage: Stage, name: str, disturb: Callable[[], Process], judge: Callable[[Process], Iterable[str]]
) -> Trial:
    """Disturb a stage, give it again, and compare what it has made.

    Parameters
    ----------
    place
        Where it runs.
    stage
        The stage.
    name
        Name of the trial.
    disturb
        Starts the stage and returns its process once that has ended.
    judge
        Says what is wrong with that end.
    """
    place.restore(stage.before)
    trial, started = Trial(name), time.monotonic()
    reference = place.reference(stage.after)
    with watching(place, Watcher(place, place.reference(stage.before), reference, stage.trainings)) as found:
        process = disturb()
        if process.status is None:
            process.kill()
            trial.problems.append(f"it did not end: {process.output[-1000:]}")
        trial.problems += judge(process)
        again = stage.start(place, "command again")
        if again.wait(LIMIT_SECONDS) != 0:
            again.kill()
            trial.problems.append(f"given again, it ended with {again.status}: {again.output[-1000:]}")
    end_orphans(ORPHAN_SECONDS)
    trial.looks, trial.half_written = found["looks"], found["problems"]
    try:
        _compare(trial, contents_now(place), reference)
    except RuntimeError as error:
        trial.problems.append(str(error))
    trial.seconds = time.monotonic() - started
    return trial


def _compare(trial: Trial, found: dict[str, Any], reference: dict[str, Any]) -> None:
    differing = difference(found, reference)
    trial.lost, trial.surplus = differing.lost, differing.surplus
    trial.problems += differing.other


def note(trial: Trial, file: Path) -> None:
    """Add a line of JSON with the trial to a file."""
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(vars(trial)) + "\n")
