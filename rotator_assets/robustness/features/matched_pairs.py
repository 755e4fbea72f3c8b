"""AUC among similar galaxies, and the AUC that the definition of the label alone gives.

Galaxies are compared within networks, as in `evaluation.auc`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from rotator_assets.core.statistics import Estimate
from rotator_assets.evaluation.auc import auc_interval, aucs_of_labelings, size_and_auc
from rotator_assets.evaluation.network_scores import NetworkScores, sizes

CALIPERS = {"ellipticity": 0.05, "log_mass": 0.1, "r_eff_over_psf": 0.3, "redshift": 0.005}
"""Properties that may explain the network's AUC, and the largest difference of two similar galaxies."""
N_BINS = 4
N_RESAMPLES = 1000


def auc_in_bins(scored: NetworkScores, values: ArrayLike, n_bins: int = N_BINS) -> pd.DataFrame:
    """Return the AUC among galaxies of similar value, in bins of about equal numbers of galaxies.

    Parameters
    ----------
    scored
        The scores, n entries.
    values
        Shape (n,). Entries without a value are in no bin.
    n_bins
        Number of bins; bins with equal limits are merged.

    Returns
    -------
    Columns low, high (low <= value < high; the last bin includes its end), n_galaxies, n_slow, auc, auc_low, auc_high;
    the last three NaN if no network scored both classes.
    """
    values = np.asarray(values, float)
    known = np.isfinite(values)
    edges = np.unique(np.quantile(values[known], np.linspace(0, 1, n_bins + 1))) if known.any() else np.empty(0)
    if len(edges) == 1:
        edges = np.repeat(edges, 2)
    number = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, max(len(edges) - 2, 0))
    rows = []
    for position in range(len(edges) - 1):
        chosen = scored.select(known & (number == position))
        row = {"low": edges[position], "high": edges[position + 1], **sizes(chosen)}
        if chosen.has_pairs:
            row |= size_and_auc(chosen)
        rows.append(row)
    return pd.DataFrame(rows, columns=["low", "high", "n_galaxies", "n_slow", "auc", "auc_low", "auc_high"])


def matched_auc(
    scored: NetworkScores, values: ArrayLike, caliper: float, seed: int, n_resamples: int = N_RESAMPLES
) -> Estimate:
    """Return the fraction of pairs of similar slow and fast galaxies in which the fast one scores higher.

    A pair is similar if its values are closer than ``caliper`` and one network scored both. A tie counts half, so for
    all pairs this is the AUC. The interval holds the central 95 % of a bootstrap over objects, whose repeat
    observations stay together.

    Parameters
    ----------
    scored
        The scores, n entries.
    values
        The property, shape (n,); NaN matches nothing.
    caliper
        Largest difference of a similar pair.
    seed
        Seed of the bootstrap.
    n_resamples
        Number of replicates.

    Returns
    -------
    Estimate
        NaN without similar pairs.
    """
    values, scores, networks = np.asarray(values, float), scored.scores, scored.networks
    slow, fast = np.flatnonzero(scored.labels == 0), np.flatnonzero(scored.labels == 1)
    alike = (np.abs(values[slow, None] - values[fast]) < caliper) & (networks[slow, None] == networks[fast])
    if not alike.any():
        return Estimate(np.nan, np.nan, np.nan)
    alike = alike.astype(np.float32)
    difference = scores[fast] - scores[slow, None]
    won = alike * (0.5 + 0.5 * np.sign(difference)).astype(np.float32)
    _, members = np.unique(scored.object_ids, return_inverse=True)
    n_objects = members.max() + 1
    drawn = np.random.default_rng(seed).multinomial(n_objects, np.full(n_objects, 1 / n_objects), n_resamples)
    slow_weight, fast_weight = (drawn[:, members[chosen]].astype(np.float32) for chosen in (slow, fast))
    pairs, wins = (((slow_weight @ matrix) * fast_weight).sum(axis=1, dtype=float) for matrix in (alike, won))
    low, high = np.quantile(wins[pairs > 0] / pairs[pairs > 0], [0.025, 0.975])
    return Estimate(float(won.sum(dtype=float) / alike.sum(dtype=float)), float(low), float(high))


