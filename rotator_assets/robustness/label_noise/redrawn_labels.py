"""How much of a network's AUC the labels themselves allow: errors of lambda_R, the boundary, the source of lambda_R.

No network is trained anew: the same out-of-fold scores are compared with other labels. NumPy and pandas only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from rotator_assets.evaluation.auc import auc_interval, aucs_of_labelings, size_and_auc
from rotator_assets.evaluation.network_scores import NetworkScores, sizes
from rotator_assets.kinematics.spin import BOUNDARIES, boundary_of, is_slow_rotator

ASSUMED_ERROR = 0.02
"""Standard deviation of lambda_R assumed where none is published, dimensionless: an assumption, not a measurement."""
DISTANCE_CUTS = (0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15)
"""Smallest |lambda_R - threshold| of the galaxies that are kept."""

COLUMNS = (
    "variant",
    "distance_cut",
    "n_galaxies",
    "n_slow",
    "auc",
    "auc_low",
    "auc_high",
    "reference_auc",
    "label_change_fraction",
    "ceiling",
    "ceiling_ranked",
    "n_assumed_error",
)
"""Columns of `label_noise_variants`."""


@dataclass(frozen=True)
class LabelNoise:
    """AUCs expected when lambda_R is drawn anew within its errors; means over the draws and their central 95 %.

    ``auc``: of the network's scores, with the spread that label noise alone gives it. ``ceiling``: of a classifier
    that knows every galaxy's class and no more. ``ceiling_ranked``: of one that knows lambda_R itself and orders
    galaxies by (lambda_R - threshold) / error; no classifier has a larger one. ``label_change_fraction``: share of
    labels that change in a draw. ``n_assumed_error``: galaxies whose error is an assumption.
    """

    auc: float
    auc_low: float
    auc_high: float
    ceiling: float
    ceiling_ranked: float
    label_change_fraction: float
    n_assumed_error: int


def expected_auc_from_label_noise(
    scored: NetworkScores,
    lambda_r: ArrayLike,
    lambda_r_error: ArrayLike,
    threshold: ArrayLike,
    *,
    n: int = 1000,
    seed: int = 0,
    assumed_error: float = ASSUMED_ERROR,
) -> LabelNoise:
    """What label noise does to the AUC, from ``n`` draws of lambda_R from Gaussians about the measured values.

    The measured lambda_R stands for the truth, so the noise that it has already widens its distribution a little, and
    somewhat fewer galaxies than in truth lie close to the threshold. Errors of the ellipticity are not included.

    Parameters: the network's scores; of the same entries (m,) lambda_R, its standard deviation (NaN where unknown:
    ``assumed_error`` is taken) and the galaxies' own thresholds. Raises ValueError where a value is not finite or
    where no draw has both classes.
    """
    lambda_r, threshold = (np.asarray(v, dtype=np.float64) for v in (lambda_r, threshold))
    error, assumed = errors_or_assumed(lambda_r_error, assumed_error)
    if not all(np.isfinite(v).all() for v in (lambda_r, threshold)):
        raise ValueError("lambda_R and thresholds must be finite")
    _, first, galaxy = np.unique(scored.galaxy_ids, return_index=True, return_inverse=True)
    drawn = np.random.default_rng(seed).standard_normal((n, len(first)))[:, galaxy]
    is_fast = lambda_r + error * drawn >= threshold
    truth = lambda_r >= threshold
    margin = (lambda_r - threshold) / error
    network = aucs_of_labelings(scored, is_fast)
    known = np.isfinite(network)
    if not known.any():
        raise ValueError("no draw has slow and fast rotators")
    low, high = np.quantile(network[known], [0.025, 0.975])
    by_truth, by_margin = (
        aucs_of_labelings(replace(scored, scores=scores.astype(np.float64)), is_fast[known])
        for scores in (truth, margin)
    )
    return LabelNoise(
        auc=float(network[known].mean()),
        auc_low=float(low),
        auc_high=float(high),
        ceiling=float(by_truth.mean()),
        ceiling_ranked=float(by_margin.mean()),
        label_change_fraction=float(np.mean((is_fast != truth)[known][:, first])),
        n_assumed_error=int(assumed[first].sum()),
    )


def errors_or_assumed(lambda_r_error: ArrayLike, assumed_error: float) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Standard deviations with the assumed one where none (or one that is not positive) is given; and where that is."""
    error = np.asarray(lambda_r_error, dtype=np.float64)
    assumed = ~(np.isfinite(error) & (error > 0))
    return np.where(assumed, assumed_error, error), assumed


