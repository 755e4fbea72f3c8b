"""AUC of similar galaxies, against cases that can be calculated."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from rotator_assets.evaluation.auc import auc_interval
from rotator_assets.evaluation.network_scores import NetworkScores
from rotator_assets.robustness.features.matched_pairs import (
    CALIPERS,
    auc_by_definition,
    auc_in_bins,
    binned,
    ellipticity_tests,
    matched_auc,
    r_eff_over_psf,
)


def scored(labels, scores, object_ids=None):
    return NetworkScores.single(labels, scores, object_ids)


@pytest.fixture(scope="module")
def confounded():
    """Labels, a score that is just the value, and the value: among equal values the score has no signal."""
    random = np.random.default_rng(1)
    value = random.integers(0, 20, 400) / 20
    labels = (random.random(400) < 0.1 + 0.8 * value).astype(int)
    return labels, value + 1e-9 * random.normal(size=400), value


def test_a_confounded_score_is_consistent_with_chance_when_matched(confounded):
    labels, score, value = confounded
    assert roc_auc_score(labels, score) > 0.7
    matched = matched_auc(scored(labels, score), value, caliper=0.01, seed=1)
    assert matched.low < 0.5 < matched.high and matched.high - matched.low < 0.25


def test_a_wide_caliper_gives_the_auc_and_delongs_interval():
    random = np.random.default_rng(2)
    labels = random.integers(0, 2, 400)
    score = labels + random.normal(size=400)
    one = scored(labels, score)
    matched, all_pairs = matched_auc(one, labels * 0, 1, seed=3), auc_interval(one)
    assert matched.value == pytest.approx(roc_auc_score(labels, score), abs=1e-6)
    assert (matched.low, matched.high) == pytest.approx((all_pairs.low, all_pairs.high), abs=0.012)


@settings(max_examples=20)
@given(st.integers(0, 2**31), st.floats(0.05, 2))
def test_matched_pairs_agree_with_a_plain_loop(seed, caliper):
    random = np.random.default_rng(seed)
    labels, score = np.r_[0, 1, random.integers(0, 2, 18)], random.integers(0, 4, 20).astype(float)
    value = np.where(random.random(20) < 0.2, np.nan, random.random(20))
    pairs = [
        (score[fast] > score[slow]) + 0.5 * (score[fast] == score[slow])
        for slow in np.flatnonzero(labels == 0)
        for fast in np.flatnonzero(labels == 1)
        if abs(value[slow] - value[fast]) < caliper
    ]
    found = matched_auc(scored(labels, score), value, caliper, seed=1, n_resamples=20)
    assert found.value == pytest.approx(np.mean(pairs) if pairs else np.nan, nan_ok=True)


def test_repeat_observations_widen_the_interval():
    random = np.random.default_rng(4)
    labels = np.repeat(random.integers(0, 2, 60), 5)
    score = np.repeat(random.normal(size=60), 5) + labels
    widths = [
        (estimate := matched_auc(scored(labels, score, ids), labels * 0, 1, seed=1)).high - estimate.low
        for ids in (np.repeat(np.arange(60), 5), np.arange(300))
    ]
    assert widths[0] > 1.7 * widths[1]


def test_without_similar_pairs_the_estimate_is_nan():
    nothing = matched_auc(scored([0, 1], [0.1, 0.9]), [0, 1], 0.5, seed=0)
    assert np.isnan([nothing.value, nothing.low, nothing.high]).all()


def test_bins_hold_equal_numbers_and_their_own_auc():
    random = np.random.default_rng(5)
    labels, value = random.integers(0, 2, 403), np.r_[random.random(400), [np.nan] * 3]
    score = random.normal(size=403) + labels * (np.nan_to_num(value) > 0.5)
    bins = auc_in_bins(scored(labels, score), value)
    assert bins["n_galaxies"].tolist() == [100] * 4
    last = np.nan_to_num(value) >= bins["low"].iloc[-1]
    assert bins["n_slow"].iloc[-1] == (labels[last] == 0).sum()
    assert bins["auc"].iloc[-1] == pytest.approx(roc_auc_score(labels[last], score[last]))
    assert bins["auc_high"].iloc[0] < bins["auc_low"].iloc[-1]
    assert bins["high"].iloc[:-1].tolist() == bins["low"].iloc[1:].tolist()


def test_a_bin_of_one_class_has_no_auc():
    bins = auc_in_bins(scored([0, 1, 1, 1], [0.1, 0.2, 0.3, 0.4]), [1, 1.5, 2, 3], n_bins=2)
    assert bins["n_slow"].tolist() == [1, 0] and np.isnan(bins["auc"].iloc[1]) and bins["auc"].iloc[0] == 1


@pytest.mark.parametrize(("value", "counts"), [(np.nan, []), (2.0, [4])])
def test_unknown_or_constant_values(value, counts):
    assert auc_in_bins(scored([0, 1, 0, 1], [1, 2, 3, 4]), [value] * 4)["n_galaxies"].tolist() == counts


def scored_by(scores):
    """Their labels do not matter, as they are redrawn."""
    return NetworkScores.single(np.arange(len(scores)) % 2, scores)


def test_auc_by_definition():
    """lambda_R uniform, ellipticity of two values: the fraction of slow ones is the threshold, which gives the AUC."""
    random = np.random.default_rng(6)
    threshold = np.repeat([0.1, 0.3], 3000)
    found = auc_by_definition(scored_by(threshold), random.random(6000), threshold, seed=1, n_permutations=60)
    slow, fast = np.array([0.1, 0.3]) / 0.4, np.array([0.9, 0.7]) / 1.6
    expected = slow[0] * fast[1] + 0.5 * (slow @ fast)
    assert found.value == pytest.approx(expected, abs=0.004) and found.low < expected < found.high
    unrelated = auc_by_definition(
        scored_by(random.random(6000)), random.random(6000), threshold, seed=1, n_permutations=60
    )
    assert unrelated.value == pytest.approx(0.5, abs=0.01)


def test_auc_by_definition_is_the_mean_over_permutations():
    random = np.random.default_rng(7)
    score, spin, threshold = random.random((3, 30))
    found = auc_by_definition(scored_by(score), spin, threshold, seed=9, n_permutations=40)
    again = np.random.default_rng(9)
    plain = [roc_auc_score(again.permutation(spin) >= threshold, score) for _ in range(40)]
    assert found.value == pytest.approx(np.mean(plain))


def test_auc_by_definition_with_a_gap():
    """Agrees with a plain loop that leaves out galaxies in the gap; without the gap the value differs."""
    random = np.random.default_rng(8)
    threshold = random.uniform(0, 0.4, 3000)
    spin = random.beta(2, 3, 3000)
    kept = np.abs(spin - threshold) >= 0.1
    spin, threshold = spin[kept], threshold[kept]
    found = auc_by_definition(scored_by(threshold), spin, threshold, seed=9, n_permutations=40, boundary_gap=0.1)
    again, plain = np.random.default_rng(9), []
    for _ in range(40):
        drawn = again.permutation(spin)
        far = np.abs(drawn - threshold) >= 0.1
        plain.append(roc_auc_score(drawn[far] >= threshold[far], threshold[far]))
    assert found.value == pytest.approx(np.mean(plain))
    assert (
        found.value < auc_by_definition(scored_by(threshold), spin, threshold, seed=9, n_permutations=40).value - 0.02
    )


def test_auc_by_definition_of_one_class_is_nan():
    assert np.isnan(auc_by_definition(scored_by([1, 2]), [0.5, 0.6], [0.1, 0.1], seed=0).value)


def sample(count=160, seed=8):
    random = np.random.default_rng(seed)
    ellipticity = random.uniform(0.05, 0.8, count)
    spin, threshold = random.beta(2, 3, count), 0.31 * np.sqrt(ellipticity)
    kind = (spin >= threshold).astype(int)
    return pd.DataFrame(
        {
            "galaxy_id": np.arange(count),
            "object_id": np.arange(count),
            "fold": 0,
            "rotator_type": kind,
            "probability_fast": 1 / (1 + np.exp(-kind - random.normal(size=count))),
            "lambda_r": spin,
            "spin_threshold": threshold,
            "ellipticity": ellipticity,
            "log_mass": random.normal(10.5, 0.4, count),
            "r_eff_over_psf": np.nan,
            "redshift": random.uniform(0.01, 0.1, count),
        }
    )


def test_ellipticity_tests_of_a_sample():
    galaxies = sample()
    table = ellipticity_tests(galaxies, seed=1).set_index("quantity")
    kind = galaxies["rotator_type"]
    assert table.loc["network", "auc"] == pytest.approx(roc_auc_score(kind, galaxies["probability_fast"]))
    assert table.loc["ellipticity", "auc"] == pytest.approx(roc_auc_score(kind, galaxies["ellipticity"]))
    # Spin and ellipticity are independent, so the definition explains all of the AUC.
    alone = table.loc["ellipticity, by the label's definition alone"]
    assert alone["auc_low"] < table.loc["ellipticity", "auc"] < alone["auc_high"] < 0.5
    assert not any("r_eff_over_psf" in quantity for quantity in table.index) and len(table) == 4 + len(CALIPERS) - 1
    assert (table["n_galaxies"] == 160).all() and (table["n_slow"] == (kind == 0).sum()).all()
    pd.testing.assert_frame_equal(table, ellipticity_tests(galaxies, seed=1).set_index("quantity"))
    bins = binned(galaxies)
    assert bins["variable"].value_counts().to_dict() == {"ellipticity": 4, "log_mass": 4, "redshift": 4}


def test_size_over_seeing_is_that_of_the_image_if_known():
    frame = pd.DataFrame(
        {
            "r_eff_pixels": [10.0, 10.0, np.nan, np.nan],
            "arcsec_per_pixel": [0.4, 0.4, np.nan, np.nan],
            "r_eff_arcsec": [9.0, 9.0, 5.0, 5.0],
            "psf_fwhm_r_arcsec": [1.0, np.nan, np.nan, np.nan],
            "psf_fwhm_arcsec": [2.5, 2.0, 2.5, np.nan],
        }
    )
    np.testing.assert_allclose(r_eff_over_psf(frame), [4, 2, 2, np.nan])


def test_galaxies_of_different_networks_are_not_compared():
    """Two networks with very different scales: every test agrees with the pairs within each network."""
    galaxies = sample(count=320).assign(fold=np.arange(320) % 2)
    far = galaxies.assign(probability_fast=galaxies["probability_fast"] + 5.0 * galaxies["fold"])
    pd.testing.assert_frame_equal(ellipticity_tests(galaxies, seed=1), ellipticity_tests(far, seed=1))
    pd.testing.assert_frame_equal(binned(galaxies), binned(far))
    apart = ellipticity_tests(far.assign(fold=0), seed=1).set_index("quantity")
    assert apart.loc["network", "auc"] < ellipticity_tests(far, seed=1)["auc"].iloc[0] - 0.05


def test_a_galaxy_scored_twice_counts_once():
    galaxies = sample()
    twice = pd.concat([galaxies, galaxies.assign(fold=1)])
    one, two = ellipticity_tests(galaxies, seed=1), ellipticity_tests(twice, seed=1)
    np.testing.assert_allclose(two["auc"], one["auc"])
    assert two["n_galaxies"].tolist() == one["n_galaxies"].tolist()
