"""FITS, VOTable and ECSV files with units, descriptions and the mark of synthetic galaxies."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from rotator_assets.core.fits_files import SYNTHETIC_KEYWORD

if TYPE_CHECKING:
    from astropy.io.fits import HDUList
    from astropy.io.votable.tree import VOTableFile
    from astropy.table import Table

_NOT_IN_FITS = re.compile(r"[^ -~]")
_NOT_IN_XML = re.compile("[^\t\n -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f]")
_HYPHEN = "\x01"
"""Stands for a hyphen while astropy wraps a description, so that no line breaks there; no text of a VOTable has it."""
_COMMENT_WIDTH = 72
_LONGEST_NAME = 68
"""Number of characters that a FITS card has for the name of a column."""


def write_fits(path: Path, table: Table) -> None:
    """Write a binary table. Raises ValueError for text that is not ASCII, and for a name that is too long."""
    from astropy.io import fits

    _refuse(table, _NOT_IN_FITS, _NOT_IN_FITS, "FITS holds printable ASCII only; choose .vot, .ecsv or .parquet")
    if long := [name for name in table.colnames if len(name.replace("'", "''")) > _LONGEST_NAME]:
        raise ValueError(f"column '{long[0]}': its name is too long for FITS; give it another one with AS")
    stored = _without_missing_logicals(table)
    stored.meta = {"comments": wrap(table.meta["description"], _COMMENT_WIDTH)}
    buffer = BytesIO()
    stored.write(buffer, format="fits")
    buffer.seek(0)
    with fits.open(buffer) as hdus:
        _add_keywords(hdus, stored, table.meta)
        hdus.writeto(path)


def _without_missing_logicals(table: Table) -> Table:
    """Return truth values with NULL as integers, because astropy reads the NULL of a logical column as false."""
    stored = table.copy(copy_data=False)
    for column in table.itercols():
        if column.dtype == bool and np.ma.is_masked(column):
            integers = column.astype(np.int16)
            integers.fill_value = -1
            integers.description = "; ".join(filter(None, [column.description, "1 for true, 0 for false"]))
            stored.replace_column(column.name, integers)
    return stored


def _add_keywords(hdus: HDUList, table: Table, about: Mapping[str, Any]) -> None:
    """Add the table's name and origin, and for TOPCAT the descriptions (TCOMMn) and UCDs (TUCDn) of the columns."""
    cards = [("CREATOR", about["creator"], "program that wrote this file")]
    if "synthetic" in about:
        cards.append((SYNTHETIC_KEYWORD, True, "synthetic galaxies, not observations"))
    for hdu in hdus:
        hdu.header.extend(cards)
    header = hdus[1].header
    header["EXTNAME"] = about["name"]
    for number, column in enumerate(table.itercols(), start=1):
        told = {f"TCOMM{number}": column.description, f"TUCD{number}": column.meta.get("ucd")}
        header.update({keyword: text for keyword, text in told.items() if text})


def write_votable(path: Path, table: Table) -> None:
    """Write a VOTable with its rows as XML. Raises ValueError for text with characters that XML lacks."""
    _refuse(table, _NOT_IN_NAMES, _NOT_IN_XML, "XML does not allow this character; choose .parquet or .csv")
    path.write_bytes(_xml(_votable(table)))


def votable_header(table: Table) -> str:
    """Return a VOTable without data, which describes the columns of another file."""
    document = _votable(table[:0])
    for field in document.get_first_table().fields:
        if field.datatype == "unicodeChar":
            field.arraysize = "*"
    return _xml(document).decode()


def _votable(table: Table) -> VOTableFile:
    from astropy.io.votable import from_table
    from astropy.io.votable.exceptions import W03
    from astropy.io.votable.tree import Info

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", W03)  # the ID of a column such as count_star() differs from its name
        document = from_table(table)
    for name in ("creator", "synthetic"):
        if name in table.meta:
            document.resources[0].infos.append(Info(name=name, value=str(table.meta[name]).lower()))
    _make_ids_unique(document)
    for field in document.get_first_table().fields:
        if field.datatype == "bit":
            field.datatype = "boolean"
        if field.datatype == "unicodeChar":
            field.arraysize += "*"  # the longest text; a fixed length of 1 is deprecated
    for described in (document.get_first_table(), *document.get_first_table().fields):
        described.description = (described.description or "").replace("-", _HYPHEN) or None
    return document


def _make_ids_unique(document: VOTableFile) -> None:
    """Keep IDs, which astropy makes from names, for columns alone, and different: an ID occurs once in a document."""
    document.get_first_table().ID = None
    for info in document.resources[0].infos:
        info.ID = None
    fields = document.get_first_table().fields
    taken = {field.name for field in fields}
    for field in fields:
        while field.name != field.ID and field.ID in taken:
            field.ID += "_"
        taken.add(field.ID)


def _xml(document: VOTableFile) -> bytes:
    """Return the document, with hyphens in place, and infinities as the standard spells them (astropy: ``+InF``)."""
    buffer = BytesIO()
    document.to_xml(buffer)
    text = buffer.getvalue().replace(_HYPHEN.encode(), b"-")
    return re.sub(rb"<TD>([+-])InF</TD>", rb"<TD>\1Inf</TD>", text)


def write_ecsv(path: Path, table: Table) -> None:
    """Write ECSV. Raises ValueError for control characters."""
    _refuse(table, _NOT_IN_NAMES, _NOT_IN_XML, "ECSV does not allow this character; choose .parquet or .csv")
    table.write(path, format="ascii.ecsv")


def _refuse(table: Table, in_names: re.Pattern[str], in_text: re.Pattern[str], why: str) -> None:
    """Raise ValueError where a name or a text has a character that the format lacks."""
    for column in table.itercols():
        if found := in_names.search(column.name):
            raise ValueError(f"name of column {column.name!r}: {found[0]!r}: {why}")
        texts = column if column.dtype.kind == "U" else ()
        for row, text in enumerate(texts, start=1):
            if found := in_text.search(str(text)):
                raise ValueError(f"column '{column.name}', row {row}: {found[0]!r}: {why}")
