"""The look of every figure, and saving them to files.

pyplot is not used, so figures can be drawn in any thread and are freed with their last reference. Matplotlib uses its
default settings and ignores any ``matplotlibrc``.
"""

from __future__ import annotations

import io
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.core.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


SLOW, FAST = 0, 1
SLOW_COLOUR, FAST_COLOUR = "#D55E00", "#0072B2"
"""Vermillion and blue of Okabe & Ito (2008), which readers with any colour vision can distinguish."""
INK, GREY, PALE = "#222222", "#767676", "#D9D9D9"
OTHER_COLOURS = ("#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6BB1", "#7F5F3F", "#B2B200", "#444444")
"""Colours of baselines and recipes."""
DASHES = ("--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))
TITLE_SIZE, LABEL_SIZE, TEXT_SIZE, SMALL_SIZE = 12.0, 10.5, 9.0, 7.5
"""Points."""
WIDE, MEDIUM, NARROW = 10.0, 7.5, 5.0
"""Widths of figures, inches: that of the report's page, three quarters of it, and half of it."""
SHOWN_DPI = 96
"""Pixels per inch on the report's page, for every figure, so that text of one size looks the same in all of them."""
STAMP = "SYNTHETIC DATA"
SCREEN_DPI, PRINT_DPI = 130, 200

_drawing = threading.Lock()  # Matplotlib's parser of formulae keeps its state in one object


@dataclass(frozen=True)
class RotatorClass:
    """Slow or fast: the value in ``rotator_type``, and the look in every figure."""

    value: int
    name: str
    colour: str
    marker: str


@dataclass(frozen=True)
class Outcome:
    """One of the four outcomes of a classification: the true class (``rotator_type``) and the predicted one."""

    name: str
    rotator_type: int
    predicted_type: int

    @property
    def right(self) -> bool:
        """True for correct classifications."""
        return self.rotator_type == self.predicted_type


CLASSES = (RotatorClass(SLOW, "slow", SLOW_COLOUR, "o"), RotatorClass(FAST, "fast", FAST_COLOUR, "^"))
OUTCOMES = (
    Outcome("True fast", FAST, FAST),
    Outcome("True slow", SLOW, SLOW),
    Outcome("False fast", SLOW, FAST),
    Outcome("False slow", FAST, SLOW),
)
"""Fast is the positive class, as in the ROC curves."""


def numbers(frame: pd.DataFrame, column: str) -> NDArray[np.float64]:
    """Return the column as float64, with NaN for missing values and text."""
    return pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)


def shade(number: int, count: int) -> tuple[float, ...]:
    """Return the colour of one of ``count`` ordered members, such as folds."""
    import matplotlib

    return matplotlib.colormaps["viridis"](0.9 * number / max(count - 1, 1))


def percent(part: int, whole: int) -> str:
    """Return the fraction in percent with one decimal; a dash for an empty whole."""
    return f"{100 * part / whole:.1f} %" if whole else "–"


def new_figure(
    width: float,
    height: float,
    *,
    title: str,
    dataset: str,
    recipe: str | None,
    synthetic: bool,
    detail: str = "",
    arranged: bool = True,
) -> Figure:
    """Return an empty figure with a title, and a subtitle of dataset, recipe and detail.

    Parameters
    ----------
    width, height : float
        Size in inches; the width is `WIDE`, `MEDIUM` or `NARROW`.
    title : str
        What the figure shows.
    dataset : str
        Key of the dataset or survey.
    recipe : str or None
        Name of the recipe.
    synthetic : bool
        Stamp the figure as synthetic, in the upper right corner.
    detail : str
        Further text of the subtitle.
    arranged : bool
        Fit the panels to their labels when the figure is drawn. Placing many panels by hand is ten times as fast.

    Returns
    -------
    Figure
        The figure, without axes.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    if width not in (WIDE, MEDIUM, NARROW):
        raise ValueError(f"a figure {width:g} inches wide: its text would have another size than that of others")
    _default_settings()
    figure = Figure(figsize=(width, height), layout="constrained" if arranged else None, facecolor="white")
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(w_pad=0.08, h_pad=0.06)
    FigureCanvasAgg(figure)
    parts = "  ·  ".join(part for part in (dataset, recipe, detail) if part)
    left = 0.1 / width
    place = {} if arranged else {"y": 1 - 0.07 / height}
    figure.suptitle(
        f"{title}\n", x=left, **place, ha="left", size=TITLE_SIZE, weight="bold", color=INK, linespacing=1.5
    )
    figure.text(left, 1 - 0.37 / height, parts, ha="left", va="top", size=TEXT_SIZE, color=GREY, gid="subtitle")
    if synthetic:
        stamp_synthetic(figure)
    return figure


@cache
def _default_settings() -> None:
    """Ignore the ``matplotlibrc`` of the working directory; ``core.environment`` does so for the home folder."""
    import matplotlib

    matplotlib.rcdefaults()


def stamp_synthetic(figure: Figure) -> None:
    """Stamp the figure as synthetic, once."""
    if is_stamped(figure):
        return
    width, height = figure.get_size_inches()
    box = {"boxstyle": "round,pad=0.35", "facecolor": "#FFF3C4", "edgecolor": "#B00020", "linewidth": 1.5}
    figure.text(
        1 - 0.14 / width,
        1 - 0.13 / height,
        STAMP,
        ha="right",
        va="top",
        size=11,
        weight="bold",
        color="#B00020",
        bbox=box,
        gid="synthetic",
    )


def is_stamped(figure: Figure) -> bool:
    """Return True if the figure is stamped as synthetic."""
    return any(text.get_gid() == "synthetic" for text in figure.texts)


def dress(axes: Axes, *, x: str = "", y: str = "", title: str = "", grid: bool = True) -> None:
    """Set the labels of the axes, and the sizes and lines that all axes share.

    Parameters
    ----------
    axes : Axes
        The axes.
    x, y : str
        Labels with units.
    title : str
        Title of the panel.
    grid : bool
        Draw a grid.
    """
    axes.set_xlabel(x, size=LABEL_SIZE, color=INK)
    axes.set_ylabel(y, size=LABEL_SIZE, color=INK)
    axes.set_title(title, size=LABEL_SIZE, color=INK)
    axes.tick_params(labelsize=TEXT_SIZE, color=GREY, labelcolor=INK)
    for side, spine in axes.spines.items():
        spine.set_color(GREY)
        spine.set_visible(side in ("left", "bottom"))
    if grid:
        axes.grid(color=PALE, linewidth=0.5)
        axes.set_axisbelow(True)


def bare(axes: Axes) -> None:
    """Remove ticks and frame, for images."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def say(axes: Axes, message: str, *, size: float = LABEL_SIZE) -> None:
    """Write a message in the middle of the axes, such as why they are empty."""
    axes.text(
        0.5,
        0.5,
        message,
        transform=axes.transAxes,
        ha="center",
        va="center",
        size=size,
        color=GREY,
        gid="message",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 4},
    )


