"""Propose the settings of a user's own survey from its table and its images."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from rotator_assets.core.archives import image_files
from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError, UnusableImage
from rotator_assets.core.files import replacing
from rotator_assets.core.own_surveys import OwnSurvey
from rotator_assets.core.yaml_files import parse_yaml
from rotator_assets.imaging.image_checks import SCALE_TOLERANCE
from rotator_assets.imaging.image_names import NamedImage, any_image
from rotator_assets.imaging.images import ImageSource
from rotator_assets.surveys import own_name_problem, own_surveys
from rotator_assets.surveys.aliases import identifier
from rotator_assets.surveys.any_table import columns_of, read_table
from rotator_assets.surveys.declared import BLOCK
from rotator_assets.surveys.identifiers import NAME
from rotator_assets.surveys.image_index import best_images
from rotator_assets.surveys.own_columns import AVAILABLE, PROPOSED
from rotator_assets.surveys.units import factor

_LISTED = 5_000
"""Number of image files whose names are looked at."""
_SCALES_READ = 5
_IDS_TRIED = 30
"""Number of columns that are compared with the names of files if none has a usual name of an identifier."""
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_WORDS = ("yes", "no", "on", "off", "true", "false", "null", "y", "n")
_INDENT = "  "


@dataclass(frozen=True)
class Proposal:
    """The proposed block of a survey.

    Attributes
    ----------
    name
        Name of the survey.
    block
        The settings, by key.
    notes
        What could not be determined, and what to look at.
    """

    name: str
    block: Mapping[str, object]
    notes: tuple[str, ...]

    @property
    def text(self) -> str:
        """The block in YAML, with the notes as comments."""
        return f"{BLOCK}:\n{self.indented(_INDENT)}" + "".join(f"# {note}\n" for note in self.notes)

    def indented(self, indent: str) -> str:
        """Return the lines of the block below ``surveys:``."""
        lines = [f"{self.name}:", *(f"{_INDENT}{key}: {_yaml(value)}" for key, value in self.block.items())]
        return "".join(f"{indent}{line}\n" for line in lines)


def propose(root: DataRoot, name: str, table: Path, images: Path) -> Proposal:
    """Propose the settings of a survey.

    Parameters
    ----------
    root
        The data root.
    name
        Name of the survey.
    table
        Its table.
    images
        The folder of its images.

    Raises
    ------
    InputError
        For an invalid name, a table that cannot be read, or a folder without images.
    """
    if problem := own_name_problem(name):
        raise InputError(problem)
    ids = (*AVAILABLE["galaxy_id"].spellings, *PROPOSED["galaxy_id"])
    units = columns_of(table, ids)
    named = [image for file in islice(image_files(images), _LISTED) if (image := any_image(file))]
    if not named:
        raise InputError(f"{images}: holds no images (FITS, PNG or JPG, or a tar archive of them)")
    columns, notes = _matched(units)
    id_column, template = _names(table, columns.get("galaxy_id"), units, named)
    if id_column:
        columns = {"galaxy_id": id_column} | {ours: own for ours, own in columns.items() if own != id_column}
    else:
        notes.append(f"not determined: galaxy_id: no column has the names of files such as {named[0].file.name}")
    place = root.survey(name)
    catalog, catalog_note = _placed(table, place)
    folder, folder_note = _placed(images, place)
    scale, scale_note = _scale(named)
    block: dict[str, object] = {"catalog": catalog, "images": f"{folder}/{template}"}
    block["columns"] = {ours: own for ours, own in columns.items() if own.casefold() != ours}
    if scale:
        block["pixel_scale_arcsec"] = scale
    notes += [*_lacking(columns), *filter(None, (catalog_note, folder_note, scale_note))]
    return Proposal(name, {key: value for key, value in block.items() if value}, tuple(notes))


def _matched(units: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return the table's columns by the name of ours, as far as they have a known spelling, and notes."""
    there = {name.casefold(): name for name in units}
    found: dict[str, str] = {}
    notes = []
    for ours, column in AVAILABLE.items():
        spellings = (*column.spellings, *PROPOSED.get(ours, ()))
        fitting = [there[one.casefold()] for one in spellings if one.casefold() in there]
        fitting = [one for one in dict.fromkeys(fitting) if one not in found.values()]
        if not fitting:
            continue
        first, *others = fitting
        if (unit := units[first]) and column.unit is not None:
            try:
                factor(unit, column.unit)
            except ValueError:
                notes.append(f"left out: {ours}: column {first} has the unit {unit}, {column.unit or 'none'} is needed")
                continue
        found[ours] = first
        if others:
            notes.append(f"{ours}: {first} is proposed, {', '.join(others)} may be meant")
        if column.unit and not unit:
            notes.append(
                f"{ours}: no unit in the table, {column.unit} is assumed; otherwise add units: {{{ours}: ...}}"
            )
    return found, notes


