"""Examples in the help of commands."""

from __future__ import annotations


def examples(*lines: str) -> str:
    """Return the end of a command's help: its examples, one per line, not wrapped."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])
