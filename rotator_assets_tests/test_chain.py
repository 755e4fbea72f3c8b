"""The whole chain on a small synthetic sample: catalogue files to report, and what changes make stale."""

import shutil
import signal
import subprocess
import time
from pathlib import Path

import dagster as dg
import duckdb
import numpy as np
import pytest
import yaml
from sklearn.metrics import roc_auc_score

from rotator_assets.data_root import DataRoot
from rotator_assets.partitions import WHOLE
from rotator_assets.plans import REPORT, Step, plan, plan_stale
from rotator_assets.recipes import ENVIRONMENT_VARIABLE
from rotator_assets.runner import Runner
from rotator_assets.storage.models import open_models
from rotator_assets.storage.schema import TABLES
from rotator_assets.storage.schema.questions import QUESTION_TABLES
from rotator_assets.storage.schema.referee import REFEREE_TABLES
from rotator_assets.storage.schema.saliency import SALIENCY_TABLES
from rotator_assets.storage.tables import TableStore
from rotator_assets.storage.tensors import open_tensor
from rotator_assets_tests.test_cli import ROTATORS, complaint, rotators

pytestmark = pytest.mark.chain
DATASET, RECIPE, OTHER_RECIPE = "manga-observed-64", "thesis", "r-band"


@pytest.fixture
def tables(finished_root):
    return TableStore(DataRoot(finished_root))


def test_every_table_of_the_chain_is_filled_and_marked_synthetic(tables):
    asked = {table.name for table in (*QUESTION_TABLES, *REFEREE_TABLES, *SALIENCY_TABLES)}
    for name in TABLES.keys() - {"dataset_comparison", "notices"} - asked:  # one dataset; and all of it is used
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
    rows, metrics = tables.query("FROM predictions"), tables.query("FROM model_metrics").iloc[0]
    assert metrics["auc"] == pytest.approx(roc_auc_score(rows["rotator_type"], rows["probability_fast"]))
    assert metrics["auc_low"] < metrics["auc"] < metrics["auc_high"]
    assert metrics["n_galaxies"] == len(rows) and metrics["n_slow"] == (rows["rotator_type"] == 0).sum()
    called_fast = metrics["true_fast"] + metrics["false_fast"]
    assert called_fast == rows["predicted_type"].sum()
    assert metrics["profile"] == "quick" and metrics["device"] and metrics["seconds"] > 0


def test_predictions_come_from_the_saved_networks(tables, finished_root):
    models = open_models(DataRoot(finished_root).models / DATASET / RECIPE)
    tensor = open_tensor(DataRoot(finished_root).tensors / DATASET)
    row = tables.query("FROM predictions ORDER BY galaxy_id LIMIT 1").iloc[0]
    from rotator_assets.learning.training import predict_logits

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
    for name in ("roc", "gallery", "outcomes", "scores", "history", "attributions", "mean_attributions"):
        assert (folder / DATASET / RECIPE / f"{name}.png").stat().st_size > 5_000
    assert (folder / DATASET / "recipes.png").is_file() and (folder / "manga" / "spin_ellipticity.png").is_file()


def test_the_database_file_answers_on_its_own(finished_root):
    with duckdb.connect(str(DataRoot(finished_root).database), read_only=True) as connection:
        assert connection.sql("SELECT count(*) FROM model_metrics").fetchall() == [(1,)]


@pytest.fixture
def changed_root(finished_root, tmp_path):
    """A copy to change; its Dagster instance comes along."""
    root = tmp_path / "root"
    shutil.copytree(finished_root, root, copy_function=shutil.copy2)
    return DataRoot(root)


def test_runs_and_checks_show_in_the_roots_own_instance(changed_root):
    with Runner(changed_root) as runner:
        assert all(run.status == dg.DagsterRunStatus.SUCCESS for run in runner.instance.get_runs())
        event = runner.instance.get_latest_materialization_event(dg.AssetKey("roc_report"))
        metadata = event.asset_materialization.metadata
        assert metadata["figure_roc"].md_str.startswith("![roc](data:image/png;base64,")
        assert 0 <= metadata["auc"].value <= 1
        every = list(runner.definitions.resolve_asset_graph().asset_check_keys)
        done = runner.instance.event_log_storage.get_latest_asset_check_execution_by_key(every)
        asked_for = {"attribution_tests"}
        assert {key.name for key in done} == {key.name for key in every if key.asset_key.path[0] not in asked_for}
        failed = {key.name for key, record in done.items() if record.status.value != "SUCCEEDED"}
        assert failed <= {"attributions_are_complete"}  # a warning: few steps and a network of few galaxies


