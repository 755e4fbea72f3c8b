"""Assets of a recipe that trains on every galaxy: those that are not tested are predicted and reported, too."""

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from rotator_assets.attribution.integrated_gradients import integrated_gradients
from rotator_assets.candidates.follow_up import MEASURED
from rotator_assets.core.errors import InputError
from rotator_assets.core.recipes_file import load_recipes
from rotator_assets.kinematics.spin import spin_threshold
from rotator_assets.lineage import snapshot
from rotator_assets.lineage.partitions import training_key
from rotator_assets.orchestration.plans import Step
from rotator_assets.running import open_runner
from rotator_assets.store.models import open_models
from rotator_assets.store.tensors import open_tensor, writing_tensor
from rotator_assets.tables import TABLES, open_store
from rotator_assets.training.pipeline import network_input
from rotator_assets_tests.training.made_up_training import SIZE_PX, TINY, galaxy_ids, planted_survey

DATASET, RECIPE = "manga-observed-64", "every-galaxy"
PARTITION = str(training_key(DATASET, RECIPE))
SHORT = TINY.model_copy(
    update={
        **{"name": RECIPE, "folds": 2, "epochs": 1, "architecture": "compact"},
        **{"training_population": "all", "lambda_r_interval": 1.0},
        **{"attribution_steps": 3, "attribution_doublings": 0},
    }
)


def written(root, table, partition, frame):
    """Write a table with the columns of the frame; the others are empty."""
    open_store(root).write(table, partition, frame.reindex(columns=TABLES[table].column_names))


@pytest.fixture
def galaxies(new_root, monkeypatch):
    """The planted survey with as many early as late types; every ninth galaxy has no kinematics."""
    images, labels, objects = planted_survey(160)
    with writing_tensor(new_root.tensors / DATASET, SIZE_PX, synthetic=True) as writer:
        for galaxy_id, image in zip(galaxy_ids(objects), images, strict=True):
            writer.append(galaxy_id, image)
    lambda_r = np.where(labels == 1, 0.5, 0.1) + np.random.default_rng(0).normal(0, 0.02, len(labels))
    frame = pd.DataFrame({"galaxy_id": galaxy_ids(objects), "object_id": objects, "lambda_r": lambda_r})
    threshold = float(spin_threshold(np.array([0.4]))[0])
    frame = frame.assign(
        **{"dataset": DATASET, "synthetic": True, "ellipticity": 0.4, "spin_threshold": threshold},
        rotator_type=pd.array(lambda_r >= threshold, dtype="Int8"),
        is_early_type=np.arange(len(labels)) // 2 % 2 > 0,
    )
    frame["t_type"] = np.where(frame["is_early_type"], -2.0, 4.0)
    frame.loc[::9, ["lambda_r", "rotator_type"]] = [np.nan, pd.NA]
    written(new_root, "images", DATASET, frame.assign(usable=True, image_unit="nanomaggies"))
    written(new_root, "imaged_galaxies", DATASET, frame)
    written(new_root, "labeled_images", DATASET, frame[frame["rotator_type"].notna()])
    written(new_root, "kinematics_catalog", "manga", frame.assign(survey="manga", lambda_r_source="pipe3d").dropna())
    recipes = load_recipes()
    monkeypatch.setattr(snapshot, "load_recipes", lambda: {**recipes, RECIPE: SHORT})
    monkeypatch.setattr("rotator_assets.core.profiles.reduced", lambda recipe, crop_px: recipe)
    return frame


@pytest.fixture
def runner(new_root, galaxies):
    with open_runner(new_root) as runner:
        runner.observe()
        for asset in ("image_tensors", "labeled_images", "imaged_galaxies"):
            runner.instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=DATASET))
        yield runner


@pytest.fixture
def sheets(monkeypatch):
    """The contact sheets that are drawn."""
    from rotator_assets.candidates import figures

    drawn, draw = [], figures.contact_sheet
    monkeypatch.setattr(figures, "contact_sheet", lambda sheet, **title: drawn.append(sheet) or draw(sheet, **title))
    return drawn


def test_every_galaxy_is_predicted_calibrated_and_ranked(new_root, galaxies, runner, sheets):
    runner.materialize(Step("training", ("rotator_classifier", "predictions", "galaxy_report"), PARTITION))
    _every_galaxy_is_predicted(new_root, galaxies)
    runner.materialize(Step("training", ("candidates",), PARTITION))
    _every_galaxy_is_ranked(new_root, galaxies)
    _maps_are_by_the_network_that_has_not_seen_the_galaxy(new_root, galaxies, *sheets)
    written(
        new_root, "imaged_galaxies", DATASET, galaxies[galaxies.index != galaxies.index[~galaxies["is_early_type"]][0]]
    )
    with pytest.raises(InputError, match="was trained on other galaxies; materialize rotator_classifier again"):
        runner.materialize(Step("training", ("candidates",), PARTITION))


