"""A training in numbers: out-of-fold predictions summed up, beside plain baselines and other recipes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.learning.baselines import pixel_baseline, tabular_baseline
from rotator_assets.learning.evaluation import (
    confusion,
    delong_independent,
    delong_interval,
    delong_paired,
    fold_aucs,
    holm,
    size_and_auc,
)
from rotator_assets.recipes import Recipe

TABULAR_BASELINES = {
    "ellipticity": ["ellipticity"],
    "ellipticity and Sersic index": ["ellipticity", "sersic_n"],
}
PIXEL_BASELINE = "pixels (PCA, logistic regression)"
SIGNIFICANT = 0.05
"""Largest corrected p-value of a difference that is called significant."""

_BASELINE_COLUMNS = (
    "baseline",
    "n_galaxies",
    "n_slow",
    "auc",
    "auc_low",
    "auc_high",
    "auc_gain",
    "auc_gain_low",
    "auc_gain_high",
    "p_value",
)
_DATASET_COLUMNS = (
    "kind",
    "recipe",
    "dataset",
    "reference_dataset",
    "n_galaxies",
    "n_slow",
    "reference_n_galaxies",
    "auc",
    "reference_auc",
    "difference",
    "low",
    "high",
    "p_value",
    "p_value_adjusted",
    "paired",
)


@dataclass(frozen=True)
class DatasetPair:
    """Two datasets that differ in one thing; ``paired`` where both show the same galaxies."""

    kind: str
    dataset: str
    reference: str
    paired: bool


def summarize(predictions: pd.DataFrame) -> dict[str, float | int]:
    """Sample size, AUC with its 95 % interval, spread over folds, and confusion counts, named as in ``model_metrics``.

    ``predictions``: columns rotator_type, probability_fast, predicted_type, fold.
    """
    truth, score = predictions["rotator_type"].to_numpy(int), predictions["probability_fast"].to_numpy(float)
    by_fold = fold_aucs(truth, score, predictions["fold"].to_numpy())
    counts = confusion(truth, predictions["predicted_type"].to_numpy(int))
    return {
        **size_and_auc(truth, score),
        "fold_auc_mean": float(by_fold.mean()),
        "fold_auc_min": float(by_fold.min()),
        "fold_auc_max": float(by_fold.max()),
        "true_slow": int(counts[0, 0]),
        "false_fast": int(counts[0, 1]),
        "false_slow": int(counts[1, 0]),
        "true_fast": int(counts[1, 1]),
    }


def baseline_scores(
    sample: pd.DataFrame, images: NDArray[np.float32], rows: NDArray[np.int64], recipe: Recipe
) -> dict[str, NDArray[np.float64]]:
    """Out-of-fold probabilities of plain classifiers on the same galaxies and folds, by the baseline's name.

    ``sample``: a row a galaxy with rotator_type, fold and the catalogue columns; ``rows``: of its image.
    A baseline whose columns are empty throughout is left out; all are where one network tests all galaxies, as those it
    was trained on are not in the sample.
    """
    truth, folds = sample["rotator_type"].to_numpy(int), sample["fold"].to_numpy()
    if len(np.unique(folds)) < 2:
        return {}
    scores = {
        name: tabular_baseline(sample[columns].to_numpy(float), truth, folds)
        for name, columns in TABULAR_BASELINES.items()
        if sample[columns].notna().any().all()
    }
    scores[PIXEL_BASELINE] = pixel_baseline(images, rows, truth, folds, recipe)
    return scores


def against_baselines(predictions: pd.DataFrame, rivals: dict[str, NDArray[np.float64]]) -> pd.DataFrame:
    """Each baseline's AUC and the network's gain over it, paired; columns of ``baseline_metrics``."""
    truth, score = predictions["rotator_type"].to_numpy(int), predictions["probability_fast"].to_numpy(float)
    rows = []
    for name, rival in rivals.items():
        gain = delong_paired(truth, score, rival)
        rows.append(
            {
                "baseline": name,
                **size_and_auc(truth, rival),
                "auc_gain": gain.difference,
                "auc_gain_low": gain.low,
                "auc_gain_high": gain.high,
                "p_value": gain.p_value,
            }
        )
    return pd.DataFrame(rows, columns=_BASELINE_COLUMNS)


def compare_recipes(predictions: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Recipes of one dataset, best AUC first, each against the reference on the galaxies that both predict.

    ``predictions``: columns recipe, galaxy_id, rotator_type, probability_fast. Gives the columns of
    ``recipe_comparison`` but dataset and synthetic: paired differences (DeLong), with p-values corrected for their
    number after Holm. They are missing for the reference, and where it is absent or shares no galaxy of both classes.
    A recipe that labels galaxies otherwise than the reference is compared by its own labels, for both scores.
    """
    by_recipe = {recipe: rows.set_index("galaxy_id") for recipe, rows in predictions.groupby("recipe")}
    rows = []
    for recipe, scored in by_recipe.items():
        row = {"recipe": recipe, **size_and_auc(scored["rotator_type"].to_numpy(int), scored["probability_fast"])}
        both = _in_both(scored, by_recipe[reference]) if recipe != reference and reference in by_recipe else None
        if both is not None:
            change = delong_paired(both["rotator_type"], both["probability_fast"], both["reference"])
            row |= {
                "n_in_both": len(both),
                "auc_difference": change.difference,
                "auc_difference_low": change.low,
                "auc_difference_high": change.high,
                "p_value": change.p_value,
            }
        rows.append(row)
    table = pd.DataFrame(rows).sort_values("auc", ascending=False, ignore_index=True)
    table["p_value_adjusted"] = holm(table["p_value"]) if "p_value" in table else np.nan
    known = table["p_value_adjusted"].notna()
    table["significant"] = (table["p_value_adjusted"] < SIGNIFICANT).astype("boolean").where(known)
    return table


