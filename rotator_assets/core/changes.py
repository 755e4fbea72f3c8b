"""Describe the differences between two versions of settings, recipes or folders of files."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

ABSENT = "(absent)"
_NAMES_SHOWN = 3


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return one line per setting that differs, as ``normalization: max_all -> log``; nested keys are joined by dots.

    A key missing on one side reads ``mask_neighbours: (absent) -> False``. Lists are shown in full, tuples as lists.
    Keys come in the order of ``new``, followed by those that only ``old`` has.
    """
    before, after = dict(leaves(old)), dict(leaves(new))
    return [
        f"{key}: {_shown(before, key)} -> {_shown(after, key)}"
        for key in dict.fromkeys([*after, *before])
        if key not in before or key not in after or before[key] != after[key]
    ]


def file_changes(old: Mapping[str, Any], new: Mapping[str, Any], what: str = "file") -> list[str]:
    """Describe which files are new, gone or changed, as ``2 files new (a.fits, b.fits)``.

    Parameters
    ----------
    old, new
        Two states of a folder: for each path a value that changes with the file, such as its size and time.
    what
        Noun for the entries in the result.

    Returns
    -------
    list of str
        One line each for new, gone and changed entries, with their number and the first names.
    """
    kinds = {
        "new": [path for path in new if path not in old],
        "gone": [path for path in old if path not in new],
        "changed": [path for path in new if path in old and old[path] != new[path]],
    }
    return [f"{_counted(paths, what)} {kind} ({_first(paths)})" for kind, paths in kinds.items() if paths]


def leaves(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Iterate over settings and values, with nested keys as ``augmentation.flip`` and tuples as lists."""
    for key, value in content.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", list(value) if isinstance(value, tuple) else value


def _shown(leaves: Mapping[str, Any], key: str) -> str:
    if key not in leaves:
        return ABSENT
    value = leaves[key]
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)


def _counted(paths: Collection[str], what: str) -> str:
    return f"{len(paths)} {what}{'s' if len(paths) != 1 else ''}"


def _first(paths: list[str]) -> str:
    return ", ".join([*paths[:_NAMES_SHOWN], *(["..."] if len(paths) > _NAMES_SHOWN else [])])
