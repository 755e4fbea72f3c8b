"""The asset of attribution maps and its checks, with made-up maps; no network is trained or loaded."""

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from rotator_assets.attribution import assets as attributions
from rotator_assets.attribution import integrated_gradients as attribution
from rotator_assets.attribution.assets import attribution_maps
from rotator_assets.attribution.checks import attributions_agree_with_alibi, attributions_are_complete
from rotator_assets.attribution.exhibits import EXHIBITS
from rotator_assets.attribution.integrated_gradients import Attributions
from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.fits_files import SYNTHETIC_KEYWORD
from rotator_assets.core.recipes import Recipe
from rotator_assets.lineage import snapshot
from rotator_assets.lineage.partitions import training_key
from rotator_assets.plots.pictures import Pictures
from rotator_assets.report.content import ReportContent, Subject
from rotator_assets.store.io_managers import TableIOManager
from rotator_assets.store.models import TrainedModels
from rotator_assets.store.tensors import open_tensor, writing_tensor
from rotator_assets.tables import TABLES, open_store
from rotator_assets_tests.checking import checked

DATASET, RECIPE, COUNT, SIZE = "manga-observed-64", "thesis", 10, 32
KEY = training_key(DATASET, RECIPE)
NAMES = [f"8000-{number}/x" for number in range(COUNT)]
R_BAND = Recipe(name=RECIPE, bands="r", attribution_steps=3)
"""Recipe of the networks. The file has other bands, which need other networks, and other steps, which do not."""
IN_THE_FILE = Recipe(name=RECIPE, bands="g", attribution_steps=7)


def galaxy(number: int) -> np.ndarray:
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    light = np.exp(-np.hypot(x, y / 0.6) / (2 + 0.1 * number))
    return (light[..., None] * [1.0, 2.0, 3.0]).astype(np.float32)


def explained(model, images, rows, recipe, *, on_progress=None) -> Attributions:
    """Attribution of a network that sums the r band, weighted by the fold's number; odd rows are not complete."""
    maps = (model - 0.5) * images[rows][..., list(recipe.band_indices)]
    total = maps.sum(axis=(1, 2, 3), dtype=float)
    error = np.where(rows % 2, 0.2, 0.01)
    steps = np.full(len(rows), recipe.attribution_steps)
    on_progress(len(rows), len(rows))
    return Attributions(maps, total, np.zeros(len(rows)), error * total, error, steps)


class Models(TrainedModels):
    def load(self, fold: int) -> int:
        return fold


@pytest.fixture(scope="module", autouse=True)
def made_up_explanation():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attribution, "explain", explained)
        patch.setattr(attributions, "_EXPLAINED_AT_ONCE", 3)
        patch.setattr(snapshot, "load_recipes", lambda: {RECIPE: IN_THE_FILE})
        yield


@pytest.fixture
def without_pictures(monkeypatch):
    monkeypatch.setattr(attributions, "attribution_pictures", lambda root, *rest: Pictures(root, "none", ()))


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[DataRoot, dg.MaterializeResult]:
    """A root with finished maps, which tests must not change, and the asset's result."""
    root = make_root(tmp_path_factory.mktemp("made"))
    return root, materialized(root)


def make_root(tmp_path) -> DataRoot:
    """A root with ten galaxies; the last has no radius, and only the first has sky coordinates."""
    root = DataRoot(tmp_path)
    with writing_tensor(root.tensors / DATASET, SIZE) as writer:
        for number in reversed(range(COUNT)):
            writer.append(NAMES[number], galaxy(number))
    tables = open_store(root)
    known = {"galaxy_id": NAMES, "object_id": NAMES, "dataset": DATASET, "survey": "manga", "synthetic": False}
    radius = [4.0] * (COUNT - 1) + [np.nan]
    place = {"arcsec_per_pixel": [0.5] + [np.nan] * (COUNT - 1), "north_angle_deg": 0.0, "ra": 150.0, "dec": 2.0}
    kind = {
        "rotator_type": np.arange(COUNT) % 2,
        "axis_ratio": 0.6,
        "r_eff_pixels": radius,
        "image_unit": "nanomaggies",
    }
    frame = pd.DataFrame({**known, **place, **kind, "usable": True})
    frame = frame.assign(averaged=False)
    for table, partition in (
        ("images", DATASET),
        ("labeled_galaxies", "manga"),
        ("labeled_images", DATASET),
        ("repeat_predictions", KEY),
    ):
        tables.write(table, partition, frame.reindex(columns=TABLES[table].column_names))
    return root


