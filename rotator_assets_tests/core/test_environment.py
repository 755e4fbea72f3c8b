"""Shell variables and files in the home folder or working directory change no result and break no command."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rotator_assets.core import environment
from rotator_assets.orchestration.workers import COMMAND

PACKAGE_PARENT = Path(environment.__file__).parents[2]
ROTATORS = Path(sys.executable).with_name("rotators")
KERAS_FILE = {"floatx": "float16", "epsilon": 0.1, "backend": "jax", "image_data_format": "channels_first"}

RESULTS = """
import hashlib, json
import keras  # before this project imports it, but after its environment was set
import matplotlib, numpy as np, pandas as pd
from astropy.io import fits
from rotator_assets.plots import style
from rotator_assets.training.network import build_network, inference_function
from rotator_assets.core.recipes import Recipe
networks = {}
for name in ("thesis", "residual"):
    network = build_network(Recipe(name="x", architecture=name), 16)
    network.compile("sgd", "mse")
    history = network.fit(np.ones((4, 16, 16, 3)), np.ones((4, 1)), epochs=3, batch_size=1, shuffle=False, verbose=0)
    logit = inference_function(network)(np.full((1, 16, 16, 3), 0.3, np.float32))
    config = hashlib.sha256(repr(network.get_config()).encode()).hexdigest()
    networks[name] = network.count_params(), config, float(logit[0, 0]).hex(), len(history.history["loss"])
figure = style.new_figure(style.NARROW, 3, title="t", dataset="d", recipe=None, synthetic=True)
style.dress(figure.add_subplot(), x="x")
picture = hashlib.sha256(style.render(figure)).hexdigest()
text = str(pd.DataFrame({"a": ["b"]}).dtypes["a"])
print(json.dumps([networks, picture, text, fits.conf.enable_uint, keras.config.epsilon()]))
"""

HOSTILE = {
    "KERAS_BACKEND": "torch",
    "KERAS_MAX_EPOCHS": "1",
    "KERAS_MAX_STEPS_PER_EPOCH": "1",
    "TF_USE_LEGACY_KERAS": "1",
    "TF2_BEHAVIOR": "0",
    "TF_XLA_FLAGS": "--tf_xla_auto_jit=2",
    "TF_SET_ONEDNN_FPMATH_MODE": "BF16",
    "ONEDNN_DEFAULT_FPMATH_MODE": "BF16",
    "TF_ONEDNN_ASSUME_FROZEN_WEIGHTS": "1",
    "XLA_FLAGS": "--no_such_flag",
    "MPLBACKEND": "no such backend",
    "PANDAS_FUTURE_INFER_STRING": "1",
    "SCIPY_ARRAY_API": "1",
    "TZ": "Mars/Olympus_Mons",
}
INTERPRETER = {
    "PYTHONWARNINGS": "error",
    "PYTHONOPTIMIZE": "2",
    "PYTHONIOENCODING": "ascii",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",
    "LC_ALL": "C",
    "TMPDIR": "/no/such/folder",
    "DAGSTER_HOME": "/no/such/folder",
    "DAGSTER_WEBSERVER_PORT": "1",
}


def clean(**variables):
    """Return these variables and those a process needs to find this package."""
    path = os.pathsep.join(filter(None, [str(PACKAGE_PARENT), os.environ.get("PYTHONPATH")]))
    return {"PATH": os.environ["PATH"], "PYTHONPATH": path, **variables}


@pytest.fixture
def home(tmp_path):
    """A home folder with a configuration file of each library, none with the default values."""
    folder = tmp_path / "home"
    files = {
        ".keras/keras.json": json.dumps(KERAS_FILE),
        ".config/matplotlib/matplotlibrc": "font.size: 30\nsavefig.dpi: 20\naxes.facecolor: black\n",
        ".config/astropy/astropy.cfg": "[no section of astropy",
        ".astropy/config/astropy.cfg": "[no section of astropy",
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


@pytest.fixture
def working_folder(tmp_path):
    """A working directory with modules named like libraries, and with a Matplotlib style."""
    folder = tmp_path / "work"
    folder.mkdir()
    for name in ("random", "keras", "tensorflow", "numpy", "json"):
        (folder / f"{name}.py").write_text("raise SystemExit('a module of the working directory')")
    (folder / "matplotlibrc").write_text("font.size: 30\naxes.facecolor: black\n")
    return folder


def results(code, cwd, variables):
    command = [sys.executable, "-P", "-c", code]
    run = subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, encoding="utf-8", timeout=300)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_shell_and_home_folder_do_not_change_networks_figures_and_files(home, working_folder, tmp_path):
    code = f"import rotator_assets\n{RESULTS}"
    expected = results(code, tmp_path, clean())
    hostile = clean(HOME=str(home), KERAS_HOME=str(home / ".keras"), ASTROPY_CONFIG_DIR=str(home), **HOSTILE)
    assert results(code, working_folder, hostile) == expected
    (thesis, residual), epochs = expected[0].values(), [network[3] for network in expected[0].values()]
    assert epochs == [3, 3] and residual[0] == 175_409 and thesis[0] > residual[0]
    assert expected[2:] == ["object", True, 1e-7]


def test_layers_set_their_order_of_axes(home, tmp_path):
    """Keras may have been imported before this project, with the settings of the home folder."""
    (home / ".keras/keras.json").write_text(json.dumps({**KERAS_FILE, "backend": "tensorflow", "floatx": "float64"}))
    code = """
