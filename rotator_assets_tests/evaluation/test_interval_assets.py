"""Assets of the robustness checks, from made-up predictions without training."""

from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.core.recipes import Recipe
from rotator_assets.core.recipes_file import load_recipes
from rotator_assets.evaluation.assets import galaxy_report, intervals_report
from rotator_assets.kinematics.spin import spin_threshold
from rotator_assets.lineage import snapshot
from rotator_assets.lineage.partitions import training_key
from rotator_assets.robustness.label_noise.assets import label_noise_report
from rotator_assets.robustness.learning_curve.assets import learning_curve
from rotator_assets.store.models import TrainedModels
from rotator_assets.tables import TABLES, open_store

DATASET, RECIPE, COUNT = "manga-observed-64", "thesis", 120


@pytest.fixture
def root(tmp_path):
    return DataRoot(tmp_path)


@pytest.fixture
def galaxies():
    generator = np.random.default_rng(3)
    ellipticity, lambda_r = generator.uniform(0.05, 0.6, COUNT), generator.beta(2, 5, COUNT)
    threshold = spin_threshold(ellipticity)
    names = [f"g{number}" for number in range(COUNT)]
    frame = pd.DataFrame({"galaxy_id": names, "lambda_r": lambda_r, "ellipticity": ellipticity})
    frame["lambda_r_error"] = np.where(np.arange(COUNT) < 50, 0.03, np.nan)
    return frame.assign(spin_threshold=threshold, rotator_type=(lambda_r >= threshold).astype(int))


@pytest.fixture
def predictions(root, galaxies):
    noise = np.random.default_rng(4).normal(size=COUNT)
    score = 1 / (1 + np.exp(-noise - 8 * (galaxies["lambda_r"] - galaxies["spin_threshold"])))
    frame = galaxies[["galaxy_id", "rotator_type"]].assign(
        object_id=galaxies["galaxy_id"],
        fold=np.arange(COUNT) % 2,
        probability_fast=score,
        predicted_type=(score > 0.5).astype(int),
        synthetic=True,
    )
    written("repeat_predictions", frame.assign(repeat=0), root, training_key(DATASET, RECIPE))
    return frame


def written(table: str, frame: pd.DataFrame, root: DataRoot, partition: str) -> None:
    """Write a table with the columns of the frame; the others are empty."""
    open_store(root).write(table, partition, frame.reindex(columns=TABLES[table].column_names))


def models(**changes) -> TrainedModels:
    """Replaces the networks of a recipe; only the recipe is read."""
    return TrainedModels(Path("nowhere"), Recipe(name=RECIPE, **changes), "quick", "cpu", 1.0, True)


def context(partition):
    return dg.build_asset_context(partition_key=partition)


def kept(result: dg.MaterializeResult, root: DataRoot, partition: str) -> dict[str, pd.DataFrame]:
    """The result's tables, read from their files."""
    for table, frame in result.value.items():
        open_store(root).write(table, partition, frame)
    return {table: open_store(root).query(f"FROM {table}") for table in result.value}


def test_intervals_of_a_training_are_tables_and_pictures(root, predictions):
    partition = training_key(DATASET, RECIPE)
    course = pd.DataFrame({"fold": 0, "epoch": [1, 2, 3], "val_loss": [0.7, 0.6, 0.65], "loss": 0.6, "val_auc": 0.7})
    written("training_history", course, root, partition)
    galaxies = predictions.assign(tested=True, is_early_type=True)
    written("galaxy_results", galaxies, root, partition)
    tables = kept(intervals_report(context(partition), open_store(root), predictions), root, partition)
    row = tables["referee_metrics"].iloc[0]
    assert (row["dataset"], row["recipe"], row["n_galaxies"], row["synthetic"]) == (DATASET, RECIPE, COUNT, True)
    assert row["n_repeats"] == 1 and pd.isna(row["seed_auc_std"]) and pd.isna(row["brier_calibrated"])
    assert row["auc_low"] < row["auc"] < row["auc_high"]
    assert set(tables["calibration_curves"]["stage"]) == {"before"}
    assert tables["population_metrics"][["population", "tested"]].to_numpy().tolist() == [["early types", True]]
    assert tables["convergence"][["epochs", "best_epoch"]].to_numpy().tolist() == [[3, 2]]
    folder = root.figures / DATASET / RECIPE
    assert {path.name for path in folder.iterdir()} == {"reliability.png", "precision_recall.png"}


@pytest.fixture
def imaged(galaxies):
    """Alternately early and late types, with their predictions and measurements."""
    early = np.arange(COUNT) % 2 == 0
    return galaxies.assign(is_early_type=early, ra=1.0, dec=2.0, lambda_r_limit=np.nan)


def predicted(root, predictions, galaxies, partition, **lambda_r):
    """Write predictions of every galaxy, the even ones of them tested."""
    frame = predictions.assign(tested=np.arange(COUNT) % 2 == 0, **lambda_r)
    written("galaxy_predictions", frame, root, partition)
    written("predictions", frame[frame["tested"]], root, partition)


