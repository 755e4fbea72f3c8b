"""What an observer finds by observing the first candidates."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from rotator_assets.candidates.follow_up import (
    EXPECTED,
    MEASURED,
    expected_follow_up,
    follow_up_table,
    measured_follow_up,
    origin_of_labels,
)


def sample(n, seed, repeats=1):
    """Probabilities, outcomes drawn with them, and objects."""
    generator = np.random.default_rng(seed)
    probability = np.repeat(generator.beta(0.5, 2, n), repeats)
    slow = np.repeat(generator.random(n), repeats) < probability
    return probability, slow, np.repeat(np.arange(n), repeats)


def test_numbers_are_counted_in_order_of_probability():
    frame = measured_follow_up([0.2, 0.9, 0.5, 0.7], [True, True, False, False], list("abcd"))
    assert frame["n_observed"].tolist() == [1, 2, 3, 4]
    assert frame["slow_found"].tolist() == [1, 1, 1, 2] and (frame["slow_total"] == 2).all()
    assert frame["slow_expected"].to_numpy() == pytest.approx([0.9, 1.6, 2.1, 2.3])
    assert frame["completeness"].tolist() == [0.5, 0.5, 0.5, 1.0]
    assert frame["purity"].to_numpy() == pytest.approx([1, 1 / 2, 1 / 3, 1 / 2])


def test_intervals_have_the_scatter_between_samples():
    """The interval of one sample is as wide as the scatter of the number found in many samples."""
    found = []
    for seed in range(1, 101):
        probability, slow, _ = sample(300, seed)
        found.append(slow[np.argsort(-probability, kind="stable")][:60].sum())
    widths = [
        (frame["slow_found_high"][59] - frame["slow_found_low"][59]) / 2
        for frame in (measured_follow_up(*sample(300, seed), seed=seed) for seed in range(5))
    ]
    assert np.mean(widths) == pytest.approx(np.std(found), rel=0.25)


def test_repeat_observations_are_resampled_together():
    once, twice = (measured_follow_up(*sample(200, 3, repeats)) for repeats in (1, 2))
    width = [(f["slow_found_high"] - f["slow_found_low"]).to_numpy() for f in (once, twice)]
    assert width[1][99] == pytest.approx(2 * width[0][49], rel=0.25)  # not the square root of 2


def test_expected_numbers_are_right_for_calibrated_probabilities():
    contained, complete, draws = 0, 0, 200
    for seed in range(draws):
        probability, slow, _ = sample(300, seed)
        frame = expected_follow_up(probability)
        found = np.cumsum(slow[np.argsort(-probability, kind="stable")])
        contained += frame["slow_found_low"][49] <= found[49] <= frame["slow_found_high"][49]
        complete += frame["completeness_low"][49] <= found[49] / found[-1] <= frame["completeness_high"][49]
    for count in (contained, complete):
        assert binom.ppf(0.001, draws, 0.6) <= count <= binom.ppf(0.999, draws, 0.76)


def test_a_sample_without_slow_rotators_has_no_completeness():
    frame = measured_follow_up([0.1, 0.2], [False, False], ["a", "b"])
    assert frame["completeness"].isna().all() and (frame["purity"] == 0).all()
    assert expected_follow_up([0.0, 0.0])["completeness"].isna().all()


def test_the_bias_of_the_labels_is_stated_unless_it_was_removed():
    labelled = pd.DataFrame({"lambda_r_source": ["pipe3d", "pipe3d", "csv"], "lambda_r": 0.3, "lambda_r_unscaled": 0.3})
    said = origin_of_labels(labelled, {"pipe3d": 1.4})
    assert said == "labels: 1 by csv; 2 by pipe3d, whose values are about 0.71 of the other sources'"
    assert "about" not in origin_of_labels(labelled.assign(lambda_r=0.42), {"pipe3d": 1.4})


@pytest.fixture
def ranked():
    """Four labelled galaxies, one of them excluded from training, one with lambda_R alone, and one unmeasured."""
    rows = pd.DataFrame({"galaxy_id": list("abcdef"), "object_id": list("abcdef"), "excluded_from": None})
    rows["probability_slow"] = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]
    rows["rotator_type"] = pd.array([0, 1, 0, 0, None, None], dtype="Int8")
    rows["labelled"], rows["lambda_r"] = rows["rotator_type"].notna(), [0.1, 0.6, 0.1, 0.1, 0.3, np.nan]
    rows.loc[2, "excluded_from"] = "training"
    return rows


def test_samples_hold_labelled_and_unmeasured_galaxies(ranked):
    table = follow_up_table(ranked, None)
    measured, expected = (table[table["sample"] == sample] for sample in (MEASURED, EXPECTED))
    assert measured["slow_found"].tolist() == [1, 1, 2] and (measured["slow_total"] == 2).all()
    assert expected["slow_found"].tolist() == [0.4]


def test_a_held_out_part_limits_the_measured_sample(ranked):
    table = follow_up_table(ranked.drop(index=5), {"b", "c", "d"})
    assert table["slow_found"].tolist() == [0, 1] and set(table["sample"]) == {MEASURED}