def _reasons(root: DataRoot) -> dict[tuple[str, str], str]:
    """Why each stale asset and partition is stale."""
    with Runner(root) as runner:
        runner.observe()
        return {(asset, partition): reason for asset, partition, reason in runner.staleness().stale()}


def _stale(root: DataRoot) -> set[tuple[str, str]]:
    return set(_reasons(root))


def test_nothing_is_stale_after_a_run_and_upstream_is_not_made_again(changed_root):
    assert _stale(changed_root) == set()
    with Runner(changed_root) as runner:
        steps = [step for step in plan([DATASET], []) if not step.requested]
        outcome = runner.run(steps)
    assert outcome.done == [] and len(outcome.fresh) == len(steps) == 2


def test_a_changed_setting_makes_the_labels_of_its_survey_stale_and_nothing_else(changed_root):
    changed_root.settings.write_text("manga: {labels: {t_type_max: 0}}")
    reasons = _reasons(changed_root)
    assert set(reasons) == {(a, "manga") for a in ("galaxies", "labeled_galaxies", "lambda_r_agreement")}
    assert set(reasons.values()) == {"label_settings changed (labels.t_type_max: 2.0 -> 0.0)"}


def test_what_follows_from_a_changed_setting_names_the_asset_that_was_updated(changed_root):
    changed_root.settings.write_text("manga: {labels: {t_type_max: 0}}")
    with Runner(changed_root) as runner:
        assert not runner.run([step for step in plan([DATASET], []) if step.title == "catalogues of manga"]).failed
    reasons = _reasons(changed_root)
    assert "all_results changed (1 result changed (manga))" in reasons.pop(("study_report", WHOLE))
    assert reasons == {("labeled_images", DATASET): "labeled_galaxies was updated"}


def test_a_changed_image_makes_the_tensor_stale(changed_root):
    image = next((changed_root.survey("manga") / "images").glob("*.fits"))
    image.write_bytes(image.read_bytes())
    reason = f"image_files changed (1 file changed (images/{image.name}))"
    assert _reasons(changed_root) == {("image_tensors", DATASET): reason}


def test_a_changed_recipe_makes_its_trainings_stale_and_no_other(changed_root, monkeypatch):
    from rotator_assets.assets import inputs
    from rotator_assets.recipes import load_recipes

    recipes = load_recipes()
    changed = {**recipes, RECIPE: recipes[RECIPE].model_copy(update={"normalization": "log"})}
    monkeypatch.setattr(inputs, "load_recipes", lambda: changed)
    reason = "training_recipe changed (normalization: max_all -> log)"
    made_with_it = ("rotator_classifier", "predictions", "roc_report", "attribution_maps")
    assert _reasons(changed_root) == {(asset, f"{DATASET}|{RECIPE}"): reason for asset in made_with_it}
    log = recipes["log"].model_copy(update={"epochs": 3})
    monkeypatch.setattr(inputs, "load_recipes", lambda: {**recipes, "log": log})
    assert _stale(changed_root) == set()


@pytest.mark.parametrize(
    ("settings", "reason", "made_with_it"),
    [
        (
            {"attribution_steps": 9},
            "attribution_recipe changed (attribution_steps: 50 -> 9)",
            {"attribution_maps"},
        ),
        (
            {"test_time_averaging": True},
            "prediction_recipe changed (test_time_averaging: False -> True)",
            {"predictions", "roc_report", "attribution_maps"},
        ),
    ],
)
def test_networks_are_not_stale_where_they_are_to_be_asked_or_explained_otherwise(
    changed_root, write_recipe, settings, reason, made_with_it
):
    write_recipe(**settings)
    training = next(step for step in plan([DATASET], [RECIPE], only_stale=True) if step.is_training)
    assert _reasons(changed_root) == {(asset, f"{DATASET}|{RECIPE}"): reason for asset in made_with_it}
    with Runner(changed_root) as runner:
        assert set(runner.stale_part(training).assets) == made_with_it


