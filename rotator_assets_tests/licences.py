"""``docs/licences.md``: the licence of every locked package that the program needs, as its metadata give it.

Run as a program it writes the page; it needs the packages to be installed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

PROJECT = Path(__file__).parents[1]
PAGE = PROJECT / "docs" / "licences.md"
_HEAD = """# Licences

The program has the licence [BSD-3-Clause](../LICENSE). It needs these packages, in the versions of `uv.lock`, which are
not part of it. `make licences` writes this page from their metadata.

| package | version | licence |
|---|---|---|
"""


def locked_packages() -> dict[str, str]:
    """Versions of each locked package by name: those that the program needs on any kind of machine, without extras."""
    packages: dict[str, list[dict]] = {}
    for package in tomllib.loads((PROJECT / "uv.lock").read_text("utf-8"))["package"]:
        packages.setdefault(package["name"], []).append(package)
    needed: dict[str, str] = {}
    waiting = list(_needs(packages["rotator-assets"]))
    while waiting:
        name, extras = waiting.pop()
        if name not in needed:
            needed[name] = ", ".join(package["version"] for package in packages[name])
            waiting += _needs(packages[name], extras)
    return dict(sorted(needed.items()))


def _needs(versions: list[dict], extras: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Names and extras of the packages that a locked one needs."""
    for package in versions:
        found = [*package.get("dependencies", ())]
        for extra in extras:
            found += package.get("optional-dependencies", {}).get(extra, ())
        yield from ((one["name"], tuple(one.get("extra", ()))) for one in found)


def licence_of(name: str) -> str:
    """Licence in the metadata of an installed package: its expression, else its classifiers, else the first line."""
    try:
        about = metadata(name)
    except PackageNotFoundError:
        return "not needed on Linux"
    if expression := about.get("License-Expression"):
        return expression
    classifiers = [
        text.split(" :: ")[-1] for text in about.get_all("Classifier") or () if text.startswith("License ::")
    ]
    named = [text for text in classifiers if text != "OSI Approved"]
    stated = (about.get("License") or "").strip().partition("\n")[0]
    return ", ".join(named) or stated or "see its files"


def page() -> str:
    rows = (f"| {name} | {version} | {licence_of(name)} |\n" for name, version in locked_packages().items())
    return _HEAD + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
