"""Dagster IO managers: how the value of an asset is kept, and how the next asset gets it."""

from __future__ import annotations

import dagster as dg
import pandas as pd

from rotator_assets.core.keys import WHOLE, split_training_key
from rotator_assets.store.models import TrainedModels, commit_models, open_models
from rotator_assets.store.table_store import TableStore
from rotator_assets.store.tensors import ImageTensor, open_tensor

Frames = dict[str, pd.DataFrame]


class TableIOManager(dg.IOManager):
    """Keeps frames as tables.

    An asset gives one frame, the table of its own name, or a dict of table names to frames, of which its own is
    written last. The one partition of an asset without partitions is "all". Loading gives the own table: of one
    partition, or of all that exist where an asset takes several.
    """

    def __init__(self, store: TableStore) -> None:
        self._tables = store

    def handle_output(self, context: dg.OutputContext, obj: pd.DataFrame | Frames) -> None:
        asset = context.asset_key.path[-1]
        frames = obj if isinstance(obj, dict) else {asset: obj}
        own = context.partition_key if context.has_asset_partitions else WHOLE
        for table in sorted(frames, key=lambda name: name == asset):
            shared = self._tables.tables[table].shared
            partition = f"{own}.{asset}" if shared else own
            self._tables.write(table, partition, frames[table])
        self._tables.publish()

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        asset = context.asset_key.path[-1]
        if not context.has_asset_partitions or len(context.asset_partition_keys) != 1:
            wanted = set(context.asset_partition_keys) if context.has_asset_partitions else None
            keys = [k for k in self._tables.partitions(asset) if wanted is None or k in wanted]
            frames = [self._tables.read(asset, key) for key in keys]
            return pd.concat(frames, ignore_index=True) if frames else self._tables.query(f'FROM "{asset}"')
        return self._tables.read(asset, context.asset_partition_key)


class TensorIOManager(TableIOManager):
    """Keeps the ``images`` table of a tensor that the asset has streamed to disk; loads the tensor, memory-mapped."""

    def load_input(self, context: dg.InputContext) -> ImageTensor:
        return open_tensor(self._tables.root.tensors / context.asset_partition_key)


class ModelIOManager(dg.IOManager):
    """Keeps the networks of a training, with its tables; loads them as `TrainedModels`."""

    def __init__(self, store: TableStore) -> None:
        self._tables = store

    def handle_output(self, context: dg.OutputContext, obj: tuple[TrainedModels, Frames]) -> None:
        models, frames = obj
        for table, frame in frames.items():
            self._tables.write(table, context.partition_key, frame)
        commit_models(models)
        self._tables.publish()

    def load_input(self, context: dg.InputContext) -> TrainedModels:
        dataset, recipe = split_training_key(context.asset_partition_key)
        return open_models(self._tables.root.models / dataset / recipe)
