"""Training learns a planted signal, nothing from shuffled labels, and never uses the test galaxies."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from rotator_assets.core.backend import computes_bfloat16
from rotator_assets.core.errors import InputError
from rotator_assets.core.recipe_fields import Augmentation
from rotator_assets.core.statistics import youden_threshold
from rotator_assets.evaluation.auc import auc_interval, network_aucs
from rotator_assets.evaluation.network_scores import NetworkScores
from rotator_assets.store.models import load_model
from rotator_assets.training import cross_validation as training
from rotator_assets.training import material
from rotator_assets.training.calibration import Calibration, fit_calibration
from rotator_assets.training.cross_validation import cross_validate, predict_logits
from rotator_assets.training.folds import check_no_leak, plan_splits
from rotator_assets.training.pipeline import network_input, symmetries
from rotator_assets_tests.training.made_up_training import TINY, galaxy_ids, planted_survey


def short(**changes):
    return TINY.model_copy(update={"epochs": 2, **changes})


def run(survey, recipe, folder, **options):
    images, labels, objects = survey
    folder.mkdir(exist_ok=True)
    return cross_validate(images, labels, objects, galaxy_ids(objects), recipe, model_folder=folder, **options)


@pytest.fixture
def one_fold(survey, monkeypatch):
    """Trainings run fold 0 of the survey only, with a fixed split for any labels."""
    split = plan_splits(survey[1], survey[2], TINY)[0]
    monkeypatch.setattr(
        material, "plan_splits", lambda labels, objects, recipe: [replace(split, seed=(recipe.seed, split.fold))]
    )
    return split


def test_a_planted_signal_is_learned(trained):
    result, _, _ = trained
    predictions = result.predictions
    assert auc_interval(NetworkScores.of(predictions)).auc > 0.9
    assert network_aucs(NetworkScores.of(predictions)).min() > 0.8
    assert np.mean(predictions.predicted_type == predictions.rotator_type) > 0.8


def test_shuffled_labels_give_an_auc_consistent_with_chance(tmp_path):
    images, labels, objects = planted_survey(seed=1)
    names, first = np.unique(objects, return_index=True)
    shuffled = dict(zip(names, np.random.default_rng(0).permutation(labels[first]), strict=True))
    labels = np.array([shuffled[name] for name in objects])
    result = run((images, labels, objects), short(epochs=4), tmp_path)
    interval = auc_interval(NetworkScores.of(result.predictions), level=0.99)
    assert interval.low < 0.5 < interval.high


def test_frames_are_complete(trained, survey):
    result, _, logs = trained
    _, labels, objects = survey
    predictions = result.predictions
    assert list(predictions.galaxy_id) == list(galaxy_ids(objects))
    assert list(predictions.object_id) == list(objects)
    np.testing.assert_array_equal(predictions.rotator_type, labels)
    assert predictions.probability_fast.dtype == np.float64
    assert predictions.probability_fast.between(0, 1).all()
    assert (predictions.predicted_type == (predictions.probability_fast >= predictions.threshold)).all()
    assert set(predictions.fold) == {0, 1, 2}
    check_no_leak(objects, *(np.asarray(predictions.fold == fold) for fold in range(3)))

    assert list(result.history.columns) == ["fold", "member", "epoch", "loss", "val_loss", "val_auc"]
    assert list(result.history.epoch) == [log.epoch for log in logs]
    assert np.isfinite(result.history).all(axis=None)
    assert [log.fold for log in logs] == list(result.history.fold)
    assert logs[0].epoch == 1 and logs[0].n_epochs == TINY.epochs and logs[0].n_folds == 3
    assert all(log.images_per_second > 0 and log.seconds_left >= 0 for log in logs)

    folds = result.folds.set_index("fold")
    assert (folds.n_train + folds.n_validation + folds.n_test == len(labels)).all()
    for fold, history in result.history.groupby("fold"):
        assert folds.epochs[fold] == len(history)
        assert folds.best_epoch[fold] == history.epoch[history.val_loss.idxmin()]
        assert set(predictions.threshold[predictions.fold == fold]) == {folds.threshold[fold]}
    assert result.device and result.seconds > 0


def test_saved_networks_reproduce_predictions_and_thresholds(trained, survey):
    result, folder, _ = trained
    images, labels, objects = survey
    assert sorted(path.name for path in folder.iterdir()) == [f"fold-{fold}.keras" for fold in range(3)]
    for split in plan_splits(labels, objects, TINY):
        network = load_model(folder / f"fold-{split.fold}.keras")
        probability = 1 / (1 + np.exp(-predict_logits(network, images, split.test, TINY).astype(np.float64)))
        np.testing.assert_allclose(probability, result.predictions.probability_fast[split.test], rtol=1e-6)
        logits = predict_logits(network, images, split.validation, TINY, batch_size=7).astype(np.float64)
        threshold = youden_threshold(labels[split.validation], 1 / (1 + np.exp(-logits)))
        assert result.folds.threshold[split.fold] == pytest.approx(threshold, rel=1e-5)
        # The weights of the best epoch have the smallest validation loss of the history.
        weights = len(split.train) / (2 * np.bincount(labels[split.train]))
        validated = labels[split.validation]
        loss = np.mean(weights[validated] * (np.logaddexp(0, logits) - validated * logits))
        history = result.history[result.history.fold == split.fold]
        tolerance = 1e-4 if result.policy == "float32" else 0.1
        assert loss == pytest.approx(history.val_loss.min(), rel=tolerance)


def test_the_result_depends_on_the_seed(survey, tmp_path, one_fold):
    first = run(survey, short(), tmp_path / "first")
    second = run(survey, short(), tmp_path / "second")
    pd.testing.assert_frame_equal(first.predictions, second.predictions)
    pd.testing.assert_frame_equal(first.history, second.history)
    other = run(survey, short(seed=8), tmp_path / "other")
    assert not np.allclose(first.history.loss, other.history.loss)


OF_OTHER_GALAXIES = {
    **{"seed": 8, "normalization": "log", "augmentation": Augmentation(flip=False, zoom=0.3), "batch_size": 40},
    **{"training_fraction": 0.5, "validation_fraction": 0.3, "patience": 1, "members": 2, "mask_neighbours": True},
}
"""Settings that leave the compiled network as it is."""


def test_a_training_does_not_depend_on_those_before_it(survey, tmp_path, one_fold):
    """Whether it shares their compiled network, or they have been so different that it is compiled again."""
    recipes = [short(regularization="dropout"), short(regularization="dropout", **OF_OTHER_GALAXIES)]
    shared = [run(survey, recipe, tmp_path) for recipe in recipes]
    for bands in ("g", "r", "i"):
        run(survey, short(epochs=1, bands=bands), tmp_path)
    again = [run(survey, recipe, tmp_path) for recipe in reversed(recipes)][::-1]
    for first, second in zip(shared, again, strict=True):
        pd.testing.assert_frame_equal(first.history, second.history)
        pd.testing.assert_frame_equal(first.predictions, second.predictions)


@pytest.mark.parametrize("regularization", ["batchnorm", "dropout"])
def test_a_fold_does_not_depend_on_those_before_it(survey, tmp_path, monkeypatch, regularization):
    recipe = short(regularization=regularization)
    whole = run(survey, recipe, tmp_path)
    last = plan_splits(survey[1], survey[2], TINY)[2]
    monkeypatch.setattr(material, "plan_splits", lambda *_: [last])
    alone = run(survey, recipe, tmp_path)
    expected = whole.history[whole.history.fold == 2].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone.history, expected)


LEAK_TESTED = {
    "thesis": {},
    "oversampled": {"imbalance": "oversample"},
    "focal, averaged": {"imbalance": "focal", "test_time_averaging": True},
}


@pytest.mark.parametrize("changes", LEAK_TESTED.values(), ids=LEAK_TESTED)
def test_test_galaxies_do_not_affect_the_training(survey, tmp_path, one_fold, changes):
    """Network, history, threshold and calibration are bitwise the same for any labels and images of theirs."""
    images, labels, objects = survey
    recipe = short(**changes)
    before = run(survey, recipe, tmp_path / "before")
    weights = load_model(tmp_path / "before" / "fold-0.keras").get_weights()

    generator = np.random.default_rng(0)
    flipped, garbage = labels.copy(), images.copy()
    flipped[one_fold.test] = 1 - flipped[one_fold.test]
    garbage[one_fold.test] = generator.normal(50, 100, garbage[one_fold.test].shape)
    for name, scrambled in {"labels": (images, flipped, objects), "images": (garbage, labels, objects)}.items():
        after = run(scrambled, recipe, tmp_path / name)
        pd.testing.assert_frame_equal(after.history, before.history)
        assert_same_but_seconds(after.folds, before.folds)
        for one, two in zip(load_model(tmp_path / name / "fold-0.keras").get_weights(), weights, strict=True):
            np.testing.assert_array_equal(one, two)
        same = np.array_equal(after.tested.logit, before.tested.logit)
        assert same == (name == "labels")


def assert_same_but_seconds(folds, expected):
    pd.testing.assert_frame_equal(folds.drop(columns="seconds"), expected.drop(columns="seconds"))


def test_validation_galaxies_are_not_trained_on(survey, tmp_path, one_fold):
    images, labels, objects = survey
    before = run(survey, short(), tmp_path / "before")
    garbage = images.copy()
    garbage[one_fold.validation] = np.random.default_rng(0).normal(50, 100, garbage[one_fold.validation].shape)
    after = run((garbage, labels, objects), short(), tmp_path / "images")
    np.testing.assert_array_equal(after.history.loss, before.history.loss)
    assert not np.allclose(after.history.val_loss, before.history.val_loss)


def test_rows_choose_the_images(survey, tmp_path, one_fold):
    images, labels, objects = survey
    rows = np.random.default_rng(0).permutation(2 * len(labels))[: len(labels)]
    scattered = np.full((2 * len(labels), *images.shape[1:]), np.nan, np.float32)
    scattered[rows] = images
    expected = run(survey, short(), tmp_path)
    result = run((scattered, labels, objects), short(), tmp_path, rows=rows)
    pd.testing.assert_frame_equal(result.history, expected.history)


def test_training_stops_early_and_keeps_the_best_weights(survey, tmp_path, one_fold):
    result = run(survey, short(epochs=30, patience=1, learning_rate=0.03), tmp_path)
    epochs = result.folds.epochs[0]
    assert epochs < 30 and result.folds.best_epoch[0] == epochs - 1


def test_too_few_galaxies_fail_before_anything_is_trained(survey, tmp_path):
    few = tuple(part[:8] for part in survey)
    with pytest.raises(InputError, match="4 slow and 4 fast rotators are too few for 6 folds"):
        run(few, short(folds=6), tmp_path, on_epoch=lambda log: pytest.fail("trained"))
    assert list(tmp_path.iterdir()) == []


def test_a_loss_that_is_not_finite_names_the_recipe(survey, tmp_path, one_fold):
    images, labels, objects = survey
    with pytest.raises(InputError, match=r"recipe 'tiny': the loss is no longer finite in fold 0, epoch 1; lower"):
        run((images * np.float32(np.nan), labels, objects), short(), tmp_path)


def test_bfloat16_training_saves_a_float32_network(survey, tmp_path, one_fold, monkeypatch):
    if not computes_bfloat16():
        pytest.skip("no convolution in bfloat16 here")
    monkeypatch.setattr(training, "compute_policy", lambda: "mixed_bfloat16")
    result = run(survey, short(epochs=1), tmp_path)
    assert result.policy == "mixed_bfloat16"
    network = load_model(tmp_path / "fold-0.keras")
    assert {layer.dtype_policy.name for layer in network.layers} == {"float32"}
    assert getattr(network, "optimizer", None) is None
    assert result.predictions.probability_fast.dtype == np.float64


def test_classes_have_equal_weight_unless_the_recipe_says_otherwise(survey, tmp_path):
    images, labels, objects = survey
    uneven = np.flatnonzero((labels == 1) | (np.arange(len(labels)) % 5 == 0))  # few slow rotators
    uneven_survey = images[uneven], labels[uneven], objects[uneven]
    still = short(epochs=1, split="holdout", learning_rate=1e-9)
    weighted = run(uneven_survey, still, tmp_path)
    unweighted = run(uneven_survey, still.model_copy(update={"imbalance": "none"}), tmp_path)
    assert not np.allclose(weighted.history.val_loss, unweighted.history.val_loss)
    np.testing.assert_allclose(weighted.history.val_auc, unweighted.history.val_auc)


def test_repeats_are_separate_trainings_with_averaged_logits(survey, tmp_path):
    images, _, objects = survey
    recipe = short(epochs=1, folds=2)
    once = run(survey, recipe, tmp_path / "once")
    twice = run(survey, recipe.model_copy(update={"repeats": 2}), tmp_path / "twice")
    assert sorted(path.name for path in (tmp_path / "twice").iterdir()) == [f"fold-{k}.keras" for k in range(4)]
    assert list(twice.folds.fold) == [0, 1, 2, 3] and list(twice.folds.repeat) == [0, 0, 1, 1]
    assert set(twice.history.fold) == {0, 1, 2, 3}

    first = twice.tested[twice.tested.repeat == 0].reset_index(drop=True)
    pd.testing.assert_frame_equal(first, once.tested)
    second = twice.tested[twice.tested.repeat == 1].reset_index(drop=True)
    for frame in (first, second, once.predictions, twice.predictions):
        assert list(frame.galaxy_id) == list(galaxy_ids(objects))
    assert not np.allclose(first.logit, second.logit)

    predictions = twice.predictions
    np.testing.assert_allclose(predictions.probability_fast, expit((first.logit + second.logit) / 2))
    np.testing.assert_allclose(predictions.threshold, (first.threshold + second.threshold) / 2)
    np.testing.assert_array_equal(predictions.fold, first.fold)
    scaled = sum(half.calibration_slope * half.logit + half.calibration_offset for half in (first, second))
    np.testing.assert_allclose(predictions.probability_fast_calibrated, expit(scaled / 2))
    assert (predictions.predicted_type == (predictions.probability_fast >= predictions.threshold)).all()

    for fold, tested in second.groupby("fold"):
        network = load_model(tmp_path / "twice" / f"fold-{fold}.keras")
        logits = predict_logits(network, images, tested.index.to_numpy(), recipe)
        np.testing.assert_allclose(logits, tested.logit, rtol=1e-4, atol=1e-5)


def test_one_network_predicts_only_the_held_out_part(survey, tmp_path):
    _, labels, objects = survey
    held_out = run(survey, short(epochs=1, split="holdout"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["fold-0.keras"]
    (split,) = plan_splits(labels, objects, short(split="holdout"))
    assert list(held_out.predictions.galaxy_id) == list(galaxy_ids(objects)[split.test])
    assert set(held_out.predictions.fold) == {0} and held_out.folds.n_test[0] == len(split.test)


def test_training_on_a_fraction_still_tests_all_galaxies(survey, tmp_path):
    result = run(survey, short(epochs=1, training_fraction=0.3), tmp_path)
    whole = plan_splits(survey[1], survey[2], TINY)
    assert list(result.predictions.galaxy_id) == list(galaxy_ids(survey[2]))
    for split, fold in zip(whole, result.folds.itertuples(), strict=True):
        assert fold.n_test == len(split.test)
        assert fold.n_train == pytest.approx(0.3 * len(split.train), abs=4)
        assert fold.n_validation == pytest.approx(0.3 * len(split.validation), abs=3)


def test_test_time_averaging_does_not_change_the_training(survey, tmp_path, one_fold):
    images, labels, _ = survey
    plain = run(survey, short(), tmp_path / "plain")
    averaged = run(survey, short(test_time_averaging=True), tmp_path / "averaged")
    pd.testing.assert_frame_equal(averaged.history, plain.history)
    network = load_model(tmp_path / "plain" / "fold-0.keras")

    def mean_logits(rows):
        views = symmetries(network_input(images, rows, TINY))
        return np.mean([network(view, training=False) for view in views], axis=0)[:, 0].astype(np.float64)

    np.testing.assert_allclose(averaged.tested.logit, mean_logits(one_fold.test), atol=1e-5)
    assert not np.allclose(averaged.tested.logit, plain.tested.logit, atol=1e-4)
    threshold = youden_threshold(labels[one_fold.validation], expit(mean_logits(one_fold.validation)))
    assert averaged.folds.threshold_averaged[0] == pytest.approx(threshold, rel=1e-4)
    calibration = fit_calibration(labels[one_fold.validation], mean_logits(one_fold.validation))
    assert averaged.folds.calibration_slope_averaged[0] == pytest.approx(calibration.slope, rel=1e-3)
    assert averaged.folds.calibration_offset_averaged[0] == pytest.approx(calibration.offset, abs=1e-3)
    # Networks have thresholds and calibrations for both kinds of prediction.
    facts = ("threshold", "calibration_slope", "calibration_offset")
    ways = [f"{fact}{ending}" for fact in facts for ending in ("", "_averaged")]
    pd.testing.assert_frame_equal(averaged.folds[ways], plain.folds[ways])
    for result, ending in ((plain, ""), (averaged, "_averaged")):
        assert (result.predictions.threshold == result.folds[f"threshold{ending}"][0]).all()
        slope, offset = (result.folds[f"calibration_{name}{ending}"][0] for name in ("slope", "offset"))
        calibrated = expit(Calibration(slope, offset)(result.tested.logit))
        np.testing.assert_allclose(result.predictions.probability_fast_calibrated, calibrated)


def test_averaged_predictions_do_not_depend_on_orientation(trained, survey):
    images, (_, folder, _) = survey[0], trained
    network, averaging = load_model(folder / "fold-0.keras"), TINY.model_copy(update={"test_time_averaging": True})
    rows = np.arange(6)
    expected = predict_logits(network, images, rows, averaging)
    turned = np.rot90(images[:6], axes=(1, 2))[:, ::-1]
    np.testing.assert_allclose(predict_logits(network, turned, rows, averaging), expected, atol=1e-5)
    plain, plain_turned = (predict_logits(network, seen, rows, TINY) for seen in (images, turned))
    assert np.abs(plain - plain_turned).max() > 1e-3


def test_calibrations_are_those_of_the_validation_part(trained, survey):
    result, folder, _ = trained
    images, labels, objects = survey
    for split in plan_splits(labels, objects, TINY):
        logits = predict_logits(load_model(folder / f"fold-{split.fold}.keras"), images, split.validation, TINY)
        expected = fit_calibration(labels[split.validation], logits)
        assert result.folds.calibration_slope[split.fold] == pytest.approx(expected.slope, rel=1e-3)
        assert result.folds.calibration_offset[split.fold] == pytest.approx(expected.offset, abs=1e-3)
    tested = result.tested
    calibrated = expit(tested.calibration_slope * tested.logit + tested.calibration_offset)
    np.testing.assert_allclose(result.predictions.probability_fast_calibrated, calibrated)


@pytest.mark.parametrize("imbalance", ["focal", "oversample"])
def test_every_compensation_for_unequal_classes_learns(survey, tmp_path, one_fold, imbalance):
    result = run(survey, short(epochs=6, learning_rate=1e-3, imbalance=imbalance), tmp_path)
    assert result.history.loss.iloc[-1] < 0.8 * result.history.loss.iloc[0]
    assert result.history.val_auc.max() > 0.8


def test_unreadable_networks_say_what_to_do(tmp_path):
    with pytest.raises(InputError, match="is not a trained network"):
        load_model(tmp_path / "absent.keras")
    (tmp_path / "broken.keras").write_bytes(b"not a zip file")
    with pytest.raises(InputError, match="materialize rotator_classifier again"):
        load_model(tmp_path / "broken.keras")
