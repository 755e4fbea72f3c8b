"""The HTML page that compares trainings."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rotator_assets.comparison import comparison_page as page
from rotator_assets.comparison.kept_trainings import KeptTraining
from rotator_assets.comparison.training_names import TrainingHistory
from rotator_assets.comparison.training_pairs import compare_trainings
from rotator_assets.core.data_root import DataRoot
from rotator_assets.store.tensors import writing_tensor
from rotator_assets.tables import TABLES, open_store
from rotator_assets_tests.comparison.kept import NOISY, SMALL, keep
from rotator_assets_tests.comparison.test_comparisons import predictions
from rotator_assets_tests.comparison.test_training_pairs import classified

HOSTILE = "<script>alert('x')</script>&"


class Page(HTMLParser):
    """Elements of a page with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture
def root(tmp_path):
    return DataRoot(tmp_path)


def add_images(root: DataRoot, dataset: str, galaxy_ids: list[str], size: int) -> None:
    """Write labels and images: galaxy number n is brightest in its row n."""
    with writing_tensor(root.tensors / dataset, size) as writer:
        for number, galaxy_id in enumerate(galaxy_ids):
            image = np.full((size, size, 3), 0.01, np.float32)
            image[number] = 1
            writer.append(galaxy_id, image)
    galaxies = pd.DataFrame({"galaxy_id": galaxy_ids}).assign(
        dataset=dataset,
        object_id="o",
        rotator_type=1,
        lambda_r=0.123,
        ellipticity=0.456,
        ra=150.123456,
        dec=-2.5,
        image_unit="nanomaggies",
        synthetic=True,
    )
    open_store(root).write("labeled_images", dataset, galaxies.reindex(columns=TABLES["labeled_images"].column_names))


def compared(root: DataRoot, *names: str) -> Page:
    store = open_store(root)
    trainings = [KeptTraining.read(store, version) for version in TrainingHistory(store).find(names)]
    page.save_page(root.path / "page.html", store, trainings, compare_trainings(trainings))
    return Page((root.path / "page.html").read_text(encoding="utf-8"))


def test_changed_galaxies_are_shown_with_images_and_numbers(root):
    keep(root, NOISY, "thesis", sample=classified("ssff", "sfsf"))
    keep(root, NOISY, "log", sample=classified("ssff", "ssff"))
    add_images(root, NOISY, ["g3", "g2", "g1", "g0"], 8)
    shown = compared(root, f"{NOISY}/thesis", "log")
    roc, *pictures = shown.all("img")
    assert roc["src"].startswith("data:image/png;base64,")
    assert {picture["alt"] for picture in pictures} == {f"g1 in {NOISY}", f"g2 in {NOISY}"}
    (first,) = (picture for picture in pictures if picture["alt"].startswith("g2"))
    with Image.open(io.BytesIO(base64.b64decode(first["src"].partition(",")[2]))) as image:
        assert image.size == (8, 8) and image.format == "WEBP"
        brightness = np.asarray(image.convert("L"), float).mean(axis=1)
    assert brightness.argmax() == 8 - 1 - 1  # row 1 from below, as in the sky
    for text in (
        "150.12346, -2.50000",
        "0.12",
        "0.46",
        "slow fast: 0.701 ≥ 0.500 slow: 0.301 < 0.500 0.701 → 0.301 right",
        "fast slow: 0.302 < 0.500 fast: 0.702 ≥ 0.500 0.302 → 0.702 right",
        "2 galaxies changed class from A to B",
        "normalization max_all log",
    ):
        assert text in shown.text


def test_two_datasets_are_shown_side_by_side_and_a_lost_galaxy_without_image(root):
    keep(root, NOISY, "thesis", sample=classified("ssff", "sfsf"))
    keep(root, SMALL, "thesis", sample=classified("ssff", "ssff"))
    add_images(root, NOISY, ["g1"], 8)
    add_images(root, SMALL, ["g1"], 4)
    shown = compared(root, f"{NOISY}/thesis", SMALL)
    assert [picture["title"] for picture in shown.all("img")[1:]] == [NOISY, SMALL]
    assert shown.text.count("no image") == 2 and "g2" in shown.text


def test_the_page_is_self_contained_and_escapes_everything(root):
    samples = [classified("ssff", by).replace({"galaxy_id": {"g1": HOSTILE}}) for by in ("sfsf", "ssff")]
    for recipe, sample in zip(("thesis", "log"), samples, strict=True):
        keep(root, NOISY, recipe, sample=sample)
    add_images(root, NOISY, [HOSTILE], 8)
    shown = compared(root, f"{NOISY}/thesis", "log")
    assert HOSTILE in shown.text and not shown.all("script") and not shown.all("link")
    links = [value for _, attributes in shown.elements for name, value in attributes.items() if name in ("src", "href")]
    assert links and all(link.startswith("data:image/") for link in links)
    policy = next(one["content"] for one in shown.all("meta") if one.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none';") and "script" not in policy
    assert not re.search(r"url\(|@import|http", "".join(shown.words))


@pytest.mark.parametrize("synthetic", [True, False])
def test_synthetic_is_stated_where_it_applies(root, synthetic):
    for seed, recipe in enumerate(("thesis", "log")):
        keep(root, NOISY, recipe, sample=predictions(NOISY, recipe, seed).assign(synthetic=synthetic))
    shown = compared(root, f"{NOISY}/thesis", "log")
    assert ("SYNTHETIC DATA" in shown.text) == ("[Synthetic data]" in shown.text) == synthetic


def test_only_the_largest_changes_are_shown_where_there_are_many(root, monkeypatch):
    monkeypatch.setattr(page, "MAX_GALAXIES", 3)
    keep(root, NOISY, "thesis", sample=classified("ssffsf", "sssfff"))
    keep(root, NOISY, "log", sample=classified("ssffsf", "fffssf"))
    shown = compared(root, f"{NOISY}/thesis", "log")
    assert "(the first 3 of 5)" in shown.text and shown.text.count("no image") == 3


def test_predictions_not_kept_leave_a_page_with_the_curves(root):
    keep(root, NOISY, "thesis", 1, changes={"seed": 7}, kept=False)
    keep(root, NOISY, "thesis", 2, seed=2)
    shown = compared(root, f"{NOISY}/thesis@previous", "@latest")
    assert "those of A were not kept" in shown.text and "seed 7 2020" in shown.text
    assert len(shown.all("img")) == 1 and "Galaxies that changed class" not in shown.text
