"""Predictions of many images: formats, resumption, notices."""

import shutil
from dataclasses import replace

import duckdb
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from rotator_assets.application import stream
from rotator_assets.application.entries import ImageList
from rotator_assets.application.notices import notices_of
from rotator_assets.application.predictor import Predictor
from rotator_assets.application.stream import predict_images
from rotator_assets.application.tables import PREDICTIONS
from rotator_assets.core.errors import InputError
from rotator_assets.engine.address import VARIABLE
from rotator_assets_tests.application.conftest import SIZE_PX, write_picture
from rotator_assets_tests.engine.clusters import Cluster


class Counting:
    """A predictor that counts images, and stops at a batch if told to."""

    def __init__(self, predictor, stop_at=None):
        self.predictor, self.stop_at = predictor, stop_at
        self.package, self.version, self.map_folder = predictor.package, predictor.version, predictor.map_folder
        self.predicted, self.batches = 0, 0

    def predict(self, images):
        self.batches += 1
        if self.batches == self.stop_at:
            raise KeyboardInterrupt
        self.predicted += len(images)
        return self.predictor.predict(images)


@pytest.fixture
def copies(pictures, tmp_path, monkeypatch):
    """The pictures in a folder of the test, predicted in batches of three."""
    monkeypatch.setattr(stream, "BATCH", 3)
    shutil.copytree(pictures, tmp_path / "images")
    return tmp_path / "images"


def rows(file):
    return duckdb.read_csv(str(file)).df()


def test_one_row_per_image_in_their_order(predictor, copies, tmp_path):
    counts, resumed = predict_images(predictor, ImageList([str(copies)]), tmp_path / "out.csv")
    found = rows(tmp_path / "out.csv")
    assert list(found) == PREDICTIONS.column_names and resumed == 0 and counts["n"].sum() == 10
    assert found["galaxy_id"].tolist() == [f"galaxy-{number}" for number in range(10)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "out.csv"]


def test_an_interrupted_run_continues(predictor, copies, tmp_path):
    whole = tmp_path / "whole.csv"
    predict_images(predictor, ImageList([str(copies)]), whole)
    out = tmp_path / "out.csv"
    with pytest.raises(KeyboardInterrupt):
        predict_images(Counting(predictor, stop_at=3), ImageList([str(copies)]), out)
    assert not out.exists()
    again = Counting(predictor)
    _, resumed = predict_images(again, ImageList([str(copies)]), out)
    assert (resumed, again.predicted) == (6, 4)
    assert out.read_bytes() == whole.read_bytes() and not list(tmp_path.glob(".*"))


@pytest.mark.slow
def test_a_cluster_predicts_the_same(predictor, copies, tmp_path, monkeypatch):
    """The names of the images are relative to the folder of the command, in which no worker was started."""
    monkeypatch.chdir(tmp_path)
    predict_images(predictor, ImageList([copies.name]), tmp_path / "here.csv")
    with Cluster(tmp_path / "cluster", 2) as cluster:
        monkeypatch.setenv(VARIABLE, cluster.address)
        predict_images(predictor, ImageList([copies.name]), tmp_path / "there.csv")
    assert (tmp_path / "there.csv").read_bytes() == (tmp_path / "here.csv").read_bytes()


@pytest.mark.parametrize("change", ["prior", "image", "catalog", "model"])
def test_after_a_change_what_it_affects_is_predicted_again(package, predictor, copies, tmp_path, catalog, change):
    out = tmp_path / "out.csv"
    with pytest.raises(KeyboardInterrupt):
        predict_images(Counting(predictor, stop_at=4), ImageList([str(copies)]), out)
    prior = 0.1 if change == "prior" else None
    images = ImageList([str(copies)], catalog if change == "catalog" else None)
    if change == "image":
        write_picture(copies / "galaxy-4.png", 400)
    if change == "model":
        package = type(package)(
            package.folder, package.card.model_copy(update={"title": "new"}), package.interpretation
        )
    again = Counting(Predictor(package, prior) if change in ("prior", "model") else predictor)
    _, resumed = predict_images(again, images, out)
    assert resumed == (6 if change == "image" else 0)
    expected = tmp_path / "expected.csv"
    predict_images(again.predictor, images, expected)
    assert out.read_bytes() == expected.read_bytes()


def test_damage_by_a_killed_run_does_no_harm(predictor, copies, tmp_path):
    out = tmp_path / "out.csv"
    with pytest.raises(KeyboardInterrupt):
        predict_images(Counting(predictor, stop_at=2), ImageList([str(copies)]), out)
    (part,) = tmp_path.glob(".out.csv.parts/*.parquet")
    part.write_bytes(part.read_bytes()[:100])
    again = Counting(predictor)
    predict_images(again, ImageList([str(copies)]), out)
    assert again.predicted == 10 and len(rows(out)) == 10 and not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(("ending", "form"), [("fits", "fits"), ("vot", "votable"), ("ecsv", "ascii.ecsv")])
def test_files_of_the_field_have_units_and_descriptions(predictor, copies, tmp_path, ending, form):
    predict_images(predictor, ImageList([str(copies)]), tmp_path / f"out.{ending}")
    table = Table.read(tmp_path / f"out.{ending}", format=form)
    assert table.colnames == PREDICTIONS.column_names and len(table) == 10
    assert str(table["ra"].unit) == "deg" and np.isfinite(table["probability_slow"]).all()
    about = table["probability_slow"].description
    if ending == "fits":
        header = fits.getheader(tmp_path / "out.fits", 1)
        about = header[f"TCOMM{table.colnames.index('probability_slow') + 1}"]
    assert "calibrated probability of being slow" in about


