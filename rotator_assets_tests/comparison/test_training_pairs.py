"""Differences in AUC and changed classes of two trainings."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from rotator_assets.comparison.differences import compare_recipes
from rotator_assets.comparison.kept_trainings import KeptTraining, differing_settings
from rotator_assets.comparison.pair_text import sentences, synthetic_sentence
from rotator_assets.comparison.training_names import TrainingHistory
from rotator_assets.comparison.training_pairs import compare_trainings
from rotator_assets.core.data_root import DataRoot
from rotator_assets.tables import open_store
from rotator_assets_tests.comparison.kept import NOISY, OBSERVED, SMALL, keep
from rotator_assets_tests.comparison.test_comparisons import predictions


@pytest.fixture
def root(tmp_path):
    return DataRoot(tmp_path)


def read(root, *names):
    store = open_store(root)
    return [KeptTraining.read(store, version) for version in TrainingHistory(store).find(names)]


def said(root, *names):
    """Sentences on each training after the first."""
    trainings = read(root, *names)
    letters = "ABCDEFGH"
    return [
        " ".join(sentences(pair, {"A": trainings[0], letter: training}))
        for letter, training, pair in zip(letters[1:], trainings[1:], compare_trainings(trainings), strict=False)
    ]


def classified(kinds: str, by: str) -> pd.DataFrame:
    """Predictions of galaxies of these true and predicted classes (s or f), with threshold 0.5."""
    kind, predicted = (np.array([letter == "f" for letter in text]).astype(int) for text in (kinds, by))
    probability = np.where(predicted, 0.7, 0.3) + np.arange(len(kinds)) / 1000
    return predictions(NOISY, "thesis", count=len(kinds)).assign(
        rotator_type=kind,
        predicted_type=predicted,
        fold=0,
        threshold=0.5,
        probability_fast=probability,
        probability_fast_calibrated=probability,
    )


def aucs(sample: pd.DataFrame, weights: np.ndarray) -> np.ndarray:
    """AUC within folds for each row of weights (b, n) of the galaxies, by counting pairs."""
    won, total = 0, 0
    for fold in sample["fold"].unique():
        slow, fast = (((sample["fold"] == fold) & (sample["rotator_type"] == kind)).to_numpy() for kind in (0, 1))
        score = sample["probability_fast"].to_numpy()
        wins = (score[fast][None, :] > score[slow][:, None]).astype(float)
        won = won + np.einsum("bi,ij,bj->b", weights[:, slow], wins, weights[:, fast])
        total = total + weights[:, slow].sum(axis=1) * weights[:, fast].sum(axis=1)
    return won / total


def test_the_difference_agrees_with_a_bootstrap_of_galaxies(root):
    reference = keep(root, NOISY, "thesis", seed=1)
    noise = 0.4 * np.random.default_rng(5).normal(size=len(reference))
    logit = np.log(reference["probability_fast"] / (1 - reference["probability_fast"])) + noise
    other = keep(root, NOISY, "log", sample=reference.assign(probability_fast=1 / (1 + np.exp(-logit))))
    (pair,) = compare_trainings(read(root, f"{NOISY}/thesis", "log"))
    n = len(reference)
    once = np.ones((1, n))
    draws = np.random.default_rng(1).multinomial(n, np.full(n, 1 / n), size=4000)
    bootstrapped = aucs(other, draws) - aucs(reference, draws)
    change = pair.test.difference
    assert change.difference == pytest.approx((aucs(other, once) - aucs(reference, once)).item())
    assert (pair.test.reference_auc, pair.test.auc) == pytest.approx(
        (aucs(reference, once).item(), aucs(other, once).item())
    )
    assert (change.high - change.low) / (2 * 1.96) == pytest.approx(bootstrapped.std(), rel=0.08)


def test_the_numbers_are_those_of_the_comparison_of_recipes(root):
    samples = [keep(root, NOISY, name, seed=seed) for seed, name in enumerate(("thesis", "log", "max-g"))]
    pairs = compare_trainings(read(root, f"{NOISY}/thesis", "log", "max-g"))
    table = compare_recipes(pd.concat(samples), "thesis").set_index("recipe")
    for name, pair in zip(("log", "max-g"), pairs, strict=True):
        row, change = table.loc[name], pair.test.difference
        assert (change.difference, change.low, change.high) == pytest.approx(
            (row["auc_difference"], row["auc_difference_low"], row["auc_difference_high"])
        )
        assert pair.test.p_value == pytest.approx(row["p_value_adjusted"]) and pair.test.n_tests == 2


def test_changed_classes_are_counted_and_tested(root):
    keep(root, NOISY, "thesis", sample=classified("ssssssffffffff", "ssffffffffssss"))
    keep(root, NOISY, "log", sample=classified("ssssssffffffff", "sfssssfsffffff"))
    (pair,) = compare_trainings(read(root, f"{NOISY}/thesis", "log"))
    changed = pair.changed
    assert (changed.to_slow_right, changed.to_slow_wrong, changed.to_fast_right, changed.to_fast_wrong) == (4, 1, 4, 1)
    assert changed.p_value == pytest.approx(2 * binom.cdf(2, 10, 0.5))
    assert (
        "10 galaxies changed class from A to B: 5 from slow to fast (4 now right, 1 now wrong), 5 from fast to slow "
        "(4 now right, 1 now wrong). No significant difference in the number of correct classifications (p = 0.11, "
        "McNemar's exact test)."
    ) in said(root, f"{NOISY}/thesis", "log")[0]


def test_galaxies_come_by_the_change_of_the_calibrated_probability(root):
    before = classified("sfsf", "sfsf").assign(probability_fast_calibrated=[0.1, 0.2, 0.3, 0.4])
    after = classified("sfsf", "ffsf").assign(probability_fast_calibrated=[0.15, 0.9, 0.1, 0.4])
    keep(root, NOISY, "thesis", sample=before)
    keep(root, NOISY, "log", sample=after.iloc[::-1])
    (pair,) = compare_trainings(read(root, f"{NOISY}/thesis", "log"))
    assert pair.galaxies["galaxy_id"].tolist() == ["g1", "g2", "g0", "g3"]
    assert pair.galaxies["change"].tolist() == pytest.approx([0.7, -0.2, 0.05, 0])
    assert pair.galaxies["changed"].tolist() == [False, False, True, False]
    assert pair.galaxies["reference_predicted_type"].tolist() == [1, 0, 0, 1]


def test_only_galaxies_of_both_are_compared_by_the_labels_of_the_training(root):
    keep(root, NOISY, "thesis", sample=predictions(NOISY, "thesis", count=90))
    sample = predictions(NOISY, "thesis", seed=2, count=60)
    relabelled = sample["rotator_type"].where(sample.index != 4, 1 - sample["rotator_type"])
    keep(root, NOISY, "log", sample=sample.assign(rotator_type=relabelled))
    assert said(root, f"{NOISY}/thesis", "log")[0].startswith(
        "In common: 60 galaxies. Labels differ for 1 galaxy; here both are judged by the labels of B. AUC of B - A: "
    )


def test_surveys_are_compared_as_independent_samples_even_with_equal_identifiers(root):
    keep(root, SMALL, "thesis", seed=1)
    keep(root, OBSERVED, "thesis", seed=2)
    (pair,) = compare_trainings(read(root, f"{SMALL}/thesis", OBSERVED))
    assert not pair.paired and pair.galaxies.empty
    errors = [
        (one.metrics["auc_high"] - one.metrics["auc_low"]) / (2 * 1.96)
        for one in read(root, f"{SMALL}/thesis", OBSERVED)
    ]
    change = pair.test.difference
    assert (change.high - change.low) / (2 * 1.96) == pytest.approx(np.hypot(*errors), rel=0.05)
    (text,) = said(root, f"{SMALL}/thesis", OBSERVED)
    assert text.startswith("B and A have no galaxies in common: their AUCs are compared as independent samples.")
    assert "(DeLong)" in text and "changed class" not in text


def test_samples_without_common_galaxies_are_independent(root):
    keep(root, NOISY, "thesis", sample=predictions(NOISY, "thesis", 1).iloc[:45])
    keep(root, NOISY, "log", sample=predictions(NOISY, "log", 2).iloc[45:])
    assert "independent samples" in said(root, f"{NOISY}/thesis", "log")[0]


def test_a_better_training_is_called_so_only_if_it_is_significant(root):
    kinds = "sf" * 40
    keep(root, NOISY, "thesis", sample=classified(kinds, "sffs" * 20))
    keep(root, NOISY, "log", sample=classified(kinds, "sf" * 40))
    keep(root, NOISY, "max-g", sample=classified(kinds, "sffs" * 19 + "sfsf"))
    better, alike = said(root, f"{NOISY}/thesis", "log", "max-g")
    assert (
        "p < 0.0001 (paired DeLong, Holm for 2 tests). B separates slow from fast rotators significantly better than A."
        in better
    )
    assert (
        "B classifies significantly more galaxies correctly than A (p < 0.0001, McNemar's exact test, Holm for 2"
        in better
    )
    assert "No significant difference between C and A (p = " in alike
    worse, _ = said(root, f"{NOISY}/log", "thesis", "max-g")
    assert "B separates slow from fast rotators significantly worse than A." in worse
    assert "B classifies significantly fewer galaxies correctly" in worse


def test_the_same_predictions_are_no_difference(root):
    for hour, changes in ((1, {}), (2, {"batch_size": 32})):
        keep(root, NOISY, "thesis", hour, changes=changes)
    trainings = read(root, f"{NOISY}/thesis@previous", "@latest")
    assert differing_settings(trainings) == {"batch_size": ["64", "32"]}
    assert said(root, f"{NOISY}/thesis@previous", "@latest") == [
        "In common: 90 galaxies. AUC of B - A: +0.000 [+0.000, +0.000], p = 1.00 (paired DeLong). B and A rank these "
        "galaxies in the same order. No galaxy changed class."
    ]


@pytest.mark.parametrize(
    ("kinds", "sentence"),
    [
        ("sfff", "It cannot be tested: one of the classes has a single galaxy."),
        ("ffff", "There is no AUC on these galaxies: no network of either tested two galaxies of different classes."),
    ],
)
def test_too_few_galaxies_in_common_are_no_test(root, kinds, sentence):
    keep(root, NOISY, "thesis")
    sample = classified(kinds, kinds)
    strangers = predictions(NOISY, "log").iloc[50:].assign(fold=1).replace({"galaxy_id": r"^g"}, "x", regex=True)
    keep(root, NOISY, "log", sample=pd.concat([sample, strangers], ignore_index=True))
    assert sentence in said(root, f"{NOISY}/thesis", "log")[0]


def test_predictions_that_are_not_kept_leave_settings_and_curves(root):
    keep(root, NOISY, "thesis", 1, changes={"seed": 7}, kept=False)
    keep(root, NOISY, "thesis", 2, seed=2)
    keep(root, NOISY, "log", 2, seed=3)
    trainings = read(root, f"{NOISY}/thesis", "@previous", "log")
    assert differing_settings(trainings) == {
        "normalization": ["max_all", "max_all", "log"],
        "seed": ["2020", "7", "2020"],
    }
    assert len(trainings[1].curve) > 2 and trainings[1].predictions is None
    lost, other = said(root, f"{NOISY}/thesis", "@previous", "log")
    assert "those of B were not kept (`rotators run --stale` keeps those of the latest version)" in lost
    assert "(paired DeLong)" in other  # one test alone needs no correction


def test_settings_of_datasets_and_recipes_differ(root):
    keep(root, SMALL, "thesis")
    keep(root, OBSERVED, "r-band")
    assert differing_settings(read(root, f"{SMALL}/thesis", f"{OBSERVED}/r-band")) == {
        "survey": ["tng100", "manga"],
        "noise": ["noisy", "observed"],
        "bands": ["gri", "r"],
    }


def test_synthetic_trainings_are_named(root):
    keep(root, SMALL, "thesis")
    keep(root, OBSERVED, "thesis", sample=predictions(OBSERVED, "thesis").assign(synthetic=False))
    simulated, real = read(root, f"{SMALL}/thesis", OBSERVED)
    assert synthetic_sentence({"A": simulated, "B": real}).startswith("The numbers of A are from synthetic galaxies")
    assert synthetic_sentence({"A": real, "B": real}) is None