def test_an_undone_change_is_no_change(changed_root):
    """Whoever saw the change: what counts is what the instance last heard of."""
    _stale(changed_root)
    changed_root.settings.write_text("manga: {labels: {t_type_max: 0}}")
    assert _stale(changed_root)
    changed_root.settings.unlink()
    assert _stale(changed_root) == set()


@pytest.fixture
def write_recipe(tmp_path, monkeypatch):
    """Writes a recipes file in place of the project's, in which RECIPE has these settings."""

    def write(**settings) -> Path:
        path = tmp_path / "recipes.yaml"
        path.write_text(yaml.safe_dump({"recipes": {RECIPE: settings, "log": {"normalization": "log"}}}))
        monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(path))
        return path

    return write


def test_several_edits_of_a_recipe_are_told_as_one_change_since_its_training(changed_root, write_recipe):
    for settings in ({"normalization": "log"}, {"normalization": "log", "epochs": 9}, {"epochs": 9, "bands": "r"}):
        write_recipe(**settings)
        reasons = _reasons(changed_root)
    assert set(reasons.values()) == {"training_recipe changed (bands: gri -> r; epochs: 20 -> 9)"}
    write_recipe()
    assert _reasons(changed_root) == {}


def test_an_edited_recipe_shows_in_status_and_is_trained_anew_by_run_stale(changed_root, write_recipe):
    first = TableStore(changed_root).query("SELECT recipe_version FROM model_metrics")["recipe_version"][0]
    write_recipe(normalization="log", epochs=2)
    told = rotators("status", data=changed_root.path)
    assert told.returncode == 0, told.stderr
    line = next(line for line in told.stdout.splitlines() if "rotator_classifier" in line)
    assert f"{DATASET}|{RECIPE}" in line and "normalization: max_all -> log" in line
    assert f"rotators run --stale --data {changed_root.path}" in told.stdout
    done = rotators("run", "--stale", data=changed_root.path)
    assert done.returncode == 0, done.stderr
    assert f"training {DATASET} {RECIPE}: done" in done.stdout and f"images {DATASET}: fresh" in done.stdout
    assert open_models(changed_root.models / DATASET / RECIPE).recipe.normalization == "log"
    assert TableStore(changed_root).query("SELECT recipe_version FROM model_metrics")["recipe_version"][0] != first
    assert "nothing is stale" in rotators("status", data=changed_root.path).stdout


def test_status_with_an_error_in_recipes_or_settings_tells_the_inputs_and_one_line(changed_root, write_recipe):
    recipes = write_recipe(normalisation="log")
    done = rotators("status", data=changed_root.path)
    assert str(recipes) in complaint(done) and "normalisation" in complaint(done)
    assert "manga-morphology-dl-DR15.fits" in done.stdout and "deep-learning morphology" in done.stdout
    write_recipe()
    changed_root.settings.write_text("manga: {labels: {ttype: 3}}")
    done = rotators("status", data=changed_root.path)
    assert "manga.labels.ttype" in complaint(done) and "manga-morphology-dl-DR15.fits" in done.stdout


def test_a_recipe_taken_out_stops_neither_status_nor_run_stale(changed_root, write_recipe):
    path = write_recipe()
    path.write_text("recipes: {log: {normalization: log}, brand-new: {}}")
    for arguments in (["status"], ["run", "--stale"]):
        done = rotators(*arguments, data=changed_root.path)
        assert done.returncode == 0, done.stderr
        assert "nothing is stale" in done.stdout and RECIPE not in done.stdout


def test_stale_partitions_are_planned_with_what_comes_before_them():
    stale = [("rotator_classifier", f"{DATASET}|{RECIPE}"), ("image_tensors", "tng100-noiseless-64")]
    steps = plan_stale([*stale, ("recipe_comparison", "manga-observed-128")])
    assert [step.title for step in steps] == [
        "catalogues of manga",
        "images manga-observed-64",
        "training manga-observed-64 thesis",
        "comparison manga-observed-64",
        "catalogues of tng100",
        "images tng100-noiseless-64",
        "comparison manga-observed-128",
        "study report",
    ]


