"""No network receives an empty batch, for which convolutions of some processors return a wrong shape or fail."""

import numpy as np
import pandas as pd
import pytest

from rotator_assets.attribution.baseline_images import baselines
from rotator_assets.attribution.faithfulness.examination import METHODS, examine
from rotator_assets.attribution.gradients import PathGradients
from rotator_assets.attribution.integrated_gradients import (
    alibi_maps,
    check_against_alibi,
    explain,
    integrated_gradients,
)
from rotator_assets.attribution.other_methods import Explainer
from rotator_assets.core.backend import tensorflow
from rotator_assets.core.recipes import Recipe
from rotator_assets.training.architectures import ARCHITECTURES
from rotator_assets.training.cross_validation import cross_validate, predict_logits
from rotator_assets.training.network import build_network, inference_function, settle_batchnorm
from rotator_assets_tests.training.made_up_training import SIZE_PX, TINY, galaxy_ids

NONE = np.empty((0, SIZE_PX, SIZE_PX, 3), np.float32)
SKY = np.zeros((SIZE_PX, SIZE_PX, 3), np.float32)
NO_ROWS = np.empty(0, np.int64)


@pytest.fixture
def refusing(monkeypatch):
    """Every network refuses an empty batch; the names of the networks built."""
    tf = tensorflow()
    from keras import layers

    class Refusing(layers.Layer):
        def call(self, images):
            with tf.control_dependencies([tf.debugging.assert_positive(tf.shape(images)[0], "an empty batch")]):
                return tf.identity(images)

    built = []

    def checked(architecture):
        def network(make, image):
            built.append(architecture.__name__)
            return architecture(make, Refusing(name="refusing")(image))

        return network

    for name in ("thesis", "small", "residual", "dihedral"):
        monkeypatch.setitem(ARCHITECTURES, name, checked(ARCHITECTURES[name]))
    return built


def test_the_check_itself_fails_on_an_empty_batch(refusing):
    network = build_network(Recipe(name="x", architecture="small"), SIZE_PX)
    with pytest.raises(tensorflow().errors.InvalidArgumentError, match="an empty batch"):
        network(NONE, training=False)


@pytest.mark.parametrize("architecture", ["thesis", "small", "residual", "dihedral"])
def test_without_galaxies_no_network_runs(refusing, survey, architecture):
    recipe = Recipe(name="x", architecture=architecture)
    network, images = build_network(recipe, SIZE_PX), survey[0]
    empty = {
        "inference": (inference_function(network)(NONE), (0, 1)),
        "predictions": (predict_logits(network, images, NO_ROWS, recipe), (0,)),
        "averaged": (
            predict_logits(network, images, NO_ROWS, recipe.model_copy(update={"test_time_averaging": True})),
            (0,),
        ),
        "baselines": (baselines(images, NO_ROWS, recipe, "noise"), (0, 5, *NONE.shape[1:])),
        "gradients": (integrated_gradients(network, NONE, SKY).maps, NONE.shape),
        "alibi": (alibi_maps(network, NONE, SKY), NONE.shape),
        "attributions": (explain(network, images, [], recipe).maps, NONE.shape),
        "path": (PathGradients(network).logits(NONE).astype(np.float32), (0,)),
    }
    explainer = Explainer(network)
    empty["logits"] = explainer.logits(NONE), (0,)
    for name, found in {
        "gradient_times_input": explainer.gradient_times_input(NONE, SKY),
        "smooth_grad": explainer.smooth_grad(NONE, seed=0),
        "occlusion": explainer.occlusion(NONE, SKY),
        "grad_cam": explainer.grad_cam(NONE),
    }.items():
        empty[name] = found, NONE.shape[:3]
    for name, (found, shape) in empty.items():
        assert found.shape == shape and found.dtype == np.float32, name
    assert check_against_alibi(network, NONE, SKY) == 0
    assert not PathGradients(network).summed(SKY, SKY, np.empty(0), np.empty(0)).any()
    with pytest.raises(ValueError, match="at least one image"):
        settle_batchnorm(network, NONE)
    assert set(refusing) == {architecture}


@pytest.mark.parametrize("n", [1, 64, 65, 128])
def test_full_batches_leave_no_empty_one(refusing, survey, n):
    recipe = Recipe(name="x", architecture="small")
    network, images = build_network(recipe, SIZE_PX), survey[0]
    rows = np.arange(n)
    logits = predict_logits(network, images, rows, recipe)
    assert logits.shape == (n,) and np.isfinite(logits).all()
    assert Explainer(network).logits(np.zeros((n, SIZE_PX, SIZE_PX, 3), np.float32)).shape == (n,)


def test_an_examination_of_no_galaxies_is_empty(refusing, survey):
    columns = ["galaxy_id", "object_id", "rotator_type", "predicted_type", "fold"]
    found = examine(
        lambda fold: pytest.fail("no network is needed"),
        pd.DataFrame(columns=columns),
        survey[0],
        NO_ROWS,
        TINY,
        steps=(4,),
        n_converged=1,
        seed=0,
    )
    assert {method: maps.shape for method, maps in found.maps.items()} == dict.fromkeys(METHODS, NONE.shape[:3])
    assert len(found.pairs) == len(found.curves) == len(found.errors) == 0
    assert list(found.errors) == ["galaxy_id", "n_steps", "completeness_error"]


@pytest.mark.parametrize("use", [None, "before", "beside", "instead"])
def test_a_training_has_no_empty_batch(refusing, survey, tmp_path, use):
    """For numbers of galaxies that fill batches of 16 or leave one over."""
    from rotator_assets.training.other_survey import OtherGalaxies

    images, labels, objects = (part[:34] for part in survey)
    recipe = TINY.model_copy(update={"architecture": "small", "folds": 2, "epochs": 1, "patience": 1})
    other = None
    if use is not None:
        recipe = recipe.model_copy(update={"other_survey": "tng100", "other_use": use})
        other = OtherGalaxies(survey[0][34:66], np.arange(32), survey[1][34:66], survey[2][34:66])
    found = cross_validate(
        images, labels, objects, galaxy_ids(objects), recipe, model_folder=tmp_path, other=other
    ).predictions
    assert len(found) == 34 and np.isfinite(found["probability_fast"]).all()
    assert "small" in refusing
