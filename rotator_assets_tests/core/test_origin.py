"""What made a result: program, packages, threads and kernels."""

import os
import re
from importlib.metadata import version

from rotator_assets.core import origin
from rotator_assets.core.backend import tensorflow


def test_the_program_has_a_hash_and_a_commit():
    assert re.fullmatch("[0-9a-f]{16}", origin.code_hash())
    assert re.fullmatch("([0-9a-f]{40}(-dirty)?)?", origin.commit() or "")
    assert origin.program_version() == version("rotator-assets")


def test_packages_have_their_installed_versions():
    found = origin.packages()
    assert found["numpy"] == version("numpy") and found["tensorflow"] == version("tensorflow")


def test_the_environment_repeats_threads_kernels_and_precision(monkeypatch):
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    found = origin.environment("mixed_bfloat16")
    assert found["ROTATORS_PRECISION"] == "bfloat16" and found["ONEDNN_MAX_CPU_ISA"] == "AVX2"
    threads = tensorflow().config.threading.get_intra_op_parallelism_threads()
    assert found["TF_NUM_INTRAOP_THREADS"] == str(threads or os.environ["TF_NUM_INTRAOP_THREADS"])
    assert origin.environment("float32")["ROTATORS_PRECISION"] == "float32"
