"""Drives the real Dagster UI: a server and daemon over one data root, and a page of a headless chromium."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets_tests.programs import users_variables

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
NEEDS_BROWSER = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine (Debian: apt-get install chromium)"),
]
"""Marks of a module that drives the UI."""


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
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["data"]

    def wait_until(self, true: Callable[[], bool], seconds: float, what: str) -> None:
        """Until the condition holds; an assertion fails, with the end of the log, where it does not in this time."""
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


@contextmanager
def running_ui(root: Path, log: Path, seconds: float = 180) -> Iterator[Ui]:
    """`rotators ui` over a data root, from when its code location is loaded, which must not take longer."""
    ui = Ui(root, log)
    try:
        ui.wait_until(ui.location_is_loaded, seconds, "the code location loads")
        yield ui
    finally:
        ui.stop()


@contextmanager
def open_browser() -> Iterator:
    """A headless chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS, env=users_variables())
        yield browser
        browser.close()


@contextmanager
def open_page(browser) -> Iterator:
    """An empty page, without what earlier pages have stored."""
    with browser.new_context(viewport={"width": 1500, "height": 950}) as context:
        page = context.new_page()
        page.set_default_timeout(60_000)
        yield page


def screenshot(page, name: str) -> None:
    """Keep what the page shows as a PNG, where ROTATORS_SCREENSHOTS names a folder."""
    if folder := os.environ.get("ROTATORS_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")
