"""Saved networks are checked before Keras opens them, because they may come from other people.

Keras' safe mode runs no code from a file. Earlier versions had gaps, and a file may still name other files, or claim
more memory than there is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from rotator_assets.core.hdf5_files import open_hdf5

MEMBERS = {"config.json": 2**24, "metadata.json": 2**16, "model.weights.h5": 2**32}
"""Files inside a saved network, with their largest sizes in bytes."""
MAX_DEPTH = 100
_FOREIGN = {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "__lambda__"}
"""Layers made of code."""
_READS_FILES = {"StringLookup", "IntegerLookup", "TextVectorization"}
_MAX_RATIO = 100


def require_harmless(path: Path) -> None:
    """Raise ValueError for a saved network with code, foreign classes, other files or sizes that it does not hold.

    Raises OSError, KeyError and BadZipFile where it is no saved network.
    """
    with ZipFile(path) as archive:
        for member in archive.infolist():
            if member.filename not in MEMBERS:
                raise ValueError(f"holds '{member.filename}', which no network needs")
            empty = member.file_size > 2**26 and member.file_size > _MAX_RATIO * member.compress_size
            if member.file_size > MEMBERS[member.filename] or empty:
                raise ValueError(f"its {member.filename} unpacks to {member.file_size} bytes, which is too large")
        try:
            config = json.loads(archive.read("config.json"))
        except RecursionError:
            raise ValueError("its config.json is nested too deeply") from None
        held = _lengths(archive)
    for value in _mappings(config):
        _require_keras(value)
        for key in ("units", "filters"):
            if isinstance(value.get(key), int) and value[key] not in held:
                raise ValueError(f"a layer has {key} {value[key]}, and the file no weights for them")


def _lengths(archive: ZipFile) -> set[int]:
    """Return the lengths of all axes of the weights."""
    import h5py

    lengths: set[int] = set()

    def look(name: str, item: Any) -> str | None:
        if not isinstance(item, h5py.Dataset):
            return None
        lengths.update(map(int, item.shape or ()))
        claimed = math.prod(item.shape or ()) * item.dtype.itemsize
        return f"its weights '{name}' claim {claimed} bytes" if item.id.get_storage_size() < claimed else None

    with archive.open("model.weights.h5") as content, open_hdf5(content) as file:
        if reason := file.visititems(look):
            raise ValueError(f"{reason} and do not have them")
    return lengths


def _mappings(config: Any) -> Iterator[dict[str, Any]]:
    """Iterate over every mapping in JSON, without recursion."""
    waiting = [(config, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise ValueError("its config.json is nested too deeply")
        if isinstance(value, dict):
            yield value
            value = list(value.values())
        if isinstance(value, list):
            waiting += [(each, depth + 1) for each in value]


def _require_keras(value: dict[str, Any]) -> None:
    """Raise ValueError where a mapping describes an object that is not one of Keras, or one that is made of code."""
    name, module = value.get("class_name"), value.get("module")
    if name is None:
        return
    if name in _FOREIGN:
        raise ValueError(f"has a {name}, which is code")
    vocabulary = (value.get("config") or {}).get("vocabulary") if name in _READS_FILES else None
    if isinstance(vocabulary, str):
        raise ValueError(f"its layer {name} reads the file {vocabulary}")
    if module is not None and str(module).partition(".")[0] != "keras":
        raise ValueError(f"needs '{module}.{name}', which is not of Keras")
