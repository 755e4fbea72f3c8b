"""Self-supervised training: the loss, the images it sees, and the networks that start from its weights."""

import numpy as np
import pytest

from rotator_assets.core.errors import InputError
from rotator_assets.store.models import load_model
from rotator_assets.training.cross_validation import cross_validate
from rotator_assets.training.folds import member_seed, plan_splits
from rotator_assets.training.network import build_network
from rotator_assets.training.self_supervision import PairedViews, SelfSupervision, vicreg_loss
from rotator_assets_tests.training.made_up_training import TINY, galaxy_ids, planted_survey

pytestmark = pytest.mark.slow

RECIPE = TINY.model_copy(
    update={"architecture": "small", "pretraining": "vicreg", "pretraining_epochs": 3, "folds": 2, "epochs": 1}
)


@pytest.fixture(scope="module")
def survey():
    return planted_survey(60)


def pretraining(images, recipe=RECIPE, folder=None, on_epoch=None):
    return SelfSupervision(images, np.arange(len(images)), recipe, "float32", folder, on_epoch)


def splits(survey, recipe=RECIPE):
    return plan_splits(survey[1], survey[2], recipe)


@pytest.fixture(scope="module")
def uninterrupted(survey):
    """The weights of each fold."""
    trained = pretraining(survey[0])
    return [trained.weights(split) for split in splits(survey)]


