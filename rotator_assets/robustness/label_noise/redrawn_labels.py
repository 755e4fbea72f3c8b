"""AUC of the same out-of-fold scores with other labels: errors of lambda_R, the boundary, the source of lambda_R.

No network is trained again. NumPy and pandas only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from rotator_assets.evaluation.auc import auc_interval, aucs_of_labelings, size_and_auc
from rotator_assets.evaluation.network_scores import NetworkScores, sizes
from rotator_assets.kinematics.spin import BOUNDARIES, boundary_of, is_slow_rotator
from rotator_assets.robustness.label_noise.tables import TABLES

ASSUMED_ERROR = 0.02
"""Assumed standard deviation of lambda_R if none is published, dimensionless."""
DISTANCE_CUTS = (0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15)
"""Smallest |lambda_R - threshold| of the galaxies kept."""

COLUMNS = tuple(
    name
    for name in TABLES["label_noise"].column_names
    if name not in ("dataset", "recipe", "assumed_error", "synthetic")
)
"""Columns of `label_noise_variants`."""


@dataclass(frozen=True)
class LabelNoise:
    """AUCs expected if lambda_R is redrawn within its errors: means over the draws, and their central 95 %.

    Attributes
    ----------
    auc, auc_low, auc_high
        Of the network's scores, with the spread due to label noise alone.
    ceiling
        Of a classifier that knows only the class of every galaxy.
    ceiling_ranked
        Of a classifier that knows lambda_R and orders galaxies by (lambda_R - threshold) / error; the largest possible.
    label_change_fraction
        Mean fraction of labels that change in a draw.
    n_assumed_error
        Number of galaxies whose error is assumed.
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
    """Return the effect of label noise on the AUC, from draws of lambda_R from Gaussians around the measured values.

    The measured lambda_R replaces the true one. Its own noise widens the distribution slightly, so somewhat fewer
    galaxies lie close to the threshold than in truth. Errors of the ellipticity are not included.

    Parameters
    ----------
    scored
        The network's scores, m entries.
    lambda_r
        Shape (m,).
    lambda_r_error
        Standard deviation of lambda_R, shape (m,); NaN if unknown.
    threshold
        Threshold of each galaxy, shape (m,).
    n
        Number of draws.
    seed
        Seed of the draws.
    assumed_error
        Standard deviation of lambda_R if unknown.

    Raises
    ------
    ValueError
        If a value is not finite, or no draw has both classes.
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
    """Return standard deviations with the assumed one for unknown or non-positive ones, and a mask of these."""
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
    """Return the network's AUC with other possible labels of its galaxies, one row per variant.

    Variants: ``as trained``; ``lambda_R drawn within its errors`` with the ceilings, and within the assumed error for
    all galaxies, as published errors can be several times the scatter between sources; galaxies ``beyond 1 sigma`` and
    ``beyond 0.05`` (and other cuts) of the threshold; each of `BOUNDARIES`, that of the labels first; lambda_R of each
    source. Intervals are those of `auc_interval`, or the central 95 % of the draws. A variant with one class has no
    AUC.

    Parameters
    ----------
    sample
        One row per galaxy and network that tested it, with galaxy_id, object_id, rotator_type, fold, probability_fast,
        lambda_r, lambda_r_error, ellipticity, and spin_threshold by the boundary of these labels.
    sources
        At most one row per galaxy_id and lambda_r_source, with lambda_r.
    n
        Number of draws.
    seed
        Seed of the draws.
    assumed_error
        Standard deviation of lambda_R if unknown.

    Returns
    -------
    Columns ``COLUMNS``; ``reference_auc`` is that of the same galaxies with their training labels.
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
    """Return size and AUC with these labels, and the AUC with the training labels; missing if there is one class."""
    other = scored.with_labels(labels)
    row = {**sizes(other), "label_change_fraction": float(np.mean(labels != scored.labels)) if len(labels) else np.nan}
    if other.has_pairs:
        row |= size_and_auc(other)
    if scored.has_pairs:
        row["reference_auc"] = auc_interval(scored).auc
    return row