def predictions(names=NAMES) -> pd.DataFrame:
    count = len(names)
    return pd.DataFrame(
        {
            "galaxy_id": names,
            "object_id": names,
            "dataset": DATASET,
            "recipe": RECIPE,
            "fold": np.arange(count) // 2 % 2,
            "rotator_type": np.arange(count) % 2,
            "threshold": 0.5,
            "predicted_type": np.arange(count) // 3 % 2,
            "probability_fast": np.linspace(0.1, 0.9, count),
            "training": "training-0",
            "synthetic": False,
        }
    )


def materialized(root: DataRoot, synthetic: bool = False, names=NAMES) -> dg.MaterializeResult:
    models = Models(root.models, R_BAND, "full", "cpu", 1.0, synthetic)
    tensor, labels = open_tensor(root.tensors / DATASET), open_store(root).read("labeled_images", DATASET)
    with dg.build_asset_context(partition_key=KEY) as context:
        result = attribution_maps(context, open_store(root), predictions(names), models, tensor, labels)
    output = dg.build_output_context(asset_key="attribution_maps", partition_key=KEY)
    TableIOManager(open_store(root)).handle_output(output, result.value)
    return result


def test_every_galaxy_is_explained_by_its_own_fold(made):
    root, result = made
    folder = root.attributions / DATASET / RECIPE
    maps = np.load(folder / "maps.npy")
    rows = open_store(root).read("attributions", KEY)
    assert rows["galaxy_id"].tolist() == NAMES and rows["map_row"].tolist() == list(range(COUNT))
    for number, fold in enumerate(predictions()["fold"]):
        np.testing.assert_allclose(maps[number], (fold - 0.5) * galaxy(number)[..., 1], rtol=1e-6)
    assert maps.dtype == np.float32 and (rows["n_steps"] == 7).all()
    np.testing.assert_allclose(rows["sign_balance"], 2 * predictions()["fold"] - 1)
    np.testing.assert_allclose(rows["fraction_within_r_eff"], rows["light_within_r_eff"], atol=0.01)
    assert rows["reason"].tolist() == [None] * (COUNT - 1) + ["half-light radius not known"]
    assert rows["logit"].to_numpy() == pytest.approx(maps.sum(axis=(1, 2)), rel=1e-5)
    assert result.metadata["not_complete"] == COUNT // 2 and not rows["synthetic"].any()
    summary = open_store(root).read("attribution_summary", KEY).set_index(["galaxies", "measure"])
    slow = rows.loc[predictions()["rotator_type"] == 0, "fraction_within_r_eff"]
    assert summary.loc[("slow", "fraction_within_r_eff"), "mean"] == pytest.approx(slow.mean())
    assert set(open_store(root).read("attribution_profiles", KEY)["quantity"]) == {"signed", "absolute", "light"}


def test_each_galaxy_has_a_file_and_old_files_are_deleted(tmp_path, without_pictures):
    root = make_root(tmp_path)
    materialized(root)
    folder = root.attributions / DATASET / RECIPE / "fits"
    assert len(list(folder.iterdir())) == COUNT
    with fits.open(folder / "8000-0%2Fx.fits") as hdus:
        header, sky = hdus[0].header, WCS(hdus[0].header)
        np.testing.assert_allclose(hdus[0].data, -0.5 * galaxy(0)[..., 1], rtol=1e-6)
        np.testing.assert_allclose(hdus["IMAGE"].data, galaxy(0)[..., 1], rtol=1e-6)
        assert hdus["IMAGE"].header["BUNIT"] == "nanomaggies"
    assert (header["GALAXY"], header["CLASS"], header["P_FAST"]) == (NAMES[0], "slow", 0.1)
    assert header[SYNTHETIC_KEYWORD] is False and header["COMPLERR"] == 0.2 and header["N_STEPS"] == 7
    np.testing.assert_allclose(sky.pixel_to_world_values(15.5, 15.5), [150.0, 2.0], atol=1e-9)
    assert not WCS(fits.getheader(folder / "8000-1%2Fx.fits")).has_celestial
    materialized(root, names=NAMES[:4])
    assert sorted(path.name for path in folder.iterdir()) == [f"8000-{number}%2Fx.fits" for number in range(4)]


