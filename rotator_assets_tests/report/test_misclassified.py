"""The gallery shows exactly the misclassified galaxies, each with its own image, map and numbers."""

import base64
import io
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rotator_assets.core.data_root import DataRoot
from rotator_assets.report.misclassified import misclassified
from rotator_assets.store.tensors import writing_tensor
from rotator_assets.tables import TABLES, open_store

DATASET, KEY = "manga-observed-64", "manga-observed-64|thesis"
TRAINING = SimpleNamespace(dataset=DATASET, recipe="thesis", synthetic=False)
NAMES = ["8000-1", "8000-2", "8000-3", "8000-4"]
COLOURS = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1))
"""Red, green, blue of the images, which are colour cut-outs in the order g, r, i: blue, green, red."""


def rows(table: str, **columns) -> pd.DataFrame:
    return pd.DataFrame(columns).reindex(columns=TABLES[table].column_names)


@pytest.fixture
def store(tmp_path):
    """Four galaxies; the second and third are misclassified, the third by more."""
    store = open_store(DataRoot(tmp_path))
    store.write(
        "predictions", KEY,
        rows("predictions", dataset=DATASET, recipe="thesis", galaxy_id=NAMES, fold=[0, 1, 0, 1],
             rotator_type=[0, 0, 1, 1], probability_fast=[0.1, 0.7, 0.2, 0.9], threshold=0.6,
             predicted_type=[0, 1, 0, 1]),
    )  # fmt: skip
    ellipticity = np.array([0.1, 0.2, 0.3, 0.4])
    store.write(
        "labeled_galaxies", "manga",
        rows("labeled_galaxies", survey="manga", galaxy_id=NAMES, ellipticity=ellipticity,
             lambda_r=[0.05, 0.1, 0.5, 0.6], spin_threshold=0.31 * np.sqrt(ellipticity), ra=150.0, dec=-1.5),
    )  # fmt: skip
    store.write("images", DATASET, rows("images", dataset=DATASET, galaxy_id=NAMES, image_unit="colour", usable=True))
    store.write(
        "attributions", KEY, rows("attributions", dataset=DATASET, recipe="thesis", galaxy_id=NAMES, map_row=range(4))
    )
    with writing_tensor(store.root.tensors / DATASET, 8) as writer:
        for name, colour in zip(NAMES, COLOURS, strict=True):
            writer.append(name, np.full((8, 8, 3), colour[::-1], dtype=np.float32))
    path = store.root.attributions / DATASET / "thesis" / "maps.npy"
    path.parent.mkdir(parents=True)
    np.save(path, np.array([0, 1, -1, 0], dtype=np.float32)[:, None, None] * np.ones((1, 8, 8), dtype=np.float32))
    return store


def colour(url: str) -> list[int]:
    """The mean red, green and blue of a picture."""
    picture = Image.open(io.BytesIO(base64.b64decode(url.partition("base64,")[2]))).convert("RGB")
    return np.asarray(picture).reshape(-1, 3).mean(axis=0).round().astype(int).tolist()


def test_misclassified_galaxies_are_shown_furthest_from_the_threshold_first(store):
    gallery = misclassified(store, TRAINING, "manga", 9)
    assert [card.galaxy_id for card in gallery.cards] == ["8000-3", "8000-2"]
    assert [card.label for card in gallery.cards] == ["fast", "slow"]
    assert (gallery.n_misclassified, gallery.n_galaxies, len(gallery.points)) == (2, 4, 4)
    assert [card.galaxy_id for card in misclassified(store, TRAINING, "manga", 1).cards] == ["8000-3"]
    card = gallery.cards[0]
    assert (card.probability_slow, card.threshold_slow, card.fold) == (pytest.approx(0.8), pytest.approx(0.4), 0)
    assert (card.lambda_r, card.ellipticity, card.place) == (0.5, 0.3, (30.0, 50.0))
    assert card.spin_threshold == pytest.approx(0.31 * 0.3**0.5)


def test_each_galaxy_has_its_own_image_and_map(store):
    fast, slow = misclassified(store, TRAINING, "manga", 9).cards
    assert np.allclose(colour(fast.image), (0, 0, 255), atol=8) and np.allclose(colour(slow.image), (0, 255, 0), atol=8)
    (red, _, blue), (other_red, _, other_blue) = colour(fast.attribution), colour(slow.attribution)
    assert red > blue  # negative: favours slow
    assert other_blue > other_red  # positive: favours fast


def test_real_galaxies_link_to_their_place_in_the_survey_and_synthetic_ones_do_not(store):
    cards = misclassified(store, TRAINING, "manga", 9).cards
    assert all(card.page.endswith("?ra=150.000000&dec=-1.500000") for card in cards)
    synthetic = SimpleNamespace(**{**vars(TRAINING), "synthetic": True})
    assert {card.page for card in misclassified(store, synthetic, "manga", 9).cards} == {""}


def test_the_boundary_is_that_of_the_labels(store):
    boundary = misclassified(store, TRAINING, "manga", 9).boundary
    points = [tuple(map(float, point.split())) for point in boundary.removeprefix("M").split("L")]
    assert points[0] == (0.0, 100.0) and points[-1] == pytest.approx((100.0, 69.0))


def test_without_maps_there_are_images(store):
    (store.root.attributions / DATASET / "thesis" / "maps.npy").unlink()
    assert {card.attribution for card in misclassified(store, TRAINING, "manga", 9).cards} == {""}


@pytest.mark.parametrize("damage", [b"", b"no maps", b"\x93NUMPY\x01\x00"])
def test_damaged_maps_are_named(store, damage):
    (store.root.attributions / DATASET / "thesis" / "maps.npy").write_bytes(damage)
    gallery = misclassified(store, TRAINING, "manga", 9)
    assert {card.attribution for card in gallery.cards} == {""}
    assert gallery.problem.endswith("thesis/maps.npy is damaged; materialize attribution_maps again.")


def test_a_galaxy_without_spin_has_no_place(store):
    known = store.read("labeled_galaxies", "manga")
    store.write(
        "labeled_galaxies", "manga", known.assign(lambda_r=known["lambda_r"].where(known["galaxy_id"] != "8000-3"))
    )
    gallery = misclassified(store, TRAINING, "manga", 9)
    assert [card.place is None for card in gallery.cards] == [True, False] and len(gallery.points) == 3


def test_a_galaxy_that_left_the_tensor_is_counted_and_not_shown(store):
    with writing_tensor(store.root.tensors / DATASET, 8) as writer:
        writer.append("8000-2", np.zeros((8, 8, 3), dtype=np.float32))
    gallery = misclassified(store, TRAINING, "manga", 9)
    assert [card.galaxy_id for card in gallery.cards] == ["8000-2"] and gallery.n_misclassified == 2


def test_without_images_or_mistakes_there_is_no_gallery(store, tmp_path):
    right = rows("predictions", dataset=DATASET, recipe="log", galaxy_id=NAMES, rotator_type=1, predicted_type=1)
    store.write("predictions", f"{DATASET}|log", right)
    assert misclassified(store, SimpleNamespace(**{**vars(TRAINING), "recipe": "log"}), "manga", 9) is None
    assert misclassified(open_store(DataRoot(tmp_path / "empty")), TRAINING, "manga", 9) is None
