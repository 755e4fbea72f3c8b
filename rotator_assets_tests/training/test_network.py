"""The network: the study's numbers, one float32 logit, repeatable weights, no global state."""

import io
import os
import subprocess
import sys

import numpy as np
import pytest

from rotator_assets.core import backend
from rotator_assets.core.errors import InputError
from rotator_assets.core.recipes import Recipe
from rotator_assets.training.network import build_network, inference_function, settle_batchnorm
from rotator_assets_tests.training.made_up_training import rounding

THESIS = Recipe(name="thesis")


def test_importing_the_package_imports_no_framework():
    modules = (
        *("attribution.integrated_gradients", "core.backend", "core.statistics", "evaluation.baselines"),
        *("training.cross_validation", "training.folds", "training.network", "training.pipeline"),
    )
    code = (
        "import sys\n"
        + "".join(f"import rotator_assets.{module}\n" for module in modules)
        + "sys.exit(', '.join({'tensorflow', 'keras', 'alibi', 'dagster'} & set(sys.modules)) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_only_start_up_messages_are_suppressed(capfd):
    with backend._without_start_up_noise():
        os.write(2, b"I0000 cudart_stub.cc:31] Could not find cuda drivers\nreal trouble\n")
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == "real trouble\nafterwards\n"


def test_the_numbers_of_the_study():
    layers = {layer.name: layer for layer in build_network(THESIS, 128).layers}
    assert layers["flatten"].output.shape[1:] == (131072,)
    assert layers["dense"].output.shape[1:] == (64,) and layers["dense"].count_params() // 64 in (131072, 131072 + 1)
    assert layers["logit"].output.shape[1:] == (1,)
    assert layers["convolution_3"].output.shape[1:] == (32, 32, 128)


@pytest.mark.parametrize("bands", ["gri", "r"])
@pytest.mark.parametrize("regularization", ["batchnorm", "dropout"])
def test_every_recipe_gives_one_float32_logit(bands, regularization):
    recipe = Recipe(name="x", bands=bands, regularization=regularization)
    for policy in ("float32", "mixed_bfloat16"):
        network = build_network(recipe, 16, policy=policy)
        assert not type(network).__module__.startswith("rotator_assets")  # functional, not subclassed
        if policy == "float32" or backend.computes_bfloat16():
            logit = network(np.zeros((2, 16, 16, len(bands)), np.float32))
            assert logit.shape == (2, 1) and logit.dtype == "float32"
        assert {weight.dtype for weight in network.weights} == {"float32"}
    kinds = [type(layer).__name__ for layer in network.layers]
    used, unused = "BatchNormalization", "Dropout"
    if regularization == "dropout":
        used, unused = unused, used
    assert kinds.count(used) >= 3 and kinds.count(unused) == 0


def test_weights_depend_on_the_seed_and_on_no_global_state():
    import keras

    np.random.seed(5)  # noqa: NPY002
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    first = build_network(THESIS, 16, policy="mixed_bfloat16").get_weights()
    assert np.random.random() == expected  # noqa: NPY002
    assert keras.config.dtype_policy().name == "float32"
    same, other = build_network(THESIS, 16).get_weights(), build_network(THESIS, 16, seed=(2020, 1)).get_weights()
    for one, two in zip(first, same, strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(first[0], other[0])


def test_batchnorm_settles_on_the_images():
    network = build_network(THESIS, 16)
    images = np.random.default_rng(0).exponential(0.02, (64, 16, 16, 3)).astype(np.float32)
    settle_batchnorm(network, images)
    training, inference = network(images, training=True).numpy(), inference_function(network)(images)
    np.testing.assert_allclose(inference, training, atol=1e-3 * np.ptp(training))
    assert {layer.momentum for layer in network.layers if hasattr(layer, "momentum")} == {0.9}


def test_compiled_inference_follows_the_weights_and_any_batch_size():
    network = build_network(Recipe(name="x", regularization="dropout"), 16)
    infer = inference_function(network)
    images = np.random.default_rng(0).random((5, 16, 16, 3), dtype=np.float32)

    def assert_same(found, expected):
        np.testing.assert_allclose(found, expected, rtol=0, atol=rounding(network, expected))

    for batch in (images, images[:2]):
        assert_same(infer(batch), network(batch, training=False))
    network.set_weights([2 * weight for weight in network.get_weights()])
    assert_same(infer(images), network(images, training=False))


def test_the_precision_of_trainings_can_be_set(monkeypatch):
    monkeypatch.setattr(backend, "computes_bfloat16", lambda: True)
    for precision, policy in (("float32", "float32"), ("bfloat16", "mixed_bfloat16")):
        monkeypatch.setenv(backend.PRECISION_VARIABLE, precision)
        assert backend.compute_policy() == policy
    monkeypatch.setenv(backend.PRECISION_VARIABLE, "float16")
    with pytest.raises(InputError, match="ROTATORS_PRECISION=float16: use float32 or bfloat16"):
        backend.compute_policy()
    monkeypatch.setattr(backend, "computes_bfloat16", lambda: False)
    monkeypatch.setenv(backend.PRECISION_VARIABLE, "bfloat16")
    with pytest.raises(InputError, match="ROTATORS_PRECISION=bfloat16: cannot be computed here; use float32"):
        backend.compute_policy()


def test_the_device_has_a_name_and_a_policy(monkeypatch):
    monkeypatch.delenv(backend.PRECISION_VARIABLE, raising=False)
    assert backend.device_name().strip()
    assert backend.compute_policy() in ("float32", "mixed_bfloat16")
    monkeypatch.setattr(backend, "_gpu_details", lambda: None)
    monkeypatch.setattr(backend, "computes_bfloat16", lambda: True)
    monkeypatch.setattr(backend, "_cpu_field", {"flags": "sse avx512_bf16", "model name": "Some CPU"}.get)
    assert (backend.device_name(), backend.compute_policy()) == ("Some CPU", "mixed_bfloat16")
    monkeypatch.setattr(backend, "computes_bfloat16", lambda: False)  # though the processor could
    assert backend.compute_policy() == "float32"
    monkeypatch.setattr(backend, "computes_bfloat16", lambda: True)
    monkeypatch.setattr(backend, "_cpu_field", {"flags": "sse avx512f", "model name": "Old CPU"}.get)
    assert backend.compute_policy() == "float32"
    for capability, policy in (((7, 5), "float32"), ((8, 0), "mixed_bfloat16"), ((9, 0), "mixed_bfloat16")):
        details = {"device_name": "Some GPU", "compute_capability": capability}
        monkeypatch.setattr(backend, "_gpu_details", lambda details=details: details)
        assert (backend.device_name(), backend.compute_policy()) == ("Some GPU", policy)


def test_streams_stay_open_while_tensorflow_is_imported():
    from absl import logging

    lent = io.StringIO()
    logging.get_absl_handler().python_handler.setStream(lent)
    backend.tensorflow()
    logging.get_absl_handler().close()
    assert not lent.closed
