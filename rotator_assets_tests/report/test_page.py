import base64
import hashlib
import io
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rotator_assets.answer.funnel import FunnelStep
from rotator_assets.core.errors import InputError
from rotator_assets.report import page as report
from rotator_assets.report.embedding import largest_size
from rotator_assets.report.page import Answer, FirstPage, ReportContext, ReportFigure, ReportSection, ReportTable

HOSTILE = "<script>alert('x')</script>"


def _png(width: int = 40, noise: bool = False) -> bytes:
    pixels = np.random.default_rng(1).integers(0, 256, (width, width, 3)) if noise else np.full((width, width, 3), 200)
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def context(tmp_path):
    file = tmp_path / "scores.png"
    file.write_bytes(_png())
    frame = pd.DataFrame({"galaxy_id": [HOSTILE, "8000-1901"], "auc": [0.78123, np.nan]})
    return ReportContext(
        title=f"Slow and fast rotators {HOSTILE}",
        synthetic=True,
        generated_at=datetime(2025, 3, 4, 5, 6, tzinfo=UTC),
        versions={"tensorflow": "2.21.0", "keras": "3.15.1"},
        sections=[
            ReportSection(
                "Galaxies",
                "galaxies",
                f"First.\n\nSecond {HOSTILE}.",
                tables=[
                    ReportTable("Galaxies.", frame, note="Table galaxies in rotators.duckdb."),
                ],
            ),
            ReportSection(
                "Trainings",
                "trainings",
                "See figures 9, 10.",
                subsections=[
                    ReportSection(
                        "thesis",
                        "manga-thesis",
                        figures=[
                            ReportFigure("ROC curve.", _png(), 9),
                            ReportFigure(f'"Scores" {HOSTILE}', file),
                        ],
                    )
                ],
            ),
        ],
        first_page=FirstPage(
            answers=[Answer(f"Synthetic data: AUC 0.8 {HOSTILE}.", "manga-thesis"), Answer("And so on.")],
            forest=_png(),
            forest_caption="AUCs.",
            funnel=[FunnelStep("in the catalogue", 200, ""), FunnelStep("tested", 132, "68 late type")],
            funnel_title="Galaxies",
            caveats=["Quick profile."],
        ),
    )


class _Page(HTMLParser):
    """Tags with their attributes, and the text between tags."""

    def __init__(self, html: str):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def test_the_report_loads_no_external_resources(context):
    html = report.render_report(context)
    page = _Page(html)
    for tag, attributes in page.tags:
        assert tag not in ("link", "iframe", "object")
        for name, value in attributes.items():
            if name in ("src", "href"):
                assert value.startswith(("data:image/", "#"))
            assert not name.startswith("on")
    assert not re.search(r"https?:|//cdn|@import|url\(", html)


def test_only_the_script_of_the_page_may_run(context):
    html = report.render_report(context)
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = [tag["content"] for name, tag in _Page(html).tags if tag.get("http-equiv") == "Content-Security-Policy"]
    assert f"script-src 'sha256-{digest}'" in policy and "default-src 'none'" in policy


def test_the_first_page_has_answers_with_links_funnel_and_caveats(context):
    html = report.render_report(context)
    text = _Page(html).text
    for piece in (
        "Can a convolutional network",
        "AUC 0.8",
        "200 in the catalogue",
        "lost: 68 late type",
        "Quick profile.",
    ):
        assert piece in text
    assert text.index("AUC 0.8") < text.index("in the catalogue") < text.index("Trainings", text.index("Quick"))
    assert 'href="#manga-thesis" aria-label="Details of result 1"' in html


def test_a_report_without_trainings_says_how_to_train(context):
    text = _Page(report.render_report(replace(context, first_page=FirstPage()))).text
    assert "No network has been trained yet" in text and "rotators run" in text


def test_sections_are_collapsed_and_subsections_within_them(context):
    html = report.render_report(context)
    assert "<details open" not in html
    outer, inner = html.index('<details id="trainings"'), html.index('<details id="manga-thesis"')
    assert outer < inner < html.index("</details>", inner)
    assert "<h3>thesis</h3>" in html and "<h2>Trainings</h2>" in html


def test_references_to_figures_are_links_where_they_exist(context):
    html = report.render_report(context)
    assert 'See figures <a href="#figure-9">9</a>, 10.' in html


def test_two_figures_of_one_number_are_refused(context):
    figures = [ReportFigure("A.", _png(), 9), ReportFigure("B.", _png(), 9)]
    with pytest.raises(ValueError, match="same number"):
        report.render_report(replace(context, sections=[ReportSection("t", "t", figures=figures)]))


def test_hostile_text_is_shown_as_text(context):
    html = report.render_report(context)
    assert html.count("<script") == 1
    assert html.count("&lt;script&gt;") >= 5
    assert _Page(html).text.count(HOSTILE) >= 4


