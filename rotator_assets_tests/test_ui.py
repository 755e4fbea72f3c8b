"""The real Dagster UI in a real browser: the asset graph, a partition materialized by clicking, figures, the report."""

import shutil
import urllib.error
import urllib.request

import psutil
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
