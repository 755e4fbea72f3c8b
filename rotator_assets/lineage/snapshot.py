"""The state of a data root: fingerprints of its tables, tensors and pictures, its recipes and its settings."""

from collections.abc import Callable, Iterable, Set
from functools import cached_property

from rotator_assets.core.errors import InputError
from rotator_assets.core.recipes import Recipe, varied
from rotator_assets.core.recipes_file import load_recipes
from rotator_assets.core.study import LEARNING_CURVES
from rotator_assets.lineage.settings_file import Settings, load_settings
from rotator_assets.store.fingerprints import picture_fingerprints, table_fingerprints
from rotator_assets.store.table_store import TableStore
from rotator_assets.store.tensors import open_tensor
from rotator_assets.surveys.datasets import DATASETS

Content = dict[str, dict[str, str]]
"""Fingerprints of tables and pictures, and settings, by their subject (such as a partition) and name."""
Covers = Callable[[str], bool]


class Snapshot:
    """The state of a data root at one moment; the fingerprints of each table are read once.

    ``reading`` is True for an asset that is about to read, whose own tables may not exist yet. Access to settings or
    recipes raises InputError where their file has an error.
    """

    def __init__(self, store: TableStore, reading: bool = False) -> None:
        self._store, self._root, self.reading = store, store.root, reading
        self._found: dict[str, dict[str, str]] = {}

    def results(self, names: Iterable[str], covers: Covers = lambda _: True) -> Content:
        """Return the fingerprints of these tables (or of ``image_tensors``) for the covered partitions."""
        found: Content = {}
        for name in names:
            for partition, fingerprint in self._fingerprints(name).items():
                subject, _, part = partition.partition(".")  # shared tables and histories have several parts
                if covers(subject):
                    found.setdefault(subject, {})[f"{name}.{part}" if part else name] = fingerprint
        return found

    def partitions(self, table: str) -> set[str]:
        """Return the keys of a table's partitions."""
        return set(self._fingerprints(table))

    @property
    def tables(self) -> Set[str]:
        """Names of all tables."""
        return self._store.tables.keys()

    def pictures(self) -> Content:
        """Return the fingerprints of every picture under ``results/figures``."""
        return picture_fingerprints(self._root)

    @cached_property
    def recipes(self) -> dict[str, Recipe]:
        """All recipes of the file."""
        return load_recipes()

    @cached_property
    def fractions(self) -> list[str]:
        """Names of the recipes of all learning curves, which every dataset asks for."""
        return [name for reference in LEARNING_CURVES for name in training_fractions(self.recipes, reference)]

    @cached_property
    def settings(self) -> Settings:
        """All settings of the data root."""
        return load_settings(self._root)

    def _fingerprints(self, name: str) -> dict[str, str]:
        if name not in self._found:
            is_table = name in self._store.tables
            self._found[name] = table_fingerprints(self._store, name) if is_table else self._tensor_versions()
        return self._found[name]

    def _tensor_versions(self) -> dict[str, str]:
        found = {}
        for dataset in DATASETS:
            try:
                found[dataset] = open_tensor(self._root.tensors / dataset).version
            except FileNotFoundError:
                continue
            except InputError:  # a damaged tensor must not stop what makes it again
                found[dataset] = "damaged"
        return found


def training_fractions(recipes: dict[str, Recipe], reference: str) -> list[str]:
    """Return the reference and the names of the recipes that differ from it in the fraction of training galaxies."""
    return varied(recipes, reference).get("training_fraction", [reference])
