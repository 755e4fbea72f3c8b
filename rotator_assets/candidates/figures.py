"""Figures of slow-rotator candidates."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from rotator_assets.candidates.follow_up import MEASURED
from rotator_assets.plots import style
from rotator_assets.plots.galleries import Images, rgb

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHEET_COLUMNS, SHEET_ROWS = 6, 4
_PANEL_INCHES, _LABEL_INCHES, _TITLE_INCHES = 1.75, 0.75, 0.6


def follow_up_figure(follow_up: pd.DataFrame, labels: str, *, dataset: str, recipe: str, synthetic: bool) -> Figure:
    """Draw slow rotators found, completeness and purity against the number of candidates observed.

    Parameters
    ----------
    follow_up
        Rows of table ``follow_up``.
    labels
        What the labels are, for the subtitle.
    dataset, recipe
        For the title.
    synthetic
        True where any galaxy is synthetic.
    """
    figure = style.new_figure(
        11,
        4.2,
        title="Slow rotators among the first candidates",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
        detail=labels,
    )
    found, complete, pure = figure.subplots(1, 3)
    for number, (sample, rows) in enumerate(follow_up.groupby("sample", sort=True)):
        color = style.shade(number, 2)
        for axes, name in ((found, "slow_found"), (complete, "completeness"), (pure, "purity")):
            x = rows["n_observed"].to_numpy(float)
            low, high = (style.numbers(rows, f"{name}_{end}") for end in ("low", "high"))
            axes.fill_between(x, low, high, color=color, alpha=0.25, linewidth=0)
            axes.plot(x, style.numbers(rows, name), color=color, label=str(sample))
        if sample == MEASURED:
            found.plot(
                x, style.numbers(rows, "slow_expected"), color=color, linestyle="--", label="sum of their probabilities"
            )
    style.dress(found, x="candidates observed", y="slow rotators found", title="Found")
    style.dress(complete, x="candidates observed", y="fraction of all slow rotators", title="Completeness")
    style.dress(pure, x="candidates observed", y="fraction of slow rotators", title="Purity")
    for axes in (complete, pure):
        axes.set_ylim(0, 1.02)
    style.legend(found, loc="lower right")
    return figure


def contact_sheet(
    candidates: pd.DataFrame, images: Images, *, dataset: str, recipe: str, synthetic: bool, calibrated: ArrayLike
) -> Figure:
    """Draw the images of the first candidates with probability, predicted lambda_R and coordinates.

    Parameters
    ----------
    candidates
        Rows of table ``candidates``, at most `SHEET_COLUMNS` times `SHEET_ROWS`.
    images
        Their images in the same order, float32 (size, size, 3) each.
    dataset, recipe
        For the title.
    synthetic
        True where any galaxy is synthetic.
    calibrated
        True for images in nanomaggies; for all images or for each.
    """
    calibrated = np.broadcast_to(np.asarray(calibrated, dtype=bool), len(candidates))
    n_rows = max(-(-len(candidates) // SHEET_COLUMNS), 1)
    width, height = SHEET_COLUMNS * _PANEL_INCHES, n_rows * (_PANEL_INCHES + _LABEL_INCHES) + _TITLE_INCHES
    figure = style.new_figure(
        width,
        height,
        title="Most probable slow rotators without measured kinematics",
        dataset=dataset,
        recipe=recipe,
        synthetic=synthetic,
        detail="with rank, probability of being slow, and position in degrees",
        arranged=False,
    )
    place = {"left": 0.05 / width, "right": 1 - 0.05 / width, "bottom": 0.05 / height, "top": 1 - 1.1 / height}
    spaces = {"wspace": 0.06, "hspace": _LABEL_INCHES / _PANEL_INCHES}
    panels = figure.subplots(n_rows, SHEET_COLUMNS, squeeze=False, gridspec_kw={**place, **spaces}).ravel()
    for axes in panels:
        style.bare(axes)
    for row, galaxy in enumerate(candidates.to_dict("records")):
        panels[row].imshow(rgb(images[row], calibrated=bool(calibrated[row])), origin="lower", interpolation="nearest")
        label = _label(galaxy)
        panels[row].set_title(label, size=style.SMALL_SIZE, color=style.INK, pad=3, loc="left", parse_math=False)
    for axes in panels[len(candidates) :]:
        axes.set_visible(False)
    return figure


def _label(galaxy: Mapping[Hashable, Any]) -> str:
    """Name, probability, predicted lambda_R and position of a candidate, one per line."""
    probability = f"P(slow) {galaxy['probability_slow']:.2f}"
    if pd.notna(galaxy["probability_slow_low"]):
        probability += f" [{galaxy['probability_slow_low']:.2f}, {galaxy['probability_slow_high']:.2f}]"
    lines = [f"{galaxy['rank']}: {galaxy['galaxy_id']}", probability]
    if pd.notna(galaxy["lambda_r_predicted"]):
        lines.append(
            f"lambda_R {galaxy['lambda_r_predicted']:.2f} [{galaxy['lambda_r_low']:.2f}, {galaxy['lambda_r_high']:.2f}]"
        )
    if pd.notna(galaxy["ra"]):
        lines.append(f"{galaxy['ra']:.4f} {galaxy['dec']:+.4f}")
    if not galaxy["in_domain"]:
        lines.append("unlike the training sample")
    return "\n".join(lines)
