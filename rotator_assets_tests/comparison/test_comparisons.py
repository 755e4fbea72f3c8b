"""Comparisons across trainings, their history and the study's figures, from made-up predictions."""

import json
import os

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from rotator_assets.comparison.assets import dataset_comparison, dataset_pairs, recipe_comparison
from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.recipes import Recipe
from rotator_assets.core.recipes_file import load_recipes
from rotator_assets.domains import exhibits
from rotator_assets.evaluation import assets as reports
from rotator_assets.evaluation.exhibits import EXHIBITS
from rotator_assets.evaluation.network_scores import NetworkScores
from rotator_assets.evaluation.roc_curves import roc_curve_frame
from rotator_assets.evaluation.summary import summarize
from rotator_assets.evaluation.training_pictures import retraining_picture
from rotator_assets.plots.pictures import Pictures
from rotator_assets.report.content import ReportContent
from rotator_assets.report.not_run import not_run_section
from rotator_assets.report.study_figures import study_figures_section
from rotator_assets.store.models import TrainedModels
from rotator_assets.surveys.datasets import DATASETS
from rotator_assets.tables import open_store
from rotator_assets.training.assets import training_name

NOISY, SMALL = "tng100-noisy-128", "tng100-noisy-64"


@pytest.fixture
def root(tmp_path, unpublished):
    return DataRoot(tmp_path)


def predictions(dataset: str, recipe: str, seed: int = 1, count: int = 90) -> pd.DataFrame:
    kind = (np.arange(count) % 3 > 0).astype(int)
    score = 1 / (1 + np.exp(-kind - np.random.default_rng(seed).normal(size=count)))
    return pd.DataFrame(
        {
            "dataset": dataset,
            "recipe": recipe,
            "galaxy_id": [f"g{number}" for number in range(count)],
            "object_id": [f"o{number}" for number in range(count)],
            "fold": np.arange(count) // 3 % 2,
            "probability_fast": score,
            "probability_fast_calibrated": score,
            "rotator_type": kind,
            "threshold": 0.6,
            "predicted_type": (score >= 0.6).astype(int),
            "training": "training-0",
            "synthetic": True,
        }
    )


def metrics_and_curve(sample: pd.DataFrame, run_id: str = "run-1") -> tuple[dict, pd.DataFrame]:
    key = {"dataset": sample["dataset"][0], "recipe": sample["recipe"][0], "synthetic": True}
    made = {
        "population": "early",
        "optimal_threshold": 0.6,
        "folds": 2,
        "parameters": 8_000_000,
        "epochs": 3,
        "profile": "quick",
        "recipe_version": "v",
        "device": "cpu",
        "training": "training-0",
    }
    metrics = {**key, **summarize(sample, sample.assign(repeat=0)), **made, "seconds": 1.0, "run_id": run_id}
    return metrics, roc_curve_frame(NetworkScores.of(sample)).assign(**key)


def trained(root: DataRoot, dataset: str, recipe: str, seed: int = 1) -> pd.DataFrame:
    """Write the tables of a training, and return its predictions."""
    tables, sample = open_store(root), predictions(dataset, recipe, seed)
    metrics, curve = metrics_and_curve(sample)
    tables.write("predictions", f"{dataset}|{recipe}", sample)
    tables.write("repeat_predictions", f"{dataset}|{recipe}", sample.assign(repeat=0, averaged=False))
    tables.write("model_metrics", f"{dataset}|{recipe}", pd.DataFrame([metrics]))
    tables.write("roc_curves", f"{dataset}|{recipe}", curve)
    return sample


def test_pairs_differ_in_one_respect():
    pairs = dataset_pairs(list(DATASETS.values()))
    assert {(pair.kind, pair.dataset, pair.reference, pair.paired) for pair in pairs} == {
        ("crop", "manga-observed-64", "manga-observed-128", True),
        ("crop", "tng100-noisy-64", "tng100-noisy-128", True),
        ("crop", "tng100-noiseless-64", "tng100-noiseless-128", True),
        ("noise", "tng100-noisy-128", "tng100-noiseless-128", True),
        ("noise", "tng100-noisy-64", "tng100-noiseless-64", True),
        ("survey", "tng100-noisy-128", "manga-observed-128", False),
        ("survey", "tng100-noisy-64", "manga-observed-64", False),
    }


