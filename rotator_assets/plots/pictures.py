"""Pictures of assets: a file under ``results/figures``, and a small copy in Dagster's metadata."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import TYPE_CHECKING

import dagster as dg

from rotator_assets.core.data_root import DataRoot
from rotator_assets.plots.exhibit import Exhibit, figure_named

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INLINE_BYTES = 150_000
"""The Dagster UI displays no picture of 200 kB or more."""
_INLINE_WIDTH_PX = 1040
"""Width of a picture that fits into the UI's dialog: 0.8 of a window of 1366 pixels, less its margins."""


class Pictures:
    """Pictures of one folder under ``results/figures``; those that reproduce a figure of the study are also PDFs."""

    def __init__(self, root: DataRoot, place: str, exhibits: Iterable[Exhibit]) -> None:
        self.folder = root.figures / place
        self._exhibits = tuple(exhibits)
        self._place = place
        self._inline: dict[str, bytes] = {}

    def add(self, name: str, figure: Figure) -> None:
        """Save the figure, and keep a copy small enough for the UI. Raises KeyError for a name without an exhibit."""
        from rotator_assets.plots.style import save_picture

        for_print = figure_named(self._exhibits, name).for_print(self._place, name)
        data = save_picture(figure, self.folder / f"{name}.png", for_print=for_print)
        self._inline[name] = data

    def remove(self, name: str) -> None:
        """Delete a picture that no longer applies."""
        for ending in ("png", "pdf"):
            (self.folder / f"{name}.{ending}").unlink(missing_ok=True)

    def metadata(self) -> dict[str, dg.MetadataValue]:
        """Return each picture inline as Markdown, and the folder of the full-sized ones."""
        inline = {
            f"figure_{name}": dg.MetadataValue.md(inline_picture(name, data)) for name, data in self._inline.items()
        }
        return {**inline, "figures": dg.MetadataValue.path(str(self.folder))}


def inline_picture(name: str, data: bytes) -> str:
    """Return a PNG as Markdown with the picture inside, small enough for the UI."""
    from rotator_assets.plots.style import fit_png

    small = fit_png(data, _INLINE_BYTES, _INLINE_WIDTH_PX)
    return f"![{name}](data:image/png;base64,{base64.b64encode(small).decode('ascii')})"
