"""Figures and tables of this domain in the study report."""

from __future__ import annotations

from rotator_assets.core.recipes import FAMILIES
from rotator_assets.core.study import StudyFigure
from rotator_assets.plots.exhibit import Exhibit, FigureExhibit, TableExhibit

_NOISY, _NOISELESS = "tng100-noisy-128", "tng100-noiseless-128"
_OF_FAMILIES = {
    "regularization": (StudyFigure.of_recipes(23, "Batch normalization and dropout.", _NOISY, "dropout"),),
    "bands": (StudyFigure.of_recipes(24, "Three bands and single bands.", _NOISY, "r-band"),),
    "normalization": (
        StudyFigure.of_recipes(25, "Normalizations, with noise.", _NOISY, "another normalization"),
        StudyFigure.of_recipes(28, "Normalizations, without noise.", _NOISELESS, "another normalization"),
    ),
}
_TWO_DATASETS = "The thesis recipe on two datasets."

EXHIBITS: tuple[Exhibit, ...] = (
    FigureExhibit("recipes", "dataset", "ROC curves and AUCs of all recipes."),
    *(
        FigureExhibit(
            FAMILIES[setting],
            "dataset",
            f"Recipes that differ from thesis in one setting: {FAMILIES[setting]}.",
            study=_OF_FAMILIES.get(setting, ()),
        )
        for setting in dict.fromkeys((*_OF_FAMILIES, *FAMILIES))
    ),
    TableExhibit(
        "recipe_comparison",
        "dataset",
        "Recipes, best first; differences from thesis on the galaxies of both, with the recipe's own labels "
        "(DeLong within networks, paired; Holm)",
        clauses="ORDER BY auc DESC",
        hidden=("p_value", "significant", "synthetic"),
    ),
    TableExhibit(
        "classifier_comparison",
        "dataset",
        "Recipes, baselines and columns of a fusion, best first; paired differences from the study's recipe for the "
        "population (DeLong within networks; Holm)",
        clauses="ORDER BY population DESC, auc DESC",
        hidden=("reference", "p_value", "parameters", "seconds", "synthetic"),
    ),
    FigureExhibit(
        "crop_*",
        "across datasets",
        _TWO_DATASETS,
        study=(
            StudyFigure.of_crops(26, "Crops of 128 and 64 pixels, with noise.", "tng100-noisy"),
            StudyFigure.of_crops(29, "Crops of 128 and 64 pixels, without noise.", "tng100-noiseless"),
        ),
    ),
    FigureExhibit("noise_*", "across datasets", _TWO_DATASETS),
    FigureExhibit("survey_*", "across datasets", _TWO_DATASETS),
    TableExhibit(
        "dataset_comparison",
        "across datasets",
        "Difference in AUC: dataset minus reference dataset",
        clauses="ORDER BY kind, dataset, recipe",
    ),
)
