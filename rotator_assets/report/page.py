"""The HTML page of the study report: one file with all figures and tables that opens without a network."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import jinja2
import pandas as pd
from markupsafe import Markup, escape

from rotator_assets.answer.funnel import FunnelStep
from rotator_assets.answer.sentences import QUESTION
from rotator_assets.core.files import replacing
from rotator_assets.report.embedding import Embedded, embedded
from rotator_assets.report.misclassified import Gallery, in_numbers
from rotator_assets.report.table_view import MAX_ROWS, table_view
from rotator_assets.store.columns import Column

MAX_BYTES = 15_000_000
_HERE = Path(__file__).parent
_RESERVED = ("answer", "contents")
_FIGURES = re.compile(r"\b(figures? )((?:S?\d+(?:, | and )?)+)")


@dataclass(frozen=True)
class ReportFigure:
    """A figure: its PNG (bytes or file) and, if it reproduces a figure of the study, the number of that figure.

    Figures without a number are numbered S1, S2 and so on.
    """

    caption: str
    png: bytes | Path
    number: int | None = None
    synthetic: bool | None = None
    """Whether it shows synthetic data; None means the same as the whole report."""


@dataclass(frozen=True)
class ReportTable:
    """A table; its note says where in the database the numbers are, ``columns`` what they mean."""

    caption: str
    frame: pd.DataFrame
    note: str = ""
    synthetic: bool | None = None
    columns: Mapping[str, Column] = field(default_factory=dict)


@dataclass(frozen=True)
class ReportSection:
    """A section, collapsed until opened. ``intro`` is plain text with blank lines between paragraphs."""

    title: str
    anchor: str
    intro: str = ""
    figures: Sequence[ReportFigure] = ()
    tables: Sequence[ReportTable] = ()
    galleries: Sequence[Gallery] = ()
    subsections: Sequence[ReportSection] = ()


@dataclass(frozen=True)
class Answer:
    """One sentence of the answer, and the anchor of the section with its details."""

    sentence: str
    anchor: str = ""


@dataclass(frozen=True)
class FirstPage:
    """The answer on one page: sentences, forest plot (PNG) with its alternative text, funnel and caveats."""

    answers: Sequence[Answer] = ()
    forest: bytes | None = None
    forest_caption: str = ""
    funnel: Sequence[FunnelStep] = ()
    funnel_title: str = ""
    caveats: Sequence[str] = ()
    definition: str = ""
    """Definition of slow rotators."""


@dataclass(frozen=True)
class ReportContext:
    """Content of the report."""

    title: str
    synthetic: bool
    generated_at: datetime
    versions: Mapping[str, str]
    first_page: FirstPage
    sections: Sequence[ReportSection]


def render_report(context: ReportContext, *, max_bytes: int = MAX_BYTES) -> str:
    """Return the report as HTML without external resources; its only script is inline and has its hash in the policy.

    All text is escaped. Pictures are embedded unchanged if the file stays below ``max_bytes``; otherwise the largest
    ones are compressed (WebP) until it does.

    Raises ValueError for a repeated or invalid anchor, a repeated figure number, a picture that is not a PNG, and
    pictures that do not fit.
    """
    sections = list(_all_sections(context.sections))
    _check_anchors([section.anchor for section in sections])
    figures = [figure for section in sections for figure in section.figures]
    labels = _labels(figures)
    first = [] if context.first_page.forest is None else [context.first_page.forest]
    pictures = [*first, *(figure.png for figure in figures)]
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    items = (item for section in sections for item in (*section.figures, *section.tables, *section.galleries))
    values = {
        "context": context,
        "question": QUESTION,
        "generated": f"{context.generated_at:%Y-%m-%d %H:%M %Z}".strip(),
        "banner": context.synthetic or any(item.synthetic for item in items),
        "labels": labels,
        "link_figures": lambda text: _link_figures(text, set(labels)),
        "style": (_HERE / "page.css").read_text(encoding="utf-8"),
        "script": script,
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
    }
    page = _environment().get_template("page.html.j2", globals=_IN_TEMPLATES)
    text_only = page.render(**values, pictures=[Embedded()] * len(pictures))
    room = (max_bytes - len(text_only.encode()) - 100 * len(pictures)) * 3 // 4  # base64 makes four bytes of three
    return page.render(**values, pictures=embedded(pictures, room))


def save_report(context: ReportContext, path: Path) -> Path:
    """Write the report atomically, and return its path."""
    with replacing(path) as temporary:
        temporary.write_text(render_report(context), encoding="utf-8")
    return path


def _all_sections(sections: Sequence[ReportSection]) -> Iterator[ReportSection]:
    """Iterate over sections and their subsections in the order of the page."""
    for section in sections:
        yield section
        yield from _all_sections(section.subsections)


def _check_anchors(anchors: list[str]) -> None:
    for anchor in anchors:
        valid = re.fullmatch(r"[A-Za-z][\w-]*", anchor) and anchor not in _RESERVED
        if anchors.count(anchor) > 1 or not valid:
            raise ValueError(f"section anchor '{anchor}' must be unique: a letter, then letters, digits, - and _")


def _labels(figures: Sequence[ReportFigure]) -> list[str]:
    """Return the label of each figure: its number in the study, else S1, S2 and so on."""
    numbered = [figure.number for figure in figures if figure.number is not None]
    if len(numbered) > len(set(numbered)):
        raise ValueError("two figures have the same number")
    labels, extra = [], 0
    for figure in figures:
        extra += figure.number is None
        labels.append(f"S{extra}" if figure.number is None else str(figure.number))
    return labels


def _link_figures(text: str, known: set[str]) -> Markup:
    """Return the text with links to the figures that it names, such as ``figures 9, 13``."""
    found = Markup("")
    last = 0
    for match in _FIGURES.finditer(text):
        linked = re.sub(
            r"S?\d+",
            lambda number: f'<a href="#figure-{number[0]}">{number[0]}</a>' if number[0] in known else number[0],
            match[2],
        )
        found += escape(text[last : match.start()]) + match[1] + Markup(linked)
        last = match.end()
    return found + escape(text[last:])


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _paragraphs(text: str) -> list[str]:
    return [part for part in re.split(r"\n\s*\n", text.strip()) if part]


_IN_TEMPLATES = {
    "table_view": table_view,
    "max_rows": MAX_ROWS,
    "paragraphs": _paragraphs,
    "in_numbers": in_numbers,
    "known": lambda value: "" if value != value else value,
}
"""What the template uses besides the values of a report."""
