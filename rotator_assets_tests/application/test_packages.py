"""Exported models: whole, unchanged, of this program, or refused in one line."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rotator_assets.application.card import Card
from rotator_assets.application.packages import CARD, PAGE, export_package, open_package
from rotator_assets.application.predictor import Predictor
from rotator_assets.candidates.interpretation_file import NAME, Interpretation
from rotator_assets.core.errors import InputError
from rotator_assets.core.files import sha256_of
from rotator_assets.training.network import build_network
from rotator_assets_tests.application.conftest import RECIPE, SIZE_PX


@pytest.fixture
def exported(package, tmp_path):
    export_package(package, tmp_path / "model")
    return tmp_path / "model"


def test_an_exported_model_is_read_back(package, exported):
    found = open_package(exported)
    assert found.recipe == package.recipe and found.treatment == package.treatment
    assert found.card.model_copy(update={"files": {}, "checksum": ""}) == package.card
    assert sorted(found.card.files) == ["fold-0.keras", "fold-1.keras", NAME]
    for one, other in zip(found.interpretation.folds, package.interpretation.folds, strict=True):
        assert (one.repeat, one.fold, one.own, one.outside) == (other.repeat, other.fold, other.own, other.outside)
        np.testing.assert_array_equal(one.domain.precision, other.domain.precision)
        np.testing.assert_array_equal(one.population.coefficients, other.population.coefficients)
    np.testing.assert_array_equal(found.interpretation.seen.seen_by_fold, package.interpretation.seen.seen_by_fold)
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
        ('{"format": "1"}', "has format '1', this version reads 1"),
        (200_000 * "[", "is not the card of a model"),
        ('{"format": 2}', "has format 2, this version reads 1; update the program"),
        ('{"format": 1}', "is not the card of a model .title: Field required"),
    ],
)
def test_a_foreign_card_is_refused(exported, content, complaint):
    (exported / CARD).write_text(content)
    with pytest.raises(InputError, match=complaint) as error:
        open_package(exported)
    assert "\n" not in str(error.value)


def rewrite_card(folder, change=lambda card: None):
    """Change the card, and give it the hashes of the files and the checksum that it should have."""
    card = json.loads((folder / CARD).read_text())
    card["files"] = {path.name: sha256_of(path) for path in folder.iterdir() if path.suffix in (".keras", ".npz")}
    change(card)
    checked = Card.model_validate(card)
    (folder / CARD).write_text(checked.model_copy(update={"checksum": checked.true_checksum}).model_dump_json())


@pytest.mark.parametrize("change", [("title", "x"), ("t_type_max", 9.0), ("synthetic", True)])
def test_a_changed_card_is_refused(exported, change):
    card = json.loads((exported / CARD).read_text())
    card[change[0]] = change[1]
    (exported / CARD).write_text(json.dumps(card))
    with pytest.raises(InputError, match=r"model.json: is damaged or was changed"):
        open_package(exported)


def spoiled(**changes):
    """A function that changes arrays of an interpretation."""

    def change(arrays):
        for name, value in changes.items():
            arrays[name] = value(arrays[name]) if callable(value) else np.array(value)

    return change


@pytest.mark.parametrize(
    "change",
    [
        spoiled(folds=[]),
        spoiled(folds=[0, 0]),
        spoiled(folds=[[0], [1]]),
        spoiled(folds=[0, 7]),
        spoiled(fraction_slow=0.0),
        spoiled(population="late"),
        spoiled(fold_0_own=[1.0, 2.0]),
        spoiled(fold_0_own="text"),
        spoiled(fold_1_outside=[np.nan, 0.0, 0.0]),
        spoiled(fold_0_domain_mean=lambda mean: mean[:-1]),
        spoiled(fold_0_domain_precision=lambda precision: precision[:-1]),
        spoiled(fold_0_domain_cut=0.0),
        spoiled(fold_0_population_scale=lambda scale: scale[:-1]),
        spoiled(fold_0_population_scale=lambda scale: 0 * scale),
        spoiled(fold_0_population_intercept=np.nan),
        spoiled(fold_0_domain_cut=np.inf),
        spoiled(seen_seen_by_fold=lambda seen: seen[:, :1]),
        spoiled(seen_seen_by_fold=lambda seen: seen[:1]),
        spoiled(seen_ra=lambda ra: ra[:1]),
        spoiled(seen_galaxy_ids=np.array([None, {}], object)),
    ],
)
def test_an_impossible_interpretation_is_refused(exported, change):
    with np.load(exported / NAME) as arrays:
        content = dict(arrays)
    change(content)
    np.savez(exported / NAME, **content)
    rewrite_card(exported)
    with pytest.raises(InputError, match=r"interpretation.npz: is damaged") as error:
        open_package(exported)
    assert "\n" not in str(error.value)


def test_a_file_of_another_kind_is_no_interpretation(exported):
    np.save(exported / "array.npy", np.ones(3))
    (exported / "array.npy").replace(exported / NAME)
    rewrite_card(exported)
    with pytest.raises(InputError, match=r"interpretation.npz: is damaged"):
        open_package(exported)


def other_network(size_px=SIZE_PX, bands="gri"):
    return build_network(RECIPE.model_copy(update={"bands": bands}), size_px)


def without_logit():
    import keras

    return keras.Sequential([keras.Input((SIZE_PX, SIZE_PX, 3)), keras.layers.Flatten(), keras.layers.Dense(1)])


def with_lambda():
    import keras

    inputs = keras.Input((SIZE_PX, SIZE_PX, 3))
    spoils = keras.layers.Lambda(lambda x: __import__("pathlib").Path("executed").touch() or x)(inputs)
    return keras.Model(inputs, keras.layers.Dense(1, name="logit")(keras.layers.Flatten()(spoils)))


@pytest.mark.parametrize(
    "network", [without_logit, with_lambda, lambda: other_network(16), lambda: other_network(bands="r"), other_network]
)
def test_networks_that_do_not_fit_are_refused_and_run_no_code(exported, network, tmp_path, monkeypatch):
    """The last one has a single network and other features."""
    monkeypatch.chdir(tmp_path)
    network().save(exported / "fold-0.keras")  # this runs the code of the Lambda
    rewrite_card(exported)
    (tmp_path / "executed").unlink(missing_ok=True)
    with pytest.raises(
        InputError, match=r"the networks of fold 0 do not fit|fold-0.keras: is not a trained network"
    ) as error:
        Predictor(open_package(exported))
    assert "\n" not in str(error.value) and not (tmp_path / "executed").exists()


def test_a_damaged_network_with_the_right_hash_is_refused(exported):
    (exported / "fold-0.keras").write_bytes((exported / "fold-0.keras").read_bytes()[:3000])
    rewrite_card(exported)
    with pytest.raises(InputError, match=r"fold-0.keras: is not a trained network"):
        Predictor(open_package(exported))


@pytest.mark.parametrize(
    ("field", "value"),
    [("crop_px", 10**9), ("bands", "xyz"), ("noise", "loud"), ("units", {"foo": 1}), ("arcsec_per_pixel", -1.0)],
)
def test_an_impossible_card_is_refused(exported, field, value):
    card = json.loads((exported / CARD).read_text())
    card["images"][field] = value
    (exported / CARD).write_text(json.dumps(card))
    with pytest.raises(InputError, match=f"is not the card of a model .images.{field}"):
        open_package(exported)


def test_another_calibration_makes_another_version(package):
    again = replace(package, interpretation=replace(package.interpretation, fraction_slow=0.31))
    assert again.version != package.version == replace(package).version


@pytest.mark.parametrize("listed", ["../fold-0.keras", "/etc/passwd"])
def test_files_outside_the_folder_are_refused(exported, listed):
    rewrite_card(exported, lambda card: card["files"].update({listed: "0"}))
    with pytest.raises(InputError, match="is missing"):
        open_package(exported)


def test_networks_that_are_not_listed_are_refused(exported):
    rewrite_card(exported, lambda card: card["files"].pop("fold-0.keras"))
    with pytest.raises(InputError, match="are not listed"):
        open_package(exported)


def test_a_recipe_of_another_version_is_refused(exported):
    rewrite_card(exported, lambda card: card["recipe"].update(architecture="from the future"))
    with pytest.raises(InputError, match="belongs to another version"):
        open_package(exported)


def test_other_folders_are_no_models(tmp_path):
    with pytest.raises(InputError, match="there is no such folder"):
        open_package(tmp_path / "nothing")
    with pytest.raises(InputError, match="is no exported model"):
        open_package(tmp_path)


def test_nothing_is_replaced(package, exported, tmp_path):
    before = (exported / CARD).read_bytes()
    other = replace(package, card=package.card.model_copy(update={"title": "another"}))
    with pytest.raises(InputError, match="exists already and is another model"):
        export_package(other, exported)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="exists already; name a new folder"):
        export_package(package, tmp_path / "notes")
    assert (exported / CARD).read_bytes() == before
    (tmp_path / "empty").mkdir()
    export_package(package, tmp_path / "empty")
    assert open_package(tmp_path / "empty").card.title == package.card.title


def test_the_same_model_may_be_exported_again(package, exported):
    before = {path.name: path.stat().st_mtime_ns for path in exported.iterdir()}
    export_package(package, exported)
    assert {path.name: path.stat().st_mtime_ns for path in exported.iterdir()} == before
    (exported / "fold-0.keras").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"fold-0.keras: is damaged or was changed"):
        export_package(package, exported)


def test_a_model_can_be_written_into_the_working_folder(package, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    export_package(package, Path())
    assert open_package(tmp_path / "here").card.title == package.card.title


def test_a_failed_export_leaves_nothing(package, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Interpretation, "write", fail)
    with pytest.raises(OSError, match="No space left"):
        export_package(package, tmp_path / "model")
    assert not list(tmp_path.iterdir())
