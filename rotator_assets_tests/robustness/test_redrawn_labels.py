"""Label noise against cases whose AUC is known, and every variant against labels made by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from rotator_assets.evaluation.network_scores import NetworkScores
from rotator_assets.kinematics.spin import spin_threshold
from rotator_assets.robustness.label_noise.redrawn_labels import (
    ASSUMED_ERROR,
    COLUMNS,
    DISTANCE_CUTS,
    errors_or_assumed,
    expected_auc_from_label_noise,
    label_noise_variants,
)

BOUNDARIES = ("emsellem2011", "cappellari2016")


def noise(distance, error, scores, **options):
    """Galaxies at these distances from a threshold of 0.2."""
    distance = np.asarray(distance, dtype=float)
    scored = NetworkScores.single(np.arange(len(distance)) % 2, scores)  # their labels are redrawn
    return expected_auc_from_label_noise(
        scored, 0.2 + distance, np.broadcast_to(error, distance.shape), np.full(distance.shape, 0.2), **options
    )


def test_labels_far_from_the_threshold_do_not_change():
    distance = np.repeat([-0.15, 0.15], [10, 30])
    scores = np.random.default_rng(0).random(40)
    found = noise(distance, 0.01, scores)
    expected = roc_auc_score(distance > 0, scores)
    assert (found.auc, found.auc_low, found.auc_high) == pytest.approx((expected,) * 3)
    assert (found.ceiling, found.ceiling_ranked, found.label_change_fraction) == (1, 1, 0)


def test_labels_flip_as_often_as_the_normal_distribution_gives():
    """With flips of probability q in equally large classes, knowing the class gives an AUC of 1 - q."""
    distance = np.repeat([-0.03, 0.03], 500)
    found = noise(distance, 0.03, distance, n=400)
    q = norm.sf(1)
    assert found.label_change_fraction == pytest.approx(q, abs=0.003)
    assert found.ceiling == pytest.approx(1 - q, abs=0.003)
    assert found.auc == found.ceiling  # the scores are the class itself


def test_no_score_exceeds_the_ceiling_of_lambda_r():
    generator = np.random.default_rng(3)
    distance = generator.normal(0.05, 0.1, 400)
    error = generator.uniform(0.02, 0.08, 400)
    for scores in (distance, distance + generator.normal(0, 0.1, 400), distance / error, (distance > 0).astype(float)):
        found = noise(distance, error, scores, n=300)
        assert found.auc <= found.ceiling_ranked + 1e-12
        assert found.ceiling < found.ceiling_ranked


def test_aucs_of_the_draws_agree_with_scikit_learn():
    generator = np.random.default_rng(5)
    distance, scores = generator.normal(0, 0.05, 30), generator.integers(0, 6, 30)
    found = noise(distance, 0.05, scores, n=50, seed=9)
    drawn = 0.2 + distance + 0.05 * np.random.default_rng(9).standard_normal((50, 30))
    aucs = [roc_auc_score(row >= 0.2, scores) for row in drawn]
    assert found.auc == pytest.approx(np.mean(aucs))
    assert (found.auc_low, found.auc_high) == pytest.approx(np.quantile(aucs, [0.025, 0.975]))


def test_unknown_errors_are_assumed_and_counted():
    error, assumed = errors_or_assumed([0.01, np.nan, 0, -1], 0.05)
    assert error.tolist() == [0.01, 0.05, 0.05, 0.05] and assumed.tolist() == [False, True, True, True]
    distance = np.repeat([-0.02, 0.02], 200)
    unknown, known = noise(distance, np.nan, distance, assumed_error=0.04), noise(distance, 0.04, distance)
    assert unknown.ceiling == known.ceiling and (unknown.n_assumed_error, known.n_assumed_error) == (400, 0)
    assert noise(distance, np.nan, distance).label_change_fraction == pytest.approx(norm.sf(1), abs=0.01)
    assert ASSUMED_ERROR == 0.02


def test_invalid_draws_are_refused():
    with pytest.raises(ValueError, match="finite"):
        noise([0.1, np.nan], 0.02, [0, 1])
    with pytest.raises(ValueError, match="no draw"):
        noise([0.1, 0.1], 0.001, [0, 1])


@pytest.fixture
def sample():
    generator = np.random.default_rng(1)
    ellipticity, lambda_r = generator.uniform(0.02, 0.7, 300), generator.beta(2, 4, 300)
    threshold = spin_threshold(ellipticity)
    frame = pd.DataFrame(
        {
            "galaxy_id": [f"g{number:03d}" for number in range(300)],
            "object_id": np.arange(300),
            "fold": 0,
            "lambda_r": lambda_r,
            "lambda_r_error": np.where(np.arange(300) % 2, 0.03, np.nan),
            "ellipticity": ellipticity,
            "spin_threshold": threshold,
            "rotator_type": (lambda_r >= threshold).astype(int),
        }
    )
    return frame.assign(probability_fast=norm.cdf(5 * (lambda_r - threshold) + generator.normal(size=300)))


def test_every_variant_agrees_with_its_labels_and_galaxies(sample):
    sources = pd.DataFrame(
        {
            "galaxy_id": [*sample["galaxy_id"], "g000", "elsewhere"],
            "lambda_r_source": [*["dynpop"] * 300, "user", "user"],
            "lambda_r": [*(sample["lambda_r"] + 0.05), 0.4, 0.4],
        }
    )
    variants = label_noise_variants(sample, sources, n=20)
    assert list(variants.columns) == list(COLUMNS)
    rows = variants.set_index("variant")
    distance = (sample["lambda_r"] - sample["spin_threshold"]).abs()
    error = sample["lambda_r_error"].fillna(ASSUMED_ERROR)
    cappellari = (sample["lambda_r"] >= spin_threshold(sample["ellipticity"], "cappellari2016")).astype(int)
    other = (sample["lambda_r"] + 0.05 >= sample["spin_threshold"]).astype(int)
    truth = sample["rotator_type"]
    for name, labels, kept in (
        ("as trained", truth, truth == truth),
        ("beyond 1 sigma", truth, distance > error),
        ("beyond 0.05", truth, distance > 0.05),
        ("boundary emsellem2011", truth, truth == truth),
        ("boundary cappellari2016", cappellari, truth == truth),
        ("lambda_R of dynpop", other, truth == truth),
    ):
        expected = roc_auc_score(labels[kept], sample["probability_fast"][kept])
        assert rows.loc[name, "auc"] == pytest.approx(expected), name
        assert rows.loc[name, "auc_low"] < expected < rows.loc[name, "auc_high"], name
        reference = roc_auc_score(truth[kept], sample["probability_fast"][kept])
        assert rows.loc[name, "reference_auc"] == pytest.approx(reference), name
        assert rows.loc[name, "n_galaxies"] == kept.sum() and rows.loc[name, "n_slow"] == (labels[kept] == 0).sum()
        assert rows.loc[name, "label_change_fraction"] == pytest.approx(np.mean(labels[kept] != truth[kept]))
    assert variants["distance_cut"].dropna().tolist() == list(DISTANCE_CUTS)
    assert rows.loc["lambda_R drawn within its errors", "n_assumed_error"] == 150
    assert rows.loc["lambda_R drawn within 0.02", "n_assumed_error"] == 300
    assert rows["ceiling"].count() == 2
    alone = rows.loc["lambda_R of user"]
    assert alone["n_galaxies"] == 1 and np.isnan(alone["auc"]) and np.isnan(alone["reference_auc"])


@pytest.mark.parametrize(("own", "other"), [BOUNDARIES, BOUNDARIES[::-1]])
def test_the_boundary_of_the_labels_comes_first(sample, own, other):
    sample["spin_threshold"] = spin_threshold(sample["ellipticity"], own)
    sample["rotator_type"] = (sample["lambda_r"] >= sample["spin_threshold"]).astype(int)
    rows = label_noise_variants(sample, pd.DataFrame(columns=list(_SOURCES)), n=5).set_index("variant")
    assert [name for name in rows.index if name.startswith("boundary")] == [f"boundary {own}", f"boundary {other}"]
    assert rows.loc[f"boundary {own}", "label_change_fraction"] == 0 < rows.loc[f"boundary {other}", "n_slow"]
    assert rows.loc[f"boundary {other}", "label_change_fraction"] > 0
    assert rows.loc["beyond 0.05", "n_galaxies"] == np.sum(np.abs(sample["lambda_r"] - sample["spin_threshold"]) > 0.05)


def test_one_class_alone_has_no_auc_and_no_draws(sample):
    variants = label_noise_variants(sample[sample["rotator_type"] == 1], pd.DataFrame(columns=list(_SOURCES)))
    assert not variants["variant"].str.contains("drawn").any()
    assert variants.loc[variants["variant"] == "as trained", "auc"].isna().all()


_SOURCES = ("galaxy_id", "lambda_r_source", "lambda_r")


def test_variants_compare_within_networks_and_count_galaxies_once(sample):
    """Two networks with very different scales that both scored every galaxy give the result of one."""
    none = pd.DataFrame(columns=list(_SOURCES))
    twice = pd.concat([sample, sample.assign(fold=1, probability_fast=sample["probability_fast"] + 9)])
    pd.testing.assert_frame_equal(
        label_noise_variants(twice, none, n=20)[["variant", "n_galaxies", "n_slow", "auc", "ceiling"]],
        label_noise_variants(sample, none, n=20)[["variant", "n_galaxies", "n_slow", "auc", "ceiling"]],
    )