def test_maps_by_a_network_trained_on_synthetic_galaxies_are_synthetic(tmp_path, without_pictures):
    root = make_root(tmp_path)
    result = materialized(root, synthetic=True)
    assert result.metadata["synthetic"] is True
    assert all(frame["synthetic"].all() for frame in result.value.values())
    header = fits.getheader(root.attributions / DATASET / RECIPE / "fits" / "8000-0%2Fx.fits")
    assert header[SYNTHETIC_KEYWORD] is True


def test_figures_and_tables_are_found_by_the_report(made):
    root, result = made
    content = ReportContent(open_store(root), EXHIBITS)
    training = Subject("training", dataset=DATASET, recipe=RECIPE)
    figures = content.figures(training, "attribution")
    assert len(figures) == 6 and all(figure.png.stat().st_size > 5000 for figure in figures)
    assert content.see_figures(training, "attribution") == " See figure 16."
    numbers = content.tables(training, "attribution")[0].frame.set_index("measure")
    assert list(numbers.columns) == ["slow", "fast", "slow minus fast"]
    mean = result.value["attribution_summary"].set_index(["galaxies", "measure"]).loc[("slow", "sign_balance"), "mean"]
    assert numbers.loc["sign_balance", "slow"].startswith(f"{mean:.3f} [")
    other = Subject("training", dataset=DATASET, recipe="small")
    assert all(table.frame.empty for table in content.tables(other, "attribution"))


def test_the_completeness_check_names_the_worst_galaxies(made, tmp_path):
    rows = made[1].value["attributions"]
    found = checked(attributions_are_complete, open_store(made[0]))
    assert not found.passed and found.severity == dg.AssetCheckSeverity.WARN
    assert found.metadata["share"].value == 0.5 and found.metadata["count"].value == COUNT // 2
    missed = rows.loc[rows["completeness_error"] > 0.05, "galaxy_id"]
    assert sorted(found.metadata["worst"].value.split(", ")) == sorted(missed)
    tables = open_store(DataRoot(tmp_path))
    for error, passes in ((0.05, True), (np.nan, False)):
        tables.write("attributions", KEY, rows.assign(completeness_error=error))
        assert checked(attributions_are_complete, tables, KEY).passed == passes
    assert checked(attributions_are_complete, tables, training_key(DATASET, "small")).passed


def test_checks_pass_without_attributions(tmp_path):
    store = open_store(DataRoot(tmp_path))
    assert checked(attributions_are_complete, store).passed and checked(attributions_agree_with_alibi, store).passed


@pytest.mark.parametrize(("difference", "passes"), [(1e-5, True), (2e-4, False), (np.nan, False)])
def test_the_check_against_alibi_sees_a_few_galaxies_of_one_fold(made, monkeypatch, difference, passes):
    root = made[0]
    open_store(root).write("predictions", KEY, predictions().assign(probability_fast_calibrated=0.5))
    seen = []

    def compared(model, images, baselines, n_steps):
        seen.append((model, images.shape, baselines.shape))
        return difference

    monkeypatch.setattr(attribution, "check_against_alibi", compared)
    models = Models(root.models, R_BAND, "full", "cpu", 1.0, False)
    monkeypatch.setattr("rotator_assets.lineage.reads.open_models", lambda folder: models)
    assert checked(attributions_agree_with_alibi, open_store(root)).passed == passes
    assert seen == [(0, (2, SIZE, SIZE, 1), (2, SIZE, SIZE, 1))]
