"""Results that Dagster knows as made, but whose files are gone or damaged: they are out of date like any others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from rotator_assets.attribution.attribution_files import maps_path
from rotator_assets.candidates.interpretation_file import interpretation_path
from rotator_assets.core.errors import InputError
from rotator_assets.core.keys import WHOLE, split_training_key
from rotator_assets.store.models import open_models
from rotator_assets.store.table_metadata import tables_in_metadata
from rotator_assets.store.table_store import TableStore
from rotator_assets.store.tensors import open_tensor
from rotator_assets.store.whole_files import is_whole_archive, is_whole_table


class LostResults:
    """Finds what is gone or damaged among the results of one data root, as it is now."""

    def __init__(self, store: TableStore) -> None:
        self._store, self._root = store, store.root
        self._files = cache(store.latest_files)

    def reason(self, asset: str, partition: str | None, metadata: Mapping[str, Any]) -> str | None:
        """Return what is lost of a materialization.

        Parameters
        ----------
        asset
            Name of the asset.
        partition
            Its partition, None without partitions.
        metadata
            Metadata of the materialization, which names its tables.

        Returns
        -------
        str or None
            The first thing that is lost; None where everything is there.
        """
        own = partition or WHOLE
        for table in filter(self._is_made_again, tables_in_metadata(metadata)):
            key = f"{own}.{asset}" if self._store.tables[table].shared else own
            file = self._files(table).get(key)
            if file is None or not is_whole_table(file):
                return f"its rows of table {table} are {'gone' if file is None else 'damaged'}"
        return next(self._lost_files(asset, own), None)

    def _is_made_again(self, table: str) -> bool:
        return table in self._store.tables and not self._store.tables[table].kept

    def _lost_files(self, asset: str, partition: str) -> Iterator[str]:
        if asset == "image_tensors":
            yield from self._lost_tensor(self._root.tensors / partition)
        elif asset == "study_report" and not self._root.report.is_file():
            yield "its page is gone"
        elif asset in ("rotator_classifier", "candidates", "attribution_maps"):
            dataset, recipe = split_training_key(partition)
            networks = self._root.models / dataset / recipe
            if asset == "rotator_classifier":
                yield from _lost_networks(networks)
            elif asset == "candidates" and not is_whole_archive(interpretation_path(networks)):
                yield "its interpretation is gone or damaged"
            elif asset == "attribution_maps" and not _is_array(maps_path(self._root.attributions / dataset / recipe)):
                yield "its maps are gone or damaged"

    def _lost_tensor(self, folder: Path) -> Iterator[str]:
        try:
            open_tensor(folder)
        except FileNotFoundError:
            yield "its images are gone"
        except InputError:
            yield "its images are damaged"


def _lost_networks(folder: Path) -> Iterator[str]:
    try:
        models = open_models(folder)
    except FileNotFoundError:
        yield "its networks are gone"
        return
    except InputError:
        yield "its networks are damaged"
        return
    for fold in range(models.recipe.networks):
        if not is_whole_archive(models.folder / f"fold-{fold}.keras"):
            yield f"its network {fold} is gone or damaged"


def _is_array(path: Path) -> bool:
    try:
        np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return False
    return True
