"""What the study found, in numbers, and the comparison of what is found here with it.

The study: "Investigating the morphologies of slow and fast rotators with deep learning" (2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class StudyResult:
    """AUC given by the study: lowest and highest (equal where it gives one), None where it gives words only."""

    auc_low: float | None
    auc_high: float | None
    words: str


_MANGA = {
    "thesis": StudyResult(0.78, 0.78, "early types"),
    "all-types": StudyResult(0.92, 0.92, "early and late types"),
    "r-band": StudyResult(None, None, "r alone as good as g, r and i"),
    "dropout": StudyResult(None, None, "batch normalization slightly better than dropout"),
    "unnormalized": StudyResult(None, None, "near chance without normalization"),
}
STUDY_RESULTS: dict[tuple[str, str], StudyResult] = {
    **{(f"manga-observed-{crop}", recipe): result for crop in (128, 64) for recipe, result in _MANGA.items()},
    **{(f"tng100-noisy-{crop}", "thesis"): StudyResult(0.68, 0.70, "with noise") for crop in (128, 64)},
    ("tng100-noiseless-128", "thesis"): StudyResult(0.72, 0.72, "without noise"),
    ("tng100-noiseless-64", "thesis"): StudyResult(0.79, 0.79, "without noise"),
}
"""By dataset and recipe. A result that the study does not tie to one crop stands against both."""


def study_auc(dataset: str) -> dict[str, tuple[float, float]]:
    """Lowest and highest AUC that the study gives for this dataset, by recipe."""
    return {
        recipe: (result.auc_low, result.auc_high)
        for (name, recipe), result in STUDY_RESULTS.items()
        if name == dataset and result.auc_low is not None and result.auc_high is not None
    }


def study_comparison(metrics: pd.DataFrame, *, synthetic: bool) -> pd.DataFrame:
    """What the study said and what was found here, one row a result of the study.

    ``metrics``: the table ``model_metrics`` (``dataset``, ``recipe``, ``auc``, ``auc_low``, ``auc_high``,
    ``n_galaxies``). With ``synthetic`` data no verdict is given: made-up galaxies neither confirm nor refute.
    """
    found = {(row.dataset, row.recipe): row for row in metrics.itertuples()}
    table = pd.DataFrame(
        [
            {
                "dataset": dataset,
                "recipe": recipe,
                "the study": _said(result),
                **_here(result, found.get((dataset, recipe)), synthetic),
            }
            for (dataset, recipe), result in STUDY_RESULTS.items()
        ]
    )
    return table.astype({"galaxies": "Int64"})


def _said(result: StudyResult) -> str:
    if result.auc_low is None or result.auc_high is None:
        return result.words
    value = f"{result.auc_low:.2f}" + (f"–{result.auc_high:.2f}" if result.auc_high != result.auc_low else "")
    return f"AUC {value} ({result.words})"


def _here(result: StudyResult, row: tuple | None, synthetic: bool) -> dict[str, object]:
    if row is None:
        return {"here: AUC [95 % interval]": "not run", "galaxies": pd.NA, "verdict": ""}
    if not np.isfinite(row.auc):
        return {"here: AUC [95 % interval]": "not defined", "galaxies": row.n_galaxies, "verdict": ""}
    verdict = ""
    if synthetic:
        verdict = "synthetic: not comparable"
    elif result.auc_low is not None and result.auc_high is not None and np.isfinite(row.auc_low + row.auc_high):
        below, above = row.auc_high < result.auc_low, row.auc_low > result.auc_high
        verdict = "below the study" if below else "above the study" if above else "within the interval"
    interval = f" [{row.auc_low:.3f}, {row.auc_high:.3f}]" if np.isfinite(row.auc_low + row.auc_high) else ""
    return {
        "here: AUC [95 % interval]": f"{row.auc:.3f}{interval}",
        "galaxies": row.n_galaxies,
        "verdict": verdict,
    }
