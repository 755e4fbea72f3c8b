"""Fusion: the network and other properties of a galaxy in one calibrated probability.

Gradient boosting turns the properties into a logit. The fused logit is a weighted sum of this logit, the network's, and
(``spin``) the lambda_R predicted by the network minus the boundary at the ellipticity of the catalogue. The weights are
fitted to the galaxies of the other folds (stacking: Wolpert 1992, Neural Networks 5, 241). What is summed comes, for
these galaxies, from models that have seen neither the galaxy nor any galaxy of the tested fold, so that nothing of the
tested fold reaches the weights: they come from models of all but two folds, one per pair of folds.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from rotator_assets.core.recipes import SPIN, Recipe
from rotator_assets.core.statistics import youden_threshold
from rotator_assets.training.calibration import LOWEST_SLOPE, Combination, fit_combination
from rotator_assets.training.features import FUSED, gradient_boosting
from rotator_assets.training.targets import PREDICTED_SPIN

NETWORK = "network"
_AND = " + "
_PREDICTIONS = ["part", "repeat", "fold", "galaxy_id", "object_id", "rotator_type", "logit", "probability_fast"]
_WEIGHTS = ["network_weight", "spin_weight", "features_weight"]
_MODELS = ["part", "repeat", "fold", *_WEIGHTS, "intercept", "threshold"]


def parts_of(sets: Sequence[str]) -> list[str]:
    """Return the names of the parts of a fusion with these sets of columns, such as ``network + catalogue``."""
    columns = [name for name in sets if name != SPIN]
    with_network = [_AND.join((NETWORK, *sets[:count])) for count in range(len(sets) + 1)]
    return with_network + [_AND.join(columns[:count]) for count in range(1, len(columns) + 1)]


def whole_of(sets: Sequence[str]) -> str:
    """Return the name of all parts together."""
    return _AND.join((NETWORK, *sets))


def compared_with(part: str, parts: Collection[str]) -> str | None:
    """Return the one of the parts that shows what another one adds or lacks: without its last set, or with the network.

    None for the network alone.
    """
    names = part.split(_AND)
    if names[0] != NETWORK:
        return next(other for other in parts if other.startswith(NETWORK) and other.endswith(part))
    return _AND.join(names[:-1]) or None


@dataclass(frozen=True)
class FusedParts:
    """Out-of-fold predictions and models of each part of a fusion.

    Attributes
    ----------
    predictions
        One row per part, repeat and galaxy: part, repeat, fold, galaxy_id, object_id, rotator_type, the combined logit
        and its probability_fast, which is calibrated.
    models
        One row per part, repeat and fold: part, repeat, fold, network_weight, spin_weight and features_weight (NaN
        where the part has none), intercept, threshold.
    left_out
        Columns of the features without any value.
    """

    predictions: pd.DataFrame
    models: pd.DataFrame
    left_out: tuple[str, ...]

    @classmethod
    def none(cls) -> FusedParts:
        """Return those of a recipe without fusion: no rows."""
        return cls(pd.DataFrame(columns=_PREDICTIONS), pd.DataFrame(columns=_MODELS), ())

    def mean_weights(self, part: str) -> dict[str, float]:
        """Return the mean weights of a part over the folds, by name; empty without models."""
        mean = self.models.loc[self.models["part"] == part, _WEIGHTS].astype(float).mean().dropna()
        return {str(name): float(weight) for name, weight in mean.items()}


def fuse(
    tested: pd.DataFrame, inner: pd.DataFrame, features: pd.DataFrame, recipe: Recipe, averaged: bool
) -> FusedParts:
    """Combine the logits of the networks with other properties, for each fold by models that have not seen it.

    The threshold is Youden's for the other folds, each predicted by a combination fitted without it.

    Parameters
    ----------
    tested
        One row per galaxy and repeat: galaxy_id, object_id, rotator_type, repeat, fold, logit, the calibration of the
        fold, as in `out_of_fold_predictions`, and with ``spin`` lambda_r_predicted.
    inner
        Calibrated logits and lambda_R by networks without two folds, as `CrossValidation.inner`.
    features
        Columns of the fusion, one row per row of ``tested``.
    recipe
        Gives the sets of columns, and the seed of the gradient boosting.
    averaged
        Whether the logits are means over the symmetries of the images.

    Raises
    ------
    ValueError
        If a galaxy lacks an inner logit or, with ``spin``, lambda_R or spin_threshold.
    """
    ending = "_averaged" if averaged else ""
    slope, offset = (tested[f"calibration_{name}{ending}"] for name in ("slope", "offset"))
    known = tested.assign(calibrated=slope * tested["logit"] + offset)
    predictions, models = [], []
    for repeat, rows in known.groupby("repeat"):
        labels, folds = rows["rotator_type"].to_numpy(int), rows["fold"].to_numpy()
        its_inner = inner[inner["repeat"] == repeat]
        of_network = _nested_outputs(rows, rows["calibrated"], its_inner, f"logit{ending}")
        of_spin = None
        if SPIN in recipe.fused_sets:
            predicted = _nested_outputs(rows, rows[PREDICTED_SPIN], its_inner, f"{PREDICTED_SPIN}{ending}")
            of_spin = predicted - features.loc[rows.index, "spin_threshold"].to_numpy(float)
        of_sets: dict[tuple[str, ...], NDArray[np.float64]] = {}
        for part in parts_of(recipe.fused_sets):
            names = part.split(_AND)
            sets = tuple(name for name in names if name not in (NETWORK, SPIN))
            if sets and sets not in of_sets:
                values = features.loc[rows.index, [column for name in sets for column in FUSED[name]]]
                of_sets[sets] = nested_feature_logits(values.to_numpy(float), labels, folds, recipe.seed)
            nested = {"network_weight": of_network} if NETWORK in names else {}
            nested |= {} if of_spin is None or SPIN not in names else {"spin_weight": of_spin}
            nested |= {"features_weight": of_sets[sets]} if sets else {}
            logits, of_folds = combine(list(nested.values()), labels, folds)
            predictions.append(
                rows.assign(part=part, logit=logits, probability_fast=scipy.special.expit(logits))[_PREDICTIONS]
            )
            for fold, model in of_folds.items():
                weights = dict(zip(nested, model.combination.weights, strict=True))
                decides = {"intercept": model.combination.offset, "threshold": model.threshold}
                models.append({"part": part, "repeat": repeat, "fold": fold, **weights, **decides})
    return FusedParts(
        pd.concat(predictions, ignore_index=True),
        pd.DataFrame(models).reindex(columns=_MODELS),
        tuple(features.columns[features.isna().all()]),
    )


def as_tested(tested: pd.DataFrame, parts: FusedParts, recipe: Recipe, averaged: bool) -> pd.DataFrame:
    """Return the rows of ``tested`` with the fused logit, which is calibrated, and its threshold.

    Parameters are those of `fuse` and its result.
    """
    whole, ending, key = whole_of(recipe.fused_sets), "_averaged" if averaged else "", ["repeat", "galaxy_id"]
    logits = parts.predictions.loc[parts.predictions["part"] == whole, [*key, "logit"]]
    thresholds = parts.models.loc[parts.models["part"] == whole].set_index("fold")["threshold"]
    fused = tested.drop(columns="logit").merge(logits, on=key, how="left", validate="one_to_one")
    changes = {"threshold": fused["fold"].map(thresholds), "calibration_slope": 1.0, "calibration_offset": 0.0}
    return fused.assign(**{f"{name}{ending}": value for name, value in changes.items()})


def nested_feature_logits(
    values: NDArray[np.float64], labels: NDArray[np.integer], folds: NDArray[np.integer], seed: int
) -> NDArray[np.float64]:
    """Return logits of being fast by gradient boosting, for each tested fold.

    Parameters
    ----------
    values
        Features, NaN where missing, shape (n, k).
    labels
        0 slow, 1 fast; shape (n,).
    folds
        The fold of each galaxy, shape (n,).
    seed
        Seed of the models.

    Returns
    -------
    float64 (number of folds, n): row ``f`` holds logits by models that have seen neither the galaxy's fold nor the
    ``f``-th one.
    """
    from threadpoolctl import threadpool_limits

    numbers, position = np.unique(folds, return_inverse=True)
    logits = np.zeros((len(numbers), len(labels)))
    values = values[:, np.isfinite(values).any(axis=0)]
    pairs = [(k, k) for k in range(len(numbers))] + list(combinations(range(len(numbers)), 2))
    with threadpool_limits(1):  # the threads of such small models mostly wait for each other
        for pair in pairs:
            seen = ~np.isin(position, pair)
            if values.shape[1] and len(np.unique(labels[seen])) == 2:  # else nothing can be learned: logits of 0
                model = gradient_boosting(seed).fit(values[seen], labels[seen])
                for one, other in {pair, pair[::-1]}:
                    tested = position == one
                    logits[other, tested] = model.decision_function(values[tested])
    return logits


def _nested_outputs(rows: pd.DataFrame, outer: pd.Series, inner: pd.DataFrame, column: str) -> NDArray[np.float64]:
    """Return an output of the networks in the form of `nested_feature_logits`.

    ``outer``: that of the networks that test the galaxies; ``column``: that of the inner networks.
    """
    position = {galaxy: number for number, galaxy in enumerate(rows["galaxy_id"])}
    numbers, of_rows = np.unique(rows["fold"], return_inverse=True)
    logits = np.full((len(numbers), len(rows)), np.nan)
    logits[of_rows, np.arange(len(rows))] = outer
    logits[np.searchsorted(numbers, inner["outer_fold"]), inner["galaxy_id"].map(position)] = inner[column]
    if not np.isfinite(logits).all():
        raise ValueError(f"a galaxy has no {column} by a network that has seen neither it nor a tested fold")
    return logits


@dataclass(frozen=True)
class FoldModel:
    """What the galaxies of one fold are classified by."""

    combination: Combination
    threshold: float


def combine(
    nested: Sequence[NDArray[np.float64]], labels: NDArray[np.integer], folds: NDArray[np.integer]
) -> tuple[NDArray[np.float64], dict[int, FoldModel]]:
    """Return the combined logits of all galaxies (n,), each out of fold, and the model of each fold.

    A single model keeps the order of the galaxies; of several, a useless one gets the weight 0.

    Parameters
    ----------
    nested
        Logits as `nested_feature_logits` returns them, of one or more models.
    labels
        0 slow, 1 fast; shape (n,).
    folds
        The fold of each galaxy, shape (n,).
    """
    combined, models = np.empty(len(labels)), {}
    lowest = LOWEST_SLOPE if len(nested) == 1 else 0.0
    for number, fold in enumerate(np.unique(folds)):
        logits = np.column_stack([of_model[number] for of_model in nested])
        test, unseen = folds == fold, np.empty(len(labels))
        whole = fit_combination(labels[~test], logits[~test], lowest)
        combined[test] = whole(logits[test])
        for inner in np.unique(folds[~test]):
            held = folds == inner
            seen = ~test & ~held
            unseen[held] = fit_combination(labels[seen], logits[seen], lowest)(logits[held])
        threshold = youden_threshold(labels[~test], scipy.special.expit(unseen[~test]))
        models[int(fold)] = FoldModel(whole, threshold)
    return combined, models