def _every_galaxy_is_ranked(new_root, galaxies):
    tables = open_store(new_root)
    found = tables.read("candidates", PARTITION)
    assert found["rank"].tolist() == list(range(1, len(galaxies) + 1))
    predicted = tables.read("galaxy_predictions", PARTITION).set_index("galaxy_id").loc[found["galaxy_id"]]
    expected = 1 - predicted["probability_fast_calibrated"].to_numpy()
    np.testing.assert_allclose(found["probability_slow"], expected, atol=1e-5)
    np.testing.assert_allclose(found["lambda_r_low"], predicted["lambda_r_low"], atol=1e-5)
    labelled = galaxies.set_index("galaxy_id")["rotator_type"].notna().loc[found["galaxy_id"]]
    assert found["labelled"].tolist() == labelled.tolist() and (found["n_networks"] == 1).all()
    assert found["population_known"].all() and set(found["population"]) == {"early", "late"}
    assert 0.9 <= found["in_domain"].mean() <= 1
    follow_up = tables.read("follow_up", PARTITION)
    measured = follow_up[follow_up["sample"] == MEASURED]
    assert measured["n_observed"].tolist() == list(range(1, labelled.sum() + 1))
    assert measured["slow_found"].iloc[-1] == (galaxies["rotator_type"] == 0).sum() == measured["slow_total"].iloc[0]
    assert len(follow_up) == len(galaxies)
    for picture in ("follow_up.png", "candidates.png"):
        assert (new_root.figures / DATASET / RECIPE / picture).is_file()


def _maps_are_by_the_network_that_has_not_seen_the_galaxy(new_root, galaxies, sheet):
    without = galaxies.loc[galaxies["lambda_r"].isna(), "galaxy_id"]
    assert set(sheet.galaxies["galaxy_id"]) == set(without) and len(sheet.maps) == len(without)
    unseen = open_store(new_root).read("unseen_galaxies", PARTITION).set_index("galaxy_id")["fold"]
    models, tensor = open_models(new_root.models / DATASET / RECIPE), open_tensor(new_root.tensors / DATASET)
    for place in (0, 7):
        galaxy_id = sheet.galaxies["galaxy_id"].iloc[place]
        seen = network_input(tensor.images, tensor.rows_of([galaxy_id]), SHORT)
        found = [integrated_gradients(models.load(fold), seen, np.zeros_like(seen), 3).maps[0] for fold in (0, 1)]
        blind, other = found[unseen[galaxy_id]], found[1 - unseen[galaxy_id]]
        np.testing.assert_allclose(sheet.maps[place], blind, atol=1e-5 * np.abs(blind).max())
        assert np.abs(sheet.maps[place] - other).max() > 0.01 * np.abs(other).max()


def _every_galaxy_is_predicted(new_root, galaxies):
    tables = open_store(new_root)
    found = tables.read("galaxy_results", PARTITION).set_index("galaxy_id").loc[galaxies["galaxy_id"]]
    early, labelled = galaxies["is_early_type"].to_numpy(), galaxies["rotator_type"].notna().to_numpy()
    assert (found["tested"].to_numpy(bool) == (early & labelled)).all() and len(found) == len(galaxies)
    assert (found["lambda_r_low"] <= found["lambda_r_high"]).all()
    folds = tables.read("training_folds", PARTITION).drop_duplicates("fold").set_index("fold")
    slope, offset = (found["fold"].map(folds[f"calibration_{name}"]).to_numpy() for name in ("slope", "offset"))
    raw, calibrated = (np.log(p / (1 - p)) for p in (found["probability_fast"], found["probability_fast_calibrated"]))
    by_fold = np.isclose(calibrated, slope * raw + offset, atol=1e-6)
    assert by_fold[early].all() and not by_fold[~early].any()
    rows = tables.read("lambda_r_accuracy", PARTITION)
    assert set(rows["source"]) == {"labels"} and rows["n_galaxies"].tolist() == [
        *(np.sum(chosen & labelled) for chosen in (early, ~early)),
        labelled.sum(),
    ]
    assert (new_root.figures / DATASET / RECIPE / "lambda_r.png").is_file()
