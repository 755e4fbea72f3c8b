import base64
import io
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rotator_assets.report import page as report
from rotator_assets.report import study_verdicts as study
from rotator_assets.report.page import ReportContext, ReportFigure, ReportSection, ReportTable

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
        profile_note="Quick profile.",
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
                "thesis",
                "manga-thesis",
                figures=[
                    ReportFigure("ROC curve.", _png(), 9),
                    ReportFigure(f'"Scores" {HOSTILE}', file),
                ],
                level=3,
            ),
        ],
        study_table=study.study_comparison(pd.DataFrame(), pd.DataFrame(), pd.DataFrame(), synthetic=True),
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
        assert tag not in ("script", "link", "iframe", "object")
        for name, value in attributes.items():
            if name in ("src", "href"):
                assert value.startswith(("data:image/", "#"))
            assert not name.startswith("on")
    assert not re.search(r"https?:|//cdn|@import|url\(", html)


def test_a_figure_that_is_not_made_yet_says_what_it_needs(context):
    figures = [ReportFigure("needs tng100-noisy-64 with thesis", None, 27), ReportFigure("Scores.", _png())]
    page = _Page(report.render_report(replace(context, sections=[ReportSection("t", "t", figures=figures)])))
    assert "Figure 27 does not exist yet; it needs tng100-noisy-64 with thesis." in page.text
    assert "Figure S1. Synthetic data. Scores." in page.text
    assert sum(tag == "img" for tag, _ in page.tags) == 1


def test_two_figures_of_one_number_are_refused(context):
    figures = [ReportFigure("A.", _png(), 9), ReportFigure("B.", _png(), 9)]
    with pytest.raises(ValueError, match="same number"):
        report.render_report(replace(context, sections=[ReportSection("t", "t", figures=figures)]))


def test_hostile_text_is_shown_as_text(context):
    html = report.render_report(context)
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 5
    assert _Page(html).text.count(HOSTILE) >= 4


def test_figures_are_numbered_and_synthetic_ones_are_marked(context):
    html = report.render_report(context)
    text = _Page(html).text
    for piece in (
        "Figure 9. Synthetic data. ROC curve.",
        "Figure S1. Synthetic data.",
        "Table 1. Synthetic data.",
        "Table 2. Synthetic data. Galaxies.",
        "Written 2025-03-04 05:06 UTC",
        "tensorflow 2.21.0, keras 3.15.1",
        "Quick profile.",
        "Table galaxies in rotators.duckdb.",
    ):
        assert piece in text.replace(" .", ".")
    assert "SYNTHETIC DATA." in text
    ids = [attributes["id"] for _, attributes in _Page(html).tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [attributes["href"][1:] for tag, attributes in _Page(html).tags if tag == "a"]
    assert links == ["study", "galaxies", "manga-thesis"] and set(links) <= set(ids)


def test_a_report_of_real_data_does_not_claim_to_be_synthetic(context):
    real = replace(context, synthetic=False)
    assert "ynthetic data" not in _Page(report.render_report(replace(real, study_table=pd.DataFrame()))).text
    one = replace(context.sections[1], figures=[ReportFigure("Mock.", _png(), synthetic=True)])
    text = _Page(report.render_report(replace(real, sections=[one]))).text
    assert "Figure S1. Synthetic data. Mock." in text
    assert "Some figures and numbers below" in text


def test_small_pictures_are_embedded_unchanged(context):
    page = _Page(report.render_report(context))
    sources = [attributes["src"] for tag, attributes in page.tags if tag == "img"]
    assert [base64.b64decode(source.removeprefix("data:image/png;base64,")) for source in sources] == [_png()] * 2
    assert all(attributes["alt"] for tag, attributes in page.tags if tag == "img")


def test_large_pictures_shrink_until_the_report_fits_and_small_ones_stay(context):
    section = ReportSection("many", "many", figures=[ReportFigure(f"{k}", _png(300, True)) for k in range(6)]
                            + [ReportFigure("small", _png())])  # fmt: skip
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
    assert report.largest_size(sizes, room) == share
    assert sum(min(size, share) for size in sizes) <= room or not sizes


def test_other_formats_and_repeated_anchors_are_refused(context):
    with pytest.raises(ValueError, match="'A' is not a PNG"):
        report.render_report(
            replace(context, sections=[ReportSection("a", "a", figures=[ReportFigure("A", b"<svg/>")])])
        )
    for anchors in (["a", "a"], ["study"], ["a b"], ["1"], [""]):
        with pytest.raises(ValueError, match="anchor"):
            report.render_report(replace(context, sections=[ReportSection("t", anchor) for anchor in anchors]))


def test_the_saved_report_is_the_rendered_one(context, tmp_path):
    path = report.save_report(context, tmp_path / "results" / "study_report.html")
    assert path.read_text(encoding="utf-8") == report.render_report(context)
    assert list(path.parent.iterdir()) == [path]


def test_numbers_in_tables_are_readable():
    frame = pd.DataFrame(
        {
            "auc": [0.78123, np.nan, 0.5],
            "count": pd.array([4672, None, 3], dtype="Int64"),
            "whole": [1.0, 2.0, np.nan],
            "seconds": [1234.567, 2.5, 0.0],
            "error": [1e-5, 0.25, -0.0004],
            "early": pd.array([True, None, False], dtype="boolean"),
            "name": ["a", None, "x" * 40],
        }
    )
    cells = {name: (kind, texts) for name, kind, texts in report.table_cells(frame)}
    assert cells == {
        "auc": ("number", ["0.781", "–", "0.500"]),
        "count": ("number", ["4672", "–", "3"]),
        "whole": ("number", ["1", "2", "–"]),
        "seconds": ("number", ["1235", "2", "0"]),
        "error": ("number", ["1.0e-05", "0.250", "-4.0e-04"]),
        "early": ("word", ["yes", "–", "no"]),
        "name": ("text", ["a", "–", "x" * 40]),
    }


def test_long_tables_are_cut_and_say_so(context):
    table = ReportTable("Long.", pd.DataFrame({"n": range(5000)}), note="Table predictions.")
    html = report.render_report(replace(context, sections=[ReportSection("t", "t", tables=[table])]))
    assert "Table predictions. The first 200 of 5000 rows are shown." in _Page(html).text
    assert html.count("<tr>") < 250


def test_an_empty_report_is_rendered(context):
    empty = ReportTable("None yet.", pd.DataFrame({"dataset": []}))
    html = report.render_report(
        replace(context, sections=[ReportSection("t", "t", tables=[empty])], study_table=pd.DataFrame(), versions={})
    )
    assert "No rows." in _Page(html).text
