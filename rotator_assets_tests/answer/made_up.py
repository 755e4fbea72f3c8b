"""Made-up results of trainings, with every table of the answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from rotator_assets.answer.results import Results
from rotator_assets.tables import TABLES

DATASET, OTHER = "manga-observed-64", "tng100-noisy-64"
DATASETS = ["manga-observed-128", DATASET, OTHER]
NOTHING = Results(*(pd.DataFrame(columns=TABLES[name].column_names) for name in Results.__dataclass_fields__))


def table(name: str, *rows: dict) -> pd.DataFrame:
    """Rows of a table; columns that are not given are missing."""
    frame = pd.DataFrame(list(rows)).reindex(columns=TABLES[name].column_names)
    numeric = [column.name for column in TABLES[name].columns if column.type == "DOUBLE"]
    return frame.astype(dict.fromkeys(numeric, "float64"))


def training(recipe: str = "thesis", auc=(0.774, 0.738, 0.807), **more) -> dict:
    """A row of ``model_metrics``."""
    numbers = dict(zip(("auc", "auc_low", "auc_high"), auc, strict=True))
    row = {"dataset": DATASET, "recipe": recipe, "population": "early", "n_galaxies": 840, "n_slow": 241,
           "profile": "full", "synthetic": False}  # fmt: skip
    return {**row, **numbers, **more}


def recipe(name: str, auc, difference, p_value: float, **more) -> dict:
    """A row of ``classifier_comparison``."""
    numbers = dict(zip(("auc", "auc_low", "auc_high"), auc, strict=True))
    ends = dict(zip(("auc_difference", "auc_difference_low", "auc_difference_high"), difference, strict=True))
    return {"dataset": DATASET, "population": "early", "classifier": name, "kind": "recipe", "n_galaxies": 840,
            "n_slow": 241, **numbers, **ends,
            "p_value": p_value, "p_value_adjusted": p_value, **more}  # fmt: skip


def baseline(name: str, auc, gain, p_value: float, of: str = "thesis") -> dict:
    """A row of ``baseline_metrics``."""
    numbers = dict(zip(("auc", "auc_low", "auc_high"), auc, strict=True))
    ends = dict(zip(("auc_gain", "auc_gain_low", "auc_gain_high"), gain, strict=True))
    return {"dataset": DATASET, "recipe": of, "baseline": name, **numbers, **ends, "p_value": p_value}


def part(name: str, auc, difference=(np.nan,) * 3, p_value: float = np.nan) -> dict:
    """A row of ``fusion_parts``."""
    numbers = dict(zip(("auc", "auc_low", "auc_high"), auc, strict=True))
    ends = dict(zip(("difference", "difference_low", "difference_high"), difference, strict=True))
    return {"dataset": DATASET, "recipe": "fusion", "part": name, **numbers, **ends, "p_value_adjusted": p_value}


def attribution(galaxies: str, measure: str, mean: float, low: float, high: float) -> dict:
    """A row of ``attribution_summary``."""
    count = {"slow": 241, "fast": 599}.get(galaxies)
    return {"dataset": DATASET, "recipe": "thesis", "galaxies": galaxies, "measure": measure, "mean": mean, "low": low,
            "high": high, "n_galaxies": count}  # fmt: skip


def pair(change, p_value: float, **more) -> dict:
    """A row of ``dataset_comparison``."""
    ends = dict(zip(("difference", "low", "high"), change, strict=True))
    return {"kind": "survey", "recipe": "thesis", "dataset": OTHER, "reference_dataset": DATASET, "auc": 0.69,
            "reference_auc": 0.774, "p_value_adjusted": p_value, "synthetic": False, **{**ends, **more}}  # fmt: skip


def results(**tables: list[dict]) -> Results:
    """Results with rows in some tables; by default one training of thesis."""
    rows = {"model_metrics": [training()], **tables}
    return replace(NOTHING, **{name: table(name, *given) for name, given in rows.items()})


EVERYTHING = {
    "model_metrics": [
        training(),
        training("every-galaxy", (0.819, 0.787, 0.848)),
        training("fusion", (0.852, 0.82, 0.88)),
    ],
    "classifier_comparison": [
        recipe("every-galaxy", (0.819, 0.787, 0.848), (0.045, 0.02, 0.07), 0.001),
        recipe("log", (0.76, 0.72, 0.79), (-0.014, -0.05, 0.02), 0.4),
        recipe("fusion", (0.852, 0.82, 0.88), (0.078, 0.05, 0.1), 1e-6),
        recipe("thesis", (0.774, 0.738, 0.807), (np.nan,) * 3, np.nan),
    ],
    "baseline_metrics": [
        baseline("ellipticity", (0.52, 0.48, 0.56), (0.25, 0.2, 0.3), 1e-9),
        baseline("ellipticity and Sersic index", (0.76, 0.72, 0.79), (0.014, -0.02, 0.05), 0.3),
        baseline("ellipticity and Sersic index", (0.76, 0.72, 0.79), (0.059, 0.02, 0.1), 0.001, of="every-galaxy"),
    ],
    "fusion_parts": [
        part("network", (0.82, 0.79, 0.85)),
        part("network + catalogue", (0.852, 0.82, 0.88), (0.03, 0.01, 0.05), 0.001),
        part("catalogue", (0.833, 0.8, 0.86), (-0.019, -0.03, -0.008), 0.002),
    ],
    "attribution_summary": [
        attribution("slow", "fraction_within_r_eff", 0.598, 0.571, 0.625),
        attribution("fast", "fraction_within_r_eff", 0.503, 0.491, 0.516),
        attribution("slow minus fast", "fraction_within_r_eff", 0.095, 0.066, 0.125),
        attribution("slow", "area_within_r_eff", 0.18, 0.15, 0.21),
        attribution("fast", "area_within_r_eff", 0.12, 0.11, 0.13),
        attribution("slow", "light_within_r_eff", 0.8, 0.77, 0.83),
        attribution("fast", "light_within_r_eff", 0.66, 0.64, 0.68),
    ],
    "dataset_comparison": [pair((-0.08, -0.12, -0.04), 0.001)],
}
"""Tables with something to say on every topic."""
