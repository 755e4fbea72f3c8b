"""The real Dagster UI in a real browser: the asset graph, a partition materialized by clicking, figures, the report.

After a recipe's normalization is edited, it shows what is stale and why, and a backfill retrains it. Comparison and
report follow by themselves, with the AUC of the database. `brief` and `r-brief`, which train fast, are edited together,
so that there are two partitions to backfill; `thesis` is not edited. All tests share one UI and one browser.
"""

import re
import shutil
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest
import yaml

from rotator_assets.core.digits import shown
from rotator_assets.core.number_text import with_interval
from rotator_assets.core.recipes_file import ENVIRONMENT_VARIABLE, RECIPES_FILE
from rotator_assets.tables import open_store
from rotator_assets_tests.commands import rotators
from rotator_assets_tests.ui_driver import NEEDS_BROWSER, Ui, open_browser, open_page, running_ui, screenshot

pytestmark = [*NEEDS_BROWSER, pytest.mark.timeout(1800)]
DATASET = "manga-observed-64"
EDITED, UNTOUCHED = ("brief", "r-brief"), "thesis"
FOLLOWS = {("recipe_comparison", DATASET), ("dataset_comparison", None), ("study_report", None)}
TRAINED = ("rotator_classifier", "predictions", "roc_report", "galaxy_report", "candidates", "attribution_maps")
STALE = {(asset, f"{DATASET}|{recipe}") for asset in TRAINED for recipe in EDITED}
CHANGE = "normalization: max_all -> log"


def _write_recipes(file: Path, normalization: str) -> None:
    """The recipes of the package and two that train fast, with the normalization of those that are edited."""
    content = yaml.safe_load(RECIPES_FILE.read_text())
    fast = {"epochs": 1, "architecture": "small", "attribution_steps": 2, "attribution_doublings": 0}
    fast["normalization"] = normalization
    content["recipes"] |= {"brief": fast, "r-brief": {**fast, "bands": "r"}}
    file.write_text(yaml.safe_dump(content, sort_keys=False))


@pytest.fixture(scope="module")
def recipes(finished_root, tmp_path_factory) -> Path:
    """The recipes file of the UI."""
    file = tmp_path_factory.mktemp("recipes") / "recipes.yaml"
    _write_recipes(file, "max_all")
    return file