def assert_same(one, two):
    assert one.keys() == two.keys()
    for name in one:
        for a, b in zip(one[name], two[name], strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_loss_is_that_of_the_paper():
    """Against NumPy's covariance matrix; Bardes et al. 2022, eqs. 1 to 6 with the means of Algorithm 1."""
    generator = np.random.default_rng(3)
    views = [generator.normal(0, scale, (7, 5)) @ generator.normal(0, 1, (5, 5)) for scale in (0.2, 1.5)]
    expected = 25 * np.square(views[0] - views[1]).mean()
    for view in views:
        expected += 25 * np.maximum(0, 1 - np.sqrt(view.var(axis=0, ddof=1) + 1e-4)).mean()
        covariance = np.cov(view, rowvar=False)
        expected += np.square(covariance[~np.eye(5, dtype=bool)]).sum() / 5
    assert float(vicreg_loss(np.concatenate(views).astype(np.float32))) == pytest.approx(expected, rel=1e-5)


def test_equal_features_for_all_galaxies_are_penalized():
    same = np.ones((8, 4), np.float32)
    assert float(vicreg_loss(same)) == pytest.approx(2 * 25 * (1 - 0.01), rel=1e-5)


def test_a_batch_has_two_views_of_each_image(survey):
    still = RECIPE.augmentation.model_copy(update={"shift": 0.0, "rotation_deg": 0.0, "flattening": 0.0, "zoom": 0.0})
    recipe = RECIPE.model_copy(update={"augmentation": still})
    rows = np.arange(40)
    views, _ = PairedViews(survey[0], rows, recipe, (1, 0))[0]
    assert len(views) == 40  # 20 images: two batches of at most 16 would be smaller than the others
    first, second = np.split(views, 2)
    assert (first != second).any(axis=(1, 2, 3)).mean() > 0.5
    for one, two in zip(first, second, strict=True):  # mirrored only
        assert any(np.allclose(np.flip(one, axes), two, atol=1e-6) for axes in ((), 0, 1, (0, 1)))
    later = PairedViews(survey[0], rows, recipe, (1, 0), first=3)
    np.testing.assert_array_equal(later[1][0], PairedViews(survey[0], rows, recipe, (1, 0))[4][0])


def test_every_image_is_seen_once_per_epoch():
    images = np.full((9, 16, 16, 3), 0.5, np.float32) * np.arange(1, 10)[:, None, None, None]
    recipe = RECIPE.model_copy(update={"normalization": "none", "batch_size": 4})
    views = PairedViews(images, np.arange(9), recipe, (1, 0))
    seen = np.concatenate([views[number][0][:, 8, 8, 0] for number in range(views.per_epoch)])
    assert views.per_epoch == 2 and sorted(np.round(2 * seen).astype(int)) == sorted(2 * [*range(1, 10)])


def test_images_of_the_validation_and_test_parts_are_not_seen(survey, uninterrupted):
    images, split = survey[0], splits(survey)[0]
    hidden = np.concatenate([split.validation, split.test])
    changed, also_changed = images.copy(), images.copy()
    changed[hidden] = np.random.default_rng(1).uniform(0, 9, changed[hidden].shape)
    also_changed[split.train[0]] *= np.linspace(0, 2, 16, dtype=np.float32)[:, None, None]
    expected = uninterrupted[0]
    assert_same(pretraining(changed).weights(split), expected)
    with pytest.raises(AssertionError):
        assert_same(pretraining(also_changed).weights(split), expected)


def test_the_loss_falls_and_each_fold_has_its_own_weights(survey):
    logs = []
    trained = pretraining(survey[0], RECIPE.model_copy(update={"learning_rate": 3e-3}), on_epoch=logs.append)
    found = [trained.weights(split) for split in splits(survey)]
    losses = [log.loss for log in logs if log.fold == 0]
    assert [(log.fold, log.epoch) for log in logs] == [(fold, epoch) for fold in (0, 1) for epoch in (1, 2, 3)]
    assert losses[-1] < losses[0]
    assert all(log.is_self_supervised and log.images_per_second > 0 and log.seconds_left >= 0 for log in logs)
    assert not np.array_equal(found[0]["convolution_1"][0], found[1]["convolution_1"][0])


@pytest.mark.parametrize("stop_after", [2, 3])
def test_an_interrupted_training_resumes(survey, uninterrupted, tmp_path, monkeypatch, stop_after):
    monkeypatch.setattr("rotator_assets.training.checkpoints.MOST_TIME_WRITING", 1.0)
    seen = []

    def stop(log):
        seen.append(log)
        if len(seen) == stop_after:
            raise KeyboardInterrupt

    interrupted = pretraining(survey[0], folder=tmp_path, on_epoch=stop)
    with pytest.raises(KeyboardInterrupt):
        for split in splits(survey):
            interrupted.weights(split)
    resumed = pretraining(survey[0], folder=tmp_path, on_epoch=seen.append)
    for split, whole in zip(splits(survey), uninterrupted, strict=True):
        assert_same(resumed.weights(split), whole)
    assert [(log.fold, log.epoch) for log in seen] == [(fold, epoch) for fold in (0, 1) for epoch in (1, 2, 3)]
    assert resumed.seconds_before > 0


def run(survey, recipe, folder):
    images, labels, objects = survey
    folder.mkdir()
    logs = []
    result = cross_validate(
        images, labels, objects, galaxy_ids(objects), recipe, model_folder=folder, on_epoch=logs.append
    )
    return result, logs, load_model(folder / "fold-0.keras")


def test_the_networks_of_a_fold_start_from_its_weights(survey, tmp_path):
    """With a tiny learning rate they stay equal to them, apart from the running statistics of the training."""
    recipe = RECIPE.model_copy(update={"learning_rate": 1e-12, "members": 2})
    result, logs, network = run(survey, recipe, tmp_path / "a")
    start = pretraining(survey[0], recipe).weights(splits(survey, recipe)[0])
    alone = build_network(recipe, 16, seed=member_seed(splits(survey, recipe)[0].seed, 1))
    for member in (0, 1):
        kernel = network.get_layer(f"member{member}_convolution_2").get_weights()[0]
        np.testing.assert_allclose(kernel, start["convolution_2"][0], atol=1e-9)
        assert not np.allclose(kernel, alone.get_layer("convolution_2").get_weights()[0], atol=1e-3)
    logits = [network.get_layer(f"member{member}_logit").get_weights()[0] for member in (0, 1)]
    assert not np.allclose(logits[0], logits[1], atol=1e-3)
    assert [log.is_self_supervised for log in logs] == 2 * [True, True, True, False, False]
    assert len(result.history) == 4 and result.history["val_loss"].notna().all()


def test_a_loss_that_is_not_finite_is_one_line(survey):
    wild = RECIPE.model_copy(update={"learning_rate": 1e12})
    with pytest.raises(InputError, match="self-supervised loss is no longer finite in fold 0") as raised:
        pretraining(survey[0], wild).weights(splits(survey)[0])
    assert "\n" not in str(raised.value)
