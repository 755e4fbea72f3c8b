"""Completeness and purity of the first candidates: what an observer finds by observing a number of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

RESAMPLED = 1000
ENDS = (16, 84)
"""Percentiles of the intervals."""
MEASURED, EXPECTED = "labelled galaxies, measured", "galaxies without measured kinematics, expected"


def follow_up_table(ranked: pd.DataFrame, held_out: Collection[str] | None, *, seed: int = 0) -> pd.DataFrame:
    """Return table ``follow_up``: labelled galaxies as measured, those without measured kinematics as expected.

    The measured sample is without galaxies excluded from training. Galaxies with lambda_R but no label are in neither.

    Parameters
    ----------
    ranked
        Rows of ``candidates``.
    held_out
        Galaxies of a held-out part, to which the measured sample is limited: of the other galaxies, the candidates hold
        some types alone. None where every galaxy is a candidate.
    seed
        Seed of the resampling.
    """
    known = ranked[ranked["labelled"] & ranked["excluded_from"].isna()]
    known = known if held_out is None else known[known["galaxy_id"].isin(held_out)]
    measured = measured_follow_up(known["probability_slow"], known["rotator_type"] == 0, known["object_id"], seed=seed)
    unknown = ranked.loc[ranked["lambda_r"].isna(), "probability_slow"]
    expected = expected_follow_up(unknown).assign(sample=EXPECTED)
    return pd.concat([measured.assign(sample=MEASURED), *([expected] if len(unknown) else [])], ignore_index=True)


def measured_follow_up(
    probability_slow: ArrayLike, is_slow: ArrayLike, object_ids: ArrayLike, *, seed: int = 0
) -> pd.DataFrame:
    """Return what the first candidates among labelled galaxies contain, with intervals by resampling of objects.

    Parameters
    ----------
    probability_slow
        Calibrated probability of being slow, shape (n,).
    is_slow
        True for slow rotators, shape (n,).
    object_ids
        Physical galaxies, which are resampled as a whole, shape (n,).
    seed
        Seed of the resampling.

    Returns
    -------
    One row per number of observed galaxies: n_observed, slow_found, slow_expected (sum of the probabilities),
    slow_total, completeness and purity; slow_found, completeness and purity with the ends of their 68 % interval (_low,
    _high).
    """
    probability, slow = np.asarray(probability_slow, float), np.asarray(is_slow, bool)
    order = np.argsort(-probability, kind="stable")
    probability, slow = probability[order], slow[order]
    _, number = np.unique(np.asarray(object_ids)[order], return_inverse=True)
    generator, n = np.random.default_rng(seed), len(slow)
    found, complete, pure = (np.empty((RESAMPLED, n)) for _ in range(3))
    observed = np.arange(1, n + 1)
    for sample in range(RESAMPLED):
        weight = np.bincount(generator.integers(0, number.max() + 1, number.max() + 1), minlength=number.max() + 1)
        weight = weight[number]
        # The sample in order of probability: how many of its first galaxies are slow.
        drawn, drawn_slow = np.cumsum(weight), np.cumsum(weight * slow)
        found[sample] = np.interp(observed, np.r_[0, drawn], np.r_[0, drawn_slow])
        complete[sample] = found[sample] / drawn_slow[-1] if drawn_slow[-1] > 0 else np.nan
        pure[sample] = found[sample] / observed
    total = slow.sum()
    frame = _frame(np.cumsum(slow), np.cumsum(probability), float(total))
    for name, values in (("slow_found", found), ("completeness", complete), ("purity", pure)):
        known = values[~np.isnan(values[:, 0])]  # a sample without slow rotators has no completeness
        frame[[f"{name}_low", f"{name}_high"]] = np.percentile(known, ENDS, axis=0).T if len(known) else np.nan
    return frame


def expected_follow_up(probability_slow: ArrayLike) -> pd.DataFrame:
    """Return what the first candidates without measured kinematics contain, if the probabilities are right.

    Parameters
    ----------
    probability_slow
        Calibrated probability of being slow, shape (n,).

    Returns
    -------
    The columns of `measured_follow_up`; slow_found equals slow_expected, and the intervals are those of the sum of
    independent outcomes (normal approximation). Errors of the calibration are not part of them.
    """
    probability = np.sort(np.asarray(probability_slow, float))[::-1]
    expected, variance = np.cumsum(probability), np.cumsum(probability * (1 - probability))
    total = probability.sum()
    frame = _frame(expected, expected, total)
    error = np.sqrt(variance)
    frame["slow_found_low"] = np.maximum(expected - error, 0.0)
    frame["slow_found_high"] = np.minimum(expected + error, frame["n_observed"])
    rest = variance[-1] - variance if len(variance) else variance
    # Found and missed slow rotators are independent; the fraction found has this error to first order.
    spread = np.sqrt((total - expected) ** 2 * variance + expected**2 * rest) / total**2 if total > 0 else np.nan
    frame["completeness_low"] = np.maximum(frame["completeness"] - spread, 0.0)
    frame["completeness_high"] = np.minimum(frame["completeness"] + spread, 1.0)
    for end in ("low", "high"):
        frame[f"purity_{end}"] = frame[f"slow_found_{end}"] / frame["n_observed"]
    return frame


def origin_of_labels(labelled: pd.DataFrame, scales: Mapping[str, float]) -> str:
    """Say which sources of lambda_R the labels come from, as candidates inherit their bias.

    Parameters
    ----------
    labelled
        Galaxies with a label: lambda_r, its source (lambda_r_source) and its value there (lambda_r_unscaled).
    scales
        Factors that would bring low sources to the scale of the others.
    """
    found = []
    for source, rows in labelled.groupby("lambda_r_source"):
        low = scales.get(str(source)) if (rows["lambda_r"] == rows["lambda_r_unscaled"]).all() else None
        remark = f", whose values are about {1 / low:.2g} of the other sources'" if low else ""
        found.append(f"{len(rows)} by {source}{remark}")
    return f"labels: {'; '.join(found)}"


def _frame(found: NDArray, expected: NDArray[np.float64], total: float) -> pd.DataFrame:
    observed = np.arange(1, len(found) + 1)
    return pd.DataFrame(
        {
            "n_observed": observed,
            "slow_found": found.astype(float),
            "slow_expected": expected,
            "slow_total": total,
            "completeness": found / total if total > 0 else np.full(len(found), np.nan),
            "purity": found / observed,
        }
    )
