"""Text tables, parsed strictly: each line is a row, and a malformed row is refused with its number.

A field cannot contain a line break, so an unclosed quote affects only its own row.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from rotator_assets.core.compressed import unpacked
from rotator_assets.core.errors import InputError

SYNTHETIC_LINE = "# synthetic"
"""First line of a synthetic text table."""
MAX_BYTES = 2**28
"""Longer files are refused; a table of a million galaxies has 0.1 GB."""

_DELIMITERS = ",\t;|"
"""Delimiters in order of preference: the first that occurs in the header line is used, otherwise blanks."""
_SEPARATOR_LINE = re.compile(r"\"?sep=.\"?[,;\t]*", re.IGNORECASE)
"""A first line that declares the delimiter for spreadsheets; the header line shows it too."""
_BYTE_ORDER_MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}


@dataclass(frozen=True)
class TextTable:
    """Fields of a table by row. ``header`` has the names of the columns, none without a header line.

    ``decimal`` is the decimal sign of its numbers.
    """

    header: list[str]
    rows: list[list[str]]
    synthetic: bool
    decimal: str = "."


def read_csv(path: Path, id_names: Collection[str]) -> TextTable:
    """Read a table with a header line, its fields separated by commas, tabs, semicolons, bars or blanks.

    The header line decides which. Lines that begin with ``#`` are comments. If the first other line has none of the
    ``id_names``, the last comment above it that has one is the header line, as astropy, NumPy and TOPCAT write it. Rows
    of empty fields are left out. With semicolons, numbers may have decimal commas. The encoding is UTF-8 unless a byte
    order mark gives another.

    Raises InputError with the row, counted from 1 below the header line, for an unclosed quote, text after a closing
    quote, and too few or too many fields.
    """
    synthetic, lines = _lines(path)
    (line, header), rows = _header_and_rows(list(lines), {name.casefold() for name in id_names})
    delimiter = _delimiter(header)
    names = [name.strip() for name in _fields(path, header, delimiter, "the header line", line)]
    rows = [(line, text) for line, text in rows if text.strip(f"{delimiter} ")]
    table = []
    for row, (line, text) in enumerate(rows, start=1):
        fields = _fields(path, text, delimiter, f"row {row}", line)
        if len(fields) != len(names):
            raise InputError(
                f"{path}: row {row} has {len(fields)} fields, the header line has {len(names)} (line {line})"
            )
        table.append(fields)
    return TextTable(names, table, synthetic, "," if delimiter == ";" else ".")


def _header_and_rows(lines: list[tuple[int, str]], id_names: set[str]) -> tuple[tuple[int, str], list[tuple[int, str]]]:
    """Return the header line and the lines of rows, each with its number; a missing header is (0, empty)."""
    if lines and _SEPARATOR_LINE.fullmatch(lines[0][1].strip()):
        lines = lines[1:]
    rows = [(number, line) for number, line in lines if not line.startswith("#")]
    if not rows or _names_galaxies(rows[0][1], id_names):
        return (rows[0], rows[1:]) if rows else ((0, ""), [])
    above = [(number, line.lstrip("#").strip()) for number, line in lines if number < rows[0][0]]
    for header in reversed(above):
        if _names_galaxies(header[1], id_names):
            return header, rows
    return rows[0], rows[1:]


def _names_galaxies(line: str, id_names: set[str]) -> bool:
    return any(name.strip(" \"'").casefold() in id_names for name in line.split(_delimiter(line)))


def _delimiter(header: str) -> str:
    return next((sign for sign in _DELIMITERS if sign in header), " ")


def read_blank_separated(path: Path) -> TextTable:
    """Read blank-separated fields without a header line; # begins a comment. Raises InputError as `read_csv`."""
    synthetic, lines = _lines(path)
    numbered = [(number, line.split()) for number, line in lines if not line.lstrip().startswith("#")]
    for row, (line, fields) in enumerate(numbered, start=1):
        if len(fields) != len(numbered[0][1]):
            raise InputError(
                f"{path}: row {row} has {len(fields)} fields, row 1 has {len(numbered[0][1])} (line {line})"
            )
    return TextTable([], [fields for _, fields in numbered], synthetic)


def _fields(path: Path, line: str, delimiter: str, row: str, number: int) -> list[str]:
    if delimiter == " ":
        line = line.strip()
    try:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=delimiter != "\t", strict=True))
    except csv.Error as error:
        is_open = "end of data" in str(error)
        what = "a quote is not closed" if is_open else "a field has text after its closing quote"
        raise InputError(f"{path}: {row}: {what} (line {number})") from None


def _lines(path: Path) -> tuple[bool, Iterator[tuple[int, str]]]:
    """Return whether the file is marked synthetic, and its lines that are not blank, numbered from 1."""
    with unpacked(path, MAX_BYTES) as stream:
        if stream.seek(0, os.SEEK_END) > MAX_BYTES:
            raise InputError(f"{path}: is longer than {MAX_BYTES / 1e6:.0f} MB, too long for a table of galaxies")
        stream.seek(0)
        content = stream.read()
    text = _decoded(path, content)
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise InputError(f"{path}: line {line} has a NUL byte: the file is damaged or not UTF-8 text")
    lines = re.split("\r\n|\n|\r", text)
    synthetic = lines[0].strip().casefold() == SYNTHETIC_LINE
    return synthetic, ((number, line) for number, line in enumerate(lines, start=1) if line.strip())


def _decoded(path: Path, content: bytes) -> str:
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(f"{path}: line {line} is not {encoding.upper()} text; save the table as UTF-8") from None
