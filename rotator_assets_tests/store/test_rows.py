"""Rows gathered one by one: the same table, types and hash as from one frame."""

import numpy as np
import pandas as pd
import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.store import frame_content, rows
from rotator_assets.store.frame_content import content_hash
from rotator_assets.store.rows import Rows
from rotator_assets.tables import TABLES, open_store

IMAGES = [
    {"dataset": "d", "galaxy_id": "1-1", "usable": True, "tensor_row": 0, "r_eff_pixels": 2.5, "mock_seed": 2**63 + 1},
    {"dataset": "d", "galaxy_id": "1-2", "usable": False, "reason": "blended", "r_eff_pixels": np.nan},
    {"dataset": "d", "galaxy_id": "caf\udce9", "usable": True, "tensor_row": 1, "path": "images/caf\udce9.fits"},
]


@pytest.fixture
def gathered(monkeypatch) -> Rows:
    """Three rows, of which two wait in the file together."""
    monkeypatch.setattr(rows, "_TOGETHER", 2)
    gathered = Rows(TABLES["images"])
    for row in IMAGES:
        gathered.add(row)
    gathered.set(synthetic=True)
    return gathered


@pytest.fixture
def whole() -> pd.DataFrame:
    types = {column.name: column.dtype for column in TABLES["images"].columns}
    rows = [row | {"synthetic": True} for row in IMAGES]
    return pd.DataFrame({name: pd.Series([r.get(name) for r in rows], dtype=kind) for name, kind in types.items()})


def test_gathered_rows_are_those_of_one_frame(gathered, whole):
    assert len(gathered) == 3 and [len(part) for part in gathered.parts()] == [2, 1]
    pd.testing.assert_frame_equal(gathered.frame(), whole)
    pd.testing.assert_frame_equal(gathered.frame(["reason", "usable"]), whole[["reason", "usable"]])
    assert content_hash(gathered) == content_hash(whole)


def test_gathered_rows_become_the_same_table(tmp_path, gathered, whole):
    store = open_store(DataRoot(tmp_path))
    store.write("images", "gathered", gathered)
    store.write("images", "whole", whole)
    pd.testing.assert_frame_equal(store.read("images", "gathered"), store.read("images", "whole"))
    assert store.read("images", "whole", ["galaxy_id"])["galaxy_id"].tolist() == ["1-1", "1-2", "caf\\udce9"]


def test_no_rows_are_an_empty_table(tmp_path):
    store = open_store(DataRoot(tmp_path))
    store.write("images", "d", Rows(TABLES["images"]))
    assert store.read("images", "d").empty and store.partitions("images") == ["d"]


def test_a_hash_does_not_depend_on_how_many_rows_are_hashed_together(whole, monkeypatch):
    together = content_hash(whole)
    monkeypatch.setattr(frame_content, "_HASHED_TOGETHER", 2)
    assert content_hash(whole) == together == content_hash(whole.set_axis([5, 5, 5]))