def auc_by_definition(
    scored: NetworkScores,
    lambda_r: ArrayLike,
    spin_threshold: ArrayLike,
    seed: int,
    n_permutations: int = N_RESAMPLES,
    boundary_gap: float = 0.0,
) -> Estimate:
    """Return the AUC that scores reach through the definition of the label alone.

    The label compares lambda_R with a threshold that rises with ellipticity. A score correlated with ellipticity
    therefore predicts the label even if lambda_R is independent of both. This is the mean AUC over permutations of
    lambda_R among the galaxies, which keep the score and threshold of each galaxy and give it a new label. A score that
    rises with ellipticity has an AUC below 0.5: at larger ellipticity, more galaxies of the same lambda_R are slow.

    Parameters
    ----------
    scored
        The scores, n entries.
    lambda_r
        Shape (n,).
    spin_threshold
        Threshold of each galaxy, shape (n,).
    seed
        Seed of the permutations.
    n_permutations
        Number of permutations.
    boundary_gap
        A galaxy closer to its threshold than this has no label, as in the sample.

    Returns
    -------
    Estimate
        The interval holds the central 95 % of the permutations. NaN if no permutation has both classes.
    """
    spin, threshold = np.asarray(lambda_r, float), np.asarray(spin_threshold, float)
    generator = np.random.default_rng(seed)
    _, first, galaxy = np.unique(scored.galaxy_ids, return_index=True, return_inverse=True)
    drawn = np.array([generator.permutation(spin[first]) for _ in range(n_permutations)])[:, galaxy]
    aucs = aucs_of_labelings(scored, drawn >= threshold, np.abs(drawn - threshold) >= boundary_gap)
    if np.isnan(aucs).all():
        return Estimate(np.nan, np.nan, np.nan)
    low, high = np.nanquantile(aucs, [0.025, 0.975])
    return Estimate(float(np.nanmean(aucs)), float(low), float(high))


def r_eff_over_psf(sample: pd.DataFrame) -> NDArray[np.float64]:
    """Return the half-light semi-major axis over the FWHM of the seeing, float64 (n,); NaN if either is unknown.

    Both are those of the image if known (``r_eff_pixels``, ``arcsec_per_pixel``; ``psf_fwhm_r_arcsec`` of a mock
    observation), else those of the catalogue (``r_eff_arcsec``; ``psf_fwhm_arcsec`` of the kinematic data).
    """
    size = (sample["r_eff_pixels"] * sample["arcsec_per_pixel"]).fillna(sample["r_eff_arcsec"])
    seeing = sample["psf_fwhm_r_arcsec"].fillna(sample["psf_fwhm_arcsec"])
    return (size / seeing.where(seeing > 0)).to_numpy(float)


def binned(sample: pd.DataFrame) -> pd.DataFrame:
    """Return `auc_in_bins` of the network's scores for every variable of ``CALIPERS``, with ``variable``."""
    scored = NetworkScores.of(sample)
    tables = [auc_in_bins(scored, sample[name]).assign(variable=name) for name in CALIPERS]
    rows = [row for table in tables for row in table.to_dict("records")]  # pd.concat warns of empty tables
    return pd.DataFrame(rows, columns=tables[0].columns)


def ellipticity_tests(sample: pd.DataFrame, seed: int, boundary_gap: float = 0.0) -> pd.DataFrame:
    """Return AUCs that show what part of the network's AUC ellipticity explains, one per row.

    Parameters
    ----------
    sample
        One row per galaxy and network that tested it: galaxy_id, object_id, rotator_type, fold, probability_fast,
        lambda_r, spin_threshold and the variables of ``CALIPERS``.
    seed
        Seed of permutations and bootstrap.
    boundary_gap
        Galaxies whose lambda_R is closer to their threshold than this are not in the sample.

    Returns
    -------
    Columns quantity, auc, auc_low, auc_high, n_galaxies, n_slow. A variable without similar pairs is left out.
    """
    network = NetworkScores.of(sample)
    ellipticity = NetworkScores.of(sample, sample["ellipticity"])
    spin, threshold = sample["lambda_r"], sample["spin_threshold"]

    def by_definition(scores: NetworkScores) -> Estimate:
        return auc_by_definition(scores, spin, threshold, seed, boundary_gap=boundary_gap)

    found = {
        "network": _with_interval(network),
        "network, by the label's definition alone": by_definition(network),
        "ellipticity": _with_interval(ellipticity),
        "ellipticity, by the label's definition alone": by_definition(ellipticity),
    }
    for name, caliper in CALIPERS.items():
        found[f"network, pairs within {caliper:g} in {name}"] = matched_auc(network, sample[name], caliper, seed)
    rows = [
        {"quantity": quantity, "auc": e.value, "auc_low": e.low, "auc_high": e.high} for quantity, e in found.items()
    ]
    table = pd.DataFrame(rows).dropna(subset="auc", ignore_index=True)
    return table.assign(**sizes(network))


def _with_interval(scored: NetworkScores) -> Estimate:
    found = auc_interval(scored)
    return Estimate(found.auc, found.low, found.high)
