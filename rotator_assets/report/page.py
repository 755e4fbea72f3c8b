"""The HTML page of the study report: one file with all figures and tables that opens without a network."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd

from rotator_assets.core.files import replacing
from rotator_assets.plots.style import numbers

TEMPLATE = "study_report.html.j2"
MAX_BYTES = 15_000_000
MAX_ROWS = 200
"""Largest number of rows shown per table; the database has all of them."""
_PNG = b"\x89PNG"
_SIZES = ((1200, 80), (960, 70), (800, 60), (800, 45), (650, 45), (500, 40), (300, 30))
"""Width in pixels and WebP quality of compressed pictures, best first; the page is about 960 pixels wide."""


@dataclass(frozen=True)
class ReportFigure:
    """A figure: its PNG (bytes or file) and, if it reproduces a figure of the study, the number of that figure.

    Figures without a number are numbered S1, S2 and so on. If ``png`` is None, the figure does not exist yet, and the
    caption says what it needs.
    """

    caption: str
    png: bytes | Path | None
    number: int | None = None
    synthetic: bool | None = None
    """Whether it shows synthetic data; None means the same as the whole report."""


@dataclass(frozen=True)
class ReportTable:
    """A table; its note says where in the database the numbers are."""

    caption: str
    frame: pd.DataFrame
    note: str = ""
    synthetic: bool | None = None


@dataclass(frozen=True)
class ReportSection:
    """A section. ``intro`` is plain text with blank lines between paragraphs; level 3 is a subsection."""

    title: str
    anchor: str
    intro: str = ""
    figures: Sequence[ReportFigure] = ()
    tables: Sequence[ReportTable] = ()
    level: int = 2


@dataclass(frozen=True)
class ReportContext:
    """Content of the report. ``study_table`` is from `study_comparison`."""

    title: str
    synthetic: bool
    profile_note: str
    generated_at: datetime
    versions: Mapping[str, str]
    sections: Sequence[ReportSection]
    study_table: pd.DataFrame = field(default_factory=pd.DataFrame)


def render_report(context: ReportContext, *, max_bytes: int = MAX_BYTES) -> str:
    """Return the report as HTML without scripts or external resources.

    All text is escaped. Pictures are embedded unchanged if the file stays below ``max_bytes``; otherwise the largest
    ones are compressed (WebP) until it does.

    Raises ValueError for a repeated or invalid anchor, a repeated figure number, a picture that is not a PNG, and
    pictures that do not fit.
    """
    anchors = [section.anchor for section in context.sections]
    for anchor in anchors:
        if anchors.count(anchor) > 1 or anchor == "study" or not re.fullmatch(r"[A-Za-z][\w-]*", anchor):
            raise ValueError(f"section anchor '{anchor}' must be unique: a letter, then letters, digits, - and _")
    figures = [figure for section in context.sections for figure in section.figures]
    numbered = [figure.number for figure in figures if figure.number is not None]
    if len(numbered) > len(set(numbered)):
        raise ValueError("two figures have the same number")
    page = _environment().get_template(TEMPLATE, globals=_IN_TEMPLATES)
    values = {
        "context": context,
        "generated": f"{context.generated_at:%Y-%m-%d %H:%M %Z}".strip(),
        "banner": context.synthetic
        or any(item.synthetic for s in context.sections for item in (*s.figures, *s.tables)),
    }
    text_only = page.render(**values, pictures=[""] * len(figures))
    room = (max_bytes - len(text_only.encode()) - 100 * len(figures)) * 3 // 4  # base64 makes four bytes of three
    return page.render(**values, pictures=_data_urls(figures, room))


def save_report(context: ReportContext, path: Path) -> Path:
    """Write the report atomically, and return its path."""
    with replacing(path) as temporary:
        temporary.write_text(render_report(context), encoding="utf-8")
    return path


def table_cells(frame: pd.DataFrame) -> list[tuple[str, str, list[str]]]:
    """Return the name, kind (``number``, ``word`` or ``text``) and first ``MAX_ROWS`` values of every column.

    Integers are written in full. Other numbers get the same number of decimals throughout a column, so that the largest
    has about four digits. Missing values are shown as a dash.
    """
    return [_column(str(name), frame[name].iloc[:MAX_ROWS]) for name in frame.columns]


def _column(name: str, values: pd.Series) -> tuple[str, str, list[str]]:
    if pd.api.types.is_bool_dtype(values):
        values = values.map({True: "yes", False: "no"})
    if not pd.api.types.is_numeric_dtype(values):
        texts = ["–" if gone else str(value) for value, gone in zip(values, values.isna(), strict=True)]
        return name, "word" if all(len(text) <= 32 for text in texts) else "text", texts
    floats = numbers(values.to_frame(name), name)
    known = [value for value in floats if value == value and abs(value) != float("inf")]
    largest = max((abs(value) for value in known), default=0.0)
    whole = all(value == round(value) for value in known)
    decimals = 0 if whole or largest >= 1000 else 1 if largest >= 100 else 2 if largest >= 10 else 3
    return name, "number", [_number(value, decimals) for value in floats]


def _number(value: float, decimals: int) -> str:
    if value != value:
        return "–"
    if value and abs(value) < 0.5 * 10.0**-decimals:
        return f"{value:.1e}"
    return f"{value:.{decimals}f}"


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _paragraphs(text: str) -> list[str]:
    return [part for part in re.split(r"\n\s*\n", text.strip()) if part]


_IN_TEMPLATES = {"table_cells": table_cells, "max_rows": MAX_ROWS, "paragraphs": _paragraphs}
"""What the template uses besides the values of a report."""


def _data_urls(figures: Sequence[ReportFigure], room: int) -> list[str]:
    """Return the pictures as data URLs, together at most ``room`` bytes before base64."""
    pictures = []
    for figure in figures:
        data = figure.png.read_bytes() if isinstance(figure.png, Path) else figure.png
        if data is None:
            pictures.append(b"")
            continue
        if not data.startswith(_PNG):
            raise ValueError(f"the picture of '{figure.caption}' is not a PNG")
        pictures.append(data)
    limit = largest_size([len(data) for data in pictures], room)
    with ThreadPoolExecutor() as pool:  # Pillow releases the interpreter's lock
        return list(pool.map(lambda data: _data_url(data, limit), pictures))


def _data_url(data: bytes, max_bytes: int) -> str:
    kind, data = ("png", data) if len(data) <= max_bytes else ("webp", _compress(data, max_bytes))
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def largest_size(sizes: Sequence[int], room: int) -> int:
    """Return the size to which pictures must be limited so that all fit into ``room`` bytes together."""
    for position, size in enumerate(sorted(sizes)):
        limit = room // (len(sizes) - position)
        if size > limit:
            return limit
        room -= size
    return max(sizes, default=0)


def _compress(data: bytes, max_bytes: int) -> bytes:
    """Convert a PNG to a WebP of at most ``max_bytes``, as large and detailed as fits."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as opened:
        picture = opened.convert("RGB")
    excess = len(data) / max(max_bytes, 1)
    start = min(int(np.log2(excess) / 1.6), len(_SIZES) - 1)  # WebP of the first size is less than half as large
    for width, quality in _SIZES[start:]:
        picture.thumbnail((width, picture.height), Image.Resampling.LANCZOS, reducing_gap=2.0)
        buffer = io.BytesIO()
        picture.save(buffer, "WEBP", quality=quality, method=2)
        if buffer.tell() <= max_bytes:
            return buffer.getvalue()
    raise ValueError(f"too many pictures for one report: only {max_bytes} bytes are left per picture")
