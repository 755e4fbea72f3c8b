"""A few numerical tests with the kernels and the precision of other processors.

`benchmarks/processors.py` runs all numerical tests in every configuration.
"""

import pytest

from benchmarks.processors import KERNELS, outcome

pytestmark = pytest.mark.slow

REPRESENTATIVE = tuple(
    f"rotator_assets_tests/training/{test}"
    for test in (
        "test_network.py::test_compiled_inference_follows_the_weights_and_any_batch_size",
        "test_architectures.py::test_a_loaded_network_is_the_same_and_can_be_explained[compact]",
        "test_empty_batches.py::test_without_galaxies_no_network_runs[small]",
        "test_empty_batches.py::test_a_training_has_no_empty_batch[None]",
    )
)


@pytest.mark.parametrize(
    ("precision", "kernels"),
    [("bfloat16", "oneDNN, AVX512_CORE"), ("", "oneDNN, AVX2"), ("float32", "no oneDNN")],
)
def test_the_numerical_tests_pass_with_other_kernels(precision, kernels):
    status, summary, failures = outcome({"ROTATORS_PRECISION": precision, **KERNELS[kernels]}, REPRESENTATIVE)
    assert status == 0, "\n".join([summary, *failures])