def _start_training(root: DataRoot) -> subprocess.Popen:
    """`rotators run` of a second training on a finished root, once that is at work."""
    command = [ROTATORS, "run", "-d", DATASET, "-r", OTHER_RECIPE, "--data", str(root.path)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # As in a terminal, however the tests were started.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    for _ in range(600):
        if list((root.models / DATASET / OTHER_RECIPE).glob("training-*")) or process.poll() is not None:
            break
        time.sleep(0.2)
    time.sleep(1)
    return process


def test_an_interrupted_run_says_so_in_one_line_and_leaves_nothing_half_done(changed_root):
    process = _start_training(changed_root)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130 and errors.splitlines() == ["rotators: interrupted; what was finished is kept"]
    assert TableStore(changed_root).query("SELECT DISTINCT recipe FROM training_folds")["recipe"].tolist() == [RECIPE]
    assert open_models(changed_root.models / DATASET / RECIPE)
    with pytest.raises(FileNotFoundError):
        open_models(changed_root.models / DATASET / OTHER_RECIPE)


def test_a_killed_run_counts_as_failed_and_holds_the_training_pool_no_longer(changed_root):
    process = _start_training(changed_root)
    with Runner(changed_root) as runner:
        assert dg.DagsterRunStatus.STARTED in {run.status for run in runner.instance.get_runs()}  # at work: left alone
    process.kill()
    process.communicate(timeout=60)
    with Runner(changed_root) as runner:
        statuses = {run.status for run in runner.instance.get_runs()}
    assert statuses == {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE}


def test_images_marked_synthetic_mark_all_that_is_made_of_them(small_demo_root, tmp_path):
    from astropy.io import fits

    root = DataRoot(tmp_path / "root")
    shutil.copytree(small_demo_root, root.path)
    shutil.rmtree(root.survey("manga") / "maps")
    for path in (root.survey("manga") / "catalogs").glob("*.fits"):
        fits.delval(path, "SYNTHET")
    steps = [step for step in plan([DATASET], []) if step.title.startswith(("catalogues", "images"))]
    with Runner(root) as runner:
        assert not runner.run(steps).failed
    tables = TableStore(root)
    assert tables.query("SELECT bool_or(synthetic) AS s FROM galaxies")["s"].tolist() == [False]
    for table in ("images", "labeled_images"):
        assert tables.query(f"SELECT bool_and(synthetic) AS s FROM {table}")["s"].tolist() == [True]
    assert open_tensor(root.tensors / DATASET).synthetic


def test_too_few_galaxies_for_the_folds_is_status_2_and_upstream_is_kept(small_demo_root, tmp_path):
    root = tmp_path / "root"
    shutil.copytree(small_demo_root, root)
    (root / "settings.yaml").write_text("manga: {labels: {t_type_max: -2.9}}")
    line = complaint(rotators("run", "-d", DATASET, "-r", RECIPE, data=root))
    assert "fold" in line
    assert TableStore(DataRoot(root)).query("SELECT count(*) AS n FROM galaxies")["n"][0] >= 90
    assert open_tensor(DataRoot(root).tensors / DATASET).images.shape[0] > 50


def test_one_failing_dataset_does_not_stop_the_others(small_demo_root, tmp_path):
    root = DataRoot(tmp_path / "root")
    shutil.copytree(small_demo_root, root.path)
    for image in (root.survey("manga") / "images").glob("*.fits"):
        _cut(image, 80)
    with Runner(root) as runner:
        outcome = runner.run(
            [s for s in plan(["manga-observed-128", DATASET], []) if s != REPORT and s.assets[0] != "recipe_comparison"]
        )
        assert outcome.failed == {}
        with pytest.raises(Exception, match="80 x 80 pixels, smaller than the 128-pixel crop"):
            runner.materialize(
                Step(
                    "training",
                    ("rotator_classifier",),
                    dg.MultiPartitionKey({"dataset": "manga-observed-128", "recipe": RECIPE}),
                )
            )
    listed = TableStore(root).query("SELECT DISTINCT usable FROM images WHERE dataset = 'manga-observed-128'")
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
