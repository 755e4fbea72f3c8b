"""The surveys that ``settings.yaml`` of a data root declares under ``surveys``."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from pydantic import ValidationError

from rotator_assets.core.errors import InputError
from rotator_assets.core.own_surveys import OwnSurvey
from rotator_assets.core.yaml_files import YamlFile, unknown_key
from rotator_assets.surveys.own import DeclaredSurvey
from rotator_assets.surveys.own_columns import AVAILABLE

BLOCK = "surveys"
"""Key of the blocks in ``settings.yaml``."""
_NAME = re.compile(r"(?=.{1,32}$)[a-z][a-z0-9]*(_[a-z0-9]+)*")
RESERVED = ("profile", BLOCK, "instance", "cluster", "results", "encoders", "datasets", "study", "all")
"""Names that keys of the settings, folders of a data root, or partitions have."""


def declared_surveys(file: YamlFile, taken: Collection[str]) -> dict[str, DeclaredSurvey]:
    """Return the surveys that a file declares, by name.

    Parameters
    ----------
    file : YamlFile
        The settings.
    taken : collection of str
        Names of the built-in surveys and of their sources.

    Raises
    ------
    InputError
        For an invalid name, and for a block that is not valid, with file, line and key.
    """
    content = file.content if isinstance(file.content, Mapping) else {}
    blocks = content.get(BLOCK) or {}
    if not isinstance(blocks, Mapping):
        raise InputError(f"{file.where(BLOCK)}: {BLOCK}: expected one block per survey, such as sami: {{catalog: ...}}")
    return {name: _declared(file, name, block, taken) for name, block in blocks.items()}


def name_problem(name: str, taken: Collection[str]) -> str:
    """Return why a survey cannot have a name; empty if it can."""
    if name in taken:
        return f"'{name}' is built in: its settings belong under its own key, and a survey of yours needs another name"
    if name in RESERVED:
        return f"'{name}' has another meaning here; choose another name"
    if not _NAME.fullmatch(name):
        return (
            f"'{name}' is not a valid name: it needs a lower-case letter, then letters, digits and single _, 32 at most"
        )
    return ""


def _declared(file: YamlFile, name: str, block: object, taken: Collection[str]) -> DeclaredSurvey:
    if problem := name_problem(name, taken):
        raise InputError(f"{file.where(BLOCK, name)}: {BLOCK}: {problem}")
    if not isinstance(block, Mapping):
        raise InputError(f"{file.where(BLOCK, name)}: {BLOCK}.{name}: expected keys such as catalog and images")
    try:
        chosen = OwnSurvey(**block)
    except ValidationError as error:
        raise _invalid(file, name, error) from None
    for part in ("columns", "units"):
        for column in getattr(chosen, part):
            if column not in AVAILABLE:
                where = f"{file.where(BLOCK, name, part, column)}: {BLOCK}.{name}.{part}.{column}"
                raise InputError(f"{where}: {unknown_key(column, [*AVAILABLE])}")
    try:
        return DeclaredSurvey(name, chosen)
    except ValueError as error:
        raise InputError(f"{file.where(BLOCK, name, 'images')}: {BLOCK}.{name}.images: {error}") from None


def _invalid(file: YamlFile, name: str, error: ValidationError) -> InputError:
    first = min(error.errors(), key=lambda one: one["type"] == "missing")  # a misspelled key is missing, too
    place = (BLOCK, name, *first["loc"])
    unknown = first["type"] == "extra_forbidden"
    what = unknown_key(place[-1], list(OwnSurvey.model_fields)) if unknown else first["msg"]
    what = " ".join(what.removeprefix("Value error, ").split())
    return InputError(f"{file.where(*place)}: {'.'.join(map(str, place))}: {what}")
