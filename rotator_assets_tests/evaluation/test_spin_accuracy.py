"""Accuracy of predicted lambda_R is that put into made-up predictions, for the labels' values and for each source."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from rotator_assets.core.errors import InputError
from rotator_assets.core.recipes import Recipe
from rotator_assets.evaluation.galaxy_results import ALL, EARLY, LATE, galaxy_results, populations
from rotator_assets.evaluation.spin_accuracy import (
    LABELS,
    coverage_by_prediction,
    lambda_r_accuracy,
    predicted_and_labelled,
)
from rotator_assets.evaluation.spin_figures import lambda_r_figure
from rotator_assets.kinematics.spin import spin_threshold
from rotator_assets.plots import style
from rotator_assets.tables import TABLES
from rotator_assets_tests.report import made_up

N, BIAS, NOISE, HALF_WIDTH = 4000, 0.03, 0.08, 0.08
NO_SOURCES = pd.DataFrame({"galaxy_id": [], "lambda_r_source": [], "lambda_r": []})


@pytest.fixture
def results():
    """Predictions with a constant bias, normal errors, and intervals of constant width; a tenth has no label."""
    generator = np.random.default_rng(0)
    lambda_r, ellipticity = generator.uniform(0.05, 0.9, N), generator.uniform(0.05, 0.9, N)
    predicted = lambda_r + BIAS + NOISE * generator.normal(size=N)
    threshold = spin_threshold(ellipticity)
    kind = pd.array((lambda_r >= threshold).astype(int), dtype="Int8")
    kind[::10] = pd.NA
    return pd.DataFrame(
        {
            "galaxy_id": [f"g{k}" for k in range(N)],
            "object_id": [f"o{k // 2}" for k in range(N)],
            "fold": np.arange(N) % 5,
            "tested": np.arange(N) % 3 > 0,
            "is_early_type": pd.array(np.arange(N) % 3 > 0, dtype="boolean"),
            "rotator_type": kind,
            "lambda_r": lambda_r,
            "lambda_r_predicted": predicted,
            "lambda_r_low": predicted - HALF_WIDTH,
            "lambda_r_high": predicted + HALF_WIDTH,
            "spin_threshold": threshold,
        }
    )


def test_accuracy_is_what_was_put_in(results):
    rows = lambda_r_accuracy(results, NO_SOURCES, n=200).set_index("population")
    assert list(rows.index) == [EARLY, LATE, ALL] and set(rows["source"]) == {LABELS}
    labelled = results[results["rotator_type"].notna()]
    assert rows["n_galaxies"].to_dict() == {
        EARLY: int(labelled["is_early_type"].sum()),
        LATE: int((~labelled["is_early_type"]).sum()),
        ALL: len(labelled),
    }
    row = rows.loc[ALL]
    assert row["bias_low"] < BIAS < row["bias_high"]
    assert row["bias_high"] - row["bias_low"] == pytest.approx(
        2 * 1.96 * NOISE * np.sqrt(np.pi / 2 / len(labelled)), rel=0.3
    )
    assert row["scatter"] == pytest.approx(NOISE, rel=0.05)
    expected = norm.cdf((HALF_WIDTH - BIAS) / NOISE) - norm.cdf((-HALF_WIDTH - BIAS) / NOISE)
    assert row["coverage_low"] < expected < row["coverage_high"]
    assert row["interval_width"] == pytest.approx(2 * HALF_WIDTH)
    spread = np.var(labelled["lambda_r"])
    assert row["correlation"] == pytest.approx(np.sqrt(spread / (spread + NOISE**2)), abs=0.01)
    assert row["rank_correlation"] == pytest.approx(
        labelled[["lambda_r", "lambda_r_predicted"]].corr("spearman").iloc[0, 1]
    )


def test_classes_are_those_at_the_boundary(results):
    row = lambda_r_accuracy(results, NO_SOURCES, n=20).set_index("population").loc[EARLY]
    early = results[results["is_early_type"] & results["rotator_type"].notna()]
    fast, above = early["rotator_type"].astype(int), early["lambda_r_predicted"] - early["spin_threshold"]
    slow_in_both = np.sum((fast == 0) & (above < 0))
    assert row["n_slow"] == np.sum(fast == 0)
    assert row["right_fraction"] == np.mean((above >= 0) == (fast == 1))
    assert row["slow_completeness"] == slow_in_both / np.sum(fast == 0)
    assert row["slow_purity"] == slow_in_both / np.sum(above < 0)
    of_networks = [roc_auc_score(fast[early["fold"] == k], above[early["fold"] == k]) for k in range(5)]
    assert row["auc"] == pytest.approx(np.mean(of_networks), abs=0.002)
    assert row["auc_low"] < row["auc"] < row["auc_high"]


def test_each_source_has_its_own_rows(results):
    other = results[["galaxy_id"]].assign(lambda_r_source="dynpop", lambda_r=results["lambda_r"] + 0.1).iloc[:500]
    same = results[["galaxy_id", "lambda_r"]].assign(lambda_r_source="pipe3d")
    rows = lambda_r_accuracy(results, pd.concat([same, other]), n=100).set_index(["source", "population"])
    assert rows.index.get_level_values("source").unique().to_list() == [LABELS, "dynpop", "pipe3d"]
    np.testing.assert_array_equal(rows.loc[(LABELS, ALL)].to_numpy(), rows.loc[("pipe3d", ALL)].to_numpy())
    row = rows.loc[("dynpop", ALL)]
    assert row["n_galaxies"] == results["rotator_type"].iloc[:500].notna().sum()
    assert row["bias_low"] < BIAS - 0.1 < row["bias_high"]
    threshold = results["spin_threshold"].iloc[:500][results["rotator_type"].iloc[:500].notna()]
    assert row["n_slow"] == np.sum(other["lambda_r"].loc[threshold.index] < threshold)


@pytest.mark.parametrize("count", [1, 2])
def test_a_few_galaxies_have_no_correlation(results, count):
    row = lambda_r_accuracy(results.iloc[1 : 1 + count], NO_SOURCES, n=20).iloc[0]
    assert row["n_galaxies"] == count and np.isnan([row["correlation"], row["auc"]]).all()
    assert np.isfinite([row["bias"], row["coverage"]]).all()


def test_without_predicted_lambda_r_there_is_nothing_to_assess(results):
    nothing = results.assign(lambda_r_predicted=np.nan, lambda_r_low=np.nan, lambda_r_high=np.nan)
    assert lambda_r_accuracy(nothing, NO_SOURCES).empty and predicted_and_labelled(nothing).empty
    assert set(lambda_r_accuracy(nothing, NO_SOURCES)) | {"dataset", "recipe", "synthetic"} == set(
        TABLES["lambda_r_accuracy"].column_names
    )


def test_coverage_by_bin_is_that_of_its_galaxies(results):
    bins = coverage_by_prediction(results, n_bins=4)
    assert bins["n_galaxies"].to_list() == [N // 4] * 4 and bins["lambda_r_predicted"].is_monotonic_increasing
    inside = results["lambda_r"].between(results["lambda_r_low"], results["lambda_r_high"])
    assert bins["coverage"].mean() == pytest.approx(inside.mean())
    assert coverage_by_prediction(results.iloc[:0]).empty


def test_predictions_are_joined_with_measurements_and_labels_of_the_recipe(results):
    imaged = results[["galaxy_id", "rotator_type", "is_early_type", "lambda_r", "spin_threshold"]].assign(
        ra=1.0, dec=2.0, lambda_r_error=0.01, lambda_r_limit=np.nan, ellipticity=0.5
    )
    predictions = results[["galaxy_id", "object_id", "fold", "tested", "lambda_r_predicted"]].iloc[::-1]
    predictions = predictions.assign(probability_fast=0.4, probability_fast_calibrated=0.6)
    tested = predictions[predictions["tested"]].assign(probability_fast=0.1, probability_fast_calibrated=0.2)
    found = galaxy_results(
        predictions, tested, imaged.sample(frac=1, random_state=0), Recipe(name="any", boundary_gap=0.1)
    )
    assert found["galaxy_id"].to_list() == predictions["galaxy_id"].to_list()
    found = found.set_index("galaxy_id").loc[results["galaxy_id"]].reset_index()
    pd.testing.assert_series_equal(found["lambda_r"], results["lambda_r"])
    assert found["probability_fast"].tolist() == np.where(found["tested"], 0.1, 0.4).tolist()
    assert found["probability_fast_calibrated"].tolist() == np.where(found["tested"], 0.2, 0.6).tolist()
    near = (results["lambda_r"] - results["spin_threshold"]).abs() < 0.1
    assert found["rotator_type"].isna().equals(near | results["rotator_type"].isna())
    own = galaxy_results(predictions, tested, imaged, Recipe(name="any", label="cappellari2016"))
    assert set(own["spin_threshold"]) == {float(spin_threshold(np.array([0.5]), "cappellari2016")[0])}
    with pytest.raises(InputError, match="galaxy g0 has a prediction but no image"):
        galaxy_results(predictions, tested, imaged.iloc[1:], Recipe(name="any"))


def test_galaxies_of_unknown_type_count_among_all_types_alone(results):
    unknown = results.assign(is_early_type=results["is_early_type"].mask(results.index % 4 == 0))
    sizes = {name: len(rows) for name, rows in populations(unknown).items()}
    assert sizes[EARLY] + sizes[LATE] < sizes[ALL] == results["rotator_type"].notna().sum()
    only = populations(results[results["is_early_type"]])
    assert list(only) == [EARLY]


@pytest.fixture
def figure(results):
    shown = predicted_and_labelled(results.iloc[:300])
    rows = lambda_r_accuracy(results.iloc[:300], NO_SOURCES, n=20)
    return lambda synthetic: lambda_r_figure(
        shown, rows, dataset="manga-observed-64", recipe="recommended", synthetic=synthetic
    )


def test_the_figure_shows_every_galaxy_and_the_coverage(figure):
    drawn = figure(False)
    galaxies, coverage = drawn.axes
    assert sum(len(points.get_offsets()) for points in galaxies.collections) == 270
    assert any(label.startswith("early types, 180: 0.") for label in made_up.legend_texts(coverage))
    assert style.STAMP not in made_up.texts(drawn)


def test_texts_fit_and_a_synthetic_figure_is_stamped(figure):
    drawn = figure(True)
    assert style.STAMP in made_up.texts(drawn)
    drawn.canvas.draw()
    tight, (width, height) = drawn.get_tightbbox(), drawn.get_size_inches()
    assert tight.x0 > -0.05 and tight.y0 > -0.05 and tight.x1 < width + 0.05 and tight.y1 < height + 0.05
