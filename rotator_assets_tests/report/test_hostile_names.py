"""Names and comments that are HTML, in the report, as a real browser shows it: text, of which nothing runs."""

from datetime import UTC, datetime

import pandas as pd

from rotator_assets.answer.funnel import FunnelStep
from rotator_assets.report.page import (
    Answer,
    FirstPage,
    ReportContext,
    ReportFigure,
    ReportSection,
    ReportTable,
    save_report,
)
from rotator_assets_tests.report.test_page import _png
from rotator_assets_tests.ui_driver import NEEDS_BROWSER, open_browser, open_page

pytestmark = NEEDS_BROWSER

NAMES = (
    "<script>document.title = 'ran'</script>",
    "<img src=x onerror=\"document.title = 'ran'\">",
    '"><svg onload="document.title = \'ran\'">',
    "</script><script>document.title = 'ran'</script>",
    "<a href=\"javascript:document.title = 'ran'\">8000-1901</a>",
    "</style></title><iframe srcdoc=\"<script>parent.document.title = 'ran'</script>\">",
    "'); DROP TABLE galaxies; --",
)


def test_names_are_text_in_every_part_of_the_report(tmp_path):
    name = " ".join(NAMES)
    table = ReportTable(name, pd.DataFrame({"galaxy_id": NAMES, name: range(len(NAMES))}), note=name)
    inner = ReportSection(name, "inner", name, figures=[ReportFigure(name, _png(), 9)])
    context = ReportContext(
        title=name,
        synthetic=True,
        generated_at=datetime(2025, 3, 4, tzinfo=UTC),
        versions={name: name},
        sections=[ReportSection(name, "outer", name, tables=[table], subsections=[inner])],
        first_page=FirstPage(
            answers=[Answer(name, "inner")],
            forest=_png(),
            forest_caption=name,
            funnel=[FunnelStep(name, 2, name)],
            funnel_title=name,
            caveats=[name],
        ),
    )
    path = save_report(context, tmp_path / "report.html")
    with open_browser() as browser, open_page(browser) as page:
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("dialog", lambda dialog: asked.append(dialog.message))
        page.goto(path.as_uri())
        page.get_by_role("button", name="Open all sections").click()
        page.wait_for_timeout(200)
        assert page.title() != "ran" and [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
        assert page.locator("script").count() == 1 and page.locator("iframe, svg[onload], [onerror]").count() == 0
        assert page.locator("a[href^='javascript:']").count() == 0
        shown = page.locator("body").inner_text()
        assert all(one in shown for one in NAMES)
