"""Predictions of a model: by networks that have not seen the galaxy, in the form of the candidates."""

from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from PIL import Image
from scipy.special import expit, logit

from rotator_assets.application.entries import ImageList
from rotator_assets.application.galaxy_tables import GalaxyTable
from rotator_assets.application.images import read_image
from rotator_assets.application.notices import notices_of
from rotator_assets.application.predictor import Predictor
from rotator_assets.application.stream import predict_images
from rotator_assets.application.tables import PREDICTIONS
from rotator_assets.attribution.integrated_gradients import explain
from rotator_assets.candidates.networks import Networks
from rotator_assets.imaging.cutouts import make_cutout
from rotator_assets.store.models import only_logit
from rotator_assets.surveys.tng100 import TNG100
from rotator_assets_tests.application.conftest import RECIPE, SIZE_PX, pixels_of, write_picture


def predicted(predictor, images):
    package = predictor.package
    read = [read_image(entry, package.treatment, package.card) for entry in images]
    return predictor.predict(read).set_index("galaxy_id")


def predicted_with_maps(package, images, folder):
    predict_images(Predictor(package, map_folder=folder), ImageList(images), folder.with_suffix(".parquet"))
    return duckdb.read_parquet(str(folder.with_suffix(".parquet"))).df().set_index("galaxy_id")


@pytest.fixture(scope="module")
def frame(predictor, pictures):
    return predicted(predictor, ImageList([str(pictures)]))


def test_every_column_is_there_with_its_type(frame):
    assert list(frame.reset_index().columns) == PREDICTIONS.column_names
    assert frame["usable"].all() and frame["reason"].isna().all()
    assert frame["probability_slow"].between(0, 1).all() and not frame["synthetic"].any()


def test_probabilities_are_those_of_an_independent_calculation(package, pictures, predictor, catalog):
    """For a known early type, a known late type and an early type that one fold has seen."""
    seen = pd.DataFrame({"galaxy_id": ["galaxy-0"], "ra": np.nan, "dec": np.nan, "t_type": -2.0, "p_late": np.nan})
    known = GalaxyTable(pd.concat([catalog.rows, seen]), ())
    found = predicted(predictor, ImageList([str(pictures)], known))
    for name, calibration, folds in (
        ("galaxy-5", "own", [0, 1]),
        ("galaxy-6", "outside", [0, 1]),
        ("galaxy-0", "own", [0]),
    ):
        pixels = pixels_of(pictures / f"{name}.png")[None]
        each, lows = [], []
        for fold in folds:
            outputs = Networks(package.network(fold), RECIPE)(pixels, np.array([0])).outputs[0]
            by = getattr(package.interpretation.folds[fold], calibration)
            each.append(by.slope * outputs[0] + by.offset)
            lows.append(outputs[1] - by.margin)
        assert found.loc[name, "probability_slow"] == pytest.approx(expit(-np.mean(each)), rel=1e-6)
        assert found.loc[name, "lambda_r_low"] == pytest.approx(np.clip(np.mean(lows), 0, 1), rel=1e-6)
        assert found.loc[name, "n_networks"] == 2 * len(folds) == 4 - found.loc[name, "n_networks_left_out"]
    assert found.loc["galaxy-5", "population"] == "early" and found.loc["galaxy-6", "population"] == "late"


def test_networks_that_have_seen_the_galaxy_are_left_out(package, frame, pictures):
    for name in ("galaxy-0", "galaxy-1"):
        assert frame.loc[name, "n_networks"] == 2 and frame.loc[name, "n_networks_left_out"] == 2
        features = Networks(package.network(0), RECIPE)(
            pixels_of(pictures / f"{name}.png")[None], np.array([0])
        ).features
        distance = package.interpretation.folds[0].domain.distance(features)
        assert frame.loc[name, "domain_distance"] == pytest.approx(distance[0], rel=1e-5)


def test_a_galaxy_of_the_training_is_recognized_by_its_position(predictor, tmp_path):
    write_picture(tmp_path / "images" / "new.png", 77)
    for offset_arcsec, left_out in ((4.0, 2), (6.0, 0)):
        (tmp_path / "table.csv").write_text(f"path,ra,dec\nimages/new.png,150.0,{2 + offset_arcsec / 3600}\n")
        found = predicted(predictor, ImageList([str(tmp_path / "table.csv")]))
        assert found.loc["new", "n_networks_left_out"] == left_out


def test_a_galaxy_of_the_training_is_recognized_by_its_name(predictor, tmp_path):
    write_picture(tmp_path / "second.png", 78)
    found = predicted(predictor, ImageList([str(tmp_path)]))
    assert found.loc["second", "n_networks_left_out"] == 2


