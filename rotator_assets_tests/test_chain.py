"""The whole chain on a small synthetic sample, from catalogue files to report."""

import shutil
from pathlib import Path

import dagster as dg
import duckdb
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from rotator_assets.core.data_root import DataRoot
from rotator_assets.domains import modules
from rotator_assets.orchestration.plans import REPORT, Step, plan
from rotator_assets.running import open_runner
from rotator_assets.store.models import open_models
from rotator_assets.store.tensors import open_tensor
from rotator_assets.tables import TABLES, open_store
from rotator_assets_tests.commands import complaint, rotators

pytestmark = pytest.mark.chain
DATASET, RECIPE, OTHER_RECIPE = "manga-observed-64", "thesis", "r-band"


@pytest.fixture
def tables(finished_root):
    return open_store(DataRoot(finished_root))


def test_every_table_of_the_chain_is_filled_and_marked_synthetic(tables):
    asked = {
        name
        for module in modules("tables")
        if ".robustness." in module.__name__ or ".faithfulness." in module.__name__
        for name in module.TABLES
    } | {"referee_metrics", "convergence", "calibration_curves", "population_metrics"}
    empty = {"dataset_comparison", "notices"}  # one dataset; and all of it is used
    empty |= {"unseen_galaxies", "lambda_r_accuracy"}  # the recipe learns the class alone
    empty |= {name for name in TABLES if name.startswith("fusion_")} | {"inner_predictions"}  # and is not fused
    for name in TABLES.keys() - empty - asked:
        rows = tables.query(f'SELECT count(*) AS n, bool_and(synthetic) AS synthetic FROM "{name}"')
        assert rows["n"][0] > 0 and bool(rows["synthetic"][0]), name


def test_rows_are_what_is_promised(tables):
    counts = tables.query(
        """SELECT (SELECT count(*) FROM morphology_catalog) AS morphology, (SELECT count(*) FROM galaxies) AS galaxies,
        (SELECT count(*) FROM labeled_galaxies) AS labeled, (SELECT count(*) FROM early_type_galaxies) AS early,
        (SELECT count(*) FROM labeled_galaxies WHERE is_early_type AND rotator_type IS NOT NULL) AS early_labeled,
        (SELECT count(*) FROM images) AS images, (SELECT count(*) FROM model_metrics) AS metrics,
        (SELECT count(*) FROM predictions) AS predictions, (SELECT count(*) FROM attributions) AS attributions"""
    ).iloc[0]
    assert counts["morphology"] == counts["galaxies"] == counts["labeled"] == counts["images"] >= 90
    assert counts["early"] == counts["early_labeled"] > 20
    assert counts["metrics"] == 1
    assert counts["predictions"] == counts["attributions"] > 20


def test_labels_follow_the_rule(tables):
    rows = tables.query("FROM labeled_galaxies WHERE rotator_type IS NOT NULL")
    slow = rows["lambda_r"] < 0.31 * np.sqrt(1 - rows["axis_ratio"])
    np.testing.assert_array_equal(slow, rows["rotator_type"] == 0)


def test_unusable_images_are_listed_with_a_reason(tables):
    listed = tables.query("FROM images WHERE NOT usable")
    assert len(listed) and listed["reason"].notna().all() and listed["tensor_row"].isna().all()
    assert tables.query("SELECT count(*) AS n FROM images WHERE usable AND reason IS NOT NULL")["n"][0] == 0


def test_the_auc_is_that_of_the_predictions(tables):
    """The AUC is that of each network, weighted by its pairs; auc_pooled is that of all calibrated probabilities."""
    rows, metrics = tables.query("FROM predictions"), tables.query("FROM model_metrics").iloc[0]
    networks = [tested for _, tested in rows.groupby("fold")]
    aucs = [roc_auc_score(tested["rotator_type"], tested["probability_fast"]) for tested in networks]
    pairs = [tested["rotator_type"].sum() * (tested["rotator_type"] == 0).sum() for tested in networks]
    assert metrics["auc"] == pytest.approx(np.average(aucs, weights=pairs))
    assert metrics["fold_auc_mean"] == pytest.approx(np.mean(aucs)) and len(aucs) > 1
    pooled = roc_auc_score(rows["rotator_type"], rows["probability_fast_calibrated"])
    assert metrics["auc_pooled"] == pytest.approx(pooled)
    assert metrics["auc_low"] < metrics["auc"] < metrics["auc_high"]
    assert metrics["n_galaxies"] == len(rows) and metrics["n_slow"] == (rows["rotator_type"] == 0).sum()
    called_fast = metrics["true_fast"] + metrics["false_fast"]
    assert called_fast == rows["predicted_type"].sum()
    assert metrics["profile"] == "quick" and metrics["device"] and metrics["seconds"] > 0


def test_predictions_come_from_the_saved_networks(tables, finished_root):
    models = open_models(DataRoot(finished_root).models / DATASET / RECIPE)
    tensor = open_tensor(DataRoot(finished_root).tensors / DATASET)
    row = tables.query("FROM predictions ORDER BY galaxy_id LIMIT 1").iloc[0]
    from rotator_assets.training.cross_validation import predict_logits

    rows = tensor.rows_of([row["galaxy_id"]])
    logit = predict_logits(models.load(int(row["fold"])), tensor.images, rows, models.recipe)[0]
    assert 1 / (1 + np.exp(-logit)) == pytest.approx(row["probability_fast"], rel=1e-4)


