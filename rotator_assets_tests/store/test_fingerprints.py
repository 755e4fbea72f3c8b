"""Fingerprints are equal exactly for equal content."""

from dataclasses import replace

import pandas as pd
import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.store.columns import Column
from rotator_assets.store.fingerprints import picture_fingerprints, table_fingerprints
from rotator_assets.store.table_store import TableStore
from rotator_assets.tables import TABLES, open_store

KEY = "manga-observed-64|thesis"


@pytest.fixture
def root(tmp_path) -> DataRoot:
    return DataRoot(tmp_path / "it's a root [1]")


def _metrics(**values) -> pd.DataFrame:
    row = {"dataset": "manga-observed-64", "recipe": "thesis", "auc": 0.75, "run_id": "first", "seconds": 1.0, **values}
    return pd.DataFrame([row]).reindex(columns=TABLES["model_metrics"].column_names)


def _now(root) -> str:
    return table_fingerprints(open_store(root), "model_metrics")[KEY]


def _write(root, **values) -> str:
    open_store(root).write("model_metrics", KEY, _metrics(**values))
    return _now(root)


def test_rows_written_again_by_another_run_have_the_same_fingerprint(root):
    first = _write(root)
    assert _write(root, run_id="second", seconds=2.0) == first
    assert _write(root, auc=0.7500001) != first
    assert _write(root) == first


def test_null_differs_from_empty_text_and_from_other_columns(root):
    assert len({_write(root, recipe=None), _write(root, recipe=""), _write(root, recipe=None, profile="thesis")}) == 3


def test_the_number_of_rows_counts_and_their_order_does_not(root):
    store, frame = open_store(root), pd.concat([_metrics(recipe="a"), _metrics(recipe="b")])
    store.write("model_metrics", KEY, frame)
    first = _now(root)
    store.write("model_metrics", KEY, frame.iloc[::-1])
    assert _now(root) == first
    store.write("model_metrics", KEY, pd.concat([frame, frame.iloc[:1]]))
    assert _now(root) != first
    store.write("model_metrics", KEY, frame.iloc[:0])
    assert _now(root) != first


def test_a_new_column_that_old_files_lack_changes_no_fingerprint(root, monkeypatch):
    first = _write(root)
    table = TABLES["model_metrics"]
    columns = (*table.columns, Column("a_new_one", "DOUBLE", "not known to the first file"))
    monkeypatch.setitem(TABLES, "model_metrics", replace(table, columns=columns))
    assert _write(root) == first
    assert _write(root, a_new_one=1.0) != first


def test_a_file_superseded_while_reading_is_skipped(root, monkeypatch):
    _write(root)
    latest = TableStore.latest_files
    gone = root.tables / "model_metrics" / f"gone.{'0' * 20}.parquet"
    monkeypatch.setattr(TableStore, "latest_files", lambda store, table: {**latest(store, table), "gone": gone})
    assert set(table_fingerprints(open_store(root), "model_metrics")) == {KEY}


def test_pictures_are_compared_by_their_bytes(root):
    picture = root.figures / "manga-observed-64" / "thesis" / "roc.png"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"one")
    (picture.parent / "roc.pdf").write_bytes(b"not shown in the report")
    (picture.parent / ".roc.png.part").write_bytes(b"half")
    first = picture_fingerprints(root)
    assert set(first) == {KEY} and set(first[KEY]) == {"roc.png"}
    picture.write_bytes(b"two")
    second = picture_fingerprints(root)
    picture.write_bytes(b"one")
    assert first == picture_fingerprints(root) != second
