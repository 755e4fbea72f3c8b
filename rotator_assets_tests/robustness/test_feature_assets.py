"""Assets of nested feature sets, on a small survey with a planted signal and without training."""

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.recipes import Recipe
from rotator_assets.lineage.partitions import training_key
from rotator_assets.robustness.features.assets import ellipticity_report, image_morphology
from rotator_assets.store.models import TrainedModels
from rotator_assets.store.tensors import ImageTensor
from rotator_assets.tables import TABLES, open_store
from rotator_assets.training.folds import assign_folds
from rotator_assets_tests.training.made_up_training import planted_survey

DATASET = "manga-observed-64"


@pytest.fixture(scope="module")
def planted():
    """The tensor, labeled_images and predictions of 66 small galaxies."""
    images, kind, objects = planted_survey(n_objects=60)
    random = np.random.default_rng(1)
    ids = tuple(f"g{number}" for number in range(len(kind)))
    ellipticity = np.where(kind == 1, 0.5, 0.2) + random.uniform(-0.15, 0.15, len(kind))
    labeled = pd.DataFrame({"galaxy_id": ids, "ellipticity": ellipticity, "spin_threshold": 0.31 * ellipticity**0.5})
    labeled["lambda_r"] = labeled["spin_threshold"] + np.where(kind == 1, 0.1, -0.1)
    for column in ("r_eff_pixels", "arcsec_per_pixel", "psf_fwhm_r_arcsec", "psf_fwhm_arcsec", "log_mass"):
        labeled[column] = np.nan
    for column in ("sersic_n", "r_eff_arcsec", "redshift"):
        labeled[column] = random.uniform(0.5, 4, len(kind))
    labeled = labeled.assign(
        dataset=DATASET, object_id=objects, rotator_type=kind, synthetic=True, image_unit="nanomaggies"
    )
    predictions = labeled[["galaxy_id", "object_id", "rotator_type"]].assign(
        dataset=DATASET,
        recipe="thesis",
        fold=assign_folds(kind, objects, 3, seed=0),
        probability_fast=1 / (1 + np.exp(-random.normal(kind, 1))),
        synthetic=True,
    )
    predictions["probability_fast_calibrated"] = predictions["probability_fast"]
    return ImageTensor(images, ids, "v", True), labeled, predictions


@pytest.fixture(scope="module")
def measured(planted, tmp_path_factory):
    tensor, labeled, _ = planted
    store = open_store(DataRoot(tmp_path_factory.mktemp("measured")))
    result = image_morphology(dg.build_asset_context(partition_key=DATASET), store, tensor, labeled.iloc[:6])
    assert [path.name for path in store.root.measured.rglob("*.*")] == [f"{DATASET}.npz"]
    return result


def test_morphology_has_one_row_per_image(measured):
    frame = measured.value
    assert list(frame.columns) == TABLES["image_morphology"].column_names
    assert frame["galaxy_id"].tolist() == [f"g{number}" for number in range(6)]
    assert measured.metadata["usable"] == frame["usable"].sum() >= 4
    assert frame["reason"].isna().tolist() == frame["usable"].tolist()
    assert frame["synthetic"].all()


def write_scores(root, predictions):
    """Write them as the scores of the networks of a training without repeats."""
    frame = predictions.assign(repeat=0, averaged=False).reindex(columns=TABLES["repeat_predictions"].column_names)
    open_store(root).write("repeat_predictions", f"{DATASET}|thesis", frame)


def test_the_report_writes_its_tables_and_pictures(planted, measured, tmp_path):
    tensor, labeled, predictions = planted
    root = DataRoot(tmp_path)
    recipe = Recipe(name="thesis", folds=3)
    models = TrainedModels(tmp_path, recipe, "quick", "cpu", 1.0, True)
    context = dg.build_asset_context(partition_key=training_key(DATASET, "thesis"))
    write_scores(root, predictions)
    result = ellipticity_report(context, open_store(root), predictions, models, tensor, labeled, measured.value)
    tables = open_store(root)
    for name, frame in result.value.items():
        tables.write(name, f"{DATASET}|thesis", frame)
        assert set(frame.columns) == set(TABLES[name].column_names)
        assert frame["synthetic"].all() and (frame["recipe"] == "thesis").all()
    assert set(result.value) == {"feature_baselines", "ellipticity_tests", "auc_in_bins"}
    assert result.metadata["left_out"] == "log_mass"
    # Fast rotators are discs of different ellipticity, so a threshold on it separates the classes.
    first = result.value["feature_baselines"].iloc[0]
    assert first["features"] == "ellipticity" and first["auc"] > 0.9 and first["network_gain"] < 0
    assert (result.value["auc_in_bins"]["variable"] != "r_eff_over_psf").all()
    folder = root.figures / DATASET / "thesis"
    assert {path.name for path in folder.iterdir()} == {"feature_ladder.png", "auc_in_bins.png"}


def auc(is_fast, score):
    """Fraction of pairs in which the fast rotator has the higher score; ties count one half."""
    higher = score[is_fast][:, None] - score[~is_fast]
    return ((higher > 0) + (higher == 0) / 2).mean()


@pytest.mark.parametrize("gap", [0.0, 0.05])
def test_the_definition_uses_the_boundary_of_the_recipe(planted, measured, tmp_path, gap):
    """Permutations of lambda_R with the boundary of Cappellari (2016), independent of the settings' labels."""
    tensor, labeled, predictions = planted
    random = np.random.default_rng(2)
    labeled = labeled.assign(lambda_r=random.beta(2, 12, len(labeled)), image_unit="nanomaggies")
    ellipticity = labeled["ellipticity"].to_numpy()
    threshold = np.where(ellipticity < 0.4, 0.08 + ellipticity / 4, 0)
    spin = labeled["lambda_r"].to_numpy()
    kept = np.abs(spin - threshold) >= gap
    predictions = predictions.assign(rotator_type=(spin >= threshold).astype(int))[kept]
    recipe = Recipe(name="mine", folds=3, label="cappellari2016", boundary_gap=gap)
    models = TrainedModels(tmp_path, recipe, "quick", "cpu", 1.0, True)
    context = dg.build_asset_context(partition_key=training_key(DATASET, "thesis"))
    write_scores(DataRoot(tmp_path), predictions)
    result = ellipticity_report(
        context, open_store(DataRoot(tmp_path)), predictions, models, tensor, labeled, measured.value
    )
    tests = result.value["ellipticity_tests"].set_index("quantity")
    expected = []
    for _ in range(2000):
        drawn = random.permutation(spin[kept])
        far = np.abs(drawn - threshold[kept]) >= gap
        expected.append(auc(drawn[far] >= threshold[kept][far], ellipticity[kept][far]))
    found = tests.loc["ellipticity, by the label's definition alone", "auc"]
    assert found == pytest.approx(np.mean(expected), abs=0.02) and found > 0.6