def test_datasets_are_compared_in_a_table_and_a_picture(root):
    for dataset, seed in ((NOISY, 1), (SMALL, 2)):
        trained(root, dataset, "thesis", seed)
    result = dataset_comparison(dg.build_asset_context(), open_store(root))
    rows = open_store(root).query("FROM dataset_comparison")
    assert rows[["kind", "recipe", "dataset", "reference_dataset"]].to_numpy().tolist() == [
        ["crop", "thesis", SMALL, NOISY]
    ]
    assert rows["n_galaxies"].tolist() == [90] and rows["synthetic"].tolist() == [True]
    assert result.metadata["dagster/row_count"] == 1 and "figure_crop_tng100-noisy" in result.metadata
    folder = root.figures / "datasets"
    assert sorted(path.name for path in folder.iterdir()) == ["crop_tng100-noisy.pdf", "crop_tng100-noisy.png"]


def test_pictures_of_several_datasets_are_marked_synthetic(root):
    for dataset, seed in ((NOISY, 1), (SMALL, 2)):
        trained(root, dataset, "thesis", seed)
    dataset_comparison(dg.build_asset_context(), open_store(root))
    section = study_figures_section(ReportContent(open_store(root), exhibits()))
    crop = next(figure for figure in section.figures if figure.number == 26)
    assert crop.png == root.figures / "datasets" / "crop_tng100-noisy.png" and crop.synthetic is True


def test_nothing_trained_is_an_empty_comparison(root):
    result = dataset_comparison(dg.build_asset_context(), open_store(root))
    assert result.metadata["dagster/row_count"] == 0
    assert open_store(root).query("FROM dataset_comparison").empty


def test_recipes_are_compared_by_setting(root):
    trainings = {name: trained(root, NOISY, name, seed) for seed, name in enumerate(("thesis", "dropout", "r-band"))}
    both = recipe_comparison(dg.build_asset_context(partition_key=NOISY), open_store(root))
    assert both.value["recipe_comparison"]["n_in_both"].dropna().tolist() == [90, 90]
    assert both.value["recipe_comparison"][["parameters", "seconds"]].notna().all(axis=None)
    names = {path.stem for path in (root.figures / NOISY).glob("*.png")}
    assert names == {"recipes", "regularization", "colour"}
    assert (root.figures / NOISY / "colour.pdf").is_file() and not (root.figures / NOISY / "recipes.pdf").is_file()
    nothing = trainings["r-band"].head(0).assign(repeat=0, averaged=False)
    open_store(root).write("repeat_predictions", f"{NOISY}|r-band", nothing)
    recipe_comparison(dg.build_asset_context(partition_key=NOISY), open_store(root))
    assert {path.stem for path in (root.figures / NOISY).iterdir()} == {"recipes", "regularization"}


def _models(root: DataRoot, name: str, ended: float, **changes) -> TrainedModels:
    folder = root.models / NOISY / "thesis" / name
    folder.mkdir(parents=True)
    (folder / "fold-0.keras").touch()
    os.utime(folder / "fold-0.keras", (ended, ended))
    recipe = load_recipes()["thesis"].model_copy(update=changes)
    return TrainedModels(folder, recipe, "quick", "cpu", 1.0, True)


def _report(root: DataRoot, models: TrainedModels, seed: int, run_id: str, recipe: Recipe | None = None) -> Pictures:
    sample = predictions(NOISY, "thesis", seed)
    metrics, curve = metrics_and_curve(sample, run_id)
    metrics["training"] = training_name(models, recipe or models.recipe)
    results = {
        "predictions": sample,
        "repeat_predictions": sample.assign(repeat=0, averaged=False),
        "roc_curves": curve,
    }
    tables = open_store(root)
    ended = reports.training_end(models, tables.query("FROM model_metrics_history"))
    reports._keep_in_history(tables, f"{NOISY}|thesis", ended, recipe or models.recipe, metrics, results)
    pictures = Pictures(root, f"{NOISY}/thesis", EXHIBITS)
    history, curves = tables.query("FROM model_metrics_history"), tables.query("FROM roc_curves_history")
    retraining_picture(pictures, history, curves, NOISY, "thesis", metrics["training"])
    return pictures