def _names(
    table: Path, proposed: str | None, units: Mapping[str, str], named: Sequence[NamedImage]
) -> tuple[str | None, str]:
    """Return the column with the names of the images, and the template of these; None if no column has them."""
    stems = list(dict.fromkeys(image.galaxy_id for image in named))
    ending = Counter(image.file.name.rpartition(".")[2] for image in named).most_common(1)[0][0]
    others = [name for name in units if name != proposed][:_IDS_TRIED]
    for column in (*([proposed] if proposed else []), *others):
        if (around := _around(_values(table, column), stems)) is not None:
            return column, f"{around[0]}{{galaxy_id}}{around[1]}.{ending}"
    return None, f"{{galaxy_id}}.{ending}"


def _values(table: Path, column: str) -> set[str]:
    """Return the values of a column as identifiers; none if it holds something else."""
    try:
        frame = read_table(table, ("galaxy_id",), (), {"galaxy_id": identifier(NAME, column)}).frame
    except InputError:
        return set()
    return set(frame["galaxy_id"].dropna())


def _around(ids: set[str], stems: Sequence[str]) -> tuple[str, str] | None:
    """Return the text before and after the identifier in the names of most files; None if there is none."""
    if len(ids) < 2:
        return None
    found: Counter[tuple[str, str]] = Counter()
    for stem in stems:
        for part in re.finditer(r"[A-Za-z0-9.+-]+|.+", stem):
            if part[0] in ids:
                found[stem[: part.start()], stem[part.end() :]] += 1
        if stem in ids:
            found["", ""] += 1
    if not found:
        return None
    around, count = found.most_common(1)[0]
    return around if count > len(stems) / 2 or count > len(ids) / 2 else None


def _placed(path: Path, folder: Path) -> tuple[str, str]:
    """Return a path relative to the survey's folder, and a note if it does not lie there."""
    if path.resolve().is_relative_to(folder.resolve()):
        return path.resolve().relative_to(folder.resolve()).as_posix(), ""
    return path.name, f"put {path.name} into {folder}, or make that folder a link to the one that holds it"


def _scale(named: Sequence[NamedImage]) -> tuple[float | None, str]:
    """Return the pixel scale of a few images in arcsec, and a note if it is not known."""
    scales, reasons = [], []
    for source in islice(best_images(named).values(), _SCALES_READ):
        _note_scale(source, scales, reasons)
    if not scales:
        why = f" ({reasons[0]})" if reasons else ""
        return None, f"not determined: pixel_scale_arcsec; the files do not give it{why}"
    middle = float(np.median(scales))
    if max(abs(scale / middle - 1) for scale in scales) > SCALE_TOLERANCE:
        return None, f"not determined: pixel_scale_arcsec; the files differ ({min(scales):.4g} to {max(scales):.4g})"
    return float(f"{middle:.5g}"), ""


def _note_scale(source: ImageSource, scales: list[float], reasons: list[str]) -> None:
    try:
        if (scale := source.read().arcsec_per_pixel) is not None:
            scales.append(scale)
    except UnusableImage as error:
        reasons.append(str(error))


def _lacking(columns: Mapping[str, str]) -> Iterator[str]:
    for names, why in (
        (("lambda_r",), "there are no labels without it"),
        (("ellipticity", "axis_ratio"), "there are no labels without it"),
        (("t_type", "p_late"), "no galaxy is an early type without it"),
    ):
        if columns.keys().isdisjoint(names):
            yield f"not determined: {' or '.join(names)}; {why}: name its column"


def _yaml(value: object) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_yaml(one)}' for key, one in value.items())}}}"
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and value.casefold() not in _WORDS
        return value if plain else json.dumps(value, ensure_ascii=False)
    return str(value)


def write_proposal(root: DataRoot, proposal: Proposal) -> Path:
    """Add a proposal to the settings of a data root, which keep all else, and return their path.

    Raises InputError if they have a survey of this name, or a form in which it cannot be added safely.
    """
    path = root.settings
    before = path.read_bytes() if path.is_file() else b""
    old = parse_yaml(path, before)
    content = {} if old.content is None else old.content
    declared = own_surveys(old)
    if proposal.name in declared:
        raise InputError(f"{old.where(BLOCK, proposal.name)}: there is a survey {proposal.name} already; edit it there")
    after = _added(before.decode("utf-8-sig"), proposal).encode()
    block = OwnSurvey.model_validate(dict(proposal.block)).model_dump(mode="json", exclude_unset=True)
    wanted = {**content, BLOCK: {**(content.get(BLOCK) or {}), proposal.name: block}}
    try:
        added = parse_yaml(path, after).content == wanted
    except InputError:
        added = False
    if not added:
        raise InputError(f"{path}: cannot be extended safely: add the block by hand")
    with replacing(path) as temporary:
        temporary.write_bytes(after)
    return path


def _added(text: str, proposal: Proposal) -> str:
    """Return the settings with the block below ``surveys:``, or at their end."""
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        if re.fullmatch(rf"{BLOCK}:\s*(#.*)?", line.rstrip()):
            below = next((one for one in lines[number + 1 :] if one.strip() and not one.strip().startswith("#")), "")
            indent = below[: len(below) - len(below.lstrip(" "))] or _INDENT
            return "".join([*lines[: number + 1], proposal.indented(indent), *lines[number + 1 :]])
    end = "" if not text or text.endswith("\n") else "\n"
    return f"{text}{end}{BLOCK}:\n{proposal.indented(_INDENT)}"