def test_figures_are_numbered_and_synthetic_ones_are_marked(context):
    html = report.render_report(context)
    text = _Page(html).text
    for piece in (
        "Figure 9. Synthetic data. ROC curve.",
        "Figure S1. Synthetic data.",
        "Table 1. Synthetic data. Galaxies.",
        "Written 2025-03-04 05:06 UTC",
        "tensorflow 2.21.0, keras 3.15.1",
        "Quick profile.",
        "Table galaxies in rotators.duckdb.",
    ):
        assert piece in text.replace(" .", ".")
    assert "SYNTHETIC DATA." in text
    ids = [attributes["id"] for _, attributes in _Page(html).tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {attributes["href"][1:] for tag, attributes in _Page(html).tags if tag == "a"}
    assert links == {"answer", "galaxies", "trainings", "manga-thesis", "figure-9"} and links <= set(ids)


def test_a_report_of_real_data_does_not_claim_to_be_synthetic(context):
    real = replace(context, synthetic=False)
    real = replace(real, first_page=FirstPage())
    assert "ynthetic data" not in _Page(report.render_report(real)).text
    one = ReportSection("Mock", "mock", figures=[ReportFigure("Mock.", _png(), synthetic=True)])
    text = _Page(report.render_report(replace(real, sections=[one]))).text
    assert "Figure S1. Synthetic data. Mock." in text
    assert "Some figures and numbers below" in text


def test_small_pictures_are_embedded_unchanged(context):
    page = _Page(report.render_report(context))
    sources = [attributes["src"] for tag, attributes in page.tags if tag == "img"]
    assert [base64.b64decode(source.removeprefix("data:image/png;base64,")) for source in sources] == [_png()] * 3
    assert all(attributes["alt"] for tag, attributes in page.tags if tag == "img")
    assert all(attributes["width"] == "40" for tag, attributes in page.tags if tag == "img")


def test_large_pictures_shrink_until_the_report_fits_and_small_ones_stay(context):
    section = ReportSection("many", "many", figures=[ReportFigure(f"{k}", _png(300, True)) for k in range(6)]
                            + [ReportFigure("small", _png())])  # fmt: skip
    context = replace(context, first_page=FirstPage())
    full = report.render_report(replace(context, sections=[section]))
    limit = len(full) // 3
    html = report.render_report(replace(context, sections=[section]), max_bytes=limit)
    assert len(html.encode()) <= limit
    sources = [attributes["src"] for tag, attributes in _Page(html).tags if tag == "img"]
    assert sources[-1].startswith("data:image/png")
    for source in sources[:-1]:
        kind, data = source.split(";base64,")
        picture = Image.open(io.BytesIO(base64.b64decode(data)))
        assert kind == "data:image/webp" and picture.format == "WEBP"
    with pytest.raises(ValueError, match="too many pictures"):
        report.render_report(replace(context, sections=[section]), max_bytes=len(full) // 200)


@pytest.mark.parametrize(
    ("sizes", "room", "share"), [([], 5, 0), ([1, 2, 3], 6, 3), ([1, 2, 3], 5, 2), ([1, 10, 10], 11, 5), ([4, 4], 2, 1)]
)
def test_the_size_limit_lets_all_pictures_fit(sizes, room, share):
    assert largest_size(sizes, room) == share
    assert sum(min(size, share) for size in sizes) <= room or not sizes


def test_other_formats_and_repeated_anchors_are_refused(context):
    with pytest.raises(ValueError, match="picture: is not a PNG"):
        report.render_report(
            replace(context, sections=[ReportSection("a", "a", figures=[ReportFigure("A", b"<svg/>")])])
        )
    for anchors in (["a", "a"], ["answer"], ["a b"], ["1"], [""]):
        with pytest.raises(ValueError, match="anchor"):
            report.render_report(replace(context, sections=[ReportSection("t", anchor) for anchor in anchors]))


@pytest.mark.parametrize("damage", [b"", _png()[:-4], b"<svg/>"])
def test_a_damaged_picture_is_named_with_what_to_do(context, tmp_path, damage):
    (tmp_path / "scores.png").write_bytes(damage)
    with pytest.raises(InputError, match=r"scores.png: is damaged or no PNG; materialize"):
        report.render_report(context)


def test_the_saved_report_is_the_rendered_one(context, tmp_path):
    path = report.save_report(context, tmp_path / "results" / "study_report.html")
    assert path.read_text(encoding="utf-8") == report.render_report(context)
    assert list(path.parent.iterdir()) == [path]


def test_long_tables_are_cut_and_say_so(context):
    table = ReportTable("Long.", pd.DataFrame({"n": range(5000)}), note="Table predictions.")
    html = report.render_report(replace(context, sections=[ReportSection("t", "t", tables=[table])]))
    assert "Table predictions. The first 200 of 5000 rows are shown." in _Page(html).text
    assert html.count("<tr>") < 250 and "Filter rows" in html


def test_an_empty_report_is_rendered(context):
    empty = ReportTable("None yet.", pd.DataFrame({"dataset": []}))
    html = report.render_report(
        replace(context, sections=[ReportSection("t", "t", tables=[empty])], first_page=FirstPage(), versions={})
    )
    assert "No rows." in _Page(html).text
