"""Trainings with made-up predictions in the history of a data root."""

import json

import pandas as pd

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.recipes_file import load_recipes
from rotator_assets.evaluation.network_scores import NetworkScores
from rotator_assets.evaluation.roc_curves import roc_curve_frame
from rotator_assets.evaluation.summary import summarize
from rotator_assets.tables import open_store
from rotator_assets_tests.comparison.test_comparisons import predictions

NOISY, SMALL, OBSERVED = "tng100-noisy-128", "tng100-noisy-64", "manga-observed-64"


def keep(
    root: DataRoot, dataset: str, recipe: str, hour: int = 12, *, seed: int = 1, changes=None, sample=None, kept=True
) -> pd.DataFrame:
    """Add a training that ended at an hour of 2026-11-30 to the history, as the latest one; returns its predictions.

    Its ``training`` is ``training-`` and eight times the letter of the hour (a for 0). With ``kept`` False, its
    predictions are not kept.
    """
    store, partition = open_store(root), f"{dataset}|{recipe}"
    sample = predictions(dataset, recipe, seed) if sample is None else sample
    sample = sample.assign(dataset=dataset, recipe=recipe)
    settings = load_recipes()[recipe].model_copy(update=changes or {})
    key = {"dataset": dataset, "recipe": recipe, "synthetic": bool(sample["synthetic"].any())}
    version = settings.version("training", "prediction")
    metrics = {
        **key,
        **summarize(sample, sample.assign(repeat=0)),
        "population": "early",
        "optimal_threshold": 0.6,
        "folds": 2,
        "parameters": 8,
        "epochs": 3,
        "profile": "quick",
        "recipe_version": version,
        "device": "cpu",
        "seconds": 1.0,
        "run_id": "run",
    }
    training = {
        "trained_at": pd.Timestamp(2026, 11, 30, hour, 15, 20),
        "training": f"training-{8 * chr(ord('a') + hour)}",
        "run_id": "run",
        "recipe_version": version,
        "recipe_content": json.dumps({"name": recipe, **settings.settings("training", "prediction")}),
    }
    frames = {"roc_curves": roc_curve_frame(NetworkScores.of(sample)).assign(**key)}
    if kept:
        frames |= {"predictions": sample, "repeat_predictions": sample.assign(repeat=0, averaged=False)}
    frames["model_metrics"] = pd.DataFrame([metrics]).assign(training=training["training"])
    for table, frame in frames.items():
        store.keep(f"{table}_history", f"{partition}.{training['training']}", frame.assign(**training))
    store.write("model_metrics", partition, frames["model_metrics"])
    return sample
