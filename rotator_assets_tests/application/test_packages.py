"""Exported models: whole, unchanged, of this program, or refused in one line."""

import json
import zipfile

import numpy as np
import pytest

from rotator_assets.application.packages import CARD, PAGE, export_package, open_package
from rotator_assets.candidates.interpretation_file import NAME, Interpretation
from rotator_assets.core.errors import InputError


@pytest.fixture
def exported(package, tmp_path):
    export_package(package, tmp_path / "model")
    return tmp_path / "model"


def test_an_exported_model_is_read_back(package, exported):
    found = open_package(exported)
    assert found.recipe == package.recipe and found.treatment == package.treatment
    assert found.card.model_copy(update={"files": {}}) == package.card
    assert sorted(found.card.files) == ["fold-0.keras", "fold-1.keras", NAME]
    for one, other in zip(found.interpretation.folds, package.interpretation.folds, strict=True):
        assert (one.repeat, one.fold, one.own, one.outside) == (other.repeat, other.fold, other.own, other.outside)
        np.testing.assert_array_equal(one.domain.precision, other.domain.precision)
        np.testing.assert_array_equal(one.population.coefficients, other.population.coefficients)
    np.testing.assert_array_equal(found.interpretation.seen.seen, package.interpretation.seen.seen)
    for fold in range(2):
        weights = zip(found.network(fold).get_weights(), package.network(fold).get_weights(), strict=True)
        assert all(np.array_equal(*pair) for pair in weights)


def test_nothing_in_a_model_is_pickled_or_executable(exported):
    assert {path.suffix for path in exported.iterdir()} == {".json", ".md", ".keras", ".npz"}
    with np.load(exported / NAME, allow_pickle=False) as arrays:
        assert all(arrays[name].dtype != object for name in arrays)
    for path in exported.glob("*.keras"):
        with zipfile.ZipFile(path) as archive:
            assert set(archive.namelist()) == {"metadata.json", "config.json", "model.weights.h5"}
            assert b"__lambda__" not in archive.read("config.json")


def test_the_card_names_what_a_user_needs(exported):
    page = (exported / PAGE).read_text()
    for part in (
        "# Slow rotators by recipe tiny",
        "9.434 pixels per half-light radius",
        "10 colour pictures",
        "3 of them slow",
    ):
        assert part in page
    assert json.loads((exported / CARD).read_text())["training"]["n_slow"] == 3


def test_a_synthetic_model_says_so(package):
    assert "Trained on synthetic galaxies" in package.card.model_copy(update={"synthetic": True}).markdown()


def test_networks_in_onnx_give_the_same_outputs(package, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime has no wheel for this Python")
    export_package(package, tmp_path / "model", onnx=True)
    assert {"fold-0.onnx", "fold-1.onnx"} < set(open_package(tmp_path / "model").card.files)
    images = np.random.default_rng(0).random((5, *package.network(0).input_shape[1:]), dtype=np.float32)
    session = onnxruntime.InferenceSession(tmp_path / "model" / "fold-1.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: images})
    np.testing.assert_allclose(found, package.network(1).predict(images, verbose=0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["fold-1.keras", NAME])
def test_a_changed_file_is_refused(exported, name):
    content = bytearray((exported / name).read_bytes())
    content[len(content) // 2] ^= 1
    (exported / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name}: is damaged or was changed; copy it again"):
        open_package(exported)


@pytest.mark.parametrize("name", ["fold-1.keras", NAME])
def test_a_missing_file_is_refused(exported, name):
    (exported / name).unlink()
    with pytest.raises(InputError, match=f"{name} is missing; copy the whole folder"):
        open_package(exported)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "is not the card of a model"),
        ("[]", "is not the card of a model"),
        ('{"format": 2}', "has format 2, this version reads 1; update the program"),
        ('{"format": 1}', "is not the card of a model .title: Field required"),
    ],
)
def test_a_foreign_card_is_refused(exported, content, complaint):
    (exported / CARD).write_text(content)
    with pytest.raises(InputError, match=complaint) as error:
        open_package(exported)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("listed", ["../fold-0.keras", "/etc/passwd"])
def test_files_outside_the_folder_are_refused(exported, listed):
    card = json.loads((exported / CARD).read_text())
    card["files"][listed] = "0"
    (exported / CARD).write_text(json.dumps(card))
    with pytest.raises(InputError, match="is missing"):
        open_package(exported)


def test_networks_that_are_not_listed_are_refused(exported):
    card = json.loads((exported / CARD).read_text())
    del card["files"]["fold-0.keras"]
    (exported / CARD).write_text(json.dumps(card))
    with pytest.raises(InputError, match="are not listed"):
        open_package(exported)


def test_a_recipe_of_another_version_is_refused(exported):
    card = json.loads((exported / CARD).read_text())
    card["recipe"]["architecture"] = "from the future"
    (exported / CARD).write_text(json.dumps(card))
    with pytest.raises(InputError, match="belongs to another version"):
        open_package(exported)


def test_other_folders_are_no_models(tmp_path):
    with pytest.raises(InputError, match="there is no such folder"):
        open_package(tmp_path / "nothing")
    with pytest.raises(InputError, match="is no exported model"):
        open_package(tmp_path)


def test_nothing_is_replaced(package, exported, tmp_path):
    before = (exported / CARD).read_bytes()
    with pytest.raises(InputError, match="exists already"):
        export_package(package, exported)
    assert (exported / CARD).read_bytes() == before
    (tmp_path / "empty").mkdir()
    export_package(package, tmp_path / "empty")
    assert open_package(tmp_path / "empty").card.title == package.card.title


def test_a_failed_export_leaves_nothing(package, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Interpretation, "write", fail)
    with pytest.raises(OSError, match="No space left"):
        export_package(package, tmp_path / "model")
    assert not list(tmp_path.iterdir())
