"""The network of a recipe with the size of every layer (figure 5 of the study)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rotator_assets.plots import style
from rotator_assets.training.layers import Layer, NetworkLayers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_KINDS = {
    "image": ("InputLayer",),
    "convolution": ("Conv",),
    "pooling": ("Pooling",),
    "normalization": ("Normalization",),
    "activation": ("ReLU", "Activation", "Softmax", "Swish", "Sigmoid"),
    "dense": ("Dense",),
    "dropout": ("Dropout",),
}
"""Kinds of layers in words, by parts of the name of their class; others rearrange or combine values."""
_OTHER = "rearranged or combined"
_COLOURS = dict(
    zip(
        (*_KINDS, _OTHER),
        (style.INK, *(style.OTHER_COLOURS[k] for k in (3, 0, 2, 1, 4, 5)), style.GREY),
        strict=True,
    )
)
LARGEST = 54
"""Number of layers from which on those of equal image size are drawn as one."""
_IN_COLUMN, _ROW, _HEADER, _ABOVE, _BELOW = 18, 0.27, 0.7, 0.9, 0.8
"""Rows in a column; height of a row, of the header without and with the names of columns, and of the legend, inches."""


def network_figure(network: NetworkLayers, *, dataset: str, recipe: str, synthetic: bool) -> Figure:
    """Draw the layers from the image to the logit, with the size of their outputs and their numbers of weights.

    Bars are as long as the logarithm of the number of values. A line joins layers that follow each other; other inputs
    are written next to the name, by their numbers. In networks of more than `LARGEST` layers, consecutive ones of equal
    image size are one row.

    Parameters
    ----------
    network : NetworkLayers
        The layers.
    dataset, recipe : str
        Keys for the subtitle.
    synthetic : bool
        Stamp the figure as synthetic.

    Returns
    -------
    Figure
        Up to three columns, to be read downwards.
    """
    layers = network.layers if len(network.layers) <= LARGEST else stages(network.layers)
    columns = -(-len(layers) // _IN_COLUMN)
    rows = -(-len(layers) // columns)
    width, height = style.MEDIUM if columns == 1 else style.WIDE, _ABOVE + _ROW * (rows + 1) + _BELOW
    figure = style.new_figure(
        width,
        height,
        title="The network and the size of its layers",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
        detail=_count(network),
        arranged=False,
    )
    axes = figure.add_axes((0, 0, 1, 1 - _HEADER / height))
    axes.set(xlim=(0, width), ylim=(height, _HEADER))
    axes.set_axis_off()
    size = style.TEXT_SIZE if columns < 3 else style.SMALL_SIZE
    numbered: dict[str, int] = {}
    for number, layer in enumerate(layers):
        column, row = divmod(number, rows)
        place = _Place(width / columns, column, size)
        numbered[layer.name] = number
        if row == 0:
            place.write(axes, _ABOVE, ("layer", "output", "weights"), style.GREY)
        y = _ABOVE + _ROW * (row + 1)
        inputs = [numbered[name] for name in layer.inputs]
        _draw_layer(axes, place, y, layer, joined=number - 1 in inputs and row > 0)
        name = f"{number}  {layer.name.replace('_', ' ')}{_other_inputs(inputs, number - 1)}"
        weights = f"{layer.parameters:,}" if layer.parameters else "–"
        place.write(axes, y, (name, " × ".join(map(str, layer.shape)), weights), style.INK)
    _draw_legend(axes, layers, width)
    return figure


def stages(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Return consecutive layers of equal image size as one, with the output of the last.

    A stage ends where no later layer has as many pixels, so that a small branch within it does not end it.
    """
    pixels = [layer.shape[0] * layer.shape[1] if len(layer.shape) == 3 else 1 for layer in layers]
    largest_left = np.maximum.accumulate(pixels[::-1])[::-1]
    found: list[Layer] = []
    for count in dict.fromkeys(largest_left.tolist()):
        members = [layer for layer, left in zip(layers, largest_left, strict=True) if left == count]
        convolutions = [layer.kind for layer in members if kind_of(layer) == "convolution"]
        kind = convolutions[0] if convolutions else members[-1].kind
        text = f"{len(members)} layers, {len(convolutions) or 'none'} of them convolutions"
        parameters = sum(layer.parameters for layer in members)
        inputs = (found[-1].name,) if found else ()
        found.append(Layer(text if len(members) > 1 else members[0].name, kind, members[-1].shape, parameters, inputs))
    return tuple(found)


def kind_of(layer: Layer) -> str:
    """Return the kind of a layer in words."""
    return next((kind for kind, parts in _KINDS.items() if any(part in layer.kind for part in parts)), _OTHER)


class _Place:
    """Where bar and texts of a layer are in a column, inches."""

    def __init__(self, width: float, column: int, size: float) -> None:
        left, right = column * width + 0.1, (column + 1) * width - 0.15
        self.bar = 0.18 * width if size == style.TEXT_SIZE else 0.13 * width
        self.middle = left + self.bar / 2
        self._size = size
        self._texts = (left + self.bar + 0.1, right - (7 if size == style.TEXT_SIZE else 5.5) * size / 72, right)

    def write(self, axes: Axes, y: float, texts: Sequence[str], colour: str) -> None:
        for x, text, align in zip(self._texts, texts, ("left", "right", "right"), strict=True):
            axes.text(x, y, text, ha=align, va="center", size=self._size, color=colour, parse_math=False)


def _draw_layer(axes: Axes, place: _Place, y: float, layer: Layer, *, joined: bool) -> None:
    from matplotlib.patches import Rectangle

    length = place.bar * min((0.3 + np.log10(layer.values)) / 6, 1)
    corner = (place.middle - length / 2, y - 0.3 * _ROW)
    if joined:
        axes.plot([place.middle] * 2, [y - 0.7 * _ROW, y - 0.3 * _ROW], color=style.GREY, lw=1)
    axes.add_patch(Rectangle(corner, length, 0.6 * _ROW, color=_COLOURS[kind_of(layer)], lw=0))


def _other_inputs(inputs: Sequence[int], before: int) -> str:
    """Return the numbers of the inputs if they are not the layer before alone."""
    if not inputs or list(inputs) == [before]:
        return ""
    return " ← " + (", ".join(map(str, inputs)) if len(inputs) <= 3 else f"{len(inputs)} layers")


def _count(network: NetworkLayers) -> str:
    """Describe the network in words."""
    text = f"{len(network.layers)} layers, {network.parameters:,} weights"
    return text if network.members == 1 else f"one of {network.members} averaged networks: {text}"


def _draw_legend(axes: Axes, layers: Sequence[Layer], width: float) -> None:
    from matplotlib.patches import Patch

    kinds = dict.fromkeys(kind_of(layer) for layer in layers)
    look: dict[str, Any] = {"fontsize": style.TEXT_SIZE, "title_fontsize": style.TEXT_SIZE, "frameon": False}
    axes.legend(
        handles=[Patch(color=_COLOURS[kind], label=kind) for kind in kinds],
        title="Length of a bar: number of values, logarithmic",
        loc="lower left",
        ncols=len(kinds) if width == style.WIDE else 4,
        columnspacing=1.2,
        handlelength=1,
        alignment="left",
        **look,
    )
