"""Pictures of an asset: saved under ``results/figures``, and shown in the Dagster UI."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass
class Pictures:
    """Collects the pictures of one partition."""

    folder: Path
    _inline: dict[str, bytes] = field(default_factory=dict)

    def add(self, name: str, figure: Figure) -> None:
        """Save the figure as PNG and PDF, and keep a copy small enough for the UI."""
        from rotator_assets.figures.style import png_bytes, save_figure

        save_figure(figure, self.folder / f"{name}.png")
        save_figure(figure, self.folder / f"{name}.pdf")
        self._inline[name] = png_bytes(figure, max_bytes=150_000)

    def metadata(self) -> dict[str, dg.MetadataValue]:
        """Each picture inline, as Markdown, and the folder of the full-sized ones."""
        inline = {
            f"figure_{name}": dg.MetadataValue.md(
                f"![{name}](data:image/png;base64,{base64.b64encode(data).decode('ascii')})"
            )
            for name, data in self._inline.items()
        }
        return {**inline, "figures": dg.MetadataValue.path(str(self.folder))}
