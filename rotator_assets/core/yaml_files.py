"""YAML as settings and recipes are written: one reading of every line, or an error that names it.

Readers of YAML differ in what a plain ``010``, ``yes``, ``12:30`` or ``2020-09-01`` is, and most let the last of two
equal keys replace the first. Here such a word is refused with its line, and so is all that settings have no use for:
tags, further documents, keys that are no text. Nothing in a file is ever executed.
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
"""With every alias written out. Recipes for every question that was ever asked have some thousand."""
MAX_DIGITS = 40
"""Longer whole numbers are read as fractions are, and lead nowhere."""

_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_AMBIGUOUS = {
    r"yes|no|on|off": "is true or false to some readers and a word to others: write true or false, or quote it",
    r"[-+]?0(?:[0-9_]+|o[0-7_]+|x[0-9a-f_]+|b[01_]+)": "may be no decimal number: write it without the leading zero",
    r"(?=[^_]*_)[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?(?:e[-+]?[0-9]+)?": "has a line in a number: leave it out, or quote it",
    r"[-+]?[0-9]+(?::[0-9]+)+(?:\.[0-9]*)?": "may be a number to the base 60: quote it",
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[t ].*)?": "may be a date: quote it",
    r"[-+]?\.inf|\.nan": "is no finite number",
}
"""Plain words, in any case, that readers of YAML take for different things."""


@dataclass(frozen=True)
class YamlFile:
    """The content of a file: mappings, lists, text, numbers, booleans and None; and where each of it stands."""

    path: Path
    content: Any
    lines: dict[tuple, int] = field(repr=False)

    def where(self, *keys: object) -> str:
        """``path: line 3``, of what these keys lead to, or as much of them as is there."""
        while keys not in self.lines:
            keys = keys[:-1]
        return f"{self.path}: line {self.lines[keys]}"


def unknown_key(key: object, known: Sequence[str]) -> str:
    """What to say of a key that is none of those known: the nearest of them, or all."""
    nearest = difflib.get_close_matches(str(key), known, n=1)
    hint = f"did you mean '{nearest[0]}'?" if nearest else f"the keys are {', '.join(known)}"
    return f"unknown key; {hint}"


def read_yaml(path: Path) -> YamlFile:
    """The one document of a file, None where it is empty.

    Raises OSError where the file cannot be read, and InputError, with the line: not UTF-8, not valid YAML, a key twice
    in one mapping or in two merged ones, a plain word of several readings (see above), a tag, a second document, a key
    that is no text, more than ``MAX_BYTES``, ``MAX_DEPTH`` or ``MAX_VALUES``.
    """
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise InputError(f"{path}: is larger than {MAX_BYTES // 1024} kB, which no such file is")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(f"{path}: line {line}: is not valid YAML: no text in UTF-8") from None
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
    """What is valid YAML and is not read."""

    def __init__(self, event: yaml.Event, what: str) -> None:
        super().__init__(what)
        self.line = event.start_mark.line + 1


@dataclass(frozen=True)
class _Anchored:
    value: Any
    size: int


class _Reader:
    """Makes values of the parser's events, which come before any of YAML's readings."""

    def __init__(self, text: str) -> None:
        self._events: Iterator[yaml.Event] = yaml.parse(text, yaml.SafeLoader)
        self._anchors: dict[str, _Anchored] = {}
        self._size = 0
        self.lines: dict[tuple, int] = {(): 1}

    def read(self, path: Path) -> YamlFile:
        self._next()  # the stream begins
        if isinstance(self._next(), yaml.StreamEndEvent):
            return YamlFile(path, None, self.lines)
        value = self._value(self._next(), ())
        self._next()  # the document ends
        further = self._next()
        if isinstance(further, yaml.DocumentStartEvent):
            raise _Refused(further, "a second document begins, one is read: take out the line '---'")
        return YamlFile(path, value, self.lines)

    def _next(self) -> yaml.Event:
        return next(self._events)

    def _value(self, event: yaml.Event, place: tuple) -> Any:
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise _Refused(event, f"*{event.anchor} stands for nothing that was written before")
            anchored = self._anchors[event.anchor]
            self._grow(event, anchored.size)
            return anchored.value
        explicit = event.tag is not None and not (isinstance(event, yaml.ScalarEvent) and event.tag == "!")
        if explicit or event.tag == "!":
            raise _Refused(event, f"is not valid YAML for settings: the tag {event.tag} is not read")
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
                raise _Refused(event, f"&{event.anchor} stands twice")
            self._anchors[event.anchor] = _Anchored(value, self._size - before)
        return value

    def _grow(self, event: yaml.Event, size: int) -> None:
        self._size += size
        if self._size > MAX_VALUES:
            raise _Refused(event, f"more than {MAX_VALUES} values, with every alias written out")

    def _sequence(self, place: tuple) -> list:
        values: list = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            self.lines[(*place, len(values))] = event.start_mark.line + 1
            values.append(self._value(event, (*place, len(values))))
        return values

    def _mapping(self, start: yaml.Event, place: tuple) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] | None = None
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            if isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.implicit[0]:
                if merged is not None:
                    raise _Refused(event, "'<<' stands twice")
                merged = _merged(event, self._value(self._next(), (*place, "<<")))
                continue
            key = self._key(event)
            if key in own:
                raise _Refused(event, f"'{key}' stands twice")
            self.lines[(*place, key)] = event.start_mark.line + 1
            own[key] = self._value(self._next(), (*place, key))
        return {**(merged or {}), **own}

    def _key(self, event: yaml.Event) -> str:
        key = self._value(event, ()) if isinstance(event, yaml.ScalarEvent) else None
        if not isinstance(key, str):
            written = event.value if isinstance(event, yaml.ScalarEvent) else "of a mapping"
            raise _Refused(event, f"the key {written} is no text: quote it")
        if not key.isprintable():
            raise _Refused(event, f"the key {key!r} holds what cannot be printed")
        return key


def _merged(event: yaml.Event, value: Any) -> dict[str, Any]:
    """The mappings that ``<<`` brings in, together."""
    blocks = value if isinstance(value, list) else [value]
    merged: dict[str, Any] = {}
    for block in blocks:
        if not isinstance(block, dict):
            raise _Refused(event, "'<<' brings in what is no mapping")
        for key in block:
            if key in merged:
                raise _Refused(event, f"'{key}' stands twice in what '<<' brings in")
        merged |= block
    return merged


def _scalar(event: yaml.ScalarEvent) -> Any:
    """A plain word as the number, truth value or text it is to every reader; quoted text as it is."""
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
            raise _Refused(event, f"{word} is no finite number")
        return number
    return word
