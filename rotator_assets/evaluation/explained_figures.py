"""Pictures that explain ROC curves in docs/roc-curves.md: normal scores, whose rates and AUCs have formulas.

They stand for figures 6 and 7 of the study, which explain the same.

``python -m rotator_assets.evaluation.explained_figures docs/figures`` draws them again.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rotator_assets.plots import legends, style
from rotator_assets.plots.roc_axes import FALSE_POSITIVES, TRUE_POSITIVES, chance_line
from rotator_assets.plots.style import CLASSES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEPARATION, THRESHOLD = 1.5, 0.75
"""Distance between the means of both classes in standard deviations, and the threshold that is marked."""
SEPARATIONS = (0.75, SEPARATION, 3.0)
_SUBJECT = "normal scores of unit variance"


def normal_roc(separation: float, thresholds: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return false-positive and true-positive rates of normal scores, of mean 0 (slow) and ``separation`` (fast)."""
    from scipy.stats import norm

    thresholds = np.asarray(thresholds, dtype=np.float64)
    return norm.sf(thresholds), norm.sf(thresholds - separation)


def normal_auc(separation: float) -> float:
    """Return the AUC of these scores, Phi(separation / sqrt 2): the probability that fast scores higher than slow."""
    from scipy.stats import norm

    return float(norm.cdf(separation / np.sqrt(2)))


def score_distributions_figure() -> Figure:
    """Draw the scores of both classes and a threshold."""
    from scipy.stats import norm

    figure = style.new_figure(
        style.MEDIUM, 4.6, title="Scores and a threshold", dataset=_SUBJECT, recipe=None, synthetic=False
    )
    axes = figure.subplots()
    score = np.linspace(-3.5, SEPARATION + 3.5, 401)
    rates = normal_roc(SEPARATION, THRESHOLD)
    names = ("false-positive rate", "true-positive rate")
    for look, mean, rate, name in zip(CLASSES, (0.0, SEPARATION), rates, names, strict=True):
        density, above = norm.pdf(score - mean), score >= THRESHOLD
        axes.plot(score, density, color=look.colour, lw=1.8, label=f"{look.name} rotators")
        label = f"{name}: {float(rate):.2f}"
        axes.fill_between(score[above], density[above], color=look.colour, alpha=0.25, lw=0, label=label)
    axes.axvline(THRESHOLD, color=style.INK, lw=1.2, ls="--", label="threshold")
    axes.set(xlim=(score[0], score[-1]), ylim=(0, 0.43))
    style.dress(axes, x="Score (higher: more like a fast rotator)", y="Density")
    legends.below(axes, columns=3)
    return figure


def roc_of_scores_figure() -> Figure:
    """Draw the ROC curves of classes that are more or less separated."""
    figure = style.new_figure(style.MEDIUM, 4.8, title="ROC curves", dataset=_SUBJECT, recipe=None, synthetic=False)
    axes = figure.subplots()
    thresholds = np.linspace(-6, 9, 601)
    for number, separation in enumerate(SEPARATIONS):
        label = f"separation {separation:g}: AUC {normal_auc(separation):.3f}"
        axes.plot(*normal_roc(separation, thresholds), color=style.OTHER_COLOURS[number], lw=1.8, label=label)
    x, y = normal_roc(SEPARATION, THRESHOLD)
    label = f"threshold of the first picture:\nFPR {float(x):.2f}, TPR {float(y):.2f}"
    axes.plot([x], [y], "D", ms=8, mfc="white", mec=style.INK, mew=1.8, label=label)
    chance_line(axes)
    style.dress(axes, x=FALSE_POSITIVES, y=TRUE_POSITIVES)
    legends.right_of(axes, labelspacing=0.8)
    return figure


FIGURES = {"score-distributions": score_distributions_figure, "roc-curves": roc_of_scores_figure}
"""The pictures, by the names of their files."""


def main(arguments: Sequence[str]) -> None:
    """Save the pictures in a folder, the only argument."""
    (folder,) = arguments
    for name, draw in FIGURES.items():
        style.save_picture(draw(), Path(folder) / f"{name}.png", for_print=False)


if __name__ == "__main__":
    main(sys.argv[1:])
