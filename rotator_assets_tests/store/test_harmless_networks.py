"""Saved networks that hold code, name other files or claim too much are refused before Keras reads them."""

import io
import json
import zipfile

import h5py
import numpy as np
import pytest

from rotator_assets.store.keras_files import MAX_DEPTH, require_harmless


def dense(units=3, **more):
    return {"module": "keras.layers", "class_name": "Dense", "config": {"units": units, **more}}


def other(name, module="keras.layers", **config):
    return {"module": module, "class_name": name, "config": config}


def saved(path, *layers, weights=None, config=None, **members):
    """A saved network of these layers, with weights of shape (4, 3)."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file["layers/dense/vars/0"] = np.zeros((4, 3), np.float32)
        if weights:
            weights(file)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", config or json.dumps(other("Sequential", "keras", layers=layers)))
        archive.writestr("model.weights.h5", content.getvalue())
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_a_network_of_layers_of_keras_is_harmless(tmp_path):
    lookup = other("StringLookup", vocabulary=["a", "b"])
    require_harmless(saved(tmp_path / "x.keras", dense(), dense(activation=None), other("Flatten"), lookup))


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (
            other("Lambda", function={"class_name": "__lambda__", "config": {"code": "x"}}),
            "has a Lambda, which is code",
        ),
        (other("TorchModuleWrapper", module="x"), "TorchModuleWrapper, which is code"),
        (other("TFSMLayer", filepath="/etc"), "TFSMLayer, which is code"),
        (other("system", "os"), r"needs 'os.system', which is not of Keras"),
        (other("Model", "kerasx.layers"), "needs 'kerasx.layers.Model'"),
        (dense(activation=other("function", "subprocess")), "needs 'subprocess.function'"),
        (other("StringLookup", vocabulary="/etc/passwd"), "StringLookup reads the file /etc/passwd"),
        (dense(units=10**12), "a layer has units 1000000000000, and the file no weights"),
    ],
)
def test_a_layer_that_is_code_or_not_of_keras_is_refused(tmp_path, layer, reason):
    with pytest.raises(ValueError, match=reason):
        require_harmless(saved(tmp_path / "x.keras", dense(), layer))


def outside(file):
    file["layers/dense/vars/1"] = h5py.ExternalLink("/etc/passwd", "/x")


def claimed(file):
    file.create_dataset("layers/dense/vars/1", (10**6,), "f4", chunks=(10,))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"weights": outside}, "leads to another file"),
        ({"weights": claimed}, "claim 4000000 bytes and do not have them"),
        ({"../../x.py": b"x"}, r"holds '../../x.py', which no network needs"),
        ({"metadata.json": bytes(2**17)}, "metadata.json unpacks to 131072 bytes"),
        ({"config": "[" * 100_000}, "nested too deeply"),
        ({"config": "[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2)}, "nested too deeply"),
    ],
)
def test_a_file_that_holds_less_or_more_than_a_network_is_refused(tmp_path, content, reason):
    with pytest.raises(ValueError, match=reason):
        require_harmless(saved(tmp_path / "x.keras", dense(), **content))
