"""A finished chain whose inputs change, or whose next run is interrupted: what is stale, what is run, what stays."""

import shutil
import signal
import subprocess
import time
from pathlib import Path

import dagster as dg
import pytest
import yaml

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.keys import WHOLE
from rotator_assets.core.recipes_file import ENVIRONMENT_VARIABLE
from rotator_assets.orchestration.plans import plan, plan_stale
from rotator_assets.orchestration.runner import Runner
from rotator_assets.running import open_runner
from rotator_assets.store.columns import Table
from rotator_assets.store.models import open_models
from rotator_assets.store.table_store import TableStore
from rotator_assets.tables import TABLES, open_store
from rotator_assets_tests.commands import ROTATORS, complaint, rotators

pytestmark = pytest.mark.chain
SETTINGS_DECIDE = ("galaxies", "labeled_galaxies", "lambda_r_agreement", "label_sensitivity")
DATASET, RECIPE, OTHER_RECIPE = "manga-observed-64", "thesis", "r-band"
LONG = {"bands": "r", "architecture": "small", "epochs": 500, "patience": 500}
"""A training that starts fast and is seen at work."""


@pytest.fixture
def changed_root(finished_root, tmp_path):
    """A copy to change; its Dagster instance comes along."""
    root = tmp_path / "root"
    shutil.copytree(finished_root, root, copy_function=shutil.copy2)
    return DataRoot(root)


def test_runs_and_checks_show_in_the_roots_own_instance(changed_root):
    with open_runner(changed_root) as runner:
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
        # Warnings: few steps, and a network of few galaxies.
        assert failed <= {"attributions_are_complete", "auc_is_above_chance", "probabilities_are_calibrated"}


def test_every_asset_shows_columns_and_rows_of_all_its_tables(changed_root):
    store, not_run = open_store(changed_root), set()
    with open_runner(changed_root) as runner:
        tables = {asset: [t for t in TABLES.values() if asset in t.made_by] for asset in _assets(runner)}
        for asset in filter(tables.get, tables):
            event = runner.instance.get_latest_materialization_event(asset_key := dg.AssetKey(asset))
            if event is None:
                not_run.add(runner.definitions.resolve_assets_def(asset_key))
                continue
            made = event.asset_materialization
            for table in tables[asset]:
                prefix = "dagster" if made.metadata["dagster/table_name"].value == table.name else table.name
                columns = made.metadata[f"{prefix}/column_schema"].schema.columns
                assert [(c.name, c.type) for c in columns] == [(c.name, c.type) for c in table.columns], table.name
                rows = made.metadata[f"{prefix}/row_count"].value
                assert rows == _rows_written(store, table, asset, made.partition or WHOLE), (asset, table.name)
    # The others have the IO manager that describes every table.
    assert not_run and {asset.get_io_manager_key_for_asset_key(asset.key) for asset in not_run} == {"tables"}
    assert {group for asset in not_run for group in asset.group_names_by_key.values()} == {"robustness"}


def _assets(runner: Runner) -> list[str]:
    return [key.to_user_string() for key in runner.definitions.resolve_asset_graph().materializable_asset_keys]


def _rows_written(store: TableStore, table: Table, asset: str, partition: str) -> int:
    """Rows of a partition of an asset in a table, or of all trainings of the partition in a table of their history."""
    own = f"{partition}.{asset}" if table.shared else partition
    keys = [key for key in store.partitions(table.name) if f"{key}.".startswith(f"{own}.")]
    return sum(len(store.read(table.name, key)) for key in keys)


def _reasons(root: DataRoot) -> dict[tuple[str, str], str]:
    """Why each stale asset and partition is stale."""
    with open_runner(root) as runner:
        runner.observe()
        return {(asset, partition): reason for asset, partition, reason in runner.staleness().stale()}


def _stale(root: DataRoot) -> set[tuple[str, str]]:
    return set(_reasons(root))


def test_nothing_is_stale_after_a_run_and_upstream_is_not_made_again(changed_root):
    assert _stale(changed_root) == set()
    with open_runner(changed_root) as runner:
        steps = [step for step in plan([DATASET], []) if not step.requested]
        outcome = runner.run(steps)
    assert outcome.done == [] and len(outcome.fresh) == len(steps) == 2


def test_a_changed_label_setting_makes_only_its_survey_stale(changed_root):
    changed_root.settings.write_text("manga: {labels: {t_type_max: 0}}")
    reasons = _reasons(changed_root)
    assert set(reasons) == {(a, "manga") for a in SETTINGS_DECIDE}
    assert set(reasons.values()) == {"label_settings changed (labels.t_type_max: 2.0 -> 0.0)"}


def test_downstream_staleness_names_the_updated_asset(changed_root):
    changed_root.settings.write_text("manga: {labels: {t_type_max: 0}}")
    with open_runner(changed_root) as runner:
        assert not runner.run([step for step in plan([DATASET], []) if step.title == "catalogues of manga"]).failed
    reasons = _reasons(changed_root)
    assert "all_results changed (1 result changed (manga))" in reasons.pop(("study_report", WHOLE))
    imaged = ("labeled_images", "imaged_galaxies")
    assert reasons == {(asset, DATASET): "labeled_galaxies was updated" for asset in imaged}


