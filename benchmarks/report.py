"""Results of the benchmarks as Markdown and JSON."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.harness import Measured, Result
from benchmarks.machine import Machine

HEADER = (
    "| stage | case | ours | peer | ratio | goal | CPU ratio | own + mapped GB | peer GB | of the limit | compared |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|"
)


def row(measured: Measured, machine: Machine) -> str:
    """Return the row of one case."""
    case, last = measured.case, measured.ours[-1]
    cells = [
        measured.stage,
        case.name,
        _rates(measured.ours, case.unit),
        _rates(measured.peer, case.unit),
        _number(measured.ratio),
        _number(case.goal),
        _number(_processor_ratio(measured)),
        f"{max(r.own_gb for r in measured.ours):.2f} + {max(r.mapped_gb for r in measured.ours):.2f}",
        f"{max(r.own_gb for r in measured.peer):.2f}" if measured.peer else "",
        f"{statistics.median(r.rate for r in measured.ours) / case.limit(machine, last):.0%}" if case.limit else "",
        measured.compared,
    ]
    return f"| {' | '.join(cells)} |"


def saved(results: Sequence[Measured], machine: Machine, folder: Path) -> None:
    """Write ``bench.md`` and ``bench.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [machine.described(), "", HEADER, *(row(measured, machine) for measured in results)]
    (folder / "bench.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    content = {"machine": machine.as_dict(), "results": [_content(measured, machine) for measured in results]}
    (folder / "bench.json").write_text(json.dumps(content, indent=1), encoding="utf-8")


def _content(measured: Measured, machine: Machine) -> dict[str, object]:
    case = measured.case
    return {
        "stage": measured.stage,
        "case": case.name,
        "unit": case.unit,
        "ours": [asdict(result) for result in measured.ours],
        "peer": [asdict(result) for result in measured.peer],
        "ratio": measured.ratio,
        "goal": case.goal,
        "limit": case.limit(machine, measured.ours[-1]) if case.limit else None,
        "compared": measured.compared,
    }


def _rates(results: Sequence[Result], unit: str) -> str:
    """Return the median rate with its range, or the seconds of one item where it takes longer than a second."""
    if not results:
        return ""
    rates = [result.rate for result in results]
    slow = statistics.median(rates) < 1
    values = sorted(1 / rate if slow else rate for rate in rates)
    spread = f" ({_number(values[0])} to {_number(values[-1])})" if len(values) > 1 else ""
    return f"{_number(statistics.median(values))}{' s' if slow else f' {unit}/s'}{spread}"


def _processor_ratio(measured: Measured) -> float | None:
    """Return the median ratio of items per second of processor time, which other programs disturb less."""
    pairs = zip(measured.ours, measured.peer, strict=False)
    ratios = [
        (own.items / own.processor_seconds) / (other.items / other.processor_seconds)
        for own, other in pairs
        if own.processor_seconds and other.processor_seconds
    ]
    return statistics.median(ratios) if ratios else None


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
