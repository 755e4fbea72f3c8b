"""A training in numbers: out-of-fold predictions summed up, beside plain baselines and other recipes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.core.recipes import Recipe
from rotator_assets.core.statistics import holm
from rotator_assets.evaluation.auc import (
    Judged,
    auc_difference,
    auc_interval,
    network_aucs,
    network_scatter,
    size_and_auc,
    sizes,
)
from rotator_assets.evaluation.baselines import pixel_baseline, tabular_baseline

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


def summarize(predictions: pd.DataFrame, repeats: pd.DataFrame) -> dict[str, float | int]:
    """Sample size, AUC with its 95 % interval, spread over networks, and confusion counts, named as in `model_metrics`.

    ``predictions``: a row a galaxy: rotator_type, probability_fast_calibrated, predicted_type. ``repeats``: a row a
    galaxy and network that tested it: galaxy_id, object_id, rotator_type, repeat, fold, probability_fast.
    """
    from sklearn.metrics import confusion_matrix

    judged = Judged.of(repeats)
    of_networks = network_aucs(judged)
    labels = predictions["rotator_type"].to_numpy(int)
    counts = confusion_matrix(labels, predictions["predicted_type"].to_numpy(int), labels=(0, 1))
    scatters = [network_scatter(Judged.of(rows)) for _, rows in repeats.groupby("repeat")]
    return {
        **size_and_auc(judged),
        "auc_pooled": auc_interval(Judged.by_one(labels, predictions["probability_fast_calibrated"])).auc,
        "network_scatter": float(np.sqrt(np.mean(np.square(scatters)))),
        "fold_auc_mean": float(of_networks.mean()),
        "fold_auc_min": float(of_networks.min()),
        "fold_auc_max": float(of_networks.max()),
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


def against_baselines(
    predictions: pd.DataFrame, repeats: pd.DataFrame, rivals: dict[str, NDArray[np.float64]]
) -> pd.DataFrame:
    """Each baseline's AUC and the network's gain over it, paired; columns of ``baseline_metrics``.

    ``predictions``: a row a galaxy, in the order of the rivals' scores, with galaxy_id, object_id, rotator_type,
    probability_fast and fold, by which the rivals were fitted. ``repeats``: as in `summarize`.
    """
    network = Judged.of(repeats)
    rows = []
    for name, scores in rivals.items():
        rival = Judged.of(predictions, scores)
        gain = auc_difference(network, rival)
        rows.append(
            {
                "baseline": name,
                **size_and_auc(rival),
                "auc_gain": gain.difference,
                "auc_gain_low": gain.low,
                "auc_gain_high": gain.high,
                "p_value": gain.p_value,
            }
        )
    return pd.DataFrame(rows, columns=_BASELINE_COLUMNS)


def compare_recipes(repeats: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Recipes of one dataset, best AUC first, each against the reference on the galaxies that both predict.

    ``repeats``: columns recipe, fold, galaxy_id, object_id, rotator_type, probability_fast; a row a galaxy and network
    that tested it. Gives the columns of ``recipe_comparison`` but dataset and synthetic: paired differences
    (`auc_difference`), with p-values corrected for their number after Holm. They are missing for the reference, and
    where it is absent or shares no galaxies of both classes. A recipe that labels galaxies otherwise than the reference
    is compared by its own labels, for both scores.
    """
    by_recipe = dict(iter(repeats.groupby("recipe")))
    rows = []
    for recipe, scored in by_recipe.items():
        row = {"recipe": recipe, **size_and_auc(Judged.of(scored))}
        both = in_both(scored, by_recipe[reference]) if recipe != reference and reference in by_recipe else None
        if both is not None:
            change = auc_difference(*both)
            row |= {
                "n_in_both": sizes(both[0])["n_galaxies"],
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


def compare_datasets(repeats: pd.DataFrame, pairs: Sequence[DatasetPair]) -> pd.DataFrame:
    """Each recipe on two datasets, for every pair of datasets that have it; the columns of ``dataset_comparison``.

    ``repeats``: columns dataset, recipe, fold, galaxy_id, object_id, rotator_type, probability_fast, synthetic. Where a
    pair is of the same galaxies, those in both are compared (paired), else all of either (independent samples).
    p-values are corrected after Holm for all comparisons of a kind. A comparison without galaxies of both classes is
    left out.
    """
    trained = dict(iter(repeats.groupby(["dataset", "recipe"])))
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


def in_both(scored: pd.DataFrame, reference: pd.DataFrame) -> tuple[Judged, Judged] | None:
    """Both trainings' scores of the galaxies that both predict, by the labels of the first.

    Parameters: rows of ``repeat_predictions`` of one training each. None where the galaxies give no AUC.
    """
    labels = scored.drop_duplicates("galaxy_id").set_index("galaxy_id")["rotator_type"]
    shared = reference[reference["galaxy_id"].isin(labels.index)]
    own = scored[scored["galaxy_id"].isin(shared["galaxy_id"])]
    return _comparable(Judged.of(own), Judged.of(shared.assign(rotator_type=shared["galaxy_id"].map(labels))))


def _compared(scored: pd.DataFrame, reference: pd.DataFrame, paired: bool) -> dict[str, float | int]:
    """The numbers of one comparison; empty where a class is missing."""
    pair = in_both(scored, reference) if paired else _comparable(Judged.of(scored), Judged.of(reference))
    if pair is None:
        return {}
    change = auc_difference(*pair, paired=paired)
    (of_one, of_other), (one, other) = map(sizes, pair), map(auc_interval, pair)
    return {
        **of_one,
        "reference_n_galaxies": of_other["n_galaxies"],
        "auc": one.auc,
        "reference_auc": other.auc,
        "difference": change.difference,
        "low": change.low,
        "high": change.high,
        "p_value": change.p_value,
    }


def _comparable(one: Judged, other: Judged) -> tuple[Judged, Judged] | None:
    """The two; None where the networks of either judged no two galaxies of different classes."""
    return (one, other) if one.comparable and other.comparable else None
