"""Asset decorators, one per group: ``dg.asset`` with the arguments that the assets of a group share.

An asset adds its own arguments and overrides shared ones, as it would with ``dg.asset`` itself.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg

from rotator_assets.core.digits import shown
from rotator_assets.lineage.inputs import FOLLOW_CHANGES, OWNERS
from rotator_assets.lineage.partitions import (
    dataset_partitions,
    dataset_to_training,
    survey_partitions,
    training_partitions,
)

if TYPE_CHECKING:
    from rotator_assets.plots.pictures import Pictures

STEP_TAG = "rotators/step"


def step(name: str) -> dict[str, str]:
    """Return the tags of an asset that ``rotators run`` materializes in this step of a plan (`orchestration.plans`)."""
    return {STEP_TAG: name}


_asset = partial(dg.asset, owners=OWNERS)
_table = partial(_asset, io_manager_key="tables", automation_condition=FOLLOW_CHANGES)

catalog_asset = partial(
    _table,
    group_name="catalogs",
    partitions_def=survey_partitions,
    kinds={"fits", "parquet"},
    tags=step("catalogues"),
)
galaxy_asset = partial(
    _table,
    group_name="galaxies",
    partitions_def=survey_partitions,
    kinds={"duckdb", "parquet"},
    tags=step("catalogues"),
)
image_asset = partial(
    _table, group_name="images", partitions_def=dataset_partitions, kinds={"duckdb", "parquet"}, tags=step("images")
)
learning_asset = partial(
    _table, group_name="learning", partitions_def=training_partitions, kinds={"duckdb", "keras"}, tags=step("training")
)
training_report_asset = partial(
    _table,
    group_name="reports",
    partitions_def=training_partitions,
    kinds={"duckdb", "matplotlib"},
    tags=step("training"),
)
comparison_asset = partial(
    _table,
    group_name="reports",
    partitions_def=dataset_partitions,
    kinds={"duckdb", "matplotlib"},
    tags=step("comparison"),
)
study_asset = partial(_asset, group_name="reports", kinds={"duckdb", "matplotlib"}, tags=step("study_report"))
"""For reports on the whole study: they store their own results, and a sensor refreshes them (`following`)."""
robustness_asset = partial(
    _table, group_name="robustness", kinds={"duckdb", "matplotlib"}, tags=step("robustness_of_training")
)


def of_dataset(*assets: str) -> dict[str, dg.AssetIn]:
    """Return the inputs (``ins``) of an asset per training that are partitioned by dataset."""
    return {asset: dg.AssetIn(partition_mapping=dataset_to_training) for asset in assets}


def all_trainings(*assets: dg.AssetsDefinition) -> list[dg.AssetDep]:
    """Return the dependencies (``deps``) of an asset per dataset on every training of the dataset."""
    return [dg.AssetDep(asset, partition_mapping=dataset_to_training) for asset in assets]


def described(*, synthetic: bool, pictures: Pictures | None = None, **more: Any) -> dict[str, Any]:
    """Return the metadata of a materialization: the common entries and those of the asset.

    The IO managers add the columns and rows of tables.

    Parameters
    ----------
    synthetic
        True where any of the data are synthetic.
    pictures
        The asset's pictures, shown in Dagster's UI.
    **more
        Further metadata by name; numbers are rounded (`core.digits`).

    Returns
    -------
    dict
        Metadata for ``dg.MaterializeResult``.
    """
    rounded = {name: shown(value) for name, value in more.items()}
    return {**rounded, "synthetic": synthetic, **(pictures.metadata() if pictures else {})}