def test_a_turned_or_mirrored_image_of_the_training_is_recognized(predictor, pictures, tmp_path):
    with Image.open(pictures / "galaxy-0.png") as picture:
        picture.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png")
        picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "mirrored.png")
    found = predicted(predictor, ImageList([str(tmp_path)]))
    assert (found["n_networks_left_out"] == 2).all()


def test_the_coordinates_of_a_file_recognize_a_galaxy_of_the_training(package, tmp_path):
    """The middle of the image is 4 or 6 arcsec from a galaxy that the second fold has seen."""
    calibrated = package.card.model_copy(
        update={"images": package.card.images.model_copy(update={"units": {"nanomaggies": 9}})}
    )
    predictor = Predictor(replace(package, card=calibrated))
    for offset_arcsec, left_out in ((4.0, 2), (6.0, 0)):
        fluxes = np.random.default_rng(5).random((3, SIZE_PX, SIZE_PX)).astype(np.float32)
        hdu = fits.PrimaryHDU(fluxes)
        hdu.header.update({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "BUNIT": "nanomaggy"})
        hdu.header.update({"CRVAL2": 2 + (offset_arcsec - 4 * 0.396) / 3600, "CRPIX1": 16.5, "CRPIX2": 12.5})
        hdu.header.update({"CDELT1": -0.396 / 3600, "CDELT2": 0.396 / 3600})
        hdu.writeto(tmp_path / "field.fits", overwrite=True)
        found = predicted(predictor, ImageList([str(tmp_path / "field.fits")]))
        assert found["reason"].isna().all()
        assert found.loc["field", "n_networks_left_out"] == left_out
        assert found.loc["field", "dec"] == pytest.approx(2 + offset_arcsec / 3600, abs=1e-7)


def test_a_galaxy_that_every_network_has_seen_is_not_predicted(package, pictures):
    seen = replace(package.interpretation.seen, seen_by_fold=np.ones((2, 2), bool))
    everywhere = replace(package, interpretation=replace(package.interpretation, seen=seen))
    found = predicted(Predictor(everywhere), ImageList([str(pictures)]))
    assert not found.loc["galaxy-0", "usable"] and found.loc["galaxy-2", "usable"]
    assert "all networks were trained on this galaxy" in found.loc["galaxy-0", "reason"]
    assert np.isnan(found.loc["galaxy-0", "probability_slow"])


def test_a_batch_of_which_all_networks_have_seen_every_galaxy_is_listed(package, pictures):
    seen = replace(package.interpretation.seen, seen_by_fold=np.ones((2, 2), bool))
    everywhere = replace(package, interpretation=replace(package.interpretation, seen=seen))
    found = predicted(
        Predictor(everywhere), ImageList([str(pictures / "galaxy-0.png"), str(pictures / "galaxy-1.png")])
    )
    assert not found["usable"].any() and found["probability_slow"].isna().all()


@pytest.mark.parametrize(
    ("noise", "treated"), [("noisy", "with seeing and noise of SDSS added"), ("noiseless", "nothing")]
)
def test_models_of_simulated_galaxies_observe_images_as_in_their_training(package, tmp_path, noise, treated):
    images = package.card.images.model_copy(update={"noise": noise, "survey": "tng100", "units": {"nanomaggies": 9}})
    simulated = replace(package, card=package.card.model_copy(update={"images": images}))
    light = np.exp(-np.hypot(*(np.indices((64, 64)) - 31.5)) / 6).astype(np.float32)
    cube = fits.PrimaryHDU(np.stack([light, 2 * light, 3 * light]))
    cube.header.update({"BUNIT": "nanomaggy", "CTYPE1": "LINEAR", "CUNIT1": "arcsec", "CDELT1": 0.396})
    cube.header.update({"CTYPE2": "LINEAR", "CUNIT2": "arcsec", "CDELT2": 0.396})
    cube.writeto(tmp_path / "broadband_7.fits")
    listed = ImageList([str(tmp_path)], simulated=True, galaxy_name=TNG100.image_name)
    read = [read_image(entry, simulated.treatment, simulated.card) for entry in listed]
    expected = make_cutout(read[0].entry.source, "7", simulated.treatment).pixels
    np.testing.assert_array_equal(read[0].cutout.pixels, expected)
    assert np.allclose(expected[..., 1], 2 * expected[..., 0], rtol=1e-3) == (noise == "noiseless")
    counts, _ = predict_images(Predictor(simulated), listed, tmp_path / "out.csv")
    assert counts["usable"].all()
    assert any(treated in line for line in notices_of(counts, listed, simulated.card))


