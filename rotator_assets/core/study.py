"""What the study showed and said, by figure and by number, and how what is found here stands to it.

The study: "Investigating the morphologies of slow and fast rotators with deep learning" (2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rotator_assets.core.recipes import FAMILIES

REFERENCE_RECIPE = "thesis"
ACROSS_DATASETS = "datasets"
"""Folder of the pictures that compare datasets."""

_MANGA = ("manga-observed-128", "manga-observed-64")
_NOISY = ("tng100-noisy-128", "tng100-noisy-64")


@dataclass(frozen=True)
class StudyFigure:
    """One figure of the study: which picture answers to it, and what has to be there for it.

    ``folders``: under ``results/figures``; the first that has the picture is shown.
    """

    number: int
    caption: str
    picture: str
    folders: tuple[str, ...]
    needs: str

    def folder(self, figures: Path) -> str | None:
        """The folder whose picture is shown; None where none has it yet."""
        return next((name for name in self.folders if (figures / name / f"{self.picture}.png").is_file()), None)

    def shown(self, folder: str) -> str:
        """The caption, with what is shown where that is a training, and why where it is the second choice."""
        dataset, _, recipe = folder.partition("/")
        which = f" Shown: {dataset}, recipe {recipe}." if recipe else ""
        if folder != self.folders[0]:
            which += f" ({self.folders[0].partition('/')[0]} was not trained.)"
        return self.caption + which


def _of_survey(number: int, caption: str, picture: str, survey: str) -> StudyFigure:
    return StudyFigure(number, caption, picture, (survey,), f"the labelled galaxies of {survey}")


def _of_training(number: int, caption: str, picture: str, datasets: tuple[str, ...], recipe: str) -> StudyFigure:
    folders = tuple(f"{dataset}/{recipe}" for dataset in datasets)
    return StudyFigure(number, caption, picture, folders, f"{' or '.join(datasets)} with {recipe}")


def _of_recipes(number: int, caption: str, setting: str, dataset: str, recipe: str) -> StudyFigure:
    needs = f"{dataset} with {REFERENCE_RECIPE} and {recipe}"
    return StudyFigure(number, caption, FAMILIES[setting], (dataset,), needs)


def _of_crops(number: int, caption: str, images: str) -> StudyFigure:
    needs = f"{images}-128 and {images}-64 with {REFERENCE_RECIPE}"
    return StudyFigure(number, caption, f"crop_{images}", (ACROSS_DATASETS,), needs)


_SPIN = "Spin parameter and ellipticity of {}, with the threshold, early and late types."
_CLASSES = "Slow and fast rotators of the sample trained on: {}."
_ROC = "ROC curve with the optimal point: {}."
_GALLERY = "Galleries of the four outcomes: {}."
_OUTCOMES = "Spin parameter and ellipticity by outcome: {}."
_MAPS = "Images above their attribution maps: {}."
_ALL, _EARLY, _TNG = "all types, observed", "early types, observed", "early types, simulated with noise"

STUDY_FIGURES = (
    _of_survey(3, _SPIN.format("MaNGA galaxies"), "spin_ellipticity", "manga"),
    _of_training(8, _CLASSES.format(_ALL), "sample", _MANGA, "all-types"),
    _of_training(9, _ROC.format(_ALL), "roc", _MANGA, "all-types"),
    _of_training(10, _GALLERY.format(_ALL), "gallery", _MANGA, "all-types"),
    _of_training(11, _OUTCOMES.format(_ALL), "outcomes", _MANGA, "all-types"),
    _of_training(12, _CLASSES.format(_EARLY), "sample", _MANGA, "thesis"),
    _of_training(13, _ROC.format(_EARLY), "roc", _MANGA, "thesis"),
    _of_training(14, _GALLERY.format(_EARLY), "gallery", _MANGA, "thesis"),
    _of_training(15, _OUTCOMES.format(_EARLY), "outcomes", _MANGA, "thesis"),
    _of_training(16, _MAPS.format(_EARLY), "attributions", _MANGA, "thesis"),
    _of_training(17, _CLASSES.format(_TNG), "sample", _NOISY, "thesis"),
    _of_survey(18, _SPIN.format("TNG100 galaxies"), "spin_ellipticity", "tng100"),
    _of_training(19, _ROC.format(_TNG), "roc", _NOISY, "thesis"),
    _of_training(20, _GALLERY.format(_TNG), "gallery", _NOISY, "thesis"),
    _of_training(21, _OUTCOMES.format(_TNG), "outcomes", _NOISY, "thesis"),
    _of_training(22, _MAPS.format("simulated with noise, 128 px"), "attributions", ("tng100-noisy-128",), "thesis"),
    _of_recipes(23, "Batch normalization and dropout.", "regularization", "tng100-noisy-128", "dropout"),
    _of_recipes(24, "Three bands and single ones.", "bands", "tng100-noisy-128", "r-band"),
    _of_recipes(25, "Normalizations, with noise.", "normalization", "tng100-noisy-128", "another normalization"),
    _of_crops(26, "Crops of 128 and 64 pixels, with noise.", "tng100-noisy"),
    _of_training(27, _MAPS.format("simulated with noise, 64 px"), "attributions", ("tng100-noisy-64",), "thesis"),
    _of_recipes(28, "Normalizations, without noise.", "normalization", "tng100-noiseless-128", "another normalization"),
    _of_crops(29, "Crops of 128 and 64 pixels, without noise.", "tng100-noiseless"),
    _of_training(30, _MAPS.format("without noise, 128 px"), "attributions", ("tng100-noiseless-128",), "thesis"),
    _of_training(31, _MAPS.format("without noise, 64 px"), "attributions", ("tng100-noiseless-64",), "thesis"),
)
"""Every figure of the study that shows data, in its order."""

STUDY_PICTURES = {(folder, figure.picture) for figure in STUDY_FIGURES for folder in figure.folders}
"""Folder and name of every picture that may answer to a figure of the study: these are made for print, too."""

Expected = Literal["equal", "higher", "lower"]


@dataclass(frozen=True)
class StudyResult:
    """AUC given by the study: lowest and highest (equal where it gives one), None where it gives words only.

    ``expected``: how the study has it beside the thesis recipe on the same dataset; ``chance``: near chance.
    """

    auc_low: float | None
    auc_high: float | None
    words: str
    expected: Expected | None = None
    chance: bool = False


@dataclass(frozen=True)
class StudyContrast:
    """One recipe on two datasets, as the study has it: the first is higher or lower."""

    dataset: str
    reference: str
    words: str
    expected: Expected


_VARIANTS = {
    "r-band": StudyResult(None, None, "r alone as good as g, r and i", "equal"),
    "dropout": StudyResult(None, None, "batch normalization slightly better than dropout", "lower"),
    "unnormalized": StudyResult(None, None, "near chance without normalization", "lower", chance=True),
}
_OBSERVED = {
    "thesis": StudyResult(0.78, 0.78, "early types"),
    "all-types": StudyResult(0.92, 0.92, "early and late types"),
    **_VARIANTS,
}
STUDY_RESULTS: dict[tuple[str, str], StudyResult] = {
    **{(dataset, recipe): result for dataset in _MANGA for recipe, result in _OBSERVED.items()},
    **{(dataset, "thesis"): StudyResult(0.68, 0.70, "with noise") for dataset in _NOISY},
    **{("tng100-noisy-128", recipe): result for recipe, result in _VARIANTS.items()},
    ("tng100-noiseless-128", "thesis"): StudyResult(0.72, 0.72, "without noise"),
    ("tng100-noiseless-64", "thesis"): StudyResult(0.79, 0.79, "without noise, 64 px"),
}
"""By dataset and recipe. A result that the study does not tie to one crop stands against both."""
STUDY_CONTRASTS = (
    StudyContrast("tng100-noisy-128", "tng100-noiseless-128", "0.68–0.70 with noise, 0.72 without", "lower"),
    StudyContrast("tng100-noiseless-64", "tng100-noiseless-128", "0.79 at 64 px, 0.72 at 128 px", "higher"),
    StudyContrast("tng100-noisy-128", "manga-observed-128", "0.68–0.70 simulated, 0.78 observed", "lower"),
    StudyContrast("tng100-noisy-64", "manga-observed-64", "0.68–0.70 simulated, 0.78 observed", "lower"),
)


def study_auc(dataset: str) -> dict[str, tuple[float, float]]:
    """Lowest and highest AUC that the study gives for this dataset, by recipe."""
    return {
        recipe: (result.auc_low, result.auc_high)
        for (name, recipe), result in STUDY_RESULTS.items()
        if name == dataset and result.auc_low is not None and result.auc_high is not None
    }