@pytest.fixture(scope="module")
def ui(finished_root, recipes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ui")
    shutil.copytree(finished_root, folder / "root", copy_function=shutil.copy2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ENVIRONMENT_VARIABLE, str(recipes))
        recipes = [part for name in EDITED for part in ("-r", name)]
        done = rotators("run", "-d", DATASET, *recipes, "--jobs", "1", data=folder / "root")
        assert done.returncode == 0, done.stderr
        with running_ui(folder / "root", folder / "ui.log") as running:
            yield running


@pytest.fixture(scope="module")
def browser():
    with open_browser() as browser:
        yield browser


@pytest.fixture
def page(browser, request):
    with open_page(browser) as page:
        yield page
        screenshot(page, request.node.name)


def test_the_asset_graph_shows_every_group(ui, page):
    page.goto(f"{ui.url}/asset-groups")
    for group in ("catalogs", "galaxies", "images", "learning", "reports", "robustness"):
        page.get_by_text(group, exact=True).first.wait_for()


def test_a_group_opens_into_its_assets(ui, page):
    page.goto(f"{ui.url}/locations/rotator_assets/asset-groups/learning/lineage")
    for asset in ("rotator_classifier", "predictions"):
        page.get_by_text(asset, exact=True).first.wait_for()


def test_a_partition_is_materialized_by_clicking(ui, page):
    tables = open_store(ui.root)
    before = tables._versions("galaxies", "manga")
    runs = len(ui.run_statuses())
    page.goto(f"{ui.url}/assets/galaxies?view=overview")
    page.get_by_role("button", name="Materialize").first.click()
    page.get_by_text("Select a partition or create one").click()
    page.get_by_role("menuitem").filter(has_text="manga").click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Launch 1 run").click()
    ui.wait_until(lambda: len(ui.run_statuses()) > runs, 60, "the run starts")
    ui.wait_until(lambda: ui.run_statuses()[0] in ("SUCCESS", "FAILURE"), 180, "the run ends")
    assert ui.run_statuses()[0] == "SUCCESS"
    assert tables._versions("galaxies", "manga") != before
    page.goto(f"{ui.url}/runs")
    page.get_by_text("Success").first.wait_for()


def test_the_roc_picture_shows_in_the_assets_metadata(ui, page):
    page.goto(f"{ui.url}/assets/roc_report?view=events&partition=manga-observed-64%7Cthesis")
    page.get_by_text("figure_roc").first.wait_for()
    page.get_by_role("row").filter(has_text="figure_roc").get_by_text("Show Markdown").first.click()
    picture = page.locator("img[alt='roc']").first
    picture.wait_for()
    page.wait_for_timeout(500)
    assert picture.evaluate("image => image.naturalWidth") > 300
    assert picture.evaluate("image => image.clientWidth <= image.parentElement.clientWidth"), "wider than the dialog"


def test_the_report_opens_from_its_asset(ui, page):
    page.goto(f"{ui.url}/assets/study_report?view=events")
    with page.expect_popup() as opened:
        page.get_by_role("link", name="/study_report").first.click()
    report = opened.value
    report.wait_for_load_state()
    assert report.url == f"{ui.url}/study_report"
    assert report.locator("h1").first.inner_text() and report.locator("img").count() > 5
    assert report.evaluate("() => window.origin") == "null", "its scripts have no access to the server of the UI"
    with urllib.request.urlopen(report.url) as answer:
        assert answer.read() == ui.root.report.read_bytes()


def test_only_the_report_is_served_and_cannot_be_changed(ui):
    for method, path, status in (("POST", "/study_report", 405), ("GET", "/study_report/../rotators.duckdb", 200)):
        request = urllib.request.Request(ui.url + path, method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                assert answer.status == status and answer.read(15).lower() == b"<!doctype html>"  # a page of Dagster
        except urllib.error.HTTPError as error:
            assert error.code == status


def test_tags_that_the_user_has_not_set_are_hidden(ui, page):
    page.goto(f"{ui.url}/runs")
    page.get_by_text("Success").first.wait_for()
    assert page.get_by_text("rotators/").count() == 0


def test_only_this_machine_and_no_page_of_another_site_is_served(ui):
    processes = [psutil.Process(ui.process.pid)]
    processes += processes[0].children(recursive=True)
    listening = [c for p in processes for c in p.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert {connection.laddr.ip for connection in listening} == {"127.0.0.1"}
    address = f"{ui.url}/graphql?query=%7Bversion%7D"
    assert b"version" in urllib.request.urlopen(address).read()
    for header in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(urllib.request.Request(address, headers=header))


@pytest.mark.chain
def test_an_edited_normalization_is_stale_backfilled_and_kept(ui, page, recipes):
    first = _metrics(ui)
    assert set(first.index) == {*EDITED, UNTOUCHED}
    assert _stale(ui) == set()
    edited_at = time.time()

    _write_recipes(recipes, "log")
    _reload_the_code_location(ui, page)
    ui.wait_until(lambda: all(_told_since(ui, name, edited_at) == CHANGE for name in EDITED), 180, "the sensor tells")
    assert _stale(ui) == STALE
    _see_why(ui, page)

    backfill = _launch_backfill(ui, page)
    ui.wait_until(lambda: _backfill(ui, backfill)["status"] != "REQUESTED", 900, "the backfill ends")
    _see_it_succeeded(ui, page, backfill)
    assert _stale(ui) & STALE == set()
    assert _trained_one_after_the_other(_backfill(ui, backfill)["runs"])

    second = _metrics(ui)
    assert second.loc[UNTOUCHED].equals(first.loc[UNTOUCHED])
    history = open_store(ui.root).query(f"FROM model_metrics_history WHERE dataset = '{DATASET}' ORDER BY trained_at")
    for name in EDITED:
        kept = history[history["recipe"] == name]
        assert list(kept["auc"]) == [first.loc[name, "auc"], second.loc[name, "auc"]]
        assert list(kept["recipe_version"]) == [first.loc[name, "recipe_version"], second.loc[name, "recipe_version"]]
        assert kept["recipe_version"].nunique() == kept["run_id"].nunique() == 2
    assert (ui.root.figures / DATASET / EDITED[0] / "history_roc.png").stat().st_size > 5_000
    _see_the_new_auc(ui, page, second.loc[EDITED[0], "auc"])

    in_database = {row.Index: with_interval(row.auc, row.auc_low, row.auc_high) for row in second.itertuples()}
    ui.wait_until(lambda: _aucs_in_report(ui) == in_database, 300, "the report follows")
    ui.wait_until(lambda: _materialized_since(ui, edited_at) == STALE | FOLLOWS, 60, "nothing else is made")
    _see_that_the_report_is_current(ui, page)


def _aucs_in_report(ui: Ui) -> dict[str, str]:
    """AUC that the report's section on each training prints, by recipe."""
    text = ui.root.report.read_text()
    printed = rf'id="{DATASET}-%s" .*?AUC (\S+ \[.*?\])'
    return {recipe: re.search(printed % recipe, text, re.DOTALL).group(1) for recipe in _metrics(ui).index}


def _see_that_the_report_is_current(ui: Ui, page) -> None:
    page.goto(f"{ui.url}/assets/study_report?view=checks")
    page.get_by_text("everything is up to date").wait_for()
    screenshot(page, "backfill_6_report")
    assert _stale(ui) == set()


def _metrics(ui: Ui):
    """`model_metrics`, by recipe."""
    return open_store(ui.root).query(f"FROM model_metrics WHERE dataset = '{DATASET}'").set_index("recipe")


def _stale(ui: Ui) -> set[tuple[str, str | None]]:
    """Asset and partition of all that Dagster calls stale."""
    nodes = ui.graphql("{assetNodes{assetKey{path} isPartitioned isMaterializable staleStatus}}")["assetNodes"]
    made = [node for node in nodes if node["isMaterializable"]]
    whole = {(node["assetKey"]["path"][0], None) for node in made if node["staleStatus"] == "STALE"}
    names = [node["assetKey"]["path"][0] for node in made if node["isPartitioned"]]
    asked = [f'{n}: assetNodes(assetKeys: [{{path: ["{n}"]}}]) {{partitionKeys staleStatusByPartition}}' for n in names]
    answer = ui.graphql("{" + " ".join(asked) + "}")
    return whole | {
        (name, partition)
        for name, (node,) in answer.items()
        for partition, status in zip(node["partitionKeys"], node["staleStatusByPartition"], strict=True)
        if status == "STALE"
    }


def _told_since(ui: Ui, recipe: str, since: float) -> str | None:
    """What the newest observation of a recipe says has changed; None where it is older than a time in seconds."""
    query = '{assetNodes(assetKeys: [{path: ["training_recipe"]}]) {assetObservations(partitions: ["%s"], limit: 1)'
    told = "{timestamp metadataEntries {label ... on TextMetadataEntry {text}}}}}"
    (node,) = ui.graphql(query % recipe + told)["assetNodes"]
    (observation,) = node["assetObservations"]
    if float(observation["timestamp"]) / 1000 < since:
        return None
    return next(entry["text"] for entry in observation["metadataEntries"] if entry["label"] == "changed")


def _reload_the_code_location(ui: Ui, page) -> None:
    page.goto(f"{ui.url}/locations")
    with page.expect_response(lambda answer: "ReloadRepositoryLocationMutation" in (answer.request.post_data or "")):
        page.get_by_role("button").filter(has_text=re.compile("^Reload$")).click()
    ui.wait_until(ui.location_is_loaded, 120, "the code location is loaded again")


def _open_partition(ui: Ui, page, asset: str, recipe: str) -> None:
    page.goto(f"{ui.url}/assets/{asset}?view=partitions&partition={DATASET}%7C{recipe}")
    page.get_by_text("Latest materialization").wait_for()


def _see_why(ui: Ui, page) -> None:
    """The partition says that its recipe has changed, and the recipe says from what to what."""
    _open_partition(ui, page, "rotator_classifier", EDITED[0])
    page.get_by_text("Unsynced (1)").hover()
    page.get_by_text("1 upstream data version change").wait_for()
    page.get_by_text("training_recipe").first.wait_for()
    page.get_by_text("has a new data version").wait_for()
    screenshot(page, "backfill_1_stale")
    page.goto(f"{ui.url}/assets/training_recipe?view=events&partition={EDITED[0]}")
    page.get_by_role("row").filter(has_text="changed").get_by_text(CHANGE).first.wait_for()
    screenshot(page, "backfill_2_reason")
    page.goto(f"{ui.url}/locations/rotator_assets/sensors/input_changes")
    page.get_by_text(f"training_recipe {', '.join(EDITED)}: {CHANGE}").first.wait_for()
    screenshot(page, "backfill_2_tick")


def _launch_backfill(ui: Ui, page) -> str:
    """Launch, by clicking, the stale partitions of the job; returns the backfill's name."""
    page.goto(f"{ui.url}/locations/rotator_assets/jobs/train/partitions")
    page.get_by_role("button").filter(has_text="Materialize").click()
    dialog = page.get_by_role("dialog")
    for keys in ((DATASET,), EDITED):
        dialog.get_by_text("Select a partition or create one").first.click()
        for key in keys:
            page.get_by_placeholder("Filter partitions").fill(key)
            page.get_by_role("menuitem").filter(has=page.get_by_text(key, exact=True)).click()
        page.keyboard.press("Escape")
        page.get_by_placeholder("Filter partitions").wait_for(state="hidden")
    dialog.get_by_text("2 partitions", exact=True).wait_for()
    screenshot(page, "backfill_3_dialog")
    dialog.get_by_role("button").filter(has_text="Launch backfill").click()
    page.get_by_text("Created backfill").wait_for()
    answer = ui.graphql("{partitionBackfillsOrError{... on PartitionBackfills{results{id}}}}")
    (backfill,) = answer["partitionBackfillsOrError"]["results"]
    return backfill["id"]


def _backfill(ui: Ui, name: str) -> dict:
    asked = "{status partitionNames runs(limit: 10) {status startTime endTime}}"
    query = f'{{partitionBackfillOrError(backfillId: "{name}") {{... on PartitionBackfill {asked}}}}}'
    return ui.graphql(query)["partitionBackfillOrError"]


def _see_it_succeeded(ui: Ui, page, name: str) -> None:
    backfill = _backfill(ui, name)
    assert backfill["status"] == "COMPLETED_SUCCESS"
    assert set(backfill["partitionNames"]) == {partition for _, partition in STALE}
    page.goto(f"{ui.url}/runs?view=backfills")
    page.get_by_text(name, exact=True).wait_for()
    page.get_by_text("Success", exact=True).wait_for()
    screenshot(page, "backfill_4_done")


def _materialized_since(ui: Ui, since: float) -> set[tuple[str, str | None]]:
    """Asset and partition of all that any run has made since a time in seconds."""
    query = "{runsOrError{... on Runs{results{creationTime assetMaterializations{assetKey{path} partition}}}}}"
    return {
        (made["assetKey"]["path"][0], made["partition"])
        for run in ui.graphql(query)["runsOrError"]["results"]
        if run["creationTime"] > since
        for made in run["assetMaterializations"]
    }


def _trained_one_after_the_other(runs: list[dict]) -> bool:
    first, second = sorted(runs, key=lambda run: run["startTime"])
    return first["endTime"] <= second["startTime"]


def _see_the_new_auc(ui: Ui, page, auc: float) -> None:
    _open_partition(ui, page, "roc_report", EDITED[0])
    page.get_by_text(str(shown(auc)), exact=True).wait_for()
    page.get_by_text("figure_history_roc").wait_for()
    page.wait_for_load_state("networkidle")
    assert page.get_by_text("Unsynced").count() == 0
