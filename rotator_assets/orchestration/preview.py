"""What a plan would do: which steps would run and which are up to date, without writing to the data root.

Dagster's instance can only be asked by a process that may write to it, and changes of the inputs are recorded there.
The question is put to a copy of its databases in a temporary folder. An instance in Postgres is asked itself.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.files import nearest_existing
from rotator_assets.core.number_text import size_text
from rotator_assets.lineage.settings_file import load_settings
from rotator_assets.orchestration.at_work import RUN_STEP_TAG
from rotator_assets.orchestration.estimates import Estimate, Estimates, Measured
from rotator_assets.orchestration.plans import Step
from rotator_assets.orchestration.runner import Runner
from rotator_assets.orchestration.terminal import print_table, print_wrapped

RUNS, FOLLOWS, FRESH = "runs", "may run", "fresh"
"""States of a step: it runs, it runs if the results of an earlier step change, or it is up to date."""


@dataclass(frozen=True)
class _Mirror(DataRoot):
    """A data root whose results are links to those of another one, apart from Dagster's instance, which is a copy."""

    copy: Path

    @property
    def results(self) -> Path:
        """The folder of links."""
        return self.copy


def preview(
    root: DataRoot, steps: Sequence[Step], open_runner: Callable[[DataRoot], Runner]
) -> list[tuple[Step, str, Estimate]]:
    """Return the steps of a plan with the assets that would run, their states and estimates. Nothing is written.

    Parameters
    ----------
    root
        The data root.
    steps
        Steps of the plan, in order.
    open_runner
        Opens a runner on a data root.

    Returns
    -------
    list of (Step, str, Estimate)
        The estimate of a step that is up to date is zero.

    Raises
    ------
    InputError
        If ``settings.yaml`` or ``recipes.yaml`` has an error.
    """
    if not root.dagster_home.is_dir():
        estimates = Estimates(root, {})
        return [(step, RUNS, estimates.of(step)) for step in steps]
    with mirror(root) as reflected, open_runner(reflected) as runner:
        runner.observe()
        estimates = Estimates(reflected, measured(runner.instance))
        return [
            (step, state, Estimate(0, 0) if state == FRESH else estimates.of(step))
            for step, state in _states(runner, steps)
        ]


def measured(instance: dg.DagsterInstance) -> dict[str, Measured]:
    """Return the steps that were run successfully by title, the latest run of each."""
    found: dict[str, Measured] = {}
    for record in instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS])):  # the latest first
        run = record.dagster_run
        if RUN_STEP_TAG in run.tags and run.asset_selection and record.start_time and record.end_time:
            assets = frozenset(key.to_user_string() for key in run.asset_selection)
            title = run.tags[RUN_STEP_TAG].replace("_", " ")
            found.setdefault(title, Measured(assets, record.end_time - record.start_time))
    return found


def print_preview(root: DataRoot, found: Sequence[tuple[Step, str, Estimate]]) -> None:
    """Print what would run, with rough times and disk space."""
    rows = [
        (step.title, state, _duration(guess.seconds) if guess.seconds else "", _size(guess.n_bytes))
        for step, state, guess in found
    ]
    print_table(["step", "state", "time", "disk"], rows, numbers=["time", "disk"])
    seconds = sum(guess.seconds for _, _, guess in found)
    n_bytes = sum(guess.n_bytes for _, _, guess in found)
    n_measured = sum(guess.measured for _, _, guess in found)
    free = shutil.disk_usage(nearest_existing(root.path)).free
    print_wrapped(
        f"estimates: {_duration(seconds)} if one step runs after the other, {size_text(n_bytes)} "
        f"of {_size(free)} free. "
        + (
            f"Times of {n_measured} steps are those of their last run; others are rough."
            if n_measured
            else "They are rough: no step was run here before."
        )
    )
    if n_bytes > free:
        print_wrapped("warning: the disk has too little space")
    shared = load_settings(root).instance
    print("nothing was run; changed inputs were noted in Postgres" if shared else "nothing was run or written")


def _states(runner: Runner, steps: Sequence[Step]) -> Generator[tuple[Step, str]]:
    """Yield each step, reduced to the assets that are out of date, with its state."""
    staleness, running = runner.staleness(), set[str]()
    for step in steps:
        part = step if step.requested else runner.stale_part(step, staleness)
        if part.assets:
            running.add(step.title)
            yield part, RUNS
        elif running.intersection((*step.needs, *step.needs_one)) or (step.partition is None and running):
            running.add(step.title)
            yield step, FOLLOWS
        else:
            yield step, FRESH


@contextmanager
def mirror(root: DataRoot) -> Generator[DataRoot]:
    """Provide a data root that reads the results of another one and writes to a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="rotators-") as name:
        copy = Path(name)
        for entry in root.results.iterdir():
            if entry == root.dagster_home:
                _copy_instance(entry, copy / entry.name)
            elif entry == root.tables:
                for table in entry.iterdir():
                    link_files(table, copy / entry.name / table.name)
            else:
                (copy / entry.name).symlink_to(entry)
        yield _Mirror(root.path, copy)


def _copy_instance(home: Path, copy: Path) -> None:
    """Copy what Dagster knows about assets and runs; the events of single runs are not needed."""
    runs = home / "history" / "runs"

    def left_out(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if Path(folder) == runs and not name.startswith("index.db")]

    shutil.copytree(home, copy, ignore=left_out, copy_function=shutil.copyfile)
    for folder, _, files in os.walk(copy):  # those of a root that cannot be written
        for path in (Path(folder), *(Path(folder, name) for name in files)):
            path.chmod(path.stat().st_mode | stat.S_IRWXU)


def link_files(table: Path, copy: Path) -> None:
    """Link the files of a table, next to which others may be written."""
    if table.is_dir():
        copy.mkdir(parents=True)
        for file in table.iterdir():
            (copy / file.name).symlink_to(file)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, seconds):.0f} s"
    for limit, unit, length in ((90 * 60, "min", 60), (48 * 3600, "h", 3600)):
        if seconds < limit:
            return f"{seconds / length:.2g} {unit}"
    return f"{seconds / 86_400:.2g} days"


def _size(n_bytes: float) -> str:
    return size_text(n_bytes) if n_bytes else ""
