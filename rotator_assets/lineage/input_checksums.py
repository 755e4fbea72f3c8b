"""Checksums of input files, recorded in table ``input_checksums`` when an asset reads them.

A file with the size and modification time of an earlier record is not read again for its checksum.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.core import progress
from rotator_assets.core.errors import InputError
from rotator_assets.core.files import sha256_of, walk_files
from rotator_assets.core.frames import rows_of
from rotator_assets.lineage.inputs import FOLDERS, listed_files
from rotator_assets.lineage.tables import TABLES
from rotator_assets.store.rows import Rows
from rotator_assets.store.table_store import TableStore
from rotator_assets.surveys import SURVEYS

TABLE = "input_checksums"
_TOGETHER, _OF_A_THREAD = 4096, 64


def input_checksums(store: TableStore, survey: str, asset: str, partition: str, source: str) -> Rows:
    """Return the rows of ``input_checksums`` for the files that an asset is about to read.

    Parameters
    ----------
    store : TableStore
        Tables of the data root.
    survey : str
        The survey.
    asset, partition : str
        The asset that reads the files, and its partition.
    source : str
        The input, one of `inputs.FOLDERS`.

    Returns
    -------
    Rows
        One per file; the asset sets ``synthetic``.
    """
    rows, known, folder = Rows(TABLES[TABLE]), _Known.of(store, survey, source), store.root.survey(survey)
    rows.set(survey=survey, input=source, read_by=asset, partition=partition)
    names = SURVEYS[survey].folders[FOLDERS[source]]
    total = sum(1 for name in names for _ in walk_files(folder / name))
    files = listed_files(folder, *names)

    def rows_of_part(part: Sequence[tuple[str, Path, os.stat_result]]) -> list[dict[str, Any]]:
        found, now = [], np.datetime64(datetime.now(UTC).replace(tzinfo=None), "us")
        for name, path, stat in part:
            digest, checked = known.get(name, stat) or (_digest(path), now)
            state = {"bytes": stat.st_size, "modified_ns": stat.st_mtime_ns}
            found.append({"path": name, **state, "sha256": digest, "checked_at": checked})
        return found

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while some := list(islice(files, _TOGETHER)):
            parts = [some[start : start + _OF_A_THREAD] for start in range(0, len(some), _OF_A_THREAD)]
            for row in chain.from_iterable(pool.map(rows_of_part, parts)):
                rows.add(row)
            progress.report(f"checksums of {survey}", len(rows), max(len(rows), total))
    return rows


@dataclass(frozen=True)
class _Known:
    """The recorded files of an input, of which there may be half a million."""

    number_of: dict[str, int]
    state: NDArray[np.int64]
    """Size in bytes and modification time in ns, (n, 2)."""
    sha256: NDArray[np.object_]
    checked_at: NDArray[np.datetime64]

    @classmethod
    def of(cls, store: TableStore, survey: str, source: str) -> _Known:
        """Return the latest record of each file of an input."""
        rows = pd.DataFrame(columns=["path", "bytes", "modified_ns", "sha256", "checked_at"])
        with suppress(InputError):  # a damaged file of the table must not stop what writes it again
            rows = store.query(
                f"SELECT {', '.join(rows.columns)} FROM {TABLE} "
                "WHERE survey = $survey AND input = $source AND sha256 IS NOT NULL ORDER BY checked_at",
                {"survey": survey, "source": source},
            )
        return cls(
            {name: number for number, name in enumerate(rows["path"])},
            rows[["bytes", "modified_ns"]].to_numpy(np.int64),
            rows["sha256"].to_numpy(object),
            rows["checked_at"].to_numpy("datetime64[us]"),
        )

    def get(self, name: str, stat: os.stat_result) -> tuple[str, np.datetime64] | None:
        """Return the checksum of a file and when it was computed; None where the file has changed since or is new."""
        number = self.number_of.get(name)
        if number is None or self.state[number].tolist() != [stat.st_size, stat.st_mtime_ns]:
            return None
        return self.sha256[number], self.checked_at[number]


def _digest(path: Path) -> str | None:
    try:
        return sha256_of(path)
    except OSError:  # the reader of the file says why
        return None


def inputs_of(store: TableStore, survey: str, dataset: str) -> dict[str, Any]:
    """Return the recorded inputs of a dataset.

    Parameters
    ----------
    store : TableStore
        Tables of the data root.
    survey, dataset : str
        The dataset and its survey.

    Returns
    -------
    dict
        By input: the number of its files, and the SHA-256 of the list of their checksums and names that ``sha256sum``
        writes; for catalogues also the checksum of each file.
    """
    found = store.query(
        f"""SELECT input, count(*) AS n,
        sha256(string_agg(sha256 || '  ' || path || chr(10), '' ORDER BY path)) AS whole,
        CASE WHEN input = 'catalog_files' THEN to_json(map(list(path ORDER BY path), list(sha256 ORDER BY path))) END
        AS each
        FROM (SELECT DISTINCT input, path, sha256 FROM {TABLE} WHERE survey = $survey
              AND partition IN ($survey, $dataset) AND sha256 IS NOT NULL)
        GROUP BY input ORDER BY input""",
        {"survey": survey, "dataset": dataset},
    )
    return {
        row.input: {
            "files": int(row.n),
            "sha256": row.whole,
            **({"each": json.loads(row.each)} if row.each else {}),
        }
        for row in rows_of(found)
    }


class State(Enum):
    """What has become of an input file since an asset read it."""

    SAME = "same"
    CHANGED = "changed"
    GONE = "gone"
    DAMAGED = "damaged"
    NOT_RECORDED = "not recorded"


def check_inputs(store: TableStore, survey: str, *, fast: bool) -> Iterator[tuple[str, str, State]]:
    """Compare the input files of a survey with what assets have read.

    A file with another content, but the size and modification time that it had, is damaged: whoever edits a file
    changes its time.

    Parameters
    ----------
    store : TableStore
        Tables of the data root.
    survey : str
        The survey.
    fast : bool
        Compare size and time only.

    Yields
    ------
    tuple
        The input, the name of the file, and its state. A file that was read twice, with different contents, comes
        twice.
    """
    folder = store.root.survey(survey)
    found = store.query(
        f"""SELECT DISTINCT ON (input, path, sha256, bytes, modified_ns) input, path, sha256, bytes, modified_ns
        FROM {TABLE} WHERE survey = $survey ORDER BY input, path""",
        {"survey": survey},
    )

    def state(row: Any) -> State:
        if pd.isna(row.sha256):
            return State.NOT_RECORDED
        path = folder / row.path
        try:
            stat = path.stat()
            touched = (stat.st_size, stat.st_mtime_ns) != (row.bytes, row.modified_ns)
            if fast:
                return State.CHANGED if touched else State.SAME
            if sha256_of(path) == row.sha256:
                return State.SAME
            return State.CHANGED if touched else State.DAMAGED
        except FileNotFoundError:
            return State.GONE
        except OSError:
            return State.DAMAGED

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(found), _TOGETHER):
            some = list(rows_of(found.iloc[start : start + _TOGETHER]))
            for row, its_state in zip(some, pool.map(state, some), strict=True):
                yield row.input, row.path, its_state
            progress.report(f"files of {survey}", start + len(some), len(found))
