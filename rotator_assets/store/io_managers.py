"""Dagster IO managers: how the value of an asset is stored, and how the next asset loads it."""

from __future__ import annotations

import dagster as dg
import pandas as pd

from rotator_assets.core.dagster_internals import forget_outputs
from rotator_assets.core.keys import WHOLE, split_training_key
from rotator_assets.core.memory import release
from rotator_assets.store.models import TrainedModels, commit_models, open_models
from rotator_assets.store.rows import Rows
from rotator_assets.store.table_metadata import metadata_of_tables
from rotator_assets.store.table_store import TableStore
from rotator_assets.store.tensors import ImageTensor, open_tensor

Frames = dict[str, pd.DataFrame | Rows]


class _Writer(dg.IOManager):
    """Writes the tables of an asset."""

    def __init__(self, store: TableStore) -> None:
        self._tables = store

    def _write(self, context: dg.OutputContext, frames: Frames) -> None:
        """Write the frames, the asset's own table last; the materialization shows their columns and rows.

        Each asset has its own part of a shared table.
        """
        asset = context.asset_key.path[-1]
        own = context.partition_key if context.has_asset_partitions else WHOLE
        for table in sorted(frames, key=lambda name: name == asset):
            partition = f"{own}.{asset}" if self._tables.tables[table].shared else own
            self._tables.write(table, partition, frames[table])
        rows = {table: len(frame) for table, frame in frames.items()}
        context.add_output_metadata(metadata_of_tables(asset, rows, self._tables.tables))
        forget_outputs(context)


class _TableWriter(_Writer):
    """Stores frames as tables.

    An asset returns one frame, for the table of its own name, or a dict of table names to frames. Its own table is
    written last. An asset without partitions writes the partition "all".
    """

    def handle_output(self, context: dg.OutputContext, obj: pd.DataFrame | Rows | Frames) -> None:
        """Write every frame and publish the views."""
        asset = context.asset_key.path[-1]
        frames = obj if isinstance(obj, dict) else {asset: obj}
        self._write(context, frames)
        self._tables.publish()


class TableIOManager(_TableWriter):
    """Stores frames as tables; loads the asset's own table: one partition, or all that exist of several.

    An input with metadata ``columns`` gets only these columns of one partition.
    """

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        """Read the asset's own table. Raises FileNotFoundError where its partition was never written."""
        release()  # what the assets before needed
        asset = context.asset_key.path[-1]
        if not context.has_asset_partitions or len(context.asset_partition_keys) != 1:
            wanted = set(context.asset_partition_keys) if context.has_asset_partitions else None
            keys = [k for k in self._tables.partitions(asset) if wanted is None or k in wanted]
            frames = [self._tables.read(asset, key) for key in keys]
            return pd.concat(frames, ignore_index=True) if frames else self._tables.query(f'FROM "{asset}"')
        return self._tables.read(asset, context.asset_partition_key, (context.definition_metadata or {}).get("columns"))


class TensorIOManager(_TableWriter):
    """Stores the ``images`` table; the asset itself has written the tensor, of which readers load rows."""

    def load_input(self, context: dg.InputContext) -> ImageTensor:
        """Open the tensor of the dataset."""
        return open_tensor(self._tables.root.tensors / context.asset_partition_key)


class ModelIOManager(_Writer):
    """Stores the networks of a training with its tables; loads the networks as `TrainedModels`."""

    def handle_output(self, context: dg.OutputContext, obj: tuple[TrainedModels, Frames, pd.DataFrame]) -> None:
        """Write the tables, then make the networks the current ones of their dataset and recipe.

        The last value is their row of table ``provenance``, which is kept after that: it has no row of other networks.
        """
        models, frames, origin = obj
        self._write(context, frames)
        commit_models(models)
        self._tables.keep("provenance", f"{context.partition_key}.{models.folder.name}", origin)
        self._tables.publish()

    def load_input(self, context: dg.InputContext) -> TrainedModels:
        """Open the networks of the dataset and recipe."""
        dataset, recipe = split_training_key(context.asset_partition_key)
        return open_models(self._tables.root.models / dataset / recipe)
