"""Assets of training on another survey and of the injection-recovery test: tables, pictures and numbers."""

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.recipes import Recipe
from rotator_assets.lineage import snapshot
from rotator_assets.lineage.partitions import training_key
from rotator_assets.robustness.injection import assets as planted
from rotator_assets.robustness.injection.assets import planted_truth
from rotator_assets.robustness.transfer.assets import transfer_report
from rotator_assets.store.io_managers import TableIOManager
from rotator_assets.tables import TABLES, open_store

pytestmark = pytest.mark.slow

OWN, OTHER, COUNT = "manga-observed-64", "tng100-noisy-64", 200


@pytest.fixture
def root(tmp_path):
    return DataRoot(tmp_path)


def written(root: DataRoot, table: str, partition: str, frame: pd.DataFrame) -> None:
    open_store(root).write(table, partition, frame.reindex(columns=TABLES[table].column_names))


def materialized(asset, root: DataRoot, partition: str | None = None) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        resources = {"store": open_store(root), "tables": TableIOManager(open_store(root))}
        dg.materialize([asset], instance=instance, resources=resources, partition_key=partition, selection=[asset])


@pytest.fixture
def surveys(root):
    """Galaxies of two surveys, flatter ones in the other; scores of `thesis` and of a network trained on the other."""
    generator = np.random.default_rng(1)
    for dataset, low in ((OWN, 0.0), (OTHER, 0.3)):
        frame = pd.DataFrame(
            {
                "dataset": dataset,
                "galaxy_id": [f"{dataset}-{row}" for row in range(COUNT)],
                "rotator_type": np.arange(COUNT) % 2,
                "is_early_type": True,
                "ellipticity": generator.uniform(low, 0.6, COUNT),
                "r_eff_pixels": generator.uniform(4, 12, COUNT),
                "synthetic": True,
            }
        )
        written(root, "labeled_images", dataset, frame.assign(object_id=frame["galaxy_id"]))
    own = open_store(root).read("labeled_images", OWN)
    for recipe, noise in (("thesis", 0.6), ("tng-instead", 1.5)):
        seen = np.where(own["ellipticity"] > 0.3, 1.0, 0.0 if recipe == "tng-instead" else 1.0)
        score = own["rotator_type"] * seen + generator.normal(0, noise, COUNT)
        known = own[["dataset", "galaxy_id", "object_id", "rotator_type", "synthetic"]]
        frame = known.assign(recipe=recipe, repeat=0, fold=0, probability_fast=1 / (1 + np.exp(-score)))
        for table in ("predictions", "repeat_predictions"):
            written(root, table, training_key(OWN, recipe), frame)
    for dataset, auc in ((OWN, 0.8), (OTHER, 0.9)):
        row = {"dataset": dataset, "recipe": "thesis", "n_galaxies": COUNT, "n_slow": COUNT // 2, "auc": auc}
        written(root, "model_metrics", training_key(dataset, "thesis"), pd.DataFrame([row]).assign(synthetic=True))
    return root


def test_transferred_networks_are_compared_and_reweighted(surveys):
    materialized(transfer_report, surveys, OWN)
    row = open_store(surveys).query("FROM transfer").iloc[0]
    assert (row["recipe"], row["other_dataset"], row["other_use"]) == ("tng-instead", OTHER, "instead")
    assert row["n_galaxies"] == COUNT and row["auc_at_home"] == 0.9 and row["synthetic"]
    assert row["difference"] < 0 and row["difference_low"] < row["difference"] < row["difference_high"]
    assert row["variables"] == "ellipticity, r_eff_pixels"
    assert row["explained"] == pytest.approx(row["auc_reweighted"] - row["auc"])
    assert row["explained"] > 0  # the network classifies galaxies like its training sample
    assert row["n_effective"] < COUNT
    assert (surveys.figures / OWN / "transfer.png").is_file()


def test_without_transferred_networks_the_table_is_empty(root):
    materialized(transfer_report, root, OWN)
    assert open_store(root).query("FROM transfer").empty
    assert not (root.figures / OWN / "transfer.png").exists()


def test_planted_truth_is_a_table_and_a_picture_without_partitions(root, monkeypatch):
    tiny = Recipe(name="thesis", folds=2, epochs=1, batch_size=16)
    monkeypatch.setattr(snapshot, "load_recipes", lambda: {"thesis": tiny})
    monkeypatch.setattr(planted, "STRENGTHS", (0.0, 3.0))
    monkeypatch.setattr(planted, "N_GALAXIES", 40)
    monkeypatch.setattr(planted, "N_MARKED", 24)
    monkeypatch.setattr(planted, "SIZE_PX", 16)
    materialized(planted_truth, root)
    rows = open_store(root).query("FROM planted_truth ORDER BY strength")
    assert rows["strength"].tolist() == [0.0, 3.0]
    assert rows["best_auc_expected"].tolist() == pytest.approx([0.5, 0.983], abs=1e-3)
    assert rows["best_auc"][1] > 0.9 and rows["synthetic"].all()
    mark = open_store(root).query("FROM planted_mark").iloc[0]
    assert mark["n_galaxies"] == 24 and mark["n_slow"] == 12 and mark["mark_area"] == 4 / 256
    assert 0 < mark["share_in_mark_low"] < mark["share_in_mark"] < mark["share_in_mark_high"] < 1
    assert (root.figures / "planted" / "planted.png").is_file()
    assert (root.figures / "planted" / "corner_mark.png").is_file()
