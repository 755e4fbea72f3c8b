"""Results of the study, by dataset and recipe, and the samples that its figures show.

The study: "Investigating the morphologies of slow and fast rotators with deep learning" (2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

REFERENCE_RECIPE = "thesis"
REFERENCES = {"early": REFERENCE_RECIPE, "all": "all-types"}
"""The study's recipe for each population that is tested."""
STUDY_RECIPES = tuple(REFERENCES.values())
"""The study's own recipes; the report shows every figure of their trainings."""
LEARNING_CURVES = (REFERENCE_RECIPE, "every-galaxy")
"""Recipes with a learning curve, from recipes that differ from them in the fraction of training galaxies alone."""
ACROSS_DATASETS = "datasets"
"""Folder of the pictures that compare datasets."""

MANGA = ("manga-observed-128", "manga-observed-64")
TNG100_NOISY = ("tng100-noisy-128", "tng100-noisy-64")


@dataclass(frozen=True)
class StudySample:
    """A sample shown in figures of the study: in words, and as datasets (preferred one first) and a recipe."""

    words: str
    datasets: tuple[str, ...]
    recipe: str = REFERENCE_RECIPE


ALL_OBSERVED = StudySample("all types, observed", MANGA, "all-types")
EARLY_OBSERVED = StudySample("early types, observed", MANGA)
EARLY_NOISY = StudySample("early types, simulated with noise", TNG100_NOISY)


@dataclass(frozen=True)
class StudyFigure:
    """One figure of the study: its number, the folders under ``results/figures`` that may show it, and what it needs.

    The picture in the first folder that has one is shown. ``picture`` is the name of its file without ending; it is
    needed only if the exhibit that declares this figure matches several files.
    """

    number: int
    caption: str
    folders: tuple[str, ...]
    needs: str
    picture: str = ""

    @classmethod
    def of_survey(cls, number: int, caption: str, survey: str) -> StudyFigure:
        """Declare a figure of the labelled galaxies of a survey.

        Parameters
        ----------
        number : int
            Number in the study.
        caption : str
            Caption in the report.
        survey : str
            Key of the survey.

        Returns
        -------
        StudyFigure
        """
        return cls(number, caption, (survey,), f"the labelled galaxies of {survey}")

    @classmethod
    def of_datasets(cls, number: int, caption: str, datasets: tuple[str, ...], what: str) -> StudyFigure:
        """Declare a figure of one dataset.

        Parameters
        ----------
        number : int
            Number in the study.
        caption : str
            Caption in the report.
        datasets : tuple of str
            Datasets that may show it, the preferred one first.
        what : str
            What of a dataset it needs.

        Returns
        -------
        StudyFigure
        """
        return cls(number, caption, datasets, f"{what} of {' or '.join(datasets)}")

    @classmethod
    def of_sample(cls, number: int, caption: str, sample: StudySample) -> StudyFigure:
        """Declare a figure of one training.

        Parameters
        ----------
        number : int
            Number in the study.
        caption : str
            Caption in the report; ``{}`` is replaced by the sample in words.
        sample : StudySample
            The galaxies shown.

        Returns
        -------
        StudyFigure
        """
        folders = tuple(f"{dataset}/{sample.recipe}" for dataset in sample.datasets)
        return cls(
            number, caption.format(sample.words), folders, f"{' or '.join(sample.datasets)} with {sample.recipe}"
        )

    @classmethod
    def of_recipes(cls, number: int, caption: str, dataset: str, recipe: str) -> StudyFigure:
        """Declare a figure that compares the reference recipe with another one.

        Parameters
        ----------
        number : int
            Number in the study.
        caption : str
            Caption in the report.
        dataset, recipe : str
            The dataset and the other recipe.

        Returns
        -------
        StudyFigure
        """
        return cls(number, caption, (dataset,), f"{dataset} with {REFERENCE_RECIPE} and {recipe}")

    @classmethod
    def of_crops(cls, number: int, caption: str, images: str) -> StudyFigure:
        """Declare a figure that compares crops of 128 and 64 pixels of the same images.

        Parameters
        ----------
        number : int
            Number in the study.
        caption : str
            Caption in the report.
        images : str
            Survey and noise of both datasets, such as ``tng100-noisy``.

        Returns
        -------
        StudyFigure
        """
        needs = f"{images}-128 and {images}-64 with {REFERENCE_RECIPE}"
        return cls(number, caption, (ACROSS_DATASETS,), needs, f"crop_{images}")

    def folder(self, figures: Path, picture: str) -> str | None:
        """Return the folder whose picture is shown; None if the picture does not exist yet."""
        return next((name for name in self.folders if (figures / name / f"{picture}.png").is_file()), None)

    def shown(self, folder: str) -> str:
        """Return the caption with what is shown of several possible folders and, if not the preferred one, why."""
        dataset, _, recipe = folder.partition("/")
        preferred, *others = self.folders
        shown = f"{dataset}, recipe {recipe}" if recipe else dataset
        which = f" Shown: {shown}." if recipe or others else ""
        if folder != preferred:
            which += f" ({preferred.partition('/')[0]} {'was not trained' if recipe else 'has no images'}.)"
        return self.caption + which


Expected = Literal["equal", "higher", "lower"]


@dataclass(frozen=True)
class StudyResult:
    """An AUC of the study: lowest and highest value (equal if it gives one), None if it gives words only.

    ``expected``: how it compares in the study with the thesis recipe on the same dataset; ``chance``: near chance.
    """

    auc_low: float | None
    auc_high: float | None
    words: str
    expected: Expected | None = None
    chance: bool = False


@dataclass(frozen=True)
class StudyContrast:
    """One recipe on two datasets: whether the AUC on the first is higher or lower in the study."""

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
    **{(dataset, recipe): result for dataset in MANGA for recipe, result in _OBSERVED.items()},
    **{(dataset, "thesis"): StudyResult(0.68, 0.70, "with noise") for dataset in TNG100_NOISY},
    **{("tng100-noisy-128", recipe): result for recipe, result in _VARIANTS.items()},
    ("tng100-noiseless-128", "thesis"): StudyResult(0.72, 0.72, "without noise"),
    ("tng100-noiseless-64", "thesis"): StudyResult(0.79, 0.79, "without noise, 64 px"),
}
"""By dataset and recipe. A result that the study does not assign to one crop is listed for both."""
STUDY_CONTRASTS = (
    StudyContrast("tng100-noisy-128", "tng100-noiseless-128", "0.68–0.70 with noise, 0.72 without", "lower"),
    StudyContrast("tng100-noiseless-64", "tng100-noiseless-128", "0.79 at 64 px, 0.72 at 128 px", "higher"),
    StudyContrast("tng100-noisy-128", "manga-observed-128", "0.68–0.70 simulated, 0.78 observed", "lower"),
    StudyContrast("tng100-noisy-64", "manga-observed-64", "0.68–0.70 simulated, 0.78 observed", "lower"),
)


def study_auc(dataset: str) -> dict[str, tuple[float, float]]:
    """Return the lowest and highest AUC in the study for this dataset, by recipe."""
    return {
        recipe: (result.auc_low, result.auc_high)
        for (name, recipe), result in STUDY_RESULTS.items()
        if name == dataset and result.auc_low is not None and result.auc_high is not None
    }