def test_no_object_stands_on_both_sides(tables):
    both = tables.query("SELECT object_id FROM predictions GROUP BY object_id HAVING count(DISTINCT fold) > 1")
    assert both.empty


def test_radii_in_pixels_follow_the_files_scale(tables):
    rows = tables.query("FROM images JOIN galaxies USING (galaxy_id) WHERE usable AND r_eff_arcsec IS NOT NULL")
    np.testing.assert_allclose(rows["r_eff_pixels"], rows["r_eff_arcsec"] / 0.396, rtol=1e-3)


def test_report_is_one_file_that_says_synthetic_and_quick(finished_root):
    page = DataRoot(finished_root).report.read_text()
    assert "synthetic" in page.lower() and "quick" in page
    assert page.count("data:image/") >= 10
    assert 'src="http' not in page and 'href="http' not in page
    assert len(page) < 15_000_000


def test_pictures_are_on_disk(finished_root):
    folder = DataRoot(finished_root).figures
    for name in ("network", "roc", "gallery", "outcomes", "scores", "history", "attributions", "mean_attributions"):
        assert (folder / DATASET / RECIPE / f"{name}.png").stat().st_size > 5_000
    for name in (f"{DATASET}/recipes", f"{DATASET}/examples", "manga/spin_ellipticity"):
        assert (folder / f"{name}.png").is_file()


def test_the_database_file_answers_on_its_own(finished_root):
    with duckdb.connect(str(DataRoot(finished_root).database), read_only=True) as connection:
        assert connection.sql("SELECT count(*) FROM model_metrics").fetchall() == [(1,)]


def test_images_marked_synthetic_mark_all_that_is_made_of_them(small_demo_root, tmp_path):
    from astropy.io import fits

    root = DataRoot(tmp_path / "root")
    shutil.copytree(small_demo_root, root.path)
    shutil.rmtree(root.survey("manga") / "maps")
    for path in (root.survey("manga") / "catalogs").glob("*.fits"):
        fits.delval(path, "SYNTHET")
    steps = [step for step in plan([DATASET], []) if step.title.startswith(("catalogues", "images"))]
    with open_runner(root) as runner:
        assert not runner.run(steps).failed
    tables = open_store(root)
    assert tables.query("SELECT bool_or(synthetic) AS s FROM galaxies")["s"].tolist() == [False]
    for table in ("images", "labeled_images"):
        assert tables.query(f"SELECT bool_and(synthetic) AS s FROM {table}")["s"].tolist() == [True]
    assert open_tensor(root.tensors / DATASET).synthetic


def test_too_few_galaxies_for_the_folds_is_status_2_and_upstream_is_kept(finished_root, tmp_path):
    root = tmp_path / "root"
    shutil.copytree(finished_root, root, copy_function=shutil.copy2)
    (root / "settings.yaml").write_text("manga: {labels: {t_type_max: -2.9}}")
    line = complaint(rotators("run", "-d", DATASET, "-r", RECIPE, data=root))
    assert "fold" in line
    early = "SELECT count(*) AS n FROM labeled_images WHERE is_early_type"
    assert (
        open_store(DataRoot(root)).query(early)["n"][0] < 10 < open_store(DataRoot(finished_root)).query(early)["n"][0]
    )
    assert open_store(DataRoot(root)).query("SELECT count(*) AS n FROM galaxies")["n"][0] >= 90
    assert open_tensor(DataRoot(root).tensors / DATASET).images.shape[0] > 50


def test_one_failing_dataset_does_not_stop_the_others(finished_root, tmp_path):
    root = DataRoot(tmp_path / "root")
    shutil.copytree(finished_root, root.path, copy_function=shutil.copy2)
    for image in (root.survey("manga") / "images").glob("*.fits"):
        _cut(image, 80)
    with open_runner(root) as runner:
        outcome = runner.run(
            [s for s in plan(["manga-observed-128", DATASET], []) if s != REPORT and s.assets[0] != "recipe_comparison"]
        )
        assert outcome.failed == {} and f"images {DATASET}" in outcome.done
        with pytest.raises(Exception, match="80 x 80 pixels, smaller than the 128-pixel crop"):
            runner.materialize(
                Step(
                    "training",
                    ("rotator_classifier",),
                    dg.MultiPartitionKey({"dataset": "manga-observed-128", "recipe": RECIPE}),
                )
            )
    listed = open_store(root).query("SELECT DISTINCT usable FROM images WHERE dataset = 'manga-observed-128'")
    assert listed["usable"].tolist() == [False]
    assert open_tensor(root.tensors / DATASET).images.shape[0] > 50


def _cut(path: Path, size: int) -> None:
    from astropy.io import fits

    with fits.open(path) as hdus:
        data = hdus[0].data
        start = (data.shape[-1] - size) // 2
        cut = data[:, start : start + size, start : start + size].copy()
        header = hdus[0].header
    for axis in (1, 2):
        header[f"CRPIX{axis}"] -= start
    fits.writeto(path, cut, header, overwrite=True)
