"""The real Dagster UI in a real browser: the asset graph, a partition materialized by clicking, a picture shown."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from rotator_assets.data_root import DataRoot
from rotator_assets.storage.tables import TableStore

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine (Debian: apt-get install chromium)"),
]
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


class Ui:
    """A running UI over one data root."""

    def __init__(self, root: Path, log: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.root, self.log, self.url = DataRoot(root), log, f"http://127.0.0.1:{port}"
        command = [str(Path(sys.executable).with_name("rotators")), "ui", "--data", str(root), "--port", str(port)]
        self.process = subprocess.Popen(
            command, stdout=log.open("w"), stderr=subprocess.STDOUT, start_new_session=True, cwd=log.parent
        )

    def graphql(self, query: str) -> dict:
        request = urllib.request.Request(
            f"{self.url}/graphql", json.dumps({"query": query}).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)["data"]

    def wait_until(self, true, seconds: float, what: str) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if true():
                    return
            except OSError:
                pass
            time.sleep(1)
        raise AssertionError(f"{what} within {seconds} s; the log ends: {self.log.read_text()[-3000:]}")

    def location_is_loaded(self) -> bool:
        entries = self.graphql(
            "{workspaceOrError{...on Workspace{locationEntries{loadStatus locationOrLoadError{__typename}}}}}"
        )["workspaceOrError"]["locationEntries"]
        assert not any((e["locationOrLoadError"] or {}).get("__typename") == "PythonError" for e in entries)
        return bool(entries) and all(e["loadStatus"] == "LOADED" for e in entries)

    def run_statuses(self) -> list[str]:
        return [
            run["status"]
            for run in self.graphql("{runsOrError{...on Runs{results{status}}}}")["runsOrError"]["results"]
        ]

    def stop(self) -> None:
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def ui(finished_root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ui")
    shutil.copytree(finished_root, folder / "root", copy_function=shutil.copy2)
    running = Ui(folder / "root", folder / "ui.log")
    try:
        running.wait_until(running.location_is_loaded, 180, "the code location loads")
        yield running
    finally:
        running.stop()


@pytest.fixture
def page(ui):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1500, "height": 950})
        page.set_default_timeout(60_000)
        yield page
        if folder := os.environ.get("ROTATORS_SCREENSHOTS"):
            page.screenshot(path=f"{folder}/{os.environ['PYTEST_CURRENT_TEST'].split('::')[1].split(' ')[0]}.png")
        browser.close()


def test_the_asset_graph_shows_every_group(ui, page):
    page.goto(f"{ui.url}/asset-groups")
    for group in ("inputs", "catalogs", "galaxies", "images", "learning", "reports"):
        page.get_by_text(group, exact=True).first.wait_for()


def test_a_group_opens_into_its_assets(ui, page):
    page.goto(f"{ui.url}/locations/rotator_assets/asset-groups/learning/lineage")
    for asset in ("rotator_classifier", "predictions"):
        page.get_by_text(asset, exact=True).first.wait_for()


def test_a_partition_is_materialized_by_clicking(ui, page):
    tables = TableStore(ui.root)
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
