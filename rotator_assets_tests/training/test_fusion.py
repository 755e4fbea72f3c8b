"""A fused model finds what was planted in its parts, gains nothing from noise, and sees nothing of the tested fold."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import norm
from sklearn.metrics import log_loss, roc_auc_score

from rotator_assets.evaluation.auc import auc_difference
from rotator_assets.evaluation.fusion_parts import fusion_parts
from rotator_assets.evaluation.network_scores import NetworkScores
from rotator_assets.training.calibration import fit_combination
from rotator_assets.training.features import FUSED
from rotator_assets.training.folds import plan_inner_splits, plan_splits
from rotator_assets.training.fusion import (
    as_tested,
    combine,
    compared_with,
    fuse,
    nested_feature_logits,
    parts_of,
    whole_of,
)
from rotator_assets_tests.training.made_up_training import TINY

pytestmark = pytest.mark.slow

RECIPE = TINY.model_copy(update={"folds": 5, "fusion": "catalogue+structure"})
SETS = RECIPE.fused_sets
WHOLE = "network + catalogue + structure"
QUICK = RECIPE.model_copy(update={"folds": 3, "fusion": "catalogue"})
SPIN = RECIPE.model_copy(update={"fusion": "spin+catalogue", "lambda_r_interval": 0.1})
OF_NETWORK, OF_CATALOGUE, OF_STRUCTURE = 1.2, 1.0, 0.8
"""Distances between the means of the classes, in standard deviations, of three independent normal variables."""


def auc_of(*distances):
    """The AUC of the best combination of independent normal variables with these distances between the classes."""
    return norm.cdf(np.sqrt(np.sum(np.square(distances))) / np.sqrt(2))


def sample(n=2000, seed=0, distances=(OF_NETWORK, OF_CATALOGUE, OF_STRUCTURE), repeats=1, folds=5):
    """Tested galaxies, their inner logits and features; the first distance is that of the network's scores.

    The calibrated logit of a normal variable x with the means -d / 2 and d / 2 is x d plus the log odds of the classes.
    """
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, n) > 0  # a third is slow
    of_network, of_catalogue, of_structure = (
        generator.normal(size=n) + distance * (labels - 0.5) for distance in distances
    )
    features = pd.DataFrame({name: np.nan for names in FUSED.values() for name in names}, index=range(n))
    features["ellipticity"], features["gini"] = of_catalogue, of_structure
    logit = of_network * distances[0] + np.log(2)
    tested, inner = [], []
    for repeat in range(repeats):
        tests = generator.permutation(np.arange(n) % folds)
        galaxies = pd.DataFrame({"galaxy_id": [f"g{k}" for k in range(n)], "object_id": [f"o{k}" for k in range(n)]})
        galaxies = galaxies.assign(repeat=repeat, fold=repeat * folds + tests)
        calibration = {"calibration_slope": 2.0, "calibration_offset": -1.0, "threshold": 0.5}
        tested.append(galaxies.assign(rotator_type=labels.astype("int8"), logit=(logit + 1) / 2, **calibration))
        for other in range(folds):
            kept = tests != other
            logits = {"logit": logit[kept], "logit_averaged": np.nan}
            inner.append(galaxies[kept].assign(outer_fold=repeat * folds + other, **logits))
    tested, inner = pd.concat(tested, ignore_index=True), pd.concat(inner, ignore_index=True)
    return tested, inner, pd.concat([features] * repeats, ignore_index=True)


@pytest.fixture(scope="module")
def planted():
    return sample()


@pytest.fixture(scope="module")
def fused(planted):
    return fuse(*planted, RECIPE, averaged=False)


@pytest.fixture(scope="module")
def small():
    """A sample that is fused in a moment, for what does not depend on numbers."""
    return sample(n=300, folds=3)


def with_spin(sample, distance, scale=0.1):
    """The sample with boundaries and predicted lambda_R, whose differences are ``scale`` times a planted variable."""
    tested, inner, features = sample
    generator = np.random.default_rng(5)
    fast = tested["rotator_type"].to_numpy()
    threshold = pd.Series(generator.uniform(0.05, 0.3, len(fast)), index=tested["galaxy_id"])
    predicted = threshold + scale * (generator.normal(size=len(fast)) + distance * (fast - 0.5))
    tested = tested.assign(lambda_r_predicted=predicted.to_numpy())
    inner = inner.assign(lambda_r_predicted=inner["galaxy_id"].map(predicted), lambda_r_predicted_averaged=np.nan)
    return tested, inner, features.assign(spin_threshold=threshold.to_numpy())


def auc_of_part(fused, part):
    rows = fused.predictions[fused.predictions["part"] == part]
    return np.mean([roc_auc_score(r["rotator_type"], r["logit"]) for _, r in rows.groupby("fold")])


def test_parts_are_named_and_compared():
    assert parts_of(SETS) == [
        "network", "network + catalogue", WHOLE, "catalogue", "catalogue + structure",
    ]  # fmt: skip
    with_spin = parts_of(("spin", *SETS))
    assert with_spin == [
        "network", "network + spin", "network + spin + catalogue", "network + spin + catalogue + structure",
        "catalogue", "catalogue + structure",
    ]  # fmt: skip
    assert [compared_with(part, with_spin) for part in with_spin] == [
        None, "network", "network + spin", "network + spin + catalogue", *with_spin[2:4],
    ]  # fmt: skip
    assert parts_of(("catalogue",)) == ["network", "network + catalogue", "catalogue"]
    assert whole_of(SETS) == WHOLE and whole_of(()) == "network"


@pytest.mark.parametrize(
    ("part", "distances"),
    [
        ("network", (OF_NETWORK,)),
        ("network + catalogue", (OF_NETWORK, OF_CATALOGUE)),
        (WHOLE, (OF_NETWORK, OF_CATALOGUE, OF_STRUCTURE)),
        ("catalogue", (OF_CATALOGUE,)),
        ("catalogue + structure", (OF_CATALOGUE, OF_STRUCTURE)),
    ],
)
def test_each_part_reaches_the_planted_auc(fused, part, distances):
    assert auc_of_part(fused, part) == pytest.approx(auc_of(*distances), abs=0.02)


def test_the_predicted_spin_adds_what_was_planted():
    fused = fuse(*with_spin(sample(), 0.9), SPIN, averaged=False)
    assert auc_of_part(fused, "network + spin") == pytest.approx(auc_of(OF_NETWORK, 0.9), abs=0.02)
    whole = auc_of(OF_NETWORK, 0.9, OF_CATALOGUE)
    assert auc_of_part(fused, "network + spin + catalogue") == pytest.approx(whole, abs=0.02)
    assert auc_of_part(fused, "catalogue") == pytest.approx(auc_of(OF_CATALOGUE), abs=0.02)
    assert fused.mean_weights("network + spin")["spin_weight"] == pytest.approx(0.9 / 0.1, rel=0.15)
    assert set(fused.mean_weights("catalogue")) == {"features_weight"}


def test_predicted_spins_of_the_tested_fold_do_not_reach_its_model(small):
    tested, inner, features = with_spin(small, 0.9)
    changed = tested.assign(lambda_r_predicted=tested["lambda_r_predicted"].where(tested["fold"] == 1, 0.2))
    seen = (inner["outer_fold"] != 1) | (inner["fold"] == 1)
    other = inner.assign(lambda_r_predicted=inner["lambda_r_predicted"].mask(seen, 0.1))
    recipe = SPIN.model_copy(update={"folds": 3})
    before, after = (fuse(*args, features, recipe, averaged=False) for args in ((tested, inner), (changed, other)))
    first, second = (
        fused.models.set_index(["part", "fold"])[["spin_weight", "intercept"]] for fused in (before, after)
    )
    same = (first == second) | first.isna()
    assert same.xs(1, level="fold").all(axis=None) and not same.xs(0, level="fold").all(axis=None)


@pytest.mark.parametrize("missing", ["lambda_r_predicted", "spin_threshold"])
def test_a_missing_spin_is_an_error(small, missing):
    tested, inner, features = with_spin(small, 0.9)
    frame = tested if missing in tested else features
    frame.loc[3, missing] = np.nan
    with pytest.raises(ValueError, match=r"lambda_r_predicted by a network|must be finite"):
        fuse(tested, inner, features, SPIN, averaged=False)


def test_the_network_alone_keeps_its_auc(planted, fused):
    tested = planted[0]
    expected = np.mean([roc_auc_score(r["rotator_type"], r["logit"]) for _, r in tested.groupby("fold")])
    assert auc_of_part(fused, "network") == pytest.approx(expected, abs=1e-12)


def test_fused_probabilities_are_calibrated_and_weighted_as_planted(planted, fused):
    tested = as_tested(planted[0], fused, RECIPE, averaged=False)
    labels, probability = tested["rotator_type"], expit(tested["logit"])
    assert probability.mean() == pytest.approx(labels.mean(), abs=0.01)
    again = fit_combination(labels, tested[["logit"]].to_numpy())
    assert again.weights[0] == pytest.approx(1, abs=0.1) and again.offset == pytest.approx(0, abs=0.1)
    assert log_loss(labels, probability) < log_loss(labels, expit(2 * planted[0]["logit"] - 1)) - 0.05
    assert fused.mean_weights(WHOLE)["network_weight"] == pytest.approx(1, abs=0.1)
    assert set(tested["calibration_slope"]) == {1.0} and set(tested["calibration_offset"]) == {0.0}
    assert list(tested["galaxy_id"]) == list(planted[0]["galaxy_id"])


def test_thresholds_are_those_of_the_other_folds(fused, planted):
    """The optimum of two normal classes of equal width is half way between them, where the odds are those of all."""
    thresholds = fused.models.loc[fused.models["part"] == WHOLE, "threshold"]
    assert thresholds.between(0.5, 0.8).all() and thresholds.nunique() == 5
    tested = as_tested(planted[0], fused, RECIPE, averaged=False)
    expected = fused.models[fused.models["part"] == WHOLE].set_index("fold")["threshold"]
    assert (tested["threshold"] == tested["fold"].map(expected)).all()


def test_useless_features_gain_nothing():
    fused = fuse(*sample(n=1000, distances=(OF_NETWORK, 0.0, 0.0)), RECIPE, averaged=False)
    table = fusion_parts(fused.predictions).set_index("part")
    assert abs(table.loc[WHOLE, "auc"] - table.loc["network", "auc"]) < 0.005
    assert table.loc[["catalogue", "catalogue + structure"], "auc"].between(0.45, 0.55).all()
    assert fused.models.loc[fused.models["part"] == WHOLE, "features_weight"].lt(0.3).all()


def test_a_useless_network_loses_nothing():
    fused = fuse(*sample(n=1000, distances=(0.0, 1.5, 0.0), folds=3), QUICK, averaged=False)
    assert auc_of_part(fused, "network + catalogue") == pytest.approx(auc_of_part(fused, "catalogue"), abs=0.005)


def test_the_table_of_parts_holds_paired_differences(fused):
    table = fusion_parts(fused.predictions)
    assert list(table["part"]) == parts_of(SETS)
    assert list(table["compared_with"].astype(object).where(table["compared_with"].notna(), None)) == [
        None, "network", "network + catalogue", "network + catalogue", WHOLE,
    ]  # fmt: skip
    scores = {part: NetworkScores.of(rows) for part, rows in fused.predictions.groupby("part")}
    for row in table[table["compared_with"].notna()].itertuples():
        change = auc_difference(scores[row.part], scores[row.compared_with])
        assert (row.difference, row.p_value) == (change.difference, change.p_value)
        assert row.p_value_adjusted >= row.p_value
    assert (table["difference"].to_numpy()[1:3] > 0).all() and (table["difference"].to_numpy()[3:] < 0).all()
    assert len(fusion_parts(pd.DataFrame(columns=["part"]))) == 0


def test_logits_of_the_features_come_from_models_without_both_folds():
    """Features that name the label in one fold only teach every model that has seen this fold, and no other."""
    generator = np.random.default_rng(1)
    folds, labels = np.arange(1000) % 5, generator.integers(0, 2, 1000)
    values = np.where(folds == 2, labels * 2.0 - 1, generator.choice([-1.0, 1.0], 1000))[:, None]
    logits = nested_feature_logits(values, labels, folds, seed=0)
    spread = np.array([[np.ptp(logits[outer, folds == fold]) for fold in range(5)] for outer in range(5)])
    learned = np.ones((5, 5), dtype=bool)
    learned[2, :] = learned[:, 2] = False
    assert (spread[learned] > 3 * spread[~learned].max()).all()


@pytest.mark.parametrize("changed", ["labels", "features", "network"])
def test_nothing_of_the_tested_fold_reaches_its_model(small, changed):
    """Other labels and features of one fold, and other logits of its galaxies, leave the model of this fold unchanged.

    Also the logits by networks that have seen the fold change; were they used in place of the inner ones, the model
    would change, too.
    """
    tested, inner, features = (frame.copy() for frame in small)
    of_fold = (tested["fold"] == 1).to_numpy()
    if changed == "labels":
        tested.loc[of_fold, "rotator_type"] = 1 - tested.loc[of_fold, "rotator_type"]
    if changed == "features":
        features.loc[of_fold, "ellipticity"] += 5
    if changed == "network":
        tested.loc[~of_fold, "logit"] *= -3
        inner.loc[(inner["outer_fold"] != 1) | (inner["fold"] == 1), "logit"] *= -3
    before, after = (fuse(*args, QUICK, averaged=False).models for args in (small, (tested, inner, features)))
    columns = ["network_weight", "features_weight", "intercept", "threshold"]
    same = (before[columns] == after[columns]) | before[columns].isna()
    assert same[before["fold"] == 1].all(axis=None)
    assert not same[before["fold"] != 1].all(axis=None)


def test_a_leak_through_the_networks_would_show(small):
    """Networks that have learned the labels of the galaxies would be trusted alone, at the cost of the tested fold."""
    tested, inner, features = small
    labels = inner["galaxy_id"].map(tested.set_index("galaxy_id")["rotator_type"])
    known = inner.assign(logit=6 * (labels - 0.5))
    honest, leaking = (fuse(tested, logits, features, QUICK, averaged=False) for logits in (inner, known))
    assert leaking.mean_weights("network + catalogue")["features_weight"] < 0.1
    assert auc_of_part(leaking, "network + catalogue") < auc_of_part(honest, "network + catalogue") - 0.02


def test_a_missing_inner_logit_is_an_error(small):
    tested, inner, features = small
    with pytest.raises(ValueError, match="has no logit by a network"):
        fuse(tested, inner.iloc[1:], features, QUICK, averaged=False)


def test_repeats_are_fused_separately():
    tested, inner, features = sample(n=300, repeats=2, folds=3)
    both = fuse(tested, inner, features, QUICK, averaged=False)
    second = tested["repeat"] == 1
    alone = fuse(tested[second], inner[inner["repeat"] == 1], features[second], QUICK, averaged=False)
    rows = both.predictions[both.predictions["repeat"] == 1].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows, alone.predictions)
    assert sorted(both.models["fold"].unique()) == list(range(6))


def test_columns_without_values_are_left_out_and_missing_values_allowed(small):
    tested, inner, features = small
    few = features.copy()
    few.loc[::2, "ellipticity"] = np.nan
    fused = fuse(tested, inner, few, QUICK, averaged=False)
    assert set(fused.left_out) == set(features.columns) - {"ellipticity", "gini"}
    assert auc_of_part(fused, "network") < auc_of_part(fused, "network + catalogue")
    nothing = fuse(tested, inner, features * np.nan, QUICK, averaged=False)
    assert auc_of_part(nothing, "network + catalogue") == pytest.approx(auc_of_part(nothing, "network"), abs=1e-12)


def test_averaged_logits_have_their_own_calibration(small):
    tested, inner, features = small
    turned = tested.rename(
        columns=lambda name: f"{name}_averaged" if name.startswith(("calibration", "thres")) else name
    )
    turned = turned.assign(calibration_slope=9.0, calibration_offset=9.0)
    moved = inner.assign(logit_averaged=inner["logit"], logit=np.nan)
    fused, again = fuse(*small, QUICK, averaged=False), fuse(turned, moved, features, QUICK, averaged=True)
    pd.testing.assert_frame_equal(fused.predictions, again.predictions)


def test_folds_of_one_class_teach_nothing():
    """Where all galaxies that a model may see are of one class, its logits are 0, and the other logit decides."""
    folds, labels = np.repeat([0, 1, 2], 40), np.concatenate([np.zeros(40), np.ones(40), np.arange(40) % 2]).astype(int)
    values = np.random.default_rng(0).normal(size=(120, 1)) + labels[:, None]
    logits = nested_feature_logits(values, labels, folds, seed=0)
    assert (logits[2, folds == 1] == 0).all() and (logits[1, folds == 2] == 0).all()
    assert (logits[0, folds == 1] != 0).any()
    combined, models = combine([logits], labels, folds)
    assert np.isfinite(combined).all() and sorted(models) == [0, 1, 2]


def test_weights_of_a_combination_are_those_that_were_planted():
    generator = np.random.default_rng(4)
    logits = generator.normal(size=(20_000, 3))
    labels = generator.uniform(size=20_000) < expit(logits @ [1.5, 0.5, -0.4] + 0.7)
    found = fit_combination(labels, logits)
    assert found.weights == pytest.approx([1.5, 0.5, 0.0], abs=0.08) and found.weights[2] == 0
    assert found.offset == pytest.approx(0.7, abs=0.08)


@pytest.mark.parametrize("repeats", [1, 2])
def test_inner_networks_see_neither_of_two_folds(survey, repeats):
    recipe = RECIPE.model_copy(update={"folds": 4, "repeats": repeats})
    _, labels, objects = survey
    outer, inner = plan_splits(labels, objects, recipe), plan_inner_splits(labels, objects, recipe)
    assert len(inner) == recipe.inner_networks == 6 * repeats
    assert [split.fold for split in inner] == list(range(4 * repeats, 10 * repeats))
    assert len({(split.repeat, split.tested_folds) for split in inner}) == len(inner)
    assert len({split.seed for split in (*outer, *inner)}) == len(outer) + len(inner)
    for split in inner:
        pair = [o for o in outer if o.repeat == split.repeat and o.tested_folds[0] in split.tested_folds]
        assert set(split.test) == set(pair[0].test) | set(pair[1].test)
        seen = np.concatenate([split.train, split.validation])
        assert not np.isin(objects[seen], objects[split.test]).any()
        assert len(seen) + len(split.test) == len(labels)
    assert plan_inner_splits(labels, objects, TINY) == []
