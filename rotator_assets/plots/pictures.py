"""Pictures of assets: a file under ``results/figures``, and a small copy in Dagster's metadata."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import dagster as dg

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.study import STUDY_PICTURES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INLINE_BYTES = 150_000


class Pictures:
    """Pictures of one folder under ``results/figures``; those that a figure of the study may be, as PDF too."""

    def __init__(self, root: DataRoot, place: str) -> None:
        self.folder = root.figures / place
        self._place = place
        self._inline: dict[str, bytes] = {}

    def add(self, name: str, figure: Figure) -> None:
        """Save the figure, and keep a copy small enough for the UI."""
        from rotator_assets.plots.style import fit_png, save_picture

        for_print = (self._place, name) in STUDY_PICTURES
        data = save_picture(figure, self.folder / f"{name}.png", for_print=for_print)
        self._inline[name] = fit_png(data, _INLINE_BYTES)

    def remove(self, name: str) -> None:
        """Of what can no longer be shown no picture stays."""
        for ending in ("png", "pdf"):
            (self.folder / f"{name}.{ending}").unlink(missing_ok=True)

    def metadata(self) -> dict[str, dg.MetadataValue]:
        """Each picture inline, as Markdown, and the folder of the full-sized ones."""
        inline = {
            f"figure_{name}": dg.MetadataValue.md(
                f"![{name}](data:image/png;base64,{base64.b64encode(data).decode('ascii')})"
            )
            for name, data in self._inline.items()
        }
        return {**inline, "figures": dg.MetadataValue.path(str(self.folder))}
