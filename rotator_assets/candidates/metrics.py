"""How well the probabilities of the candidates are calibrated, on those whose label is known."""

from __future__ import annotations

import pandas as pd

from rotator_assets.evaluation.reliability import population_metrics


def candidate_metrics(ranked: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Return the columns of ``candidate_metrics`` except dataset, recipe and synthetic, one row per population.

    Galaxies excluded from training do not count.

    Parameters
    ----------
    ranked
        Rows of ``candidates``.
    seed
        Seed of the resampling.
    """
    known = ranked[ranked["labelled"] & ranked["excluded_from"].isna()]
    is_early = known["population"].map({"early": True, "late": False}).astype("boolean")
    rows = known.assign(
        fold=0,  # calibrated probabilities are on one scale
        tested=False,
        is_early_type=is_early,
        probability_fast_calibrated=1 - known["probability_slow"],
    )
    return population_metrics(rows, seed=seed).drop(columns="tested")
