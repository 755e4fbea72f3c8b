"""A reader that looks at the results again and again while they are made, and notes whatever is half-written."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any

import duckdb

from rotator_assets.tables import TABLES
from rotator_assets_tests.chaos import contents
from rotator_assets_tests.chaos.stages import Place

_SHARE = 0.25
"""Fraction of a processor that the looking takes."""
_LONGEST_PAUSE_SECONDS = 0.5
_TOGETHER = 6
"""Tables per look, so that each is looked at often while little of the processor's time is taken."""


class Watcher:
    """Looks at the results of a stage that makes, or makes again, what the contents of its end hold."""

    def __init__(self, place: Place, before: Mapping[str, Any], after: Mapping[str, Any], trainings: int = 1) -> None:
        self._place, self._after, self._trainings = place, after, trainings
        self._tables = sorted(after["rows of tables"])
        self._least = {name: sum(rows.values()) for name, rows in before["rows of tables"].items()}
        self._random = random.Random(1)
        self.looks = 0
        self.problems: list[str] = []

    def watch(self) -> None:
        """Look until the file appears that ends it, and write what was found next to it."""
        looks = (self._views, self._query, self._tensors, self._views, self._networks, self._report, self._outside)
        for look in cycle(looks):
            if stop_file(self._place).exists():
                break
            started = time.monotonic()
            self.looks += 1
            try:
                self.problems += look()
            except Exception as error:  # whatever a user would get to see
                self.problems.append(f"{look.__name__.strip('_')}: {' '.join(str(error).split())[:300]}")
            time.sleep(min(_LONGEST_PAUSE_SECONDS, (time.monotonic() - started) * (1 / _SHARE - 1)))
        found = {"looks": self.looks, "problems": sorted(set(self.problems))}
        found_file(self._place).write_text(json.dumps(found), encoding="utf-8")

    def _views(self) -> Iterator[str]:
        """Count the rows of some tables in the database that users open."""
        database = self._place.root / "rotators.duckdb"
        if database.is_file():
            with duckdb.connect(str(database), read_only=True) as connection:
                for name in self._random.sample(self._tables, min(_TOGETHER, len(self._tables))):
                    yield from self._judged(name, connection.sql(_counted(name)).fetchall())

    def _query(self) -> Iterator[str]:
        """Count the rows of a table as `rotators query` does; before, it would write what a run writes first."""
        from rotator_assets.orchestration.answers import answering

        if self._tables and (self._place.root / "rotators.duckdb").is_file():
            name = self._random.choice(self._tables)
            with answering(_store(self._place.root), _counted(name)) as (_, answer, _):
                yield from self._judged(name, answer.fetchall() if answer else [])

    def _judged(self, name: str, counted: list[tuple[Any, ...]]) -> Iterator[str]:
        n, least = counted[0][0], self._least.get(name, 0)
        if n < least or not self._may_be(name, n):
            yield f"{name} had {n} rows, after {least} and of {sum(self._after['rows of tables'][name].values())}"
        self._least[name] = max(n, least)

    def _may_be(self, name: str, n: int) -> bool:
        """Return whether whole partitions can have so many rows: one asset after another writes some tables."""
        rows = self._after["rows of tables"][name]
        total = sum(rows.values())
        if TABLES[name].shared:
            return n <= total
        is_whole = n % max(1, total // self._trainings) == 0
        return is_whole and (n <= total or TABLES[name].kept)

    def _tensors(self) -> Iterator[str]:
        for manifest in self._place.root.glob("results/tensors/*/manifest.json"):
            if contents.tensor_version(manifest.parent) != self._after["tensors"][manifest.parent.name]:
                yield f"{manifest.parent.name}: another tensor"

    def _networks(self) -> Iterator[str]:
        from rotator_assets.store.models import open_models

        for manifest in self._place.root.glob("results/models/*/*/model.json"):
            models = open_models(manifest.parent)
            expected = self._after["networks"][f"{manifest.parent.parent.name} {manifest.parent.name}"]
            for name in expected:
                if name.endswith(".keras") and contents.weights(models.folder / name) != expected[name]:
                    yield f"{name}: another network"

    def _report(self) -> Iterator[str]:
        if contents.report_is_whole(self._place.root / "results" / "study_report.html") is False:
            yield "study_report.html: not whole"

    def _outside(self) -> Iterator[str]:
        """Read what was exported and predicted."""
        found = contents.outside_of(self._place.outside)
        for name, content in found.items():
            if content and content != self._after[name]:
                yield f"{name}: not whole"


def stop_file(place: Place) -> Path:
    """Return the file whose appearance ends the watch."""
    return place.now / "stop"


def found_file(place: Place) -> Path:
    """Return the file with what was found."""
    return place.now / "found.json"


@contextmanager
def watching(place: Place, watcher: Watcher) -> Iterator[dict[str, Any]]:
    """Watch in another process during the block; what was found is there after it."""
    process = place.process(watcher.watch, "watcher")
    found: dict[str, Any] = {}
    try:
        yield found
    finally:
        stop_file(place).touch()
        if process.wait(60) == 0:
            found |= json.loads(found_file(place).read_text(encoding="utf-8"))
        else:
            process.kill()
            found |= {"looks": 0, "problems": [f"the watcher ended with {process.status}: {process.output[-500:]}"]}


def _counted(name: str) -> str:
    """Return the query for the number of rows of a table; the hash makes it read every column."""
    return f'SELECT count(*), bit_xor(hash(t)) FROM "{name}" AS t'


@cache
def _store(root: Path) -> Any:
    from rotator_assets.core.data_root import DataRoot
    from rotator_assets.tables import open_store

    return open_store(DataRoot(root))
