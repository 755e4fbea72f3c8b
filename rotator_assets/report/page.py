"""The study report: every picture and table in one HTML file that opens anywhere, without a network."""

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
"""Rows of one table that are shown; the database holds them all."""
_PNG = b"\x89PNG"
_SIZES = ((1200, 80), (960, 70), (800, 60), (800, 45), (650, 45), (500, 40), (300, 30))
"""Width in dots and quality of compressed pictures; the page shows about 960 dots."""


@dataclass(frozen=True)
class ReportFigure:
    """A picture: its PNG (the bytes, or the file), and the number of the study's figure that it answers to.

    Pictures without a number are numbered S1, S2 and so on. Without a PNG it is not made yet; the caption then says
    what it needs.
    """

    caption: str
    png: bytes | Path | None
    number: int | None = None
    synthetic: bool | None = None
    """Whether it shows synthetic data; None: as the report."""


@dataclass(frozen=True)
class ReportTable:
    """A table; its note says where the numbers stand in the database."""

    caption: str
    frame: pd.DataFrame
    note: str = ""
    synthetic: bool | None = None


@dataclass(frozen=True)
class ReportSection:
    """A section; ``intro`` is plain text, blank lines start paragraphs; level 3 stands under the level 2 before it."""

    title: str
    anchor: str
    intro: str = ""
    figures: Sequence[ReportFigure] = ()
    tables: Sequence[ReportTable] = ()
    level: int = 2


@dataclass(frozen=True)
class ReportContext:
    """All that the report says. ``study_table``: see ``study.study_comparison``."""

    title: str
    synthetic: bool
    profile_note: str
    generated_at: datetime
    versions: Mapping[str, str]
    sections: Sequence[ReportSection]
    study_table: pd.DataFrame = field(default_factory=pd.DataFrame)


def render_report(context: ReportContext, *, max_bytes: int = MAX_BYTES) -> str:
    """The report as HTML: no script, nothing loaded from elsewhere, every text escaped, tables numbered throughout.

    Pictures are inlined as they are while the file stays under ``max_bytes``; where it would not, the largest are
    compressed (WebP) until it does. Raises ValueError for two sections with one anchor, two figures with one number, a
    picture that is no PNG, and pictures that cannot be made to fit.
    """
    anchors = [section.anchor for section in context.sections]
    for anchor in anchors:
        if anchors.count(anchor) > 1 or anchor == "study" or not re.fullmatch(r"[A-Za-z][\w-]*", anchor):
            raise ValueError(f"section anchor '{anchor}' must be unique: a letter, then letters, digits, - and _")
    figures = [figure for section in context.sections for figure in section.figures]
    numbered = [figure.number for figure in figures if figure.number is not None]
    if len(numbered) > len(set(numbered)):
        raise ValueError("two figures have the same number")
    page = _environment().get_template(TEMPLATE)
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
    """Write the report, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(render_report(context), encoding="utf-8")
    return path


def table_cells(frame: pd.DataFrame) -> list[tuple[str, str, list[str]]]:
    """Every column as its name, its kind (``number``, ``word``, ``text``), and its first ``MAX_ROWS`` values as text.

    Whole numbers are written in full; others with as many decimals throughout a column as its largest value needs
    for about four digits; what is missing is a dash.
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
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["paragraphs"] = lambda text: [part for part in re.split(r"\n\s*\n", text.strip()) if part]
    environment.globals.update(table_cells=table_cells, max_rows=MAX_ROWS)
    return environment


def _data_urls(figures: Sequence[ReportFigure], room: int) -> list[str]:
    """The pictures as data URLs, together within ``room`` bytes before base64."""
    pictures = []
    for figure in figures:
        data = figure.png.read_bytes() if isinstance(figure.png, Path) else figure.png
        if data is None:
            pictures.append(b"")
            continue
        if not data.startswith(_PNG):
            raise ValueError(f"the picture of '{figure.caption}' is no PNG")
        pictures.append(data)
    share = fair_share([len(data) for data in pictures], room)
    with ThreadPoolExecutor() as pool:  # Pillow works outside the interpreter's lock
        return list(pool.map(lambda data: _data_url(data, share), pictures))


def _data_url(data: bytes, share: int) -> str:
    kind, data = ("png", data) if len(data) <= share else ("webp", _compress(data, share))
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def fair_share(sizes: Sequence[int], room: int) -> int:
    """The largest size that every picture may have so that all fit: small ones leave what they do not need."""
    for position, size in enumerate(sorted(sizes)):
        share = room // (len(sizes) - position)
        if size > share:
            return share
        room -= size
    return max(sizes, default=0)


def _compress(data: bytes, max_bytes: int) -> bytes:
    """The PNG as WebP of at most ``max_bytes``: at about the width of the page, then smaller and with less detail."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as opened:
        picture = opened.convert("RGB")
    excess = len(data) / max(max_bytes, 1)
    start = min(int(np.log2(excess) / 1.6), len(_SIZES) - 1)  # WebP is less than half as large at first
    for width, quality in _SIZES[start:]:
        picture.thumbnail((width, picture.height), Image.Resampling.LANCZOS, reducing_gap=2.0)
        buffer = io.BytesIO()
        picture.save(buffer, "WEBP", quality=quality, method=2)
        if buffer.tell() <= max_bytes:
            return buffer.getvalue()
    raise ValueError(f"too many pictures for one report: {max_bytes} bytes are left for each")
