"""Parts that figures of attribution maps share: colours, scale, panels, and the bar that explains them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from rotator_assets.imaging.centre import from_middle, middle
from rotator_assets.plots import style
from rotator_assets.plots.style import CLASSES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

TOWARDS = "RdBu"
"""Colour map: red favours slow, blue favours fast, as in all figures."""


def band_sum(values: ArrayLike) -> NDArray[np.float64]:
    """Sum a map (ny, nx) or (ny, nx, bands) over its bands."""
    values = np.asarray(values, dtype=np.float64)
    return values.sum(axis=-1) if values.ndim == 3 else values


def symmetric_limit(maps: Iterable[NDArray[np.float64]]) -> float:
    """Return the 99.5th percentile of the maps' absolute values; 1 if all are zero."""
    values = np.abs(np.concatenate([np.ravel(values) for values in maps] or [np.zeros(1)]))
    finite = values[np.isfinite(values)]
    return float(np.percentile(finite, 99.5)) or 1.0 if finite.size else 1.0


def map_colours(values: NDArray[np.float32], limit: float) -> NDArray[np.float32]:
    """Return a map (ny, nx) as red, green, blue in 0..1, shape (ny, nx, 3), between minus and plus the limit."""
    import matplotlib

    place = np.clip(0.5 + np.asarray(values, dtype=np.float64) / (2 * limit), 0, 1)
    return matplotlib.colormaps[TOWARDS](place)[..., :3].astype(np.float32)


def draw_map(axes: Axes, values: NDArray[np.float64], limit: float) -> AxesImage:
    """Draw a map (ny, nx) between minus and plus the limit, with a pale frame."""
    for spine in axes.spines.values():
        spine.set(color=style.PALE, linewidth=0.8, visible=True)
    return axes.imshow(values, origin="lower", cmap=TOWARDS, vmin=-limit, vmax=limit, interpolation="nearest")


def draw_bar(figure: Figure, strip: Axes, scale: AxesImage, orientation: Literal["vertical", "horizontal"]) -> None:
    """Draw the colour bar of maps, with the classes that its ends favour."""
    bar = figure.colorbar(scale, cax=strip, extend="both", extendfrac=0.03, orientation=orientation)
    bar.set_label("Attribution to the logit of P(fast) per pixel, summed over bands", size=style.TEXT_SIZE)
    bar.ax.tick_params(labelsize=style.SMALL_SIZE)
    ends = {
        "vertical": ({"x": 0.5, "y": -0.04, "ha": "center", "va": "top"}, {"x": 0.5, "y": 1.04, "ha": "center"}),
        "horizontal": ({"x": -0.04, "y": 0.5, "ha": "right", "va": "center"}, {"x": 1.04, "y": 0.5, "va": "center"}),
    }
    for look, place in zip(CLASSES, ends[orientation], strict=True):
        font: dict[str, Any] = {"size": style.TEXT_SIZE, "color": look.colour, "weight": "bold"}
        bar.ax.text(s=look.name, transform=bar.ax.transAxes, **place, **font)


def draw_half_light(axes: Axes, shape: tuple[int, ...], row: pd.Series, colour: str) -> None:
    """Draw the half-light ellipse about the galaxy's centre, or a circle if the shape is unknown."""
    semi_major = float(row["r_eff_pixels"]) if pd.notna(row["r_eff_pixels"]) else np.nan
    if not semi_major > 0:
        return
    ratio, angle = (row.get(name, np.nan) for name in ("axis_ratio", "angle_deg"))
    known = pd.notna(ratio) and pd.notna(angle)
    ratio, angle = (float(ratio), np.deg2rad(float(angle))) if known else (1.0, 0.0)
    turn = np.linspace(0, 2 * np.pi, 181)
    along, across = semi_major * np.cos(turn), semi_major * ratio * np.sin(turn)
    ny, nx = shape[:2]
    x0, y0 = middle(nx) + from_middle(row, "x", nx), middle(ny) + from_middle(row, "y", ny)
    x = x0 + along * np.cos(angle) - across * np.sin(angle)
    y = y0 + along * np.sin(angle) + across * np.cos(angle)
    axes.plot(x, y, color=colour, lw=1, ls="--", scalex=False, scaley=False, gid="half-light")
