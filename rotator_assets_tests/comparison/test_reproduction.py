"""Agreement of a repeated training: equal to the last digit, close enough, or not."""

import numpy as np
import pandas as pd
import pytest

from rotator_assets.comparison.reproduction import MOST_DIFFERENT, TYPICALLY_DIFFERENT, agreement

N = 200


@pytest.fixture
def predictions() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, N)
    return pd.DataFrame(
        {
            "galaxy_id": [f"g{n}" for n in range(N)],
            "fold": np.arange(N) % 5,
            "rotator_type": labels,
            "threshold": 0.5,
            "predicted_type": labels,
            "probability_fast": np.clip(0.3 + 0.4 * labels + rng.normal(0, 0.05, N), 0, 1),
            "probability_fast_calibrated": 0.5,
        }
    )


def changed(predictions: pd.DataFrame, by) -> pd.DataFrame:
    return predictions.assign(probability_fast=predictions["probability_fast"] + by)


def test_equal_predictions_are_identical_in_any_order(predictions):
    found = agreement(predictions, predictions.sample(frac=1, random_state=1))
    assert found.is_identical and found.is_within_tolerance
    assert (found.n_galaxies, found.largest, found.auc_before) == (N, 0.0, found.auc_now)


@pytest.mark.parametrize("column", ["probability_fast", "threshold", "probability_fast_calibrated"])
def test_the_last_digit_of_one_number_counts(predictions, column):
    other = predictions.copy()
    other.loc[7, column] = np.nextafter(other.loc[7, column], 2)
    assert not agreement(predictions, other).is_identical


def test_differences_have_their_size(predictions):
    found = agreement(predictions, changed(predictions, np.where(np.arange(N) == 3, 0.125, 0.0)))
    assert found.largest == pytest.approx(0.125) and found.median == 0.0
    assert found.is_within_tolerance and not found.is_identical


def test_too_large_a_typical_difference_is_no_agreement(predictions):
    assert agreement(predictions, changed(predictions, 0.9 * TYPICALLY_DIFFERENT)).is_within_tolerance
    assert not agreement(predictions, changed(predictions, 1.1 * TYPICALLY_DIFFERENT)).is_within_tolerance


def test_too_different_an_auc_is_no_agreement(predictions):
    few = np.flatnonzero(predictions["rotator_type"] == 1)[: N // 10]
    swapped = predictions.copy()
    swapped.loc[few, "probability_fast"] = 0.0
    found = agreement(predictions, swapped)
    assert found.auc_before - found.auc_now > MOST_DIFFERENT and found.median == 0.0
    assert not found.is_within_tolerance


def test_other_galaxies_are_no_agreement(predictions):
    found = agreement(predictions, predictions.iloc[1:])
    assert (found.n_others, found.is_identical, found.is_within_tolerance) == (1, False, False)