def test_predicted_lambda_r_is_compared_with_each_source(root, galaxies, predictions, imaged):
    sources = [galaxies.assign(lambda_r_source="pipe3d"), galaxies.iloc[:40].assign(lambda_r_source="dynpop")]
    sources[1]["lambda_r"] += 0.05
    written("kinematics_catalog", pd.concat(sources), root, "manga")
    partition = training_key(DATASET, "recommended")
    found = galaxies["lambda_r"] + np.random.default_rng(0).normal(0, 0.05, COUNT)
    predicted(
        *(root, predictions, galaxies, partition),
        lambda_r_predicted=found,
        lambda_r_low=found - 0.05,
        lambda_r_high=found + 0.05,
    )
    result = galaxy_report(context(partition), open_store(root), models(lambda_r_interval=1.0), imaged)
    tables = kept(result, root, partition)
    every = tables["galaxy_results"].set_index("galaxy_id").loc[galaxies["galaxy_id"]]
    assert every["lambda_r"].to_numpy() == pytest.approx(galaxies["lambda_r"]) and every["synthetic"].all()
    rows = tables["lambda_r_accuracy"].set_index(["source", "population"])
    assert rows["n_galaxies"].to_dict() == {
        (source, population): n
        for source, sizes in {"labels": (60, 60, 120), "pipe3d": (60, 60, 120), "dynpop": (20, 20, 40)}.items()
        for population, n in zip(("early types", "late types", "all types"), sizes, strict=True)
    }
    assert rows.loc[("dynpop", "all types"), "bias"] == pytest.approx(-0.05, abs=0.03)
    assert result.metadata["coverage_early_types"] == pytest.approx(0.68, abs=0.15)
    assert (root.figures / DATASET / "recommended" / "lambda_r.png").is_file()


def test_a_recipe_without_lambda_r_has_no_accuracy_and_no_picture(root, galaxies, predictions, imaged):
    written("kinematics_catalog", galaxies.assign(lambda_r_source="pipe3d"), root, "manga")
    partition = training_key(DATASET, RECIPE)
    outdated = root.figures / DATASET / RECIPE / "lambda_r.png"
    outdated.parent.mkdir(parents=True)
    outdated.touch()
    predicted(root, predictions, galaxies, partition)
    tables = kept(galaxy_report(context(partition), open_store(root), models(), imaged), root, partition)
    assert tables["lambda_r_accuracy"].empty and len(tables["galaxy_results"]) == COUNT
    assert tables["galaxy_results"]["lambda_r_predicted"].isna().all() and not outdated.exists()


def test_labels_are_redrawn_from_errors_boundaries_and_sources(root, galaxies, predictions):
    sources = pd.concat([galaxies.assign(lambda_r_source=source) for source in ("pipe3d", "maps")])
    outside = pd.DataFrame({"galaxy_id": ["g0"], "lambda_r_source": ["user"], "lambda_r": [7.0]})
    written("kinematics_catalog", pd.concat([sources, outside]), root, "manga")
    partition = training_key(DATASET, RECIPE)
    result = label_noise_report(context(partition), open_store(root), predictions, models(), galaxies)
    rows = kept(result, root, partition)["label_noise"].set_index("variant")
    assert rows.loc["lambda_R drawn within its errors", "n_assumed_error"] == COUNT - 50
    assert {"lambda_R of pipe3d", "lambda_R of maps", "boundary cappellari2016", "beyond 0.05"} <= set(rows.index)
    assert "lambda_R of user" not in rows.index
    assert rows["synthetic"].all() and (rows["assumed_error"] == 0.02).all()
    assert (root.figures / DATASET / RECIPE / "label_noise.png").is_file()
    assert 0.5 < result.metadata["ceiling"] < result.metadata["ceiling_ranked"] <= 1


def test_one_source_of_lambda_r_is_not_compared_with_itself(root, galaxies, predictions):
    written("kinematics_catalog", galaxies.assign(lambda_r_source="pipe3d"), root, "manga")
    result = label_noise_report(
        context(training_key(DATASET, RECIPE)), open_store(root), predictions, models(), galaxies
    )
    assert not result.value["label_noise"]["variant"].str.startswith("lambda_R of").any()


def test_a_galaxy_that_lost_its_label_is_reported(root, galaxies, predictions):
    with pytest.raises(InputError, match="galaxy g0 has a prediction but no longer a label"):
        label_noise_report(
            context(training_key(DATASET, RECIPE)), open_store(root), predictions, models(), galaxies.iloc[1:]
        )


