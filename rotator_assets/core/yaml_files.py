"""A strict YAML reader for settings and recipes: ambiguous values are errors that name the line.

YAML readers differ in what a plain ``010``, ``yes``, ``12:30`` or ``2020-09-01`` means, and most let the last of two
equal keys replace the first. Such values are refused here with their line, and so is everything that settings do not
need: tags, several documents, keys that are not text. Nothing in a file is ever executed.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from rotator_assets.core.errors import InputError

MAX_BYTES = 2**20
MAX_DEPTH = 30
MAX_VALUES = 100_000
"""Counted with every alias expanded. A large file of recipes has a few thousand values."""
MAX_DIGITS = 40
"""Longer whole numbers are read as floats."""

_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_AMBIGUOUS = {
    r"yes|no|on|off": "is read as true or false by some programs only: write true or false, or quote it",
    r"[-+]?0(?:[0-9_]+|o[0-7_]+|x[0-9a-f_]+|b[01_]+)": "may not be a decimal number: write it without the leading zero",
    r"(?=[^_]*_)[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?(?:e[-+]?[0-9]+)?": "has an underscore in a number: omit or quote it",
    r"[-+]?[0-9]+(?::[0-9]+)+(?:\.[0-9]*)?": "may be a number in base 60: quote it",
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[t ].*)?": "may be a date: quote it",
    r"[-+]?\.inf|\.nan": "is not a finite number",
}
"""Unquoted words, in upper or lower case, that YAML readers interpret differently."""


Place = tuple[object, ...]
"""Keys and positions that lead to a value."""


@dataclass(frozen=True)
class YamlFile:
    """The content of a file (mappings, lists, text, numbers, booleans and None) with the line of each value."""

    path: Path
    content: Any
    lines: dict[Place, int] = field(repr=False)

    def where(self, *keys: object) -> str:
        """Return ``path: line 3`` for the value at these keys, or for its nearest parent that exists."""
        while keys not in self.lines:
            keys = keys[:-1]
        return f"{self.path}: line {self.lines[keys]}"


def unknown_key(key: object, known: Sequence[str]) -> str:
    """Return the message for an unknown key: it suggests the most similar known key, or lists all."""
    nearest = difflib.get_close_matches(str(key), known, n=1)
    hint = f"did you mean '{nearest[0]}'?" if nearest else f"the keys are {', '.join(known)}"
    return f"unknown key; {hint}"


def read_yaml(path: Path) -> YamlFile:
    """Read the only document of a file; its content is None where the file is empty.

    Raises OSError where the file cannot be read. Raises InputError, with the line, for a file that is not UTF-8 or not
    valid YAML, for a key that appears twice in a mapping or in merged ones, for an ambiguous word (see above), a tag, a
    second document, or a key that is not text, and for more than ``MAX_BYTES``, ``MAX_DEPTH`` or ``MAX_VALUES``.
    """
    return parse_yaml(path, first_bytes(path))


def first_bytes(path: Path) -> bytes:
    """Return the content of a file, or so much of it that `parse_yaml` refuses it as too large."""
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def parse_yaml(path: Path, content: bytes) -> YamlFile:
    """Return the only document of a file with this content. Raises InputError as `read_yaml` does."""
    if len(content) > MAX_BYTES:
        raise InputError(f"{path}: is larger than {MAX_BYTES // 1024} kB, too large for settings or recipes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(f"{path}: line {line}: is not valid YAML: the text is not UTF-8") from None
    try:
        return _Reader(text).read(path)
    except yaml.reader.ReaderError as error:
        line, what = text[: error.position].count("\n") + 1, f"the character {error.character!r} is not allowed"
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, what = (mark.line + 1 if mark else 1), error.problem or str(error)
    except _Refused as error:
        raise InputError(f"{path}: line {error.line}: {error}") from None
    raise InputError(f"{path}: line {line}: is not valid YAML: {' '.join(what.split())}")


class _Refused(Exception):
    """Valid YAML that this reader refuses."""

    def __init__(self, event: yaml.Event, what: str) -> None:
        super().__init__(what)
        self.line = event.start_mark.line + 1


@dataclass(frozen=True)
class _Anchored:
    value: Any
    size: int


_Node = yaml.AliasEvent | yaml.ScalarEvent | yaml.SequenceStartEvent | yaml.MappingStartEvent
"""Events that begin a value."""


class _Reader:
    """Builds values from the parser's events, before PyYAML interprets plain words."""

    def __init__(self, text: str) -> None:
        self._events: Iterator[yaml.Event] = yaml.parse(text, yaml.SafeLoader)
        self._anchors: dict[str, _Anchored] = {}
        self._size = 0
        self.lines: dict[Place, int] = {(): 1}

    def read(self, path: Path) -> YamlFile:
        self._next()  # start of the stream
        if isinstance(self._next(), yaml.StreamEndEvent):
            return YamlFile(path, None, self.lines)
        value = self._value(self._next(), ())
        self._next()  # end of the document
        further = self._next()
        if isinstance(further, yaml.DocumentStartEvent):
            raise _Refused(further, "a second document begins, but only one is read: remove the line '---'")
        return YamlFile(path, value, self.lines)

    def _next(self) -> Any:
        """Return the next event, of which the grammar of YAML tells the kind."""
        return next(self._events)

    def _value(self, event: _Node, place: Place) -> Any:
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise _Refused(event, f"*{event.anchor} refers to no earlier anchor")
            anchored = self._anchors[event.anchor]
            self._grow(event, anchored.size)
            return anchored.value
        explicit = event.tag is not None and not (isinstance(event, yaml.ScalarEvent) and event.tag == "!")
        if explicit or event.tag == "!":
            raise _Refused(event, f"is not valid YAML for settings: the tag {event.tag} is not allowed")
        if len(place) > MAX_DEPTH:
            raise _Refused(event, f"is not valid YAML for settings: nested more than {MAX_DEPTH} deep")
        before = self._size
        self._grow(event, 1)
        if isinstance(event, yaml.MappingStartEvent):
            value: Any = self._mapping(event, place)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(place)
        else:
            value = _scalar(event)
        if event.anchor:
            if event.anchor in self._anchors:
                raise _Refused(event, f"&{event.anchor} appears twice")
            self._anchors[event.anchor] = _Anchored(value, self._size - before)
        return value

    def _grow(self, event: yaml.Event, size: int) -> None:
        self._size += size
        if self._size > MAX_VALUES:
            raise _Refused(event, f"more than {MAX_VALUES} values, with every alias expanded")

    def _sequence(self, place: Place) -> list[Any]:
        values: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            self.lines[(*place, len(values))] = event.start_mark.line + 1
            values.append(self._value(event, (*place, len(values))))
        return values

    def _mapping(self, start: yaml.Event, place: Place) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] | None = None
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            if isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.implicit[0]:
                if merged is not None:
                    raise _Refused(event, "'<<' appears twice")
                merged = _merged(event, self._value(self._next(), (*place, "<<")))
                continue
            key = self._key(event)
            if key in own:
                raise _Refused(event, f"'{key}' appears twice")
            self.lines[(*place, key)] = event.start_mark.line + 1
            own[key] = self._value(self._next(), (*place, key))
        return {**(merged or {}), **own}

    def _key(self, event: yaml.Event) -> str:
        key = self._value(event, ()) if isinstance(event, yaml.ScalarEvent) else None
        if not isinstance(key, str):
            written = event.value if isinstance(event, yaml.ScalarEvent) else "of a mapping"
            raise _Refused(event, f"the key {written} is not text: quote it")
        if not key.isprintable():
            raise _Refused(event, f"the key {key!r} holds characters that cannot be printed")
        return key


def _merged(event: yaml.Event, value: Any) -> dict[str, Any]:
    """Merge the mappings that ``<<`` refers to."""
    blocks = value if isinstance(value, list) else [value]
    merged: dict[str, Any] = {}
    for block in blocks:
        if not isinstance(block, dict):
            raise _Refused(event, "'<<' refers to something that is not a mapping")
        for key in block:
            if key in merged:
                raise _Refused(event, f"'{key}' appears twice in the mappings merged by '<<'")
        merged |= block
    return merged


def _scalar(event: yaml.ScalarEvent) -> Any:
    """Return a plain word as number, boolean, None or text; quoted text stays text."""
    word = event.value
    if not event.implicit[0]:
        return word
    for pattern, what in _AMBIGUOUS.items():
        if re.fullmatch(pattern, word, re.IGNORECASE):
            raise _Refused(event, f"{word} {what}")
    if word.casefold() in _WORDS:
        return _WORDS[word.casefold()]
    if _WHOLE.fullmatch(word) and len(word) <= MAX_DIGITS:
        return int(word)
    if _NUMBER.fullmatch(word):
        number = float(word)
        if not math.isfinite(number):
            raise _Refused(event, f"{word} is not a finite number")
        return number
    return word