def compare_datasets(predictions: pd.DataFrame, pairs: Sequence[DatasetPair]) -> pd.DataFrame:
    """Each recipe on two datasets, for every pair of datasets that have it; the columns of ``dataset_comparison``.

    ``predictions``: columns dataset, recipe, galaxy_id, rotator_type, probability_fast, synthetic. Where a pair is of
    the same galaxies, those in both are compared (DeLong, paired), else all of either (independent samples). p-values
    are corrected after Holm for all comparisons of a kind. A comparison without galaxies of both classes is left out.
    """
    trained = {key: rows.set_index("galaxy_id") for key, rows in predictions.groupby(["dataset", "recipe"])}
    rows = [
        {
            "kind": pair.kind,
            "recipe": recipe,
            "dataset": pair.dataset,
            "reference_dataset": pair.reference,
            "paired": pair.paired,
            "synthetic": bool(scored["synthetic"].any() or trained[pair.reference, recipe]["synthetic"].any()),
            **compared,
        }
        for pair in pairs
        for (dataset, recipe), scored in trained.items()
        if dataset == pair.dataset and (pair.reference, recipe) in trained
        if (compared := _compared(scored, trained[pair.reference, recipe], pair.paired))
    ]
    table = pd.DataFrame(rows, columns=[*_DATASET_COLUMNS, "synthetic"])
    adjusted = table.groupby("kind")["p_value"].transform(lambda p: holm(p.to_numpy(float)))
    return table.assign(p_value_adjusted=adjusted.astype(float))


def _compared(scored: pd.DataFrame, reference: pd.DataFrame, paired: bool) -> dict[str, float | int]:
    """The numbers of one comparison; empty where a class is missing."""
    if paired:
        both = _in_both(scored, reference)
        if both is None:
            return {}
        truth, reference_truth = both["rotator_type"], both["rotator_type"]
        scores, reference_scores = both["probability_fast"], both["reference"]
        change = delong_paired(truth, scores, reference_scores)
    else:
        truth, reference_truth = scored["rotator_type"], reference["rotator_type"]
        scores, reference_scores = scored["probability_fast"], reference["probability_fast"]
        if truth.nunique() < 2 or reference_truth.nunique() < 2:
            return {}
        change = delong_independent(truth, scores, reference_truth, reference_scores)
    return {
        "n_galaxies": len(truth),
        "n_slow": int((truth == 0).sum()),
        "reference_n_galaxies": len(reference_truth),
        "auc": delong_interval(truth, scores).auc,
        "reference_auc": delong_interval(reference_truth, reference_scores).auc,
        "difference": change.difference,
        "low": change.low,
        "high": change.high,
        "p_value": change.p_value,
    }


def _in_both(scored: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame | None:
    """The galaxies that both predict, the reference's probabilities beside the others; None but with both classes."""
    both = scored.join(reference["probability_fast"].rename("reference"), how="inner")
    return both if both["rotator_type"].nunique() == 2 else None
