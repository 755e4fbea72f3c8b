"""Galaxies outside the tested population are calibrated by those of other folds, and by no value of their own fold."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from rotator_assets.training.galaxy_predictions import (
    LEAST_PER_CLASS,
    calibrated_outside,
    galaxy_predictions,
    outside_calibrations,
)

N, FOLDS = 6000, 5
pytestmark = pytest.mark.slow


@pytest.fixture
def outputs():
    """Calibrated logits and intervals of two repeats, right for the population (the first half) alone."""
    generator = np.random.default_rng(0)
    logit = generator.normal(1, 1.5, N)
    frame = pd.DataFrame(
        {
            "galaxy_id": [f"g{k}" for k in range(N)],
            "object_id": [f"o{k}" for k in range(N)],
            "repeat": 0,
            "fold": generator.integers(0, FOLDS, N),
            "tested": np.arange(N) < N // 2,
            "logit": logit,
            "slope": 1.0,
            "offset": 0.0,
            "lambda_r_low": 0.4,
            "lambda_r_predicted": 0.5,
            "lambda_r_high": 0.6,
        }
    )
    again = frame.assign(repeat=1, fold=FOLDS + generator.integers(0, FOLDS, N))
    both = pd.concat([frame, again], ignore_index=True)
    return both.assign(group=both["fold"])


def calibrated(found):
    """Calibrated logits."""
    return found["slope"] * found["logit"] + found["offset"]


@pytest.fixture
def outside(outputs):
    """The second half: its true logits are 0.6 times the predicted ones plus 1, its lambda_R scatters by 0.2."""
    generator = np.random.default_rng(1)
    late = outputs.iloc[N // 2 : N]
    fast = generator.random(N // 2) < expit(0.6 * late["logit"] + 1)
    frame = late[["galaxy_id"]].assign(rotator_type=pd.array(fast.astype(int), dtype="Int8"))
    frame["lambda_r"] = generator.normal(0.5, 0.2, N // 2)
    frame.iloc[::10, 1:] = [pd.NA, np.nan]
    return frame


def test_a_known_error_of_the_calibration_is_undone(outputs, outside):
    found = calibrated_outside(outputs, outside)
    late = found["galaxy_id"].isin(outside["galaxy_id"])
    pd.testing.assert_frame_equal(found[~late], outputs[~late])
    expected = 0.6 * outputs.loc[late, "logit"] + 1
    assert calibrated(found)[late].to_numpy() == pytest.approx(expected.to_numpy(), abs=0.5)
    assert (calibrated(found)[late] - expected).abs().mean() < 0.15
    width = found.loc[late, "lambda_r_high"] - found.loc[late, "lambda_r_low"]
    assert width.to_numpy() == pytest.approx(2 * 0.9945 * 0.2, rel=0.1)  # the central 68 % of a normal distribution
    pd.testing.assert_series_equal(found["lambda_r_predicted"], outputs["lambda_r_predicted"])


def test_values_of_a_fold_do_not_change_its_own_predictions(outputs, outside):
    own = outputs.loc[outputs["fold"] == 0, "galaxy_id"]
    changed = outside.copy()
    theirs = changed["galaxy_id"].isin(own)
    changed.loc[theirs, "rotator_type"] = 1 - changed.loc[theirs, "rotator_type"]
    changed.loc[theirs, "lambda_r"] += 1
    before, after = (calibrated_outside(outputs, some) for some in (outside, changed))
    has_value = ~outputs["galaxy_id"].isin(outside.loc[outside["lambda_r"].isna(), "galaxy_id"])
    fold = (outputs["fold"] == 0) & has_value
    pd.testing.assert_frame_equal(before[fold], after[fold])
    others = (outputs["fold"] == 1) & outputs["galaxy_id"].isin(outside["galaxy_id"])
    assert (calibrated(before)[others] != calibrated(after)[others]).all()
    assert (before.loc[others, "lambda_r_high"] < after.loc[others, "lambda_r_high"]).all()


def test_too_few_galaxies_calibrate_nothing(outputs, outside):
    slow = np.flatnonzero((outside["rotator_type"] == 0).fillna(False))
    few = outside.drop(outside.index[slow[LEAST_PER_CLASS - 1 :]]).assign(lambda_r=np.nan)
    pd.testing.assert_frame_equal(calibrated_outside(outputs, few), outputs)
    alone = outputs.assign(group=0, repeat=0).iloc[:N]
    valued = ~alone["galaxy_id"].isin(outside.loc[outside["lambda_r"].isna(), "galaxy_id"])
    pd.testing.assert_frame_equal(calibrated_outside(alone, outside)[valued], alone[valued])


def test_galaxies_without_a_value_are_calibrated_by_all_known_ones_as_new_galaxies_are(outputs, outside):
    found = calibrated_outside(outputs, outside)
    unknown = outputs["galaxy_id"].isin(outside.loc[outside["lambda_r"].isna(), "galaxy_id"])
    for repeat, of_new in outside_calibrations(outputs, outside).items():
        rows = found[unknown & (outputs["repeat"] == repeat)]
        assert set(rows["slope"]) == {of_new.calibration.slope} and set(rows["offset"]) == {of_new.calibration.offset}
        np.testing.assert_allclose(rows["lambda_r_high"], 0.6 + of_new.margin)


def test_a_repeat_observation_without_a_value_is_not_calibrated_by_its_own_galaxy(outputs, outside):
    unknown, known = outside["lambda_r"].isna(), outside["lambda_r"].notna()
    first, second = outside.loc[unknown, "galaxy_id"].iloc[0], outside.loc[known, "galaxy_id"].iloc[0]
    together = outputs.copy()
    pair = together["galaxy_id"].isin([first, second])
    together.loc[pair, ["object_id", "group"]] = ["both", 0]
    changed = outside.copy()
    changed.loc[changed["galaxy_id"] == second, "lambda_r"] += 100
    changed.loc[changed["galaxy_id"] == second, "rotator_type"] = 1 - changed["rotator_type"]
    before, after = (calibrated_outside(together, some) for some in (outside, changed))
    pd.testing.assert_frame_equal(before[pair], after[pair])


def test_recipes_without_lambda_r_have_calibrated_probabilities_alone(outputs, outside):
    nothing = outputs.assign(lambda_r_low=np.nan, lambda_r_predicted=np.nan, lambda_r_high=np.nan)
    found, with_spin = calibrated_outside(nothing, outside), calibrated_outside(outputs, outside)
    pd.testing.assert_series_equal(calibrated(found), calibrated(with_spin))
    assert found[["lambda_r_low", "lambda_r_high"]].isna().all(axis=None)


def test_predictions_are_means_over_the_repeats(outputs, outside):
    given = outputs.drop(columns=["slope", "offset", "group"]).assign(
        calibration_slope=1.0, calibration_offset=0.0, lambda_r_margin=0.02
    )
    plain, late = galaxy_predictions(given, averaged=False), galaxy_predictions(given, False, outside)
    assert plain["galaxy_id"].tolist() == outputs["galaxy_id"].iloc[:N].tolist()
    assert plain["probability_fast_calibrated"].to_numpy() == pytest.approx(expit(outputs["logit"].iloc[:N].to_numpy()))
    assert plain["lambda_r_low"].to_numpy() == pytest.approx(0.38)
    of_repeats = calibrated_outside(outputs.assign(lambda_r_low=0.38, lambda_r_high=0.62), outside)
    of_repeats = of_repeats.assign(calibrated=calibrated(of_repeats))
    expected = of_repeats.groupby("galaxy_id", sort=False)[["calibrated", "lambda_r_low"]].mean()
    assert late["probability_fast_calibrated"].to_numpy() == pytest.approx(expit(expected["calibrated"].to_numpy()))
    assert late["lambda_r_low"].to_numpy() == pytest.approx(expected["lambda_r_low"].clip(0, 1).to_numpy())
    pd.testing.assert_series_equal(late["probability_fast"], plain["probability_fast"])
