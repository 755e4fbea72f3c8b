"""What the field of a settings model declares besides its default and meaning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo


def declared(field: FieldInfo) -> Mapping[str, Any]:
    """Return the ``json_schema_extra`` of a field, empty if it has none; pydantic also allows a function there."""
    extra = field.json_schema_extra
    return extra if isinstance(extra, dict) else {}


def block(field: FieldInfo) -> type[BaseModel] | None:
    """Return the model of a field that is a block of settings, None for a single setting."""
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def block_of_list(field: FieldInfo) -> type[BaseModel] | None:
    """Return the model of the entries of a field that is a list of blocks, None for any other field."""
    kind = next(iter(get_args(field.annotation)), None)
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None