def test_every_training_is_in_the_history_once(root):
    first, second = _models(root, "training-a", 1.7e9), _models(root, "training-b", 1.7e9 + 3600, normalization="log")
    assert _report(root, first, 1, "run-1").metadata().keys() == {"figures"}
    _report(root, first, 1, "run-2")
    tables = open_store(root)
    assert tables.query("SELECT run_id FROM model_metrics_history")["run_id"].tolist() == ["run-1"]
    before = tables.query("FROM roc_curves_history")
    pictures = _report(root, second, 2, "run-3")
    rows = tables.query("FROM model_metrics_history ORDER BY trained_at")
    assert rows["run_id"].tolist() == ["run-1", "run-3"]
    assert rows["trained_at"].tolist() == [pd.Timestamp(1.7e9, unit="s"), pd.Timestamp(1.7e9 + 3600, unit="s")]
    assert rows["recipe_version"].tolist() == [
        models.recipe.version("training", "prediction") for models in (first, second)
    ]
    assert [json.loads(content)["normalization"] for content in rows["recipe_content"]] == ["max_all", "log"]
    after = tables.query("FROM roc_curves_history WHERE training = 'training-a'")
    pd.testing.assert_frame_equal(after, before)
    for table in ("predictions_history", "repeat_predictions_history"):
        for training, seed in (("training-a", 1), ("training-b", 2)):
            kept = tables.query(f"FROM {table} WHERE training = '{training}'")
            assert kept["probability_fast"].tolist() == predictions(NOISY, "thesis", seed)["probability_fast"].tolist()
    assert "figure_history_roc" in pictures.metadata()
    assert (root.figures / NOISY / "thesis" / "history_roc.png").is_file()


def test_other_predictions_are_added_to_the_history(root):
    models = _models(root, "training-a", 1.7e9)
    averaged = models.recipe.model_copy(update={"test_time_averaging": True})
    for recipe, run_id in ((None, "run-1"), (averaged, "run-2"), (averaged, "run-3")):
        _report(root, models, 1, run_id, recipe)
    rows = open_store(root).query("FROM model_metrics_history ORDER BY run_id")
    assert rows["run_id"].tolist() == ["run-1", "run-2"]
    assert [json.loads(content)["test_time_averaging"] for content in rows["recipe_content"]] == [False, True]
    assert rows["training"].nunique() == rows["recipe_version"].nunique() == 2


def test_a_first_training_has_no_picture_of_earlier_ones(root):
    stale = root.figures / NOISY / "thesis" / "history_roc.png"
    stale.parent.mkdir(parents=True)
    stale.touch()
    _report(root, _models(root, "training-a", 1.7e9), 1, "run-1")
    assert not stale.exists()


def test_the_studys_figures_are_copied_under_their_numbers(root):
    folder = root.figures / SMALL / "thesis"
    folder.mkdir(parents=True)
    for ending in ("png", "pdf"):
        (folder / f"attributions.{ending}").write_text(ending)
    content = ReportContent(open_store(root), exhibits())
    section = study_figures_section(content)
    assert [figure.number for figure in section.figures] == [27]
    assert content.study_numbers == {(f"{SMALL}/thesis", "attributions"): 27}
    missing = not_run_section(content, []).tables[1].frame.set_index("not drawn")["needs"]
    assert missing[[name for name in missing.index if name.startswith("figure 30:")]].tolist() == [
        "needs tng100-noiseless-128 with thesis"
    ]
    study = root.figures / "study"
    assert {path.name: path.read_text() for path in study.iterdir()} == {"figure_27.png": "png", "figure_27.pdf": "pdf"}
    (folder / "attributions.png").unlink()
    study_figures_section(ReportContent(open_store(root), exhibits()))
    assert list(study.iterdir()) == []
