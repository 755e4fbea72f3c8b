"""The real Dagster UI in a real browser: the asset graph, a partition materialized by clicking, a picture shown."""

import shutil

import pytest

from rotator_assets.tables import open_store
from rotator_assets_tests.ui_driver import NEEDS_BROWSER, open_page, running_ui, screenshot

pytestmark = NEEDS_BROWSER


@pytest.fixture(scope="module")
def ui(finished_root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ui")
    shutil.copytree(finished_root, folder / "root", copy_function=shutil.copy2)
    with running_ui(folder / "root", folder / "ui.log") as running:
        yield running


@pytest.fixture
def page(request):
    with open_page() as page:
        yield page
        screenshot(page, request.node.name)


def test_the_asset_graph_shows_every_group(ui, page):
    page.goto(f"{ui.url}/asset-groups")
    for group in ("inputs", "catalogs", "galaxies", "images", "learning", "reports"):
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