def test_reasons_of_every_batch_are_text(predictor, copies, tmp_path):
    """A column that is empty in one batch has its type in all."""
    (copies / "galaxy-9.png").write_bytes(b"damaged")
    counts, _ = predict_images(predictor, ImageList([str(copies)]), tmp_path / "out.parquet")
    found = duckdb.read_parquet(str(tmp_path / "out.parquet")).df()
    assert found["usable"].tolist() == 9 * [True] + [False] and "galaxy-9.png" in found["reason"].iloc[9]
    assert counts.loc[~counts["usable"], "n"].sum() == 1


def test_without_images_and_for_unknown_endings_there_is_one_line(predictor, copies, tmp_path):
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "README.md").touch()
    with pytest.raises(InputError, match=r"no images found; files without the ending of an image .*: 1"):
        predict_images(predictor, ImageList([str(tmp_path / "none")]), tmp_path / "out.csv")
    with pytest.raises(InputError, match="its ending selects no format"):
        predict_images(predictor, ImageList([str(copies)]), tmp_path / "out.xls")
    assert not list(tmp_path.glob(".*"))


def test_two_writers_of_the_same_file_do_not_mix(predictor, copies, tmp_path):
    class Meanwhile(Counting):
        def predict(self, images):
            if self.batches == 0:
                with pytest.raises(InputError, match=r"out.csv: another process is writing it"):
                    predict_images(predictor, ImageList([str(copies)]), tmp_path / "out.csv")
            return super().predict(images)

    predict_images(Meanwhile(predictor), ImageList([str(copies)]), tmp_path / "out.csv")
    assert len(rows(tmp_path / "out.csv")) == 10 and not list(tmp_path.glob(".*"))


def test_names_that_a_format_lacks_are_refused_before_anything_is_predicted(predictor, copies, tmp_path):
    (copies / "galaxy-9.png").rename(copies / "galaxié.png")
    counting = Counting(predictor)
    with pytest.raises(InputError, match=r"galaxié.png: FITS holds printable ASCII only; choose another ending"):
        predict_images(counting, ImageList([str(copies)]), tmp_path / "out.fits")
    assert counting.predicted == 0 and not list(tmp_path.glob(".*"))


def test_masks_that_are_not_read_give_a_notice(package, tmp_path):
    card = package.card.model_copy(
        update={"images": package.card.images.model_copy(update={"units": {"nanomaggies": 9}})}
    )
    cube = fits.PrimaryHDU(np.random.default_rng(5).random((3, SIZE_PX, SIZE_PX)).astype(np.float32))
    cube.header["BUNIT"] = "nanomaggy"
    hdus = fits.HDUList([cube, fits.ImageHDU(np.zeros((SIZE_PX, SIZE_PX), np.int16), name="MASK")])
    hdus.writeto(tmp_path / "masked.fits")
    images = ImageList([str(tmp_path / "masked.fits")])
    counts, _ = predict_images(Predictor(replace(package, card=card)), images, tmp_path / "out.csv")
    assert any("images with masks that are not read (MASK): 1" in line for line in notices_of(counts, images, card))


def test_filled_pixels_give_a_notice(package, tmp_path):
    filling = package.card.images.settings.model_copy(update={"max_missing_fraction": 0.1})
    images = package.card.images.model_copy(update={"units": {"nanomaggies": 9}, "settings": filling})
    card = package.card.model_copy(update={"images": images})
    pixels = np.random.default_rng(5).random((3, SIZE_PX, SIZE_PX)).astype(np.float32)
    pixels[:, 3, 4] = np.nan
    cube = fits.PrimaryHDU(pixels)
    cube.header["BUNIT"] = "nanomaggy"
    cube.writeto(tmp_path / "holed.fits")
    listed = ImageList([str(tmp_path / "holed.fits")])
    counts, _ = predict_images(Predictor(replace(package, card=card)), listed, tmp_path / "out.csv")
    assert rows(tmp_path / "out.csv")["filled_fraction"][0] == pytest.approx(1 / SIZE_PX**2)
    assert any(
        "missing pixels that were filled, as in the training: 1" in line for line in notices_of(counts, listed, card)
    )


def test_notices_say_what_a_user_may_not_expect(predictor, copies, tmp_path, catalog):
    for number in (7, 8):
        (copies / f"galaxy-{number}.png").write_bytes(b"damaged")
    (copies / "README.txt").touch()
    images = ImageList([str(copies)], catalog)
    counts, _ = predict_images(predictor, images, tmp_path / "out.csv")
    lines = notices_of(counts, images, predictor.package.card)
    for part in (
        "unusable images: 2, for example: galaxy-",
        "files without a pixel scale: 8; it is taken as in the training, 9.434 pixels per half-light radius",
        "galaxies of the training: 2",
        "images whose galaxy_id is not in the catalogue: 8 of 10",
        "files that are not read, as they are no images or repeat a band: 1, such as",
    ):
        assert any(part in line for line in lines), (part, lines)
