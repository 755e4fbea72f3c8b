"""The report in a real browser: accessible in both themes, usable by keyboard, and complete in print."""

import re

import pytest

from rotator_assets.report.printing import print_report
from rotator_assets_tests.ui_driver import NEEDS_BROWSER, open_browser, open_page, screenshot

pytestmark = NEEDS_BROWSER

MARGIN_PX = 45
A4_PX = {":not(.wide)": 794 - 2 * MARGIN_PX, ".wide": 1123 - 2 * MARGIN_PX}
"""Width of a printed page between its margins in CSS pixels, by the tables on it; wide ones are in landscape."""


@pytest.fixture(scope="module")
def browser_page():
    with open_browser() as browser, open_page(browser) as page:
        yield page


@pytest.fixture
def page(browser_page, finished_root, request):
    """The report as it opens."""
    browser_page.emulate_media(media="screen", color_scheme="light")
    browser_page.set_viewport_size({"width": 1300, "height": 900})
    browser_page.goto((finished_root / "results" / "study_report.html").as_uri())
    yield browser_page
    screenshot(browser_page, request.node.name)


def open_everything(page) -> None:
    page.get_by_role("button", name="Open all sections").click()


def violations(page) -> list[str]:
    """What axe-core finds against WCAG 2.1 A and AA and its best practices."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]}" for one in found]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_is_accessible(page, scheme):
    page.emulate_media(color_scheme=scheme)
    assert violations(page) == []
    open_everything(page)
    assert violations(page) == []


def test_the_first_page_opens_alone_and_fits_its_width(page):
    assert page.locator("details[open]").count() == 0
    assert page.locator(".sentences li").count() >= 3
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_a_link_of_the_answer_opens_its_section(page):
    link = page.locator(".sentences a").first
    anchor = link.get_attribute("href").removeprefix("#")
    link.click()
    assert page.locator(f"#{anchor}").is_visible() and page.locator(f"#{anchor}").get_attribute("open") is not None


def test_the_contents_mark_the_section_at_the_top(page):
    page.locator("nav a", has_text="Galaxies and labels").click()
    page.locator('nav a[aria-current="true"]', has_text="Galaxies").first.wait_for()


def test_sections_open_by_keyboard(page):
    summary = page.locator("details > summary").first
    summary.focus()
    page.keyboard.press("Enter")
    assert page.locator("details").first.get_attribute("open") is not None


def test_the_theme_is_that_of_the_system_until_changed(page):
    def background() -> str:
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    light = background()
    page.emulate_media(color_scheme="dark")
    dark = background()
    assert light == "rgb(255, 255, 255)" and dark != light
    page.get_by_role("button", name="Light or dark").click()
    assert background() == light
    page.evaluate("localStorage.clear()")


def test_tables_sort_and_filter(page):
    open_everything(page)
    table = page.locator("figure.table", has_text="Baselines on the same galaxies").first
    heading = table.locator("th", has_text="AUC").first
    rows = table.locator("tbody tr")
    column = heading.evaluate("head => head.cellIndex")

    def shown() -> list[float]:
        return [float(rows.nth(n).locator("td").nth(column).inner_text().split()[0]) for n in range(rows.count())]

    heading.get_by_role("button").click()
    assert shown() == sorted(shown()) and heading.get_attribute("aria-sort") == "ascending"
    heading.get_by_role("button").click()
    assert shown() == sorted(shown(), reverse=True) and len(set(shown())) > 1
    long = page.locator("figure.table", has=page.locator(".filter")).first
    before = long.locator("tbody tr:visible").count()
    word = long.locator("tbody tr").last.locator("td").first.inner_text()
    long.get_by_label("Filter rows").fill(word)
    assert 0 < long.locator("tbody tr:visible").count() < before


def test_misclassified_galaxies_are_searched_and_ordered(page):
    open_everything(page)
    gallery = page.locator(".gallery").first
    cards, status = gallery.locator(".card:visible"), gallery.get_by_role("status")
    total = cards.count()
    gallery.get_by_label("Order").select_option("spin up")
    spins = [float(cards.nth(n).get_attribute("data-spin")) for n in range(total)]
    assert spins == sorted(spins)
    name = cards.first.locator("b").inner_text()
    gallery.get_by_label("Search").fill(name)
    assert cards.count() == 1 and status.inner_text() == f"1 of {total} galaxies shown"
    assert all(cards.first.locator("img").nth(n).evaluate("image => image.naturalWidth") > 0 for n in range(2))


def test_wide_tables_say_that_they_scroll(page):
    open_everything(page)
    page.set_viewport_size({"width": 700, "height": 900})
    page.wait_for_function("document.querySelector('.scrolls')")
    hints = page.locator(".scrolls + .hint")
    assert hints.count() >= 1 and hints.first.is_visible()


@pytest.mark.parametrize("tables", A4_PX)
def test_no_table_is_cut_off_in_print(page, tables):
    open_everything(page)
    page.emulate_media(media="print")
    page.set_viewport_size({"width": A4_PX[tables], "height": 1123})
    too_wide = page.evaluate(
        """tables => [...document.querySelectorAll(`figure.table${tables} table`)]
        .filter(table => table.getBoundingClientRect().right > innerWidth + 1)
        .map(table => table.closest("figure").id)""",
        tables,
    )
    assert too_wide == []
    assert not page.locator("nav").is_visible() and not page.locator(".filter").first.is_visible()


@pytest.mark.parametrize("pages", ["first", "all"])
def test_pdf_files_have_a4_pages(page, finished_root, tmp_path, pages):
    pdf = print_report(finished_root / "results" / "study_report.html", tmp_path / "report.pdf", pages).read_bytes()
    count = len(re.findall(rb"/Type\s*/Page\b", pdf))
    sizes = {tuple(round(float(side)) for side in box.split()[2:]) for box in re.findall(rb"/MediaBox ?\[(.*?)\]", pdf)}
    assert sizes <= {(595, 842), (842, 595)}
    assert count == 1 if pages == "first" else count > 5