def render(figure: Figure, *, kind: str = "png", dpi: float = PRINT_DPI) -> bytes:
    """Return the figure as the bytes of a ``png`` or ``pdf`` file, the same for each call.

    The first call arranges the panels; later ones keep them in place.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    buffer = io.BytesIO()
    with _drawing:
        figure.set_dpi(dpi)  # first, because the width of text depends on it
        engine = figure.get_layout_engine()
        if isinstance(engine, ConstrainedLayoutEngine):
            for _ in range(2):  # again, because legends move with panels of fixed aspect
                engine.execute(figure)
            figure.set_layout_engine("none")
        if kind == "png" and isinstance(figure.canvas, FigureCanvasAgg):
            figure.canvas.print_png(buffer)  # savefig would draw twice
        else:
            figure.savefig(buffer, format=kind, dpi=dpi, metadata={"CreationDate": None})
    return buffer.getvalue()


def shown_width(png: bytes) -> int:
    """Return the width of a picture on the report's page, pixels of the page."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as picture:
        dots_per_inch = picture.info.get("dpi", (SHOWN_DPI,))[0]
        return round(SHOWN_DPI * min(picture.width / dots_per_inch, WIDE))


def fit_png(data: bytes, max_bytes: int, max_width_px: int) -> bytes:
    """Return the PNG, in 256 colours and with as many pixels as fit if it is too large or too wide.

    Raises ValueError if even a fifth of its width does not fit, which would not be readable.
    """
    from PIL import Image

    with Image.open(io.BytesIO(data)) as opened:
        if len(data) <= max_bytes and opened.width <= max_width_px:
            return data
        picture = opened.convert("RGB")
    scale = min(1.0, max_width_px / picture.width)
    while scale >= 0.2:
        size = (round(picture.width * scale), round(picture.height * scale))
        smaller = picture if scale == 1 else picture.resize(size, Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        smaller.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(buffer, "PNG")
        if buffer.tell() <= max_bytes:
            return buffer.getvalue()
        scale *= min(0.9, 0.95 * (max_bytes / buffer.tell()) ** 0.5)  # size grows with the number of pixels
    raise ValueError(f"the picture does not fit into {max_bytes} bytes")


def save_figure(figure: Figure, path: Path) -> Path:
    """Write the figure as ``.png`` or ``.pdf`` in one step, and create its folder. Raises ValueError for others."""
    kind = path.suffix.lower().lstrip(".")
    if kind not in ("png", "pdf"):
        raise ValueError(f"{path.name}: pictures are saved as .png or .pdf")
    _write(path, render(figure, kind=kind))
    return path


def save_picture(figure: Figure, path: Path, *, for_print: bool) -> bytes:
    """Write the figure as a ``.png`` file and return its bytes.

    ``for_print`` gives a higher resolution and a PDF alongside; otherwise an older PDF is deleted.
    """
    data = render(figure, dpi=PRINT_DPI if for_print else SCREEN_DPI)
    _write(path, data)
    if for_print:
        save_figure(figure, path.with_suffix(".pdf"))
    else:
        path.with_suffix(".pdf").unlink(missing_ok=True)
    return data


def _write(path: Path, data: bytes) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def note(axes: Axes, text: str) -> None:
    """Write a caveat in the upper left corner, where no curve starts."""
    axes.text(
        0.02,
        0.93,
        text,
        transform=axes.transAxes,
        va="top",
        size=TEXT_SIZE,
        color=SLOW_COLOUR,
        gid="message",
    )


def points_with_intervals(
    axes: Axes, rows: pd.DataFrame, x: str, columns: tuple[str, str, str], colour: str, marker: str, label: str
) -> None:
    """Draw values with their intervals as marks with error bars.

    Parameters
    ----------
    axes : Axes
        The axes.
    rows : DataFrame
        One row per value.
    x : str
        Column of the position.
    columns : tuple of three str
        Columns of the value and of the lower and upper end of its interval.
    colour, marker, label : str
        Look and legend entry.
    """
    value, low, high = (numbers(rows, column) for column in columns)
    axes.errorbar(
        numbers(rows, x),
        value,
        yerr=[value - low, high - value],
        fmt=marker,
        ms=5.5,
        color=colour,
        mec="white",
        lw=1.2,
        capsize=2,
        label=label,
    )