def test_a_changed_image_makes_the_tensor_stale(changed_root):
    image = next((changed_root.survey("manga") / "images").glob("*.fits"))
    image.write_bytes(image.read_bytes())
    reason = f"image_files changed (1 file changed (images/{image.name}))"
    assert _reasons(changed_root) == {("image_tensors", DATASET): reason}


def test_a_changed_recipe_makes_its_trainings_stale_and_no_other(changed_root, monkeypatch):
    from rotator_assets.core.recipes_file import load_recipes
    from rotator_assets.lineage import inputs

    recipes = load_recipes()
    changed = {**recipes, RECIPE: recipes[RECIPE].model_copy(update={"normalization": "log"})}
    monkeypatch.setattr(inputs, "load_recipes", lambda: changed)
    reason = "training_recipe changed (normalization: max_all -> log)"
    made_with_it = (
        "rotator_classifier",
        "predictions",
        "roc_report",
        "galaxy_report",
        "candidates",
        "attribution_maps",
    )
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
            {"attribution_maps", "candidates"},
        ),
        (
            {"test_time_averaging": True},
            "prediction_recipe changed (test_time_averaging: False -> True)",
            {"predictions", "roc_report", "galaxy_report", "candidates", "attribution_maps"},
        ),
    ],
)
def test_prediction_and_attribution_settings_leave_networks_fresh(
    changed_root, write_recipe, settings, reason, made_with_it
):
    write_recipe(**settings)
    training = next(step for step in plan([DATASET], [RECIPE], only_stale=True) if step.is_training)
    assert _reasons(changed_root) == {(asset, f"{DATASET}|{RECIPE}"): reason for asset in made_with_it}
    with open_runner(changed_root) as runner:
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
        path.write_text(yaml.safe_dump({"recipes": {RECIPE: settings, OTHER_RECIPE: LONG}}))
        monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(path))
        return path

    return write


def test_several_edits_of_a_recipe_are_reported_as_one_change(changed_root, write_recipe):
    for settings in ({"normalization": "log"}, {"normalization": "log", "epochs": 9}, {"epochs": 9, "bands": "r"}):
        write_recipe(**settings)
        reasons = _reasons(changed_root)
    assert set(reasons.values()) == {"training_recipe changed (bands: gri -> r; epochs: 20 -> 9)"}
    write_recipe()
    assert _reasons(changed_root) == {}


def test_an_edited_recipe_is_stale_and_retrained_by_run_stale(changed_root, write_recipe):
    first = open_store(changed_root).query("SELECT recipe_version FROM model_metrics")["recipe_version"][0]
    write_recipe(normalization="log", architecture="small", epochs=1, attribution_steps=2, attribution_doublings=0)
    told = rotators("status", data=changed_root.path)
    assert told.returncode == 0, told.stderr
    line = next(line for line in told.stdout.splitlines() if "rotator_classifier" in line)
    assert f"{DATASET}|{RECIPE}" in line and "normalization: max_all -> log" in line
    assert f"rotators run --stale --data {changed_root.path}" in told.stdout
    done = rotators("run", "--stale", data=changed_root.path)
    assert done.returncode == 0, done.stderr
    assert f"training {DATASET} {RECIPE}: done" in done.stdout and f"images {DATASET}: fresh" in done.stdout
    assert open_models(changed_root.models / DATASET / RECIPE).recipe.normalization == "log"
    assert open_store(changed_root).query("SELECT recipe_version FROM model_metrics")["recipe_version"][0] != first
    assert "nothing is stale" in rotators("status", data=changed_root.path).stdout


def test_status_lists_inputs_despite_an_error_in_settings(changed_root, write_recipe):
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
    """`rotators run` of a second training on a finished root, once that has trained an epoch.

    Before, TensorFlow is imported, and an import may swallow an interrupt.
    """
    root.settings.write_text("profile: full")
    command = [ROTATORS, "run", "-d", DATASET, "-r", OTHER_RECIPE, "--data", str(root.path)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # As in a terminal, however the tests were started.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    for _ in range(1200):
        if list((root.models / DATASET / OTHER_RECIPE).glob(".checkpoints-*/*.npz")) or process.poll() is not None:
            break
        time.sleep(0.1)
    return process


def test_an_interrupted_run_reports_one_line_and_no_partial_results(changed_root, write_recipe):
    write_recipe()
    process = _start_training(changed_root)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130 and errors.splitlines() == ["rotators: interrupted; what was finished is kept"]
    assert open_store(changed_root).query("SELECT DISTINCT recipe FROM training_folds")["recipe"].tolist() == [RECIPE]
    assert open_models(changed_root.models / DATASET / RECIPE)
    with pytest.raises(FileNotFoundError):
        open_models(changed_root.models / DATASET / OTHER_RECIPE)


def test_a_killed_run_counts_as_failed_and_frees_the_training_pool(changed_root, write_recipe):
    write_recipe()
    process = _start_training(changed_root)
    with open_runner(changed_root) as runner:
        assert dg.DagsterRunStatus.STARTED in {run.status for run in runner.instance.get_runs()}  # at work: left alone
    process.kill()
    process.communicate(timeout=60)
    with open_runner(changed_root) as runner:
        statuses = {run.status for run in runner.instance.get_runs()}
    assert statuses == {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE}
