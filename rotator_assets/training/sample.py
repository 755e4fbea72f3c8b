"""The galaxies that a recipe trains on and tests."""

from __future__ import annotations

import pandas as pd

from rotator_assets.core.errors import InputError
from rotator_assets.core.recipes import Recipe
from rotator_assets.galaxies.matching import hides_slow_rotation
from rotator_assets.galaxies.recipe_labels import labelled_by, with_recipe_labels
from rotator_assets.lineage.reads import Reads
from rotator_assets.tensors.tables import NOT_LEARNED
from rotator_assets.training.targets import UNLABELED


def training_sample(labeled_images: pd.DataFrame, recipe: Recipe, dataset: str, reads: Reads) -> pd.DataFrame:
    """Return the galaxies of the recipe's population, with its labels.

    Parameters
    ----------
    labeled_images
        Rows of ``labeled_images`` of the dataset.
    recipe
        Gives population, boundary and boundary gap.
    dataset
        Key of the dataset, for messages.
    reads
        Reads the table of images, to explain an empty sample.

    Raises
    ------
    InputError
        If no galaxy is left; the message says why.
    """
    sample = labeled_images[labeled_images["is_early_type"]] if recipe.population == "early" else labeled_images
    if sample.empty:
        raise InputError(_nothing_to_train_on(dataset, recipe.population, reads.table("images", dataset)))
    sample = labelled_by(sample, recipe)
    if recipe.label != "settings":  # the settings' boundary gives them no label
        sample = sample[~hides_slow_rotation(sample)]
    if recipe.boundary_gap > 0:
        sample = sample[(sample["lambda_r"] - sample["spin_threshold"]).abs() >= recipe.boundary_gap]
    if sample.empty:
        raise InputError(
            f"{dataset}: no galaxy lies at least {recipe.boundary_gap} from the boundary between slow and fast; "
            f"lower boundary_gap of recipe '{recipe.name}'"
        )
    return sample.reset_index(drop=True)


def _nothing_to_train_on(dataset: str, population: str, images: pd.DataFrame) -> str:
    """Say whether images or labels are missing."""
    usable = int(images["usable"].sum())
    if usable:
        return (
            f"{dataset}: {usable} images are usable, but none shows a labelled galaxy of the population "
            f"'{population}'; match_report says where galaxies lose their labels"
        )
    reasons = images["reason"].value_counts()
    why = f": {reasons.index[0]} ({reasons.iloc[0]} of them)" if len(reasons) else ""
    return f"{dataset}: no image is usable{why}; see: SELECT * FROM images WHERE dataset = '{dataset}'"


def without_excluded(imaged_galaxies: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of ``imaged_galaxies`` that are not excluded from training, with the columns to learn from."""
    return imaged_galaxies[imaged_galaxies["excluded_from"].isna()].drop(columns=list(NOT_LEARNED))


def learned_galaxies(
    imaged_galaxies: pd.DataFrame, sample: pd.DataFrame, recipe: Recipe
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return properties of the sample's galaxies, and the additional galaxies that the recipe trains on.

    Parameters
    ----------
    imaged_galaxies
        Rows of ``imaged_galaxies`` of the dataset, `without_excluded`.
    sample
        The `training_sample`.
    recipe
        Gives the boundary, the boundary gap, and ``training_population``.

    Returns
    -------
    Two tables with the columns of ``imaged_galaxies`` and labels by the recipe; the first has the rows of the sample in
    its order, the second (without rows unless ``training_population`` is ``all``) the other galaxies, rotator_type
    being `UNLABELED` for those without a label.

    Raises
    ------
    InputError
        If a galaxy of the sample is not in the table.
    """
    labelled = with_recipe_labels(imaged_galaxies, recipe).set_index("galaxy_id", drop=False)
    labelled["rotator_type"] = labelled["rotator_type"].fillna(UNLABELED).astype("int8")
    if missing := sorted(set(sample["galaxy_id"]) - set(labelled.index)):
        raise InputError(f"galaxy {missing[0]} has a label but is not in imaged_galaxies; materialize it again")
    own = labelled.loc[sample["galaxy_id"]].reset_index(drop=True)
    others = labelled[~labelled.index.isin(sample["galaxy_id"])].reset_index(drop=True)
    return own, others if recipe.training_population == "all" else others.iloc[:0]
