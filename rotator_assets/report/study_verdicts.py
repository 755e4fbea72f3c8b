"""What is found here held against what the study said: one verdict a result of the study."""

from __future__ import annotations

import numpy as np
import pandas as pd

from rotator_assets.core.study import (
    REFERENCE_RECIPE,
    STUDY_CONTRASTS,
    STUDY_RESULTS,
    Expected,
    StudyContrast,
    StudyResult,
)


def study_comparison(
    metrics: pd.DataFrame, recipes: pd.DataFrame, datasets: pd.DataFrame, *, synthetic: bool
) -> pd.DataFrame:
    """What the study said and what was found here, one row a result of the study, with where the numbers stand.

    ``metrics``, ``recipes``, ``datasets``: the tables ``model_metrics``, ``recipe_comparison`` and
    ``dataset_comparison``, empty ones perhaps. An AUC is judged by whether its interval holds the study's; a
    comparison by the difference here and its corrected p-value. With ``synthetic`` data nothing is held against the
    study: made-up galaxies neither confirm nor refute it.
    """
    found = {(row.dataset, row.recipe): row for row in metrics.itertuples()}
    beside = {(row.dataset, row.recipe): row for row in recipes.itertuples()}
    across = {(row.dataset, row.reference_dataset, row.recipe): row for row in datasets.itertuples()}
    rows = [
        _result_row(key, result, found.get(key), beside.get(key), synthetic) for key, result in STUDY_RESULTS.items()
    ]
    rows += [
        _contrast_row(contrast, across.get((contrast.dataset, contrast.reference, REFERENCE_RECIPE)), synthetic)
        for contrast in STUDY_CONTRASTS
    ]
    return pd.DataFrame(rows).astype({"galaxies": "Int64"})


def _result_row(key: tuple[str, str], result: StudyResult, row, beside, synthetic: bool) -> dict[str, object]:
    dataset, recipe = key
    table = "recipe_comparison" if result.expected else "model_metrics"
    difference, verdict = "", ""
    if row is not None and np.isfinite(row.auc):
        if result.expected is None:
            verdict = _auc_verdict(result, row, synthetic)
        elif beside is not None and pd.notna(beside.p_value_adjusted):
            difference = _with_interval(
                beside.auc_difference, beside.auc_difference_low, beside.auc_difference_high, "+.3f"
            )
            verdict = _difference_verdict(
                beside.auc_difference, beside.p_value_adjusted, result.expected, "thesis", synthetic
            )
        if result.chance and np.isfinite(row.auc_low):
            near = "not told from chance" if row.auc_low <= 0.5 <= row.auc_high else "told from chance"
            verdict = "; ".join(part for part in (near, verdict) if part)
    return {
        "dataset": dataset,
        "recipe": recipe,
        "the study": _said(result),
        "here: AUC [95 % interval]": _found(row),
        "galaxies": pd.NA if row is None else row.n_galaxies,
        "difference [95 % interval]": difference,
        "verdict": verdict,
        "in DuckDB": f"FROM {table}",
    }


def _contrast_row(contrast: StudyContrast, row, synthetic: bool) -> dict[str, object]:
    known = row is not None and pd.notna(row.p_value_adjusted)
    return {
        "dataset": f"{contrast.dataset} against {contrast.reference}",
        "recipe": REFERENCE_RECIPE,
        "the study": contrast.words,
        "here: AUC [95 % interval]": f"{row.auc:.3f} against {row.reference_auc:.3f}" if row is not None else "not run",
        "galaxies": pd.NA if row is None else row.n_galaxies,
        "difference [95 % interval]": _with_interval(row.difference, row.low, row.high, "+.3f") if known else "",
        "verdict": _difference_verdict(
            row.difference, row.p_value_adjusted, contrast.expected, contrast.reference, synthetic
        )
        if known
        else "",
        "in DuckDB": "FROM dataset_comparison",
    }


def _said(result: StudyResult) -> str:
    if result.auc_low is None or result.auc_high is None:
        return result.words
    value = f"{result.auc_low:.2f}" + (f"–{result.auc_high:.2f}" if result.auc_high != result.auc_low else "")
    return f"AUC {value} ({result.words})"


def _found(row) -> str:
    if row is None:
        return "not run"
    return _with_interval(row.auc, row.auc_low, row.auc_high, ".3f") if np.isfinite(row.auc) else "not defined"


def _auc_verdict(result: StudyResult, row, synthetic: bool) -> str:
    if synthetic:
        return "synthetic: not comparable"
    if not np.isfinite(row.auc_low + row.auc_high):
        return ""
    below, above = row.auc_high < result.auc_low, row.auc_low > result.auc_high
    return "below the study" if below else "above the study" if above else "within the interval"


def _difference_verdict(
    difference: float, p_value_adjusted: float, expected: Expected, other: str, synthetic: bool
) -> str:
    """Whether the difference is significant after correction, and whether that is what the study has."""
    if p_value_adjusted >= 0.05:
        here, text = "equal", "no significant difference"
    else:
        here = "higher" if difference > 0 else "lower"
        text = f"significantly {here} than {other}"
    if synthetic:
        return f"synthetic: {text}"
    if here == expected:
        return f"{text}, as in the study"
    return text if here == "equal" else f"{text}, unlike the study"


def _with_interval(value: float, low: float, high: float, style: str) -> str:
    interval = f" [{low:{style}}, {high:{style}}]" if np.isfinite(low + high) else ""
    return f"{value:{style}}{interval}"
