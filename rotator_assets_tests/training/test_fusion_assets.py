"""The predictions of a fusion: which tables they read, what they write, when they become stale. Nothing is trained."""

from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.core.recipes_file import load_recipes
from rotator_assets.lineage import snapshot
from rotator_assets.lineage.observed_results import RESULTS, fused_features
from rotator_assets.lineage.partitions import training_key
from rotator_assets.store.models import TrainedModels
from rotator_assets.store.tensors import ImageTensor
from rotator_assets.tables import TABLES, open_store
from rotator_assets.training import cross_validation, layers
from rotator_assets.training.assets import predictions
from rotator_assets.training.features import FUSED
from rotator_assets.training.fusion import parts_of
from rotator_assets_tests.report.made_up_tables import NETWORK
from rotator_assets_tests.training.test_fusion import QUICK, WHOLE, sample

DATASET, NAME = "manga-observed-64", "fusion"
KEY = str(training_key(DATASET, NAME))
RECIPE = QUICK.model_copy(update={"name": NAME, "fusion": "catalogue+structure"})


@pytest.fixture
def root(tmp_path, monkeypatch) -> DataRoot:
    """A root with the folds, inner logits and properties of a made-up sample; its networks give the planted logits."""
    root = DataRoot(tmp_path)
    tested, inner, features = sample(n=240, folds=3)
    later = {f"{name}_averaged": 0.0 for name in ("threshold", "calibration_slope", "calibration_offset")}
    written(root, "training_folds", KEY, tested.assign(**later))
    written(root, "inner_predictions", KEY, inner)
    for table in ("imaged_galaxies", "image_morphology"):
        written(root, table, DATASET, features.assign(galaxy_id=tested["galaxy_id"], dataset=DATASET))
    monkeypatch.setattr(snapshot, "load_recipes", lambda: {**load_recipes(), NAME: RECIPE})
    monkeypatch.setattr(TrainedModels, "load_outputs", lambda self, fold: fold)
    monkeypatch.setattr(layers, "network_layers", lambda model: NETWORK)
    logits = tested["logit"].to_numpy(np.float32)[:, None]
    monkeypatch.setattr(cross_validation, "predict_outputs", lambda model, images, rows, recipe: logits[rows])
    return root


def written(root: DataRoot, table: str, partition: str, frame: pd.DataFrame) -> None:
    known = {"dataset": DATASET, "recipe": NAME, "synthetic": True, **{name: frame[name] for name in frame}}
    open_store(root).write(table, partition, pd.DataFrame(known).reindex(columns=TABLES[table].column_names))


def predicted(root: DataRoot, recipe=RECIPE):
    models = TrainedModels(Path(), recipe, "quick", "cpu", 1.0, True)
    ids = tuple(open_store(root).read("training_folds", KEY)["galaxy_id"])
    tensor = ImageTensor(np.empty((len(ids), 1, 1, 3), dtype=np.float32), ids, "version", True)
    return predictions(dg.build_asset_context(partition_key=KEY), open_store(root), tensor, models)


def of_whole(frame):
    return frame[frame["part"] == WHOLE]


def test_predictions_are_those_of_the_whole_fusion(root):
    result = predicted(root)
    tables = result.value
    whole = of_whole(tables["fusion_predictions"]).set_index("galaxy_id")
    frame = tables["predictions"].set_index("galaxy_id")
    assert frame["probability_fast"].to_numpy() == pytest.approx(whole.loc[frame.index, "probability_fast"].to_numpy())
    assert (frame["probability_fast"] == frame["probability_fast_calibrated"]).all()
    models = of_whole(tables["fusion_models"]).set_index("fold")
    assert (frame["threshold"] == frame["fold"].map(models["threshold"])).all()
    assert (frame["predicted_type"] == (frame["probability_fast"] >= frame["threshold"])).all()
    repeats = tables["repeat_predictions"].set_index("galaxy_id")["probability_fast"]
    assert (repeats == frame["probability_fast"]).all()
    assert list(tables["fusion_predictions"]["part"].unique()) == parts_of(RECIPE.fused_sets)
    assert result.metadata["network_weight"] > 0 and result.metadata["features_weight"] > 0
    for name, rows in tables.items():
        open_store(root).write(name, KEY, rows)  # every column is there
        assert rows["synthetic"].all()


def test_galaxy_predictions_are_those_of_the_networks(root):
    tables = predicted(root).value
    plain = predicted(root, RECIPE.model_copy(update={"fusion": "none"})).value
    pd.testing.assert_frame_equal(tables["galaxy_predictions"], plain["galaxy_predictions"])
    assert (tables["predictions"]["probability_fast"] != plain["predictions"]["probability_fast"]).any()


def test_columns_without_values_are_named(root, capsys):
    predicted(root)
    (line,) = (line for line in capsys.readouterr().err.splitlines() if "left out of the fusion" in line)
    named = line.partition("no galaxy has a value of ")[2].partition(":")[0].split(", ")
    assert set(named) == {column for name in RECIPE.fused_sets for column in FUSED[name]} - {"ellipticity", "gini"}


def test_without_a_fusion_no_other_table_is_read(root, monkeypatch):
    plain = RECIPE.model_copy(update={"fusion": "none"})
    monkeypatch.setattr(snapshot, "load_recipes", lambda: {**load_recipes(), NAME: plain})
    for table in ("inner_predictions", "imaged_galaxies", "image_morphology"):
        for path in (root.tables / table).iterdir():
            path.unlink()
    tables = predicted(root, plain).value
    assert tables["fusion_predictions"].empty and tables["fusion_models"].empty
    for name, rows in tables.items():
        open_store(root).write(name, KEY, rows)


def test_missing_properties_are_one_clear_error(root):
    morphology = open_store(root).read("image_morphology", DATASET)
    open_store(root).write("image_morphology", DATASET, morphology.iloc[1:])
    with pytest.raises(InputError, match="galaxy g0 is tested but not in table image_morphology; materialize"):
        predicted(root)
    for path in (root.tables / "image_morphology").glob("manga*"):
        path.unlink()
    with pytest.raises(InputError, match=r"fusion 'catalogue\+structure' needs table image_morphology; materialize"):
        predicted(root)


def test_changed_properties_change_the_observed_result_of_fusions_alone(root, monkeypatch):
    def observed(**changes):
        recipe = RECIPE.model_copy(update=changes)
        monkeypatch.setattr(snapshot, "load_recipes", lambda: {**load_recipes(), NAME: recipe})
        now = snapshot.Snapshot(open_store(root))
        (result,) = (one for one in RESULTS if one.spec == fused_features)
        return result.now(now, KEY).content, result.now(now, str(training_key(DATASET, "thesis"))).content

    before, other = observed()
    assert set(before[DATASET]) == {"imaged_galaxies", "image_morphology"} and other == {}
    assert set(observed(fusion="catalogue")[0][DATASET]) == {"imaged_galaxies"}
    assert observed(fusion="none")[0] == {}
    morphology = open_store(root).read("image_morphology", DATASET)
    open_store(root).write("image_morphology", DATASET, morphology.assign(gini=0.5))
    assert observed()[0] != before
    assert observed(fusion="catalogue")[0][DATASET].items() <= before[DATASET].items()