def label_noise_variants(
    sample: pd.DataFrame,
    sources: pd.DataFrame,
    *,
    n: int = 1000,
    seed: int = 0,
    assumed_error: float = ASSUMED_ERROR,
) -> pd.DataFrame:
    """The network's AUC against every other label its galaxies could have, columns ``COLUMNS``, a row a variant.

    ``as trained``; ``lambda_R drawn within its errors`` with the ceilings, and within the assumed error for all, for
    published errors may be several times the scatter between sources; ``beyond 1 sigma`` and ``beyond 0.05`` (and other
    cuts) of the threshold; each of `BOUNDARIES`, that of the labels first; lambda_R of every single source.
    ``reference_auc``: the same galaxies with the labels as trained. Intervals are those of `auc_interval`, but of the
    draws their central 95 %. A variant that leaves one class empty has no AUC.

    ``sample``: a row a galaxy and network that tested it, with galaxy_id, object_id, rotator_type, fold,
    probability_fast, lambda_r, lambda_r_error, ellipticity, and spin_threshold by the boundary of these labels.
    ``sources``: at most one row a galaxy_id and lambda_r_source, with lambda_r.
    """
    sample = sample.reset_index(drop=True)
    truth = sample["rotator_type"].to_numpy(int)
    scored = NetworkScores.of(sample)
    lambda_r, threshold = sample["lambda_r"].to_numpy(float), sample["spin_threshold"].to_numpy(float)
    error, _ = errors_or_assumed(sample["lambda_r_error"], assumed_error)
    distance = np.abs(lambda_r - threshold)

    def against(variant: str, labels: NDArray, kept: NDArray[np.bool_], cut: float = np.nan) -> dict:
        return {"variant": variant, "distance_cut": cut} | _against(scored.select(kept), labels[kept])

    everywhere = np.ones(len(sample), dtype=bool)
    rows = [against("as trained", truth, everywhere)]
    if scored.has_pairs:
        unknown = np.full(len(sample), np.nan)
        for name, errors in (("its errors", sample["lambda_r_error"]), (f"{assumed_error:g}", unknown)):
            noise = expected_auc_from_label_noise(
                scored, lambda_r, errors, threshold, n=n, seed=seed, assumed_error=assumed_error
            )
            rows.append({**rows[0], "variant": f"lambda_R drawn within {name}", **vars(noise)})
    rows.append(against("beyond 1 sigma", truth, distance > error))
    rows += [against(f"beyond {cut:g}", truth, distance > cut, cut) for cut in DISTANCE_CUTS]
    own = boundary_of(sample["ellipticity"], threshold)
    for boundary in sorted(BOUNDARIES, key=lambda name: name != own):
        labels = 1 - is_slow_rotator(lambda_r, sample["ellipticity"], boundary).astype(int)
        rows.append(against(f"boundary {boundary}", labels, everywhere))
    for source, measured in sources.groupby("lambda_r_source"):
        other = sample["galaxy_id"].map(measured.set_index("galaxy_id")["lambda_r"]).to_numpy(float)
        rows.append(against(f"lambda_R of {source}", (other >= threshold).astype(int), np.isfinite(other)))
    return pd.DataFrame(rows).reindex(columns=list(COLUMNS))


def _against(scored: NetworkScores, labels: NDArray[np.int64]) -> dict:
    """Size and AUC with these labels, and the AUC with those as trained; missing where there is one class only."""
    other = scored.with_labels(labels)
    row = {**sizes(other), "label_change_fraction": float(np.mean(labels != scored.labels)) if len(labels) else np.nan}
    if other.has_pairs:
        row |= size_and_auc(other)
    if scored.has_pairs:
        row["reference_auc"] = auc_interval(scored).auc
    return row
