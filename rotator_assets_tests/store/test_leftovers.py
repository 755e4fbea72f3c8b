"""What results no longer need is found, and what anything may still be using is not."""

import json
import os
import time

import numpy as np
import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.files import ABANDONED_SECONDS
from rotator_assets.store.leftovers import leftovers
from rotator_assets.store.table_store import SUPERSEDED_SECONDS
from rotator_assets.store.tensors import open_tensor, writing_tensor
from rotator_assets.tables import open_store
from rotator_assets_tests.store.test_table_store import roc


@pytest.fixture
def store(tmp_path):
    return open_store(DataRoot(tmp_path))


def aged(path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def found(store) -> dict[str, list[str]]:
    return {one.what: sorted(path.name for path in one.paths) for one in leftovers(store) if one.paths}


def test_versions_replaced_a_while_ago_are_superseded(store):
    for rows in (1, 2, 3):
        store.write("roc_curves", "key", roc(0.5, rows=rows))
    first, second, third = sorted(store.root.tables.glob("roc_curves/key.*.parquet"))
    assert found(store) == {}
    aged(second, SUPERSEDED_SECONDS + 60)
    assert found(store) == {"superseded versions of tables": [first.name]}
    aged(third, SUPERSEDED_SECONDS + 60)
    for one in leftovers(store):
        one.remove()
    assert list(store.root.tables.glob("roc_curves/key.*.parquet")) == [third]
    assert len(store.read("roc_curves", "key")) == 3


def test_networks_checkpoints_and_parts_of_a_day_ago_are_abandoned(store):
    training = store.root.models / "manga-observed-64" / "thesis"
    for name in ("training-current", "training-old", "training-running", ".checkpoints-old", ".checkpoints-running"):
        (training / name).mkdir(parents=True)
        (training / name / "fold-0.keras").write_bytes(b"12345")
    (training / "model.json").write_text(json.dumps({"folder": "training-current"}))
    for part in (".figure.png.0123abcd.part", ".figure.png.0123abcd.part.png", ".hidden"):
        (training / part).write_bytes(b"1")
    for path in training.iterdir():
        if "running" not in path.name:
            aged(path, ABANDONED_SECONDS + 60)
    assert found(store) == {
        "replaced networks": ["training-old"],
        "checkpoints of interrupted trainings": [".checkpoints-old"],
        "unfinished files of stopped processes": [".figure.png.0123abcd.part", ".figure.png.0123abcd.part.png"],
    }
    assert sum(one.n_bytes for one in leftovers(store)) == 12
    for one in leftovers(store):
        one.remove()
    assert sorted(path.name for path in training.iterdir()) == [
        ".checkpoints-running",
        ".hidden",
        "model.json",
        "training-current",
        "training-running",
    ]


def test_images_outside_the_current_tensor_are_abandoned(store):
    folder = store.root.tensors / "manga-observed-64"
    with writing_tensor(folder, 4) as tensor:
        tensor.append("1-1", np.ones((4, 4, 3), np.float32), key="k")
    for name in ("images-0.npy", "images-0.jsonl", "unfinished-1.npy"):
        (folder / name).write_bytes(b"1")
        aged(folder / name, ABANDONED_SECONDS + 60)
    (folder / "unfinished-2.npy").write_bytes(b"1")
    assert found(store) == {
        "images of replaced or interrupted tensors": ["images-0.jsonl", "images-0.npy", "unfinished-1.npy"]
    }
    for one in leftovers(store):
        one.remove()
    assert open_tensor(folder).galaxy_ids == ("1-1",)