def test_the_prior_multiplies_the_odds(package, frame, pictures, catalog):
    images = ImageList([str(pictures)], catalog)
    plain, rare = (predicted(Predictor(package, prior), images) for prior in (None, 0.05))
    known = plain.index[plain["population_known"]]
    shift = logit(rare.loc[known, "probability_slow"]) - logit(plain.loc[known, "probability_slow"])
    np.testing.assert_allclose(shift, logit(0.05) - logit(0.3), rtol=1e-9)
    assert (rare["probability_slow"] < plain["probability_slow"]).all()
    same = predicted(Predictor(package, 0.3), images)
    np.testing.assert_allclose(same["probability_slow"], plain["probability_slow"], rtol=1e-9)


def test_order_and_company_of_images_change_nothing(predictor, frame, pictures):
    chosen = [str(pictures / f"galaxy-{number}.png") for number in (7, 0, 3)]
    found = predicted(predictor, ImageList(chosen))
    assert found.index.tolist() == ["galaxy-7", "galaxy-0", "galaxy-3"]
    np.testing.assert_allclose(found["probability_slow"], frame.loc[found.index, "probability_slow"], rtol=1e-6)


def test_a_bad_image_has_a_reason_and_others_are_predicted(predictor, frame, pictures, tmp_path):
    write_picture(tmp_path / "small.png", 1, size_px=20)
    (tmp_path / "empty.png").touch()
    cube = fits.PrimaryHDU(np.ones((3, 40, 40), np.float32) * np.arange(1, 41))
    cube.header["BUNIT"] = "nanomaggy"
    cube.writeto(tmp_path / "calibrated.fits")
    (tmp_path / "galaxy-3.png").write_bytes((pictures / "galaxy-3.png").read_bytes())
    found = predicted(predictor, ImageList([str(tmp_path)]))
    assert found["usable"].to_dict() == {"calibrated": False, "empty": False, "galaxy-3": True, "small": False}
    assert "20 x 20" in found.loc["small", "reason"] and "is empty" in found.loc["empty", "reason"]
    assert "trained on colour pictures" in found.loc["calibrated", "reason"]
    assert found.loc["galaxy-3", "probability_slow"] == pytest.approx(
        frame.loc["galaxy-3", "probability_slow"], rel=1e-6
    )
    assert found.loc["small", ["probability_slow", "lambda_r_predicted", "n_networks"]].isna().all()


def test_predictions_of_a_synthetic_model_are_marked(package, pictures):
    synthetic = replace(package, card=package.card.model_copy(update={"synthetic": True}))
    assert predicted(Predictor(synthetic), ImageList([str(pictures / "galaxy-3.png")]))["synthetic"].all()


def test_maps_are_the_mean_over_the_networks_that_have_not_seen_the_galaxy(package, pictures, tmp_path):
    """Sums over the map and differences of logits agree (completeness), and each galaxy has its own file."""
    chosen = [str(pictures / f"galaxy-{number}.png") for number in (0, 5)]
    found = predicted_with_maps(package, chosen, tmp_path / "maps")
    assert [Path(path).name for path in found["attribution"]] == ["galaxy-0.fits", "galaxy-5.fits"]
    for name, folds in (("galaxy-0", [0]), ("galaxy-5", [0, 1])):
        pixels = pixels_of(pictures / f"{name}.png")
        each = [explain(only_logit(package.network(fold)), pixels[None], np.array([0]), RECIPE) for fold in folds]
        with fits.open(found.loc[name, "attribution"]) as hdus:
            expected = np.mean([one.maps[0].sum(axis=-1) for one in each], axis=0)
            np.testing.assert_allclose(hdus[0].data, expected, atol=1e-5)
            np.testing.assert_allclose(hdus["IMAGE"].data, pixels.sum(axis=-1), rtol=1e-6)
            header = hdus[0].header
            assert header["GALAXY"] == name and header["SYNTHET"] is False
            assert hdus[0].data.sum() == pytest.approx(header["LOGIT"] - header["LOGIT0"], abs=0.05)


def test_images_of_the_same_name_have_maps_of_their_own(package, pictures, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        source = pictures / f"galaxy-{3 if folder == 'a' else 4}.png"
        (tmp_path / folder / "same.png").write_bytes(source.read_bytes())
    predictor = Predictor(package, map_folder=tmp_path / "maps")
    predict_images(predictor, ImageList([str(tmp_path / "a"), str(tmp_path / "b")]), tmp_path / "out.csv")
    assert sorted(path.name for path in (tmp_path / "maps").iterdir()) == ["same-2.fits", "same.fits"]
