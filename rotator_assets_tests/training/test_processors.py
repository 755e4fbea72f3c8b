"""What holds on this processor holds on others: a few numerical tests by their kernels and in their precision.

`benchmarks/processors.py` runs all numerical tests in every configuration.
"""

import pytest

from benchmarks.processors import KERNELS, outcome

REPRESENTATIVE = tuple(
    f"rotator_assets_tests/learning/{test}"
    for test in (
        "test_network.py::test_compiled_inference_follows_the_weights_and_any_batch_size",
        "test_architectures.py::test_a_network_is_the_same_from_its_file_and_can_be_explained[residual]",
        "test_empty_batches.py::test_of_no_galaxies_there_are_no_results_and_no_network_runs[small]",
        "test_empty_batches.py::test_a_training_gives_its_network_no_empty_batch[None]",
    )
)


@pytest.mark.parametrize(
    ("precision", "kernels"),
    [("bfloat16", "oneDNN, AVX512_CORE"), ("", "oneDNN, AVX2"), ("float32", "no oneDNN")],
)
def test_the_numerical_tests_pass_by_other_kernels(precision, kernels):
    status, summary, failures = outcome({"ROTATORS_PRECISION": precision, **KERNELS[kernels]}, REPRESENTATIVE)
    assert status == 0, "\n".join([summary, *failures])
