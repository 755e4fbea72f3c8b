"""A training in numbers: out-of-fold predictions summed up, beside plain baselines and other recipes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.learning.baselines import pixel_baseline, tabular_baseline
from rotator_assets.learning.evaluation import confusion, delong_interval, delong_paired, fold_aucs
from rotator_assets.recipes import Recipe

TABULAR_BASELINES = {
    "ellipticity": ["ellipticity"],
    "ellipticity and Sersic index": ["ellipticity", "sersic_n"],
}
PIXEL_BASELINE = "pixels (PCA, logistic regression)"


def summarize(predictions: pd.DataFrame) -> dict[str, float | int]:
    """Sample size, AUC with its 95 % interval, spread over folds, and confusion counts, named as in ``model_metrics``.

    ``predictions``: columns rotator_type, probability_fast, predicted_type, fold.
    """
    truth, score = predictions["rotator_type"].to_numpy(int), predictions["probability_fast"].to_numpy(float)
    by_fold = fold_aucs(truth, score, predictions["fold"].to_numpy())
    counts = confusion(truth, predictions["predicted_type"].to_numpy(int))
    return {
        **_size_and_auc(truth, score),
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
    A baseline whose columns are empty throughout is left out.
    """
    truth, folds = sample["rotator_type"].to_numpy(int), sample["fold"].to_numpy()
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
                **_size_and_auc(truth, rival),
                "auc_gain": gain.difference,
                "auc_gain_low": gain.low,
                "auc_gain_high": gain.high,
                "p_value": gain.p_value,
            }
        )
    return pd.DataFrame(rows)


def compare_recipes(predictions: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Recipes of one dataset, best AUC first, each against the reference on the galaxies that both predict.

    ``predictions``: columns recipe, galaxy_id, rotator_type, probability_fast. Differences are NaN for the reference,
    and where it is absent or shares no galaxy of both classes.
    """
    by_recipe = {recipe: rows.set_index("galaxy_id") for recipe, rows in predictions.groupby("recipe")}
    rows = []
    for recipe, scored in by_recipe.items():
        row = {"recipe": recipe, **_size_and_auc(scored["rotator_type"].to_numpy(int), scored["probability_fast"])}
        if recipe != reference and reference in by_recipe:
            both = scored.join(by_recipe[reference]["probability_fast"], rsuffix="_reference", how="inner")
            if both["rotator_type"].nunique() == 2:
                change = delong_paired(
                    both["rotator_type"].to_numpy(int), both["probability_fast"], both["probability_fast_reference"]
                )
                row |= {
                    "auc_difference": change.difference,
                    "auc_difference_low": change.low,
                    "auc_difference_high": change.high,
                    "p_value": change.p_value,
                }
        rows.append(row)
    return pd.DataFrame(rows).sort_values("auc", ascending=False, ignore_index=True)


def _size_and_auc(truth: NDArray, score: NDArray | pd.Series) -> dict[str, float | int]:
    auc = delong_interval(truth, score)
    return {
        "n_galaxies": len(truth),
        "n_slow": int((truth == 0).sum()),
        "auc": auc.auc,
        "auc_low": auc.low,
        "auc_high": auc.high,
    }