import keras, json
assert keras.config.image_data_format() == "channels_first"
from rotator_assets.training.network import build_network
from rotator_assets.core.recipes import Recipe
counts = {}
for name in ("thesis", "small", "residual", "dihedral"):
    network = build_network(Recipe(name="x", architecture=name), 16)
    formats = {getattr(layer, "data_format", "channels_last") for layer in network.layers}
    assert formats == {"channels_last"} and network.input.dtype == "float32", name
    counts[name] = network.count_params()
print(json.dumps(counts))
"""
    counts = results(code, tmp_path, clean(HOME=str(home)))
    assert counts["residual"] == 175_409 and counts["small"] == counts["dihedral"]


def run_rotators(arguments, cwd, variables):
    return subprocess.run(
        [ROTATORS, *arguments], cwd=cwd, env=variables, capture_output=True, encoding="utf-8", timeout=300
    )


def test_a_command_lists_ignored_variables_once_and_works(home, working_folder, tmp_path):
    root = tmp_path / "galaxies of Überlingen"
    (root / "manga").mkdir(parents=True)
    plain = run_rotators(["status", "--data", root], tmp_path, clean())
    variables = clean(HOME=str(home), **HOSTILE, **INTERPRETER)
    variables["PYTHONPATH"] = os.pathsep + variables["PYTHONPATH"]  # an empty entry is the working directory
    hostile = run_rotators(["status", "--data", root], working_folder, variables)
    assert (hostile.returncode, hostile.stdout) == (0, plain.stdout)
    assert (plain.returncode, plain.stderr) == (0, "") and "Überlingen" in plain.stdout  # without a home folder
    told = "rotators: ignored environment variables: "
    assert hostile.stderr.startswith(told) and hostile.stderr.count("\n") == 1
    names = hostile.stderr.removeprefix(told).strip().split(", ")
    expected = {*HOSTILE, *INTERPRETER} - {"MPLBACKEND", "TZ", "LC_ALL", "TMPDIR", "DAGSTER_HOME"}
    assert {*names} == expected - {"PYTHONIOENCODING", "PYTHONUTF8", "PYTHONCOERCECLOCALE"}


def test_a_command_needs_no_home_folder_that_exists(tmp_path):
    run = run_rotators(["status", "--data", tmp_path], tmp_path, clean(HOME="/proc/nowhere"))
    assert run.returncode == 0, run.stderr


def test_a_worker_takes_no_module_of_the_working_directory(working_folder, tmp_path):
    run = subprocess.run(
        COMMAND,
        cwd=working_folder,
        input="",
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert (run.returncode, run.stderr) == (0, "")


def prepared(monkeypatch, **variables):
    monkeypatch.setattr(os, "environ", dict(variables))
    return environment.prepare(), os.environ


def test_variables_for_devices_kernels_and_other_programs_are_kept(monkeypatch):
    left = {
        "CUDA_VISIBLE_DEVICES": "1",
        "OMP_NUM_THREADS": "2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "TF_NUM_INTRAOP_THREADS": "2",
        "TF_CPP_MIN_LOG_LEVEL": "0",
        "TF_VAR_password": "of Terraform",
        "TF_CLI_CONFIG_FILE": "of Terraform",
        "ROTATORS_PRECISION": "float32",
        "PYTHONPATH": "/somewhere",
        "DAGSTER_HOME": "/of/a/run",
    }
    said, environ = prepared(monkeypatch, **left)
    assert said == () and left.items() <= environ.items()


def test_a_prepared_environment_is_not_changed_again(monkeypatch):
    said, environ = prepared(monkeypatch, **HOSTILE)
    assert {*said} == {*HOSTILE} - {"TZ"} and environ["KERAS_BACKEND"] == "tensorflow"
    before = dict(environ)
    assert environment.prepare() == () and os.environ == before
