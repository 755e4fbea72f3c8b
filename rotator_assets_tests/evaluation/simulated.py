"""Simulated cross-validations with known AUCs, to measure coverage and false rejections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from scipy.stats import norm

from rotator_assets.evaluation.network_scores import NetworkScores
from rotator_assets.training.calibration import fit_calibration

VALIDATION = 0.15
"""Fraction of a network's training galaxies that calibrate it."""


@dataclass(frozen=True)
class Setting:
    """Two classifiers of the same galaxies, each with one network per fold and repeat.

    Scores are normal in each class, so that the AUCs are exact. ``correlation``: between the two classifiers' scores
    of a galaxy within its class. ``offset``, ``slope``: standard deviations between networks of the zero point of their
    scores, and of the logarithm of their scale. ``training``: fraction of a score's variance that differs between
    trainings from galaxy to galaxy. ``quality``: standard deviation between networks of the distance of the classes.
    """

    n: int = 120
    n_slow: int = 40
    folds: int = 5
    repeats: int = 1
    aucs: tuple[float, float] = (0.77, 0.77)
    correlation: float = 0.6
    offset: float = 0.0
    slope: float = 0.0
    training: float = 0.2
    quality: float = 0.0


@dataclass(frozen=True)
class Scores:
    """One classifier's scores in three ways: within networks, pooled, and pooled after each network's calibration."""

    within: NetworkScores
    pooled: NetworkScores
    calibrated: NetworkScores | None


def cross_validation(
    setting: Setting, generator: np.random.Generator, *, calibrate: bool = False
) -> tuple[Scores, Scores]:
    """Scores of both classifiers, which have the same folds; calibrated ones only on request, as they take longest."""
    labels = np.repeat([0, 1], [setting.n_slow, setting.n - setting.n_slow])
    covariance = [[1, setting.correlation], [setting.correlation, 1]]
    of_galaxies = generator.multivariate_normal([0, 0], covariance, setting.n).T
    folds = [_folds(labels, setting.folds, generator) for _ in range(setting.repeats)]
    one, other = (
        _classifier(setting, labels, shared, folds, auc, generator, calibrate)
        for shared, auc in zip(of_galaxies, setting.aucs, strict=True)
    )
    return one, other


def _folds(labels, n_folds, generator):
    folds = np.empty(len(labels), dtype=int)
    for label in (0, 1):
        members = generator.permutation(np.flatnonzero(labels == label))
        folds[members] = np.arange(len(members)) % n_folds
    return folds


def _classifier(setting, labels, shared, folds, auc, generator, calibrate) -> Scores:
    distance = np.sqrt(2) * norm.ppf(auc)
    rows, scores, calibrated, networks = [], [], [], []
    for repeat, fold in enumerate(folds):
        for number in range(setting.folds):
            offset, slope = generator.normal(0, setting.offset), np.exp(generator.normal(0, setting.slope))
            apart = distance + generator.normal(0, setting.quality)
            tested = np.flatnonzero(fold == number)
            own = generator.normal(0, np.sqrt(setting.training), len(tested))
            raw = slope * (np.sqrt(1 - setting.training) * shared[tested] + own + apart * labels[tested]) + offset
            rows.append(tested)
            scores.append(raw)
            networks.append(np.full(len(tested), repeat * setting.folds + number))
            if calibrate:
                kinds = _validated(setting)
                calibrated.append(
                    fit_calibration(kinds, slope * (generator.normal(size=len(kinds)) + apart * kinds) + offset)(raw)
                )
    row = np.concatenate(rows)
    score = np.concatenate(scores)

    def pooled(values):
        return NetworkScores.single(labels, np.bincount(row, values) / setting.repeats)

    within = NetworkScores(labels[row].astype(np.int8), score, np.concatenate(networks), row, row)
    return Scores(within, pooled(score), pooled(np.concatenate(calibrated)) if calibrate else None)


def _validated(setting):
    """Labels of a network's validation part."""
    n = round(VALIDATION * setting.n * (1 - 1 / setting.folds))
    n_slow = max(1, round(n * setting.n_slow / setting.n))
    return np.repeat([0, 1], [n_slow, n - n_slow])


@st.composite
def labels_and_scores(draw, least=1):
    """Labels with both classes, and scores with many ties."""
    n_slow, n_fast = draw(st.integers(least, 12)), draw(st.integers(least, 12))
    labels = np.repeat([0, 1], [n_slow, n_fast])
    scores = draw(st.lists(st.integers(0, 9), min_size=len(labels), max_size=len(labels)))
    order = np.random.default_rng(draw(st.integers(0, 99))).permutation(len(labels))
    return labels[order], np.array(scores)[order] / 10


def predictions(dataset: str, recipe: str, ids: range, signal: float, seed: int) -> pd.DataFrame:
    """Galaxies whose type follows from their number; the AUC grows with the signal."""
    numbers = np.array(ids)
    kind = (numbers % 3 > 0).astype(int)
    score = signal * kind + np.random.default_rng(seed).normal(size=len(kind))
    return pd.DataFrame(
        {
            "dataset": dataset,
            "recipe": recipe,
            "galaxy_id": [f"g{number}" for number in numbers],
            "object_id": [f"g{number}" for number in numbers],
            "fold": numbers // 3 % 2,
            "rotator_type": kind,
            "probability_fast": 1 / (1 + np.exp(-score)),
            "synthetic": False,
        }
    )
