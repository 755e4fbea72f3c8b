"""Matching of the rows of a file to the morphology catalogue."""

from __future__ import annotations

from collections.abc import Collection

from rotator_assets.core.errors import InputError
from rotator_assets.surveys.base import SourceFile

FEW = 0.5
"""Below this matched fraction of a published file's rows there is a notice."""


def matches(source: SourceFile, galaxy_ids: Collection[str]) -> tuple[int, str]:
    """Return the number of a file's rows that name a galaxy of the morphology catalogue, and a notice if few do.

    The notice is empty if enough rows match; for a user's own table all of them must. Raises InputError if none
    matches: the file has other galaxies or writes identifiers in another way.
    """
    if not source.id_column:
        return 0, ""
    known = set(galaxy_ids)
    foreign = [name for name in source.ids if name not in known]
    n_matched = len(source.ids) - len(foreign)
    if n_matched == 0:
        there = f"identifiers such as {foreign[0]}" if foreign else "no identifier"
        raise InputError(
            f"{source.path}: no row names a galaxy of the morphology catalogue: column {source.id_column} has {there}, "
            f"the catalogue such as {next(iter(galaxy_ids))}; correct the identifiers or remove the file"
        )
    if n_matched >= (1 if source.of_user else FEW) * len(source.ids):
        return n_matched, ""
    where = f"{source.path.name}, column {source.id_column}"
    what = f"{n_matched} of {source.rows} rows name a galaxy of the morphology catalogue"
    return n_matched, f"{where}: {what}, others such as {foreign[0]} none"
