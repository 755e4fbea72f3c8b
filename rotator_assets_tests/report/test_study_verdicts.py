import numpy as np
import pandas as pd
import pytest

from rotator_assets.core import study as the_study
from rotator_assets.core.number_text import with_interval
from rotator_assets.report import study_verdicts as study
from rotator_assets.tables import TABLES

RECIPES = pd.DataFrame(columns=TABLES["recipe_comparison"].column_names)
DATASETS = pd.DataFrame(columns=TABLES["dataset_comparison"].column_names)


def _metrics(*keys: tuple[str, str], auc: float = 0.7) -> pd.DataFrame:
    rows = [{"dataset": dataset, "recipe": recipe} for dataset, recipe in keys]
    return pd.DataFrame(rows).assign(auc=auc, auc_low=auc - 0.05, auc_high=auc + 0.05, n_galaxies=1433)


def test_study_numbers_by_dataset():
    assert the_study.study_auc("manga-observed-64") == {"thesis": (0.78, 0.78), "all-types": (0.92, 0.92)}
    assert the_study.study_auc("tng100-noisy-128") == {"thesis": (0.68, 0.70)}
    assert the_study.study_auc("tng100-noiseless-128") == {"thesis": (0.72, 0.72)}
    assert the_study.study_auc("tng100-noiseless-64") == {"thesis": (0.79, 0.79)}
    assert the_study.study_auc("unknown") == {}


def test_every_result_of_the_study_names_a_recipe_that_exists():
    from rotator_assets.core.recipes_file import load_recipes

    assert {recipe for _, recipe in the_study.STUDY_RESULTS} <= set(load_recipes())


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((0.75, 0.80), "study's value within the interval"),
        ((0.60, 0.70), "below the study"),
        ((0.80, 0.9), "above the study"),
    ],
)
def test_verdicts_come_from_the_interval(interval, verdict):
    metrics = pd.DataFrame(
        [{"dataset": "manga-observed-64", "recipe": "thesis", "auc": np.mean(interval), "auc_low": interval[0],
          "auc_high": interval[1], "n_galaxies": 1433}]
    )  # fmt: skip
    table = study.study_comparison(metrics, RECIPES, DATASETS, synthetic=False).set_index(["dataset", "recipe"])
    row = table.loc[("manga-observed-64", "thesis")]
    assert row["verdict"] == verdict and row["galaxies"] == 1433
    assert row["the study"] == "AUC 0.78 (early types)"
    assert row["AUC here"] == with_interval(np.mean(interval), *interval)
    assert len(table) == 1  # nothing that was not run
    made_up_data = study.study_comparison(metrics, RECIPES, DATASETS, synthetic=True)
    assert set(made_up_data["verdict"]) == {"synthetic: not comparable"}


@pytest.mark.parametrize(
    ("recipe", "difference", "p_value", "verdict"),
    [
        ("r-band", 0.01, 0.6, "no significant difference, as in the study"),
        ("r-band", -0.1, 0.001, "significantly lower than thesis, unlike the study"),
        ("dropout", -0.02, 0.3, "no significant difference"),
        ("dropout", -0.1, 0.001, "significantly lower than thesis, as in the study"),
        ("dropout", 0.1, 0.001, "significantly higher than thesis, unlike the study"),
        ("unnormalized", -0.1, 0.001, "not consistent with chance; significantly lower than thesis, as in the study"),
    ],
)
def test_comparisons_of_recipes_are_judged_by_the_paired_difference(recipe, difference, p_value, verdict):
    key = {"dataset": "manga-observed-64", "recipe": recipe}
    beside = pd.DataFrame(
        [{**key, "auc_difference": difference, "auc_difference_low": difference - 0.05,
          "auc_difference_high": difference + 0.05, "p_value_adjusted": p_value}]
    )  # fmt: skip
    table = study.study_comparison(_metrics(("manga-observed-64", recipe)), beside, DATASETS, synthetic=False)
    row = table.set_index(["dataset", "recipe"]).loc[("manga-observed-64", recipe)]
    assert row["verdict"] == verdict
    assert row["difference"] == with_interval(difference, difference - 0.05, difference + 0.05, signed=True)


def test_chance_is_judged_by_the_interval():
    metrics = _metrics(("manga-observed-64", "unnormalized"), auc=0.52)
    table = study.study_comparison(metrics, RECIPES, DATASETS, synthetic=False).set_index(["dataset", "recipe"])
    assert table.loc[("manga-observed-64", "unnormalized"), "verdict"] == "consistent with chance"


def test_comparisons_of_datasets_are_judged_unless_synthetic():
    row = {"dataset": "tng100-noiseless-64", "reference_dataset": "tng100-noiseless-128", "recipe": "thesis",
           "n_galaxies": 500, "auc": 0.8, "reference_auc": 0.7, "difference": 0.1, "low": 0.05, "high": 0.15,
           "p_value_adjusted": 0.001}  # fmt: skip
    for synthetic, verdict in (
        (False, "significantly higher than tng100-noiseless-128, as in the study"),
        (True, "synthetic: significantly higher than tng100-noiseless-128"),
    ):
        table = study.study_comparison(_metrics(), RECIPES, pd.DataFrame([row]), synthetic=synthetic)
        found = table.set_index("dataset").loc["tng100-noiseless-64 against tng100-noiseless-128"]
        assert found["verdict"] == verdict and found["galaxies"] == 500
        assert found["AUC here"] == "0.800 against 0.700"
        assert found["difference"] == "+0.100 [+0.050, +0.150]"
