"""The recipes for the command line: differences, cost, and where they were trained."""

from __future__ import annotations

from itertools import takewhile

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.core.profiles import effective_recipe
from rotator_assets.core.recipe_differences import differences
from rotator_assets.core.recipes import Recipe
from rotator_assets.core.recipes_file import load_recipes, study_recipes
from rotator_assets.core.study import REFERENCE_RECIPE
from rotator_assets.core.training_cost import relative_cost
from rotator_assets.orchestration.terminal import print_table, print_wrapped
from rotator_assets.store.models import TrainedModels, open_models


def print_recipes(root: DataRoot) -> None:
    """Print every recipe with its differences from the study's and its cost, then the trainings of the data root.

    Raises InputError where ``recipes.yaml`` has an error.
    """
    known, of_study = load_recipes(), study_recipes()
    reference = known.get(REFERENCE_RECIPE) or Recipe(name=REFERENCE_RECIPE)
    for title, names in (
        ("recipes of the study (rotators run --all)", of_study),
        ("other recipes", [name for name in known if name not in of_study]),
    ):
        rows = [(name, _cost(known[name], reference), _changed(known[name], reference, known)) for name in names]
        print_table(["recipe", "cost", f"differs from {REFERENCE_RECIPE} in"], rows, title=title, numbers=["cost"])
    print_wrapped(
        f"cost: rough time of a training relative to {REFERENCE_RECIPE}. Every setting: docs/recipes.md; "
        "times of a run: rotators run --dry-run"
    )
    _print_trainings(root, known)


def _cost(recipe: Recipe, reference: Recipe) -> str:
    return f"{relative_cost(recipe, reference):.2g}"


def _changed(recipe: Recipe, reference: Recipe, known: dict[str, Recipe]) -> str:
    """Return what differs from the reference, or from a recipe further up that is much more similar."""
    own = differences(recipe, reference)
    further_up = takewhile(lambda other: other.name != recipe.name, known.values())
    compared = ((other, differences(recipe, other)) for other in further_up)
    base, changed = min(compared, key=_length, default=(reference, own))
    if len(changed) + 1 < len(own):
        return f"as {base.name}; {', '.join(changed)}"
    return ", ".join(own)


def _length(compared: tuple[Recipe, list[str]]) -> int:
    return len(compared[1])


def _print_trainings(root: DataRoot, known: dict[str, Recipe]) -> None:
    """Print the trainings of a data root with their times, and which of them were made with other settings."""
    rows = []
    for manifest in sorted(root.models.glob("*/*/model.json")):
        dataset, name = manifest.parts[-3:-1]
        try:
            models = open_models(manifest.parent)
        except InputError:
            rows.append((dataset, name, None, None, "trained by another version"))
        else:
            settings = _settings(models, known.get(name), dataset)
            rows.append((dataset, name, models.profile, f"{models.seconds:.0f}", settings))
    if rows:
        columns = ["dataset", "recipe", "profile", "seconds", "settings"]
        print_table(columns, rows, title=f"trained on {root.path}", numbers=["seconds"])
    else:
        print_wrapped(f"nothing is trained on {root.path}")


def _settings(models: TrainedModels, recipe: Recipe | None, dataset: str) -> str:
    """Return whether the recipe still has the settings of a training; other reasons to be stale take long to find."""
    if recipe is None:
        return "recipe is gone"
    crop_px = int(dataset.rpartition("-")[2])
    now, _ = effective_recipe(recipe, crop_px, models.profile, models.synthetic)
    return "current" if now.version("training") == models.recipe.version("training") else "changed since"