def test_label_noise_uses_the_boundary_of_the_recipe(root, galaxies, predictions):
    """Distances and the labels of other sources refer to the boundary of the training."""
    own = spin_threshold(galaxies["ellipticity"], "cappellari2016")
    kind = (galaxies["lambda_r"] >= own).astype(int)
    written("kinematics_catalog", galaxies.assign(lambda_r_source="maps"), root, "manga")
    partition, trained = training_key(DATASET, "cappellari2016"), models(label="cappellari2016")
    predictions = predictions.assign(rotator_type=kind)
    written("repeat_predictions", predictions.assign(repeat=0), root, partition)
    result = label_noise_report(context(partition), open_store(root), predictions, trained, galaxies)
    rows = result.value["label_noise"].set_index("variant")
    distance = np.abs(galaxies["lambda_r"] - own)
    assert rows.loc["beyond 0.05", "n_galaxies"] == np.sum(distance > 0.05)
    assert rows.loc["beyond 0.05", "n_slow"] == np.sum(kind[distance > 0.05] == 0)
    drawn = rows.loc["lambda_R drawn within 0.02"]
    flips = norm.sf(distance / 0.02)
    assert drawn["label_change_fraction"] == pytest.approx(flips.mean(), abs=0.005)
    assert rows.loc["boundary cappellari2016", "label_change_fraction"] == 0


@pytest.fixture
def fractions(monkeypatch):
    """Recipes that use 10, 30 and 60 % of the training galaxies of `thesis`."""
    recipes = load_recipes()
    less = {
        f"thesis-{percent}": recipes[RECIPE].model_copy(
            update={"name": f"thesis-{percent}", "training_fraction": percent / 100}
        )
        for percent in (10, 30, 60)
    }
    monkeypatch.setattr(snapshot, "load_recipes", lambda: {**recipes, **less})
    return list(less)


def train(root, recipe, auc):
    frame = pd.DataFrame([{"dataset": DATASET, "recipe": recipe, "n_galaxies": 1000, "n_slow": 300, "folds": 5}])
    frame = frame.assign(auc=auc, auc_low=auc - 0.02, auc_high=auc + 0.02, synthetic=True)
    written("model_metrics", frame, root, training_key(DATASET, recipe))


def test_a_learning_curve_is_fitted_to_training_fractions(root, fractions):
    for recipe, auc in zip([*fractions, RECIPE, "log"], (0.62, 0.68, 0.71, 0.73, 0.5), strict=True):
        train(root, recipe, auc)
    tables = kept(learning_curve(context(DATASET), open_store(root)), root, DATASET)
    points, fit = tables["learning_curve"], tables["learning_curve_fit"].iloc[0]
    assert points["recipe"].tolist() == [*fractions, RECIPE]
    assert points["training_fraction"].tolist() == [0.1, 0.3, 0.6, 1.0]
    assert points["n_train"].tolist() == pytest.approx([0.1 * 680, 0.3 * 680, 0.6 * 680, 680])
    assert points["auc_error"].tolist() == pytest.approx([0.0102] * 4, rel=0.01)
    assert fit["n_points"] == 4 and fit["n_largest"] == pytest.approx(680) and fit["note"] == ""
    assert fit["auc_10x_low"] <= fit["auc_10x"] <= fit["auc_10x_high"] and fit["auc_100x"] >= fit["auc_10x"] > 0.73
    assert (root.figures / DATASET / "learning_curve.png").is_file()


def test_networks_of_every_galaxy_have_a_curve_of_their_own(root):
    names = ["every-galaxy-10", "every-galaxy-20", "every-galaxy-40", "every-galaxy"]
    for recipe, auc in zip([*names, RECIPE], (0.70, 0.74, 0.77, 0.80, 0.73), strict=True):
        train(root, recipe, auc)
    tables = kept(learning_curve(context(DATASET), open_store(root)), root, DATASET)
    points, fits = tables["learning_curve"], tables["learning_curve_fit"].set_index("reference")
    assert points.loc[points["reference"] == "every-galaxy", "recipe"].tolist() == names
    assert fits["n_points"].to_dict() == {"thesis": 1, "every-galaxy": 4}
    assert fits.loc["every-galaxy", "note"] == "" and fits.loc["thesis", "note"].startswith("thesis needs")


def test_a_curve_of_one_training_says_what_it_needs(root, fractions):
    train(root, RECIPE, 0.73)
    result = learning_curve(context(DATASET), open_store(root))
    tables = kept(result, root, DATASET)
    assert len(tables["learning_curve"]) == 1
    fit = tables["learning_curve_fit"].iloc[0]
    assert pd.isna(fit["auc_10x"]) and fit["n_points"] == 1
    assert fit["note"] == result.metadata["needs"]
    assert fit["note"].startswith("thesis needs trainings with 3 different numbers of galaxies; not trained: ")
    assert set(fractions) <= set(fit["note"].split(": ")[1].split(", "))


def test_nothing_trained_is_an_empty_curve(root):
    tables = kept(learning_curve(context(DATASET), open_store(root)), root, DATASET)
    assert tables["learning_curve"].empty and tables["learning_curve_fit"]["n_points"].tolist() == [0]
