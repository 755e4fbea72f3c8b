"""The table reference of the documentation, written from the tables' own descriptions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from rotator_assets.store.columns import Column, Table

_HEAD = """\
# Tables

Tables and views of `rotators.duckdb`, domain by domain; the name of a table leads to its columns. These pages are
written by `python -m rotator_assets.tables` from the definitions in each domain's `tables.py` and the shared fields in
`store/fields.py`; do not edit them.
"""
_CELLS: dict[str, Callable[[Column], str]] = {
    "column": lambda column: f"`{column.name}`",
    "type": lambda column: column.type,
    "unit": lambda column: column.unit,
    "meaning": lambda column: replace(column, unit="").comment,
}


@dataclass(frozen=True)
class TablePage:
    """The tables of a domain, by name, under a title."""

    name: str
    title: str
    tables: Mapping[str, Table]

    @property
    def file(self) -> str:
        """Where the page is, relative to ``docs``."""
        return f"tables/{self.name.replace('.', '-')}.md"


def table_reference(pages: Iterable[TablePage]) -> dict[str, str]:
    """Return Markdown pages by their file relative to ``docs``: a list of all tables, and one page for each domain."""
    pages = list(pages)
    contents = [":::{toctree}", ":hidden:", "", *(page.file.removesuffix(".md") for page in pages), ":::", ""]
    lists = [_list(page) for page in pages]
    return {"tables.md": "\n".join([_HEAD, *lists, *contents])} | {page.file: _page(page) for page in pages}


def _list(page: TablePage) -> str:
    rows = [(f"[`{name}`]({page.file}#{name})", table.comment) for name, table in sorted(page.tables.items())]
    return "\n".join([f"## {page.title}", "", *_lines(("table", "rows"), rows), ""])


def _page(page: TablePage) -> str:
    return "\n".join([f"# {page.title}", "", *(_section(table) for _, table in sorted(page.tables.items()))])


def _section(table: Table) -> str:
    """Return a table with its assets and columns; where no column has a unit, units are left out."""
    assets = ", ".join(f"`{asset}`" for asset in table.made_by)
    shown = {name: cell for name, cell in _CELLS.items() if any(map(cell, table.columns))}
    rows = [tuple(cell(column) for cell in shown.values()) for column in table.columns]
    return "\n".join(
        [f"## {table.name}", "", table.comment, "", f"Written by: {assets}.", "", *_lines(tuple(shown), rows), ""]
    )


def _lines(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    return [_line(header), "|" + "---|" * len(header), *map(_line, rows)]


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
