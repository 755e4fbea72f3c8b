"""Checksums of input files, recorded in table ``input_checksums`` when an asset reads them.

A file with the size and modification time of an earlier record is not read again for its checksum.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd

from rotator_assets.core import progress
from rotator_assets.core.errors import InputError
from rotator_assets.core.files import sha256_of
from rotator_assets.core.frames import rows_of
from rotator_assets.lineage.inputs import FOLDERS, listed_files
from rotator_assets.lineage.tables import TABLES
from rotator_assets.store.rows import Rows
from rotator_assets.store.table_store import TableStore

TABLE = "input_checksums"
_TOGETHER = 4096
_State = tuple[int, int]
"""Size and modification time of a file in bytes and ns."""


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
    rows, known = Rows(TABLES[TABLE]), _known(store, survey, source)
    rows.set(survey=survey, input=source, read_by=asset, partition=partition)
    files = list(listed_files(store.root.survey(survey), *FOLDERS[source]))

    def row(file: tuple[str, Path, os.stat_result]) -> dict[str, Any]:
        name, path, stat = file
        now = pd.Timestamp.now("UTC").tz_localize(None)
        digest, checked = known.get((name, (stat.st_size, stat.st_mtime_ns))) or (_digest(path), now)
        state = {"bytes": stat.st_size, "modified_ns": stat.st_mtime_ns}
        return {"path": name, **state, "sha256": digest, "checked_at": checked}

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(files), _TOGETHER):
            for one in pool.map(row, files[start : start + _TOGETHER]):
                rows.add(one)
            progress.report(f"checksums of {survey}", len(rows), len(files))
    return rows


def _known(store: TableStore, survey: str, source: str) -> dict[tuple[str, _State], tuple[str, pd.Timestamp]]:
    """Return checksum and its time of the recorded files, by name and state."""
    try:
        found = store.query(
            f"SELECT path, bytes, modified_ns, sha256, checked_at FROM {TABLE} "
            "WHERE survey = $survey AND input = $source AND sha256 IS NOT NULL",
            {"survey": survey, "source": source},
        )
    except InputError:  # a damaged file of the table must not stop what writes it again
        return {}
    columns = (found[name].tolist() for name in ("path", "bytes", "modified_ns", "sha256", "checked_at"))
    return {(path, (size, changed)): (digest, at) for path, size, changed, digest, at in zip(*columns, strict=True)}


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
        f"""SELECT input, count(*) AS n, sha256(string_agg(sha256 || '  ' || path || chr(10), '' ORDER BY path)) AS whole,
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
