"""What is measured: one module per stage, with a function ``cases``."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType


def stages() -> dict[str, ModuleType]:
    """Return the modules of all stages by name, in alphabetical order."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name: importlib.import_module(f"{__name__}.{name}") for name in names}
