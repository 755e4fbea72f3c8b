"""How a user names a training, ``DATASET/RECIPE@VERSION``, and the training in the history that is meant.

A version is ``latest`` (or left out), ``previous``, or the beginning of the time at which the training ended (UTC, such
as ``2026-11-30T12:00``), of its ``recipe_version`` or of its ``training`` in table ``model_metrics_history``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import pandas as pd

from rotator_assets.core.errors import InputError
from rotator_assets.core.frames import row_at, rows_of
from rotator_assets.core.recipes_file import load_recipes
from rotator_assets.lineage.partitions import DATASETS
from rotator_assets.store.table_store import TableStore

FORM = "DATASET/RECIPE@VERSION, such as manga-observed-64/thesis@previous"
LATEST, PREVIOUS = "latest", "previous"

_HISTORY = """SELECT h.*, coalesce(h.recipe_version = m.recipe_version, false) AS is_shown
FROM model_metrics_history h LEFT JOIN model_metrics m USING (dataset, recipe)
ORDER BY dataset, recipe, trained_at, training"""


@dataclass(frozen=True)
class TrainingName:
    """A name as typed: dataset, recipe and version, each None if it is left out."""

    typed: str
    dataset: str | None
    recipe: str | None
    version: str | None

    @classmethod
    def of(cls, typed: str, datasets: Collection[str]) -> TrainingName:
        """Return the parts of a name, separated by ``/``, ``|`` or ``:``. One part alone is a dataset or a recipe.

        Raises InputError for a name of another form.
        """
        place, at, version = typed.strip().partition("@")
        parts = re.split(r"[/|:]", place) if place else []
        if len(parts) > 2 or "" in parts or (at and not version):
            raise InputError(f"'{typed}' names no training; write {FORM}")
        if len(parts) == 1:
            parts = [*parts, None] if parts[0] in datasets else [None, *parts]
        dataset, recipe = parts or (None, None)
        return cls(typed, dataset, recipe, version or None)


class TrainingHistory:
    """Every training of a data root that was reported, with all its versions.

    ``versions`` has a row of ``model_metrics_history`` per version, ordered by dataset, recipe and time. Raises
    InputError if there is none.
    """

    def __init__(self, store: TableStore) -> None:
        self.versions = store.query(_HISTORY)
        if self.versions.empty:
            raise InputError(f"{store.root.path}: no training is finished yet; run `rotators run --dataset …` first")
        self._datasets = {*self.versions["dataset"], *DATASETS}

    def find(self, typed: Sequence[str], dataset: str | None = None) -> list[pd.Series]:
        """Return the rows of ``versions`` that names mean.

        Parameters
        ----------
        typed
            The names. What a name leaves out is that of the first one; a version left out is the latest.
        dataset
            Dataset of names without one.

        Raises
        ------
        InputError
            For a name that means no training, several trainings, or the same training as another name.
        """
        found: list[pd.Series] = []
        for text in typed:
            name = TrainingName.of(text, self._datasets)
            first = found[0] if found else None
            recipe = name.recipe or (first["recipe"] if first is not None else None)
            own = name.dataset or dataset or (first["dataset"] if first is not None else None)
            if own not in self._datasets and own is not None:
                raise InputError(f"there is no dataset '{own}'; {self._trained()}")
            found.append(self._version(self._key(name, own, recipe), name))
        _require_different(typed, found)
        return found

    def _key(self, name: TrainingName, dataset: str | None, recipe: str | None) -> tuple[str, str]:
        """Dataset and recipe of a training that exists."""
        if recipe is None:
            raise InputError(f"'{name.typed}' names no recipe; write {FORM}; {self._trained(dataset)}")
        having = [own for own, known in self._keys() if known == recipe]
        if dataset is None and len(having) > 1:
            raise InputError(f"'{name.typed}' is trained on several datasets; write {having[0]}/{recipe}, or give -d")
        chosen = dataset or next(iter(having), None)
        if chosen not in having:
            where = f"{chosen}/" if chosen else ""
            how = f"; train it with `rotators run -d {chosen or 'DATASET'} -r {recipe}`"
            remedy = how if recipe in load_recipes() else ""
            raise InputError(f"there is no training '{where}{recipe}'; {self._trained(chosen)}{remedy}")
        return str(chosen), recipe

    def _version(self, key: tuple[str, str], name: TrainingName) -> pd.Series:
        """Row of the version meant, with its ``name``."""
        rows = self.versions[(self.versions["dataset"] == key[0]) & (self.versions["recipe"] == key[1])]
        latest = (rows[rows["is_shown"]] if rows["is_shown"].any() else rows).index[-1]
        training, wanted = "/".join(key), name.version or LATEST
        if wanted == LATEST:
            chosen = [latest]
        elif wanted == PREVIOUS:
            chosen = [index for index in rows.index if index != latest][-1:]
        else:
            chosen = [index for index in rows.index if _begins(row_at(rows, index), wanted)]
        if len(chosen) != 1:
            problem = "several versions" if chosen else "no version"
            versions = ", ".join(f"{_time(row)} (recipe {row.recipe_version})" for row in rows_of(rows))
            raise InputError(f"{training} has {problem} '{wanted}'; it was trained at: {versions}")
        row = row_at(rows, chosen[0]).copy()
        row["name"] = training if chosen[0] == latest else f"{training}@{_time(row)}"
        return row

    def _keys(self) -> list[tuple[str, str]]:
        return list(dict.fromkeys(zip(self.versions["dataset"], self.versions["recipe"], strict=True)))

    def _trained(self, dataset: str | None = None) -> str:
        """List the trainings of a dataset, or all if it has none."""
        keys = self._keys()
        of_dataset = [key for key in keys if key[0] == dataset]
        return f"trained: {', '.join('/'.join(key) for key in of_dataset or keys)}"


def _require_different(typed: Sequence[str], found: Sequence[pd.Series]) -> None:
    """Raise InputError if two names mean the same version of a training."""
    names: dict[tuple, str] = {}
    for text, row in zip(typed, found, strict=True):
        version = (row["dataset"], row["recipe"], row["training"])
        if version in names:
            raise InputError(
                f"'{names[version]}' and '{text}' are the same training, {row['name']}; name another one, or another "
                'version of it (`rotators query "FROM model_metrics_history"` lists them)'
            )
        names[version] = text


def _begins(row: pd.Series, version: str) -> bool:
    """Whether time, recipe version or training of a row begin like this."""
    training = str(row["training"])
    known = (_time(row), str(row["recipe_version"]), training, training.removeprefix("training-"))
    return any(text.startswith(version.replace(" ", "T")) for text in known)


def _time(row: pd.Series) -> str:
    """Return when a training ended, to the second."""
    return f"{row.trained_at:%Y-%m-%dT%H:%M:%S}"
