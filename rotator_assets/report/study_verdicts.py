"""Comparison of the results here with those of the study, with a verdict for each result of the study."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from rotator_assets.comparison.differences import SIGNIFICANT
from rotator_assets.core.number_text import with_interval
from rotator_assets.core.study import (
    REFERENCE_RECIPE,
    STUDY_CONTRASTS,
    STUDY_RESULTS,
    Expected,
    StudyContrast,
    StudyResult,
)


@dataclass(frozen=True)
class _Verdict:
    """One row of the comparison, all cells as text."""

    dataset: str
    recipe: str
    study: str
    here: str
    difference: str
    verdict: str
    galaxies: int


_HEADINGS = {
    "study": "the study",
    "here": "AUC here",
}


def study_comparison(
    metrics: pd.DataFrame, recipes: pd.DataFrame, datasets: pd.DataFrame, *, synthetic: bool
) -> pd.DataFrame:
    """Return the results of the study next to those found here, without those that were not run.

    Parameters
    ----------
    metrics, recipes, datasets : DataFrame
        The tables ``model_metrics``, ``recipe_comparison`` and ``dataset_comparison``; they may be empty.
    synthetic : bool
        True for synthetic galaxies, which can neither confirm nor contradict the study. They get no verdict.

    Returns
    -------
    DataFrame
        One row per result, with a verdict. For an AUC, the verdict says whether its 95 % interval contains
        the value of the study; for a comparison, it follows from the difference and its corrected p-value.
    """
    found = {(row.dataset, row.recipe): row for row in metrics.itertuples()}
    compared = {(row.dataset, row.recipe): row for row in recipes.itertuples()}
    across = {(row.dataset, row.reference_dataset, row.recipe): row for row in datasets.itertuples()}
    rows = [
        _result_row(key, result, found[key], compared.get(key), synthetic)
        for key, result in STUDY_RESULTS.items()
        if key in found
    ]
    for contrast in STUDY_CONTRASTS:
        row = across.get((contrast.dataset, contrast.reference, REFERENCE_RECIPE))
        if row is not None:
            rows.append(_contrast_row(contrast, row, synthetic))
    columns = list(_Verdict.__dataclass_fields__)
    return pd.DataFrame([asdict(row) for row in rows], columns=columns).rename(columns=_HEADINGS)


def _result_row(key: tuple[str, str], result: StudyResult, row: Any, compared: Any, synthetic: bool) -> _Verdict:
    dataset, recipe = key
    difference, verdict = "", ""
    if np.isfinite(row.auc):
        if result.expected is None:
            verdict = _auc_verdict(result, row, synthetic)
        elif compared is not None and pd.notna(compared.p_value_adjusted):
            difference = with_interval(
                compared.auc_difference, compared.auc_difference_low, compared.auc_difference_high, signed=True
            )
            verdict = _difference_verdict(
                compared.auc_difference, compared.p_value_adjusted, result.expected, "thesis", synthetic
            )
        if result.chance and np.isfinite(row.auc_low):
            chance = row.auc_low <= 0.5 <= row.auc_high
            near = "consistent with chance" if chance else "not consistent with chance"
            verdict = "; ".join(part for part in (near, verdict) if part)
    return _Verdict(
        dataset=dataset,
        recipe=recipe,
        study=_said(result),
        here=with_interval(row.auc, row.auc_low, row.auc_high),
        galaxies=row.n_galaxies,
        difference=difference,
        verdict=verdict,
    )


def _contrast_row(contrast: StudyContrast, row: Any, synthetic: bool) -> _Verdict:
    difference, verdict = "", ""
    if pd.notna(row.p_value_adjusted):
        difference = with_interval(row.difference, row.low, row.high, signed=True)
        verdict = _difference_verdict(
            row.difference, row.p_value_adjusted, contrast.expected, contrast.reference, synthetic
        )
    return _Verdict(
        dataset=f"{contrast.dataset} against {contrast.reference}",
        recipe=REFERENCE_RECIPE,
        study=contrast.words,
        here=f"{row.auc:.3f} against {row.reference_auc:.3f}",
        galaxies=row.n_galaxies,
        difference=difference,
        verdict=verdict,
    )


def _said(result: StudyResult) -> str:
    if result.auc_low is None or result.auc_high is None:
        return result.words
    value = f"{result.auc_low:.2f}" + (f"–{result.auc_high:.2f}" if result.auc_high != result.auc_low else "")
    return f"AUC {value} ({result.words})"


def _auc_verdict(result: StudyResult, row: Any, synthetic: bool) -> str:
    if synthetic:
        return "synthetic: not comparable"
    if not np.isfinite(row.auc_low + row.auc_high):
        return ""
    below, above = row.auc_high < result.auc_low, row.auc_low > result.auc_high
    return "below the study" if below else "above the study" if above else "study's value within the interval"


def _difference_verdict(
    difference: float, p_value_adjusted: float, expected: Expected, other: str, synthetic: bool
) -> str:
    """Say whether the difference is significant after correction, and whether the study found the same."""
    if p_value_adjusted >= SIGNIFICANT:
        here, text = "equal", "no significant difference"
    else:
        here = "higher" if difference > 0 else "lower"
        text = f"significantly {here} than {other}"
    if synthetic:
        return f"synthetic: {text}"
    if here == expected:
        return f"{text}, as in the study"
    return text if here == "equal" else f"{text}, unlike the study"
