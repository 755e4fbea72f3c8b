"""Every table of ``rotators.duckdb``: its columns, their types, and what each means. The one place that says so."""

from rotator_assets.storage.schema.attributions import ATTRIBUTION_TABLES
from rotator_assets.storage.schema.columns import Column, Table
from rotator_assets.storage.schema.galaxies import GALAXY_TABLES
from rotator_assets.storage.schema.questions import QUESTION_TABLES
from rotator_assets.storage.schema.referee import REFEREE_TABLES
from rotator_assets.storage.schema.saliency import SALIENCY_TABLES
from rotator_assets.storage.schema.trainings import TRAINING_TABLES

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        *GALAXY_TABLES,
        *TRAINING_TABLES,
        *ATTRIBUTION_TABLES,
        *QUESTION_TABLES,
        *REFEREE_TABLES,
        *SALIENCY_TABLES,
    )
}

__all__ = ["TABLES", "Column", "Table"]
