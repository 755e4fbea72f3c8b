"""Text tables, parsed strictly: a row is a line, and what is not as it should be is refused with its row.

A field cannot hold a line break, so a quote that is left open is found in its own row, and swallows no others.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rotator_assets.errors import InputError
from rotator_assets.surveys.compressed import unpacked

SYNTHETIC_LINE = "# synthetic"
"""First line of a synthetic text table."""
MAX_BYTES = 2**28
"""Longer text is refused; a table of a million galaxies has 0.1 GB."""

_DELIMITERS = ",\t;"
"""What may stand between fields, in order of preference: the first that the header line holds does."""
_BYTE_ORDER_MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}


@dataclass(frozen=True)
class TextTable:
    """Fields of a table by row; ``header``: names of the columns, none where the table has no header line."""

    header: list[str]
    rows: list[list[str]]
    synthetic: bool


def read_csv(path: Path) -> TextTable:
    """A header line and rows, fields between commas (or tabs or semicolons, where the header line has these alone).

    Lines that begin with ``#`` are comments. UTF-8, or what a byte order mark says. Raises InputError with the row,
    counted from 1 below the header line: an open quote, text after a closing quote, too few or too many fields.
    """
    synthetic, lines = _lines(path)
    numbered = [(number, line) for number, line in lines if not line.startswith("#")]
    header = numbered[0][1] if numbered else ""
    delimiter = next((sign for sign in _DELIMITERS if sign in header), ",")
    table = [
        _fields(path, line, delimiter, "the header line" if row == 0 else f"row {row}", number)
        for row, (number, line) in enumerate(numbered)
    ]
    names = [name.strip() for name in table[0]] if table else []
    for row, fields in enumerate(table[1:], start=1):
        if len(fields) != len(names):
            line = numbered[row][0]
            raise InputError(
                f"{path}: row {row} has {len(fields)} fields, the header line has {len(names)} (line {line})"
            )
    return TextTable(names, table[1:], synthetic)


def read_blank_separated(path: Path) -> TextTable:
    """Rows of fields between blanks, without a header line; # begins a comment. Raises InputError as `read_csv`."""
    synthetic, lines = _lines(path)
    numbered = [(number, line.split()) for number, line in lines if not line.lstrip().startswith("#")]
    for row, (line, fields) in enumerate(numbered, start=1):
        if len(fields) != len(numbered[0][1]):
            raise InputError(
                f"{path}: row {row} has {len(fields)} fields, row 1 has {len(numbered[0][1])} (line {line})"
            )
    return TextTable([], [fields for _, fields in numbered], synthetic)


def _fields(path: Path, line: str, delimiter: str, row: str, number: int) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=delimiter != "\t", strict=True))
    except csv.Error as error:
        is_open = "end of data" in str(error)
        what = "a quote is not closed" if is_open else "a field goes on after its closing quote"
        raise InputError(f"{path}: {row}: {what} (line {number})") from None


def _lines(path: Path) -> tuple[bool, Iterator[tuple[int, str]]]:
    """Whether the file is marked synthetic; its lines that are not blank, with their numbers from 1."""
    with unpacked(path, MAX_BYTES) as stream:
        if stream.seek(0, os.SEEK_END) > MAX_BYTES:
            raise InputError(f"{path}: is longer than {MAX_BYTES / 1e6:.0f} MB, which no text table of galaxies is")
        stream.seek(0)
        content = stream.read()
    text = _decoded(path, content)
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise InputError(f"{path}: line {line} holds a NUL byte: the file is damaged, or no text in UTF-8")
    lines = re.split("\r\n|\n|\r", text)
    synthetic = lines[0].strip().casefold() == SYNTHETIC_LINE
    return synthetic, ((number, line) for number, line in enumerate(lines, start=1) if line.strip())


def _decoded(path: Path, content: bytes) -> str:
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(f"{path}: line {line} is no text in {encoding.upper()}; save the table as UTF-8") from None
