"""Slow and fast rotators from images alone. Importing this prepares the environment of the process.

In a notebook, `open` gives access to the results of a data root:

>>> import rotator_assets
>>> results = rotator_assets.open("data/demo")
>>> predictions = results.table("predictions", dataset="manga-observed-64", recipe="thesis")
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rotator_assets.core import environment as environment
from rotator_assets.core.errors import InputError as InputError

if TYPE_CHECKING:
    from rotator_assets.api import Results


def open(root: str | os.PathLike[str] | None = None) -> Results:
    """Return the results of a data root, which need not hold any yet.

    Without a path, it is the root that the variable ``ROTATORS_DATA`` names, else ``data/``. Raises InputError where
    there is no such folder.
    """
    from rotator_assets.api import Results

    return Results(root)
