"""Examples at the end of a command's help, as code."""

from __future__ import annotations

import click
from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, bool]:
    """Show the end of every command's help that sphinx-click reads as code."""
    app.connect("sphinx-click-process-epilog", _as_code)
    return {"parallel_read_safe": True}


def _as_code(_: Sphinx, __: click.Context, lines: list[str]) -> None:
    """Replace lines ``| Examples:`` and ``|   command``, in place."""
    commands = [line.removeprefix("|").strip() for line in lines if line.startswith("|   ")]
    if commands:
        lines[:] = [".. rubric:: Examples", "", ".. code-block:: sh", "", *(f"   {line}" for line in commands), ""]
