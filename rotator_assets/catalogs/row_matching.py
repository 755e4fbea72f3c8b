"""Whether the rows of a file name galaxies of the morphology catalogue."""

from __future__ import annotations

from collections.abc import Collection

from rotator_assets.core.errors import InputError
from rotator_assets.surveys.base import SourceFile

FEW = 0.5
"""Share of a published file's rows that name galaxies below which the user is told."""


def matches(source: SourceFile, galaxy_ids: Collection[str]) -> tuple[int, str]:
    """How many of a file's rows name a galaxy of the morphology catalogue, and a notice where few do, else "".

    Of a user's own table any row that does not is told.

    Raises InputError where none does: the file is of other galaxies, or writes identifiers in another way.
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
            f"the catalogue such as {next(iter(galaxy_ids))}; put it right, or take the file away"
        )
    if n_matched >= (1 if source.of_user else FEW) * len(source.ids):
        return n_matched, ""
    where = f"{source.path.name}, column {source.id_column}"
    what = f"{n_matched} of {source.rows} rows name a galaxy of the morphology catalogue"
    return n_matched, f"{where}: {what}, others such as {foreign[0]} none"
