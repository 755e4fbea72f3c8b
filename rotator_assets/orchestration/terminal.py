"""Output of the command line: progress, tables and texts, on a terminal and in a pipe."""

from __future__ import annotations

import sys
import textwrap
import threading
import time
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress
from rich.table import Column, Table
from rich.text import Text

from rotator_assets.core import progress as reports
from rotator_assets.core.keys import WHOLE
from rotator_assets.core.verbosity import Verbosity

if TYPE_CHECKING:
    from rotator_assets.orchestration.plans import Step
    from rotator_assets.store.table_store import TableStore

_WIDE = 1_000_000
"""Width of tables in a pipe or a file, where nothing is cut."""

_LONG = 30
"""Texts longer than this may be wrapped in their column."""


def output_console() -> Console:
    """Return a console for standard output: without limit of width or colours in a pipe or a file."""
    if _on_terminal():
        return _Console(highlight=False)
    return _Console(highlight=False, width=_WIDE, force_terminal=False, color_system=None)


def _on_terminal() -> bool:
    """Return whether standard output is a terminal. Rich takes the pipes of Jupyter for one, by variables."""
    # It is None where it was closed.
    return sys.stdout is not None and sys.stdout.isatty()  # pyright: ignore[reportUnnecessaryComparison]


class _Console(Console):
    """A console that leaves it to the command to end if the reader of its output has gone."""

    def on_broken_pipe(self) -> None:
        """Raise BrokenPipeError, where rich would exit with status 1."""
        raise BrokenPipeError


class Progress:
    """Progress bars on a terminal, and one line per finished step. Standard error is reserved for errors.

    A quiet one shows nothing. A verbose one prints a line for each report instead of bars, unless ``logged``: the same
    is in the log of the runs.
    """

    def __init__(self, verbosity: Verbosity = Verbosity.NORMAL, logged: bool = False) -> None:
        force = None if _on_terminal() else False
        self._console = _Console(highlight=False, quiet=verbosity is Verbosity.QUIET, force_terminal=force)
        self._prints_reports = verbosity is Verbosity.VERBOSE and not logged
        self._bars = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[note]}"),
            console=self._console,
            disable=not self._console.is_terminal or verbosity is not Verbosity.NORMAL,
        )
        self._steps = None
        self._stages: dict[str, TaskID] = {}
        self._running: dict[Step, float] = {}
        self._changing = threading.Lock()  # several trainings may report at once

    def __enter__(self) -> Progress:
        self._bars.start()
        self._listening = reports.listening(self.stage)
        self._listening.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._listening.__exit__(*error)
        self._bars.stop()

    def stage(self, name: str, done: int, total: int, note: str = "") -> None:
        """Update the bar of a stage.

        Parameters
        ----------
        name
            What is being computed.
        done, total
            Steps of the stage that are finished, and all of them.
        note
            Details to show next to the bar.
        """
        if self._prints_reports:
            self._console.print(f"{name}: {done}/{total} {note}".rstrip(), soft_wrap=True)
        with self._changing:
            if name not in self._stages:
                self._stages[name] = self._bars.add_task(name, total=total, note=note)
            self._bars.update(self._stages[name], description=f"  {name}", completed=done, total=total, note=note)
            if done == total:
                self._bars.remove_task(self._stages.pop(name))

    def step(self, step: Step, settled: int, total: int, state: str) -> None:
        """Show the state of a step.

        Parameters
        ----------
        step
            The step.
        settled, total
            Steps of the plan that are settled, and all of them.
        state
            One of start, done, fresh, failed and skipped.
        """
        if self._steps is None:
            self._steps = self._bars.add_task("steps", total=total, note="")
        if state == "start":
            self._running[step] = time.monotonic()
            self._bars.update(self._steps, description=step.title)
            return
        seconds = f" in {time.monotonic() - self._running.pop(step):.1f} s" if step in self._running else ""
        self._remove_bars_left()
        self._bars.update(self._steps, completed=settled)
        self._console.print(f"{settled}/{total} {step.title}: {state}{seconds}")

    def _remove_bars_left(self) -> None:
        """Remove the bars of failed steps."""
        at_work = tuple(step.partition.replace("|", " ") for step in self._running if step.partition)
        with self._changing:
            for name in [name for name in self._stages if not name.endswith(at_work)]:
                self._bars.remove_task(self._stages.pop(name))


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    title: str | None = None,
    numbers: Collection[str] = (),
    console: Console | None = None,
) -> None:
    """Print a table without cutting anything.

    On a terminal that is too narrow, even with long texts wrapped, each row is printed as a record, with one line per
    column.

    Parameters
    ----------
    columns
        Names of the columns.
    rows
        Values by row; None is an empty cell.
    title
        Title above the table.
    numbers
        Columns to align on the right.
    console
        Where to print; by default standard output.
    """
    console = console or output_console()
    texts = [["" if value is None else str(value) for value in row] for row in rows]
    if console.is_terminal and _room_needed(console, columns, texts) > console.width:
        _print_records(console, columns, texts, title)
        return
    heads = (Column(Text(c), overflow="fold", justify="right" if c in numbers else "left") for c in columns)
    table = Table(*heads, title=Text(title) if title else None, box=box.SIMPLE_HEAD, title_justify="left")
    for row in texts:
        table.add_row(*map(Text, row))
    console.print(table)


def _print_records(console: Console, columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None) -> None:
    if title:
        console.print(Text(title))
    if not rows:
        console.print(Text(f"no rows; the columns are: {', '.join(columns)}"))
    for number, row in enumerate(rows, start=1):
        console.rule(f"{number} of {len(rows)}", align="left", style="")
        record = Table.grid(Column(no_wrap=True), Column(overflow="fold"), padding=(0, 2, 0, 0))
        for name, value in zip(columns, row, strict=True):
            record.add_row(Text(name), Text(value))
        console.print(record)


def _room_needed(console: Console, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Return the minimum width of a terminal for a table."""
    least = [_least_width([name, *(row[n] for row in rows)]) for n, name in enumerate(columns)]
    empty = Table(*(Column(min_width=width) for width in least), box=box.SIMPLE_HEAD)
    return Measurement.get(console, console.options.update(width=_WIDE), empty).minimum


def _least_width(texts: Sequence[str]) -> int:
    """Return the width of a column in which texts longer than _LONG wrap between words."""
    line = max(cell_len(line) for text in texts for line in text.split("\n"))
    word = max((cell_len(word) for text in texts for word in text.split()), default=0)
    return max(word, min(line, _LONG))


def print_wrapped(text: str, indent: str = "", hanging: str | None = None) -> None:
    """Print a text, wrapped between words on a terminal and whole in a pipe. Words are never broken.

    Parameters
    ----------
    text
        The text.
    indent
        Beginning of the first line.
    hanging
        Beginning of further lines; by default as long as ``indent``.
    """
    hanging = " " * len(indent) if hanging is None else hanging
    print(
        textwrap.fill(
            text,
            output_console().width,
            initial_indent=indent,
            subsequent_indent=hanging,
            break_long_words=False,
            break_on_hyphens=False,
        )
    )


def print_notices(store: TableStore, steps: Iterable[Step]) -> None:
    """Print the notices of some steps: inputs that are not used as the user may expect."""
    from rotator_assets.lineage.notices import notices_of

    made = [(asset, step.partition or WHOLE) for step in steps for asset in step.assets]
    for survey, notice in notices_of(store, made):
        print(f"notice: {survey}: {notice}")
