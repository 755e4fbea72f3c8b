"""History tables: many partitions in a few files, each found once at any moment."""

import os
import shutil
import threading
import time

import pandas as pd
import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.store import history_files
from rotator_assets.store.fingerprints import table_fingerprints
from rotator_assets.tables import TABLES, open_store

TABLE = "roc_curves_history"
MERGED_AT = 12


def rows(number: int) -> pd.DataFrame:
    """Two rows of one training."""
    values = dict.fromkeys(TABLES[TABLE].column_names)
    first = {"dataset": "d", "recipe": "r", "false_positive_rate": 0.0, "true_positive_rate": number, "synthetic": True}
    return pd.DataFrame([values | first, values | first | {"false_positive_rate": 1.0}])


def key(number: int) -> str:
    return f"d|r.training-{number}"


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store that merges fewer files than usual."""
    monkeypatch.setattr(history_files, "MERGED_AT", MERGED_AT)
    return open_store(DataRoot(tmp_path / "root"))


def keep(store, first: int, last: int) -> None:
    for number in range(first, last):
        assert store.keep(TABLE, key(number), rows(number))


def files(store) -> list:
    return sorted((store.root.tables / TABLE).glob("*.parquet"))


def in_view(store) -> list[int]:
    found = store.query(f"SELECT true_positive_rate AS n, count(*) AS c FROM {TABLE} GROUP BY n ORDER BY n")
    assert set(found["c"]) <= {2}
    return [int(n) for n in found["n"]]


def let_time_pass(store) -> None:
    for path in files(store):
        os.utime(path, (time.time() - 3600,) * 2)


def test_many_partitions_are_merged_and_each_is_found_once(store):
    keep(store, 0, 2 * MERGED_AT + 5)
    assert in_view(store) == list(range(2 * MERGED_AT + 5))
    assert len(store.partitions(TABLE)) == 2 * MERGED_AT + 5
    for number in (0, MERGED_AT - 1, MERGED_AT, 2 * MERGED_AT + 4):
        assert store.read(TABLE, key(number))["true_positive_rate"].tolist() == [number, number]
    several = store.read_several(TABLE, [key(MERGED_AT), key(1)])
    assert several["true_positive_rate"].tolist() == [MERGED_AT, MERGED_AT, 1, 1]


def test_merged_partitions_are_not_kept_again(store):
    keep(store, 0, MERGED_AT)
    let_time_pass(store)
    assert not store.keep(TABLE, key(3), rows(999))
    assert in_view(store) == list(range(MERGED_AT))


def test_merged_files_are_removed_once_no_query_can_read_them(store):
    keep(store, 0, MERGED_AT)
    assert len(files(store)) > MERGED_AT
    let_time_pass(store)
    assert len(store.superseded()) == MERGED_AT
    keep(store, MERGED_AT, MERGED_AT + 1)
    assert store.superseded() == []
    assert len([path for path in files(store) if not path.name.startswith("_schema")]) == 2
    assert in_view(store) == list(range(MERGED_AT + 1))
    assert store.read(TABLE, key(7))["true_positive_rate"].tolist() == [7, 7]


def test_two_processes_that_merge_the_same_files_lose_and_double_nothing(store):
    keep(store, 0, MERGED_AT)
    merged = next(path for path in files(store) if path.name.startswith("_merged"))
    content = merged.read_bytes()
    merged.unlink()
    keep(store, MERGED_AT, MERGED_AT + 1)  # merges again, with a newer version
    merged.write_bytes(content)
    assert in_view(store) == list(range(MERGED_AT + 1))


def test_a_damaged_merged_file_is_named_and_hides_no_other(store, tmp_path):
    keep(store, 0, 2 * MERGED_AT)
    let_time_pass(store)
    keep(store, 2 * MERGED_AT, 2 * MERGED_AT + 1)  # removes the single files
    copy = open_store(DataRoot(shutil.copytree(store.root.path, tmp_path / "copy")))  # which nobody has read
    damaged, _ = (path for path in files(copy) if path.name.startswith("_merged"))
    damaged.write_bytes(damaged.read_bytes()[:-20])
    assert len(copy.partitions(TABLE)) == MERGED_AT + 1
    assert copy.damaged() == [damaged]
    with pytest.raises(InputError, match=damaged.name):
        in_view(copy)


def test_fingerprints_do_not_depend_on_merging(store):
    keep(store, 0, MERGED_AT - 1)
    before = table_fingerprints(store, TABLE)
    keep(store, MERGED_AT - 1, MERGED_AT)
    after = table_fingerprints(store, TABLE)
    assert {k: after[k] for k in before} == before
    assert len(set(after.values())) == MERGED_AT


def test_queries_during_merges_see_every_partition_once(store):
    keep(store, 0, MERGED_AT - 5)
    ended, seen, errors = threading.Event(), [], []

    def look() -> None:
        while not ended.is_set():
            try:
                seen.append(len(in_view(store)))
            except Exception as error:
                errors.append(error)

    reader = threading.Thread(target=look)
    reader.start()
    keep(store, MERGED_AT - 5, 3 * MERGED_AT)
    ended.set()
    reader.join()
    assert errors == []
    assert seen == sorted(seen) and seen[0] >= MERGED_AT - 5
