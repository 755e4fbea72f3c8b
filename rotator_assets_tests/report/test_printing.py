"""Without a browser that prints, one line says what to do."""

import pytest

from rotator_assets.core.errors import InputError
from rotator_assets.report.printing import print_report


@pytest.fixture
def report(tmp_path):
    path = tmp_path / "study_report.html"
    path.write_text("<p>Report</p>")
    return path


def test_without_chromium_the_reason_says_what_to_install(report, monkeypatch):
    monkeypatch.setenv("ROTATORS_CHROMIUM", "no-such-browser")
    with pytest.raises(InputError, match="a PDF needs Chromium"):
        print_report(report, report.with_suffix(".pdf"), "all")


@pytest.mark.parametrize("program", ["echo out of memory >&2; exit 1", "exit 0"])
def test_a_browser_that_does_not_print_is_named_and_the_old_file_stays(report, monkeypatch, program):
    browser = report.parent / "browser"
    browser.write_text(f"#!/bin/sh\n{program}\n")
    browser.chmod(0o755)
    monkeypatch.setenv("ROTATORS_CHROMIUM", str(browser))
    pdf = report.with_suffix(".pdf")
    pdf.write_text("earlier")
    with pytest.raises(InputError, match=r"browser: does not print the report: (out of memory|no reason given)"):
        print_report(report, pdf, "first")
    assert pdf.read_text() == "earlier" and len(list(report.parent.iterdir())) == 3
