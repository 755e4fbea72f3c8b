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

_TABLES_OF = {
    "galaxies": ("source_report",),
    "image_tensors": ("images",),
    "rotator_classifier": ("training_history", "training_folds"),
    "predictions": ("repeat_predictions",),
    "roc_report": ("model_metrics", "roc_curves", "baseline_metrics", "model_metrics_history", "roc_curves_history"),
    "attribution_maps": ("attributions", "attribution_summary", "attribution_profiles"),
    "ellipticity_report": ("feature_baselines", "ellipticity_tests", "auc_in_bins"),
    "intervals_report": ("referee_metrics", "convergence", "calibration_curves"),
    "label_noise_report": ("label_noise",),
    "attribution_tests": tuple(table.name for table in SALIENCY_TABLES if table.name != "planted_mark"),
    "learning_curve": ("learning_curve_fit",),
    "transfer_report": ("transfer",),
    "planted_truth": ("planted_mark",),
}
"""Tables that assets write beside the one of their own name."""
_SHARED = {
    "input_files": ("morphology_catalog", "photometry_catalog", "kinematics_catalog"),
    "match_report": ("galaxies", "labeled_galaxies", "early_type_galaxies"),
}
MADE_BY: dict[str, tuple[str, ...]] = (
    {name: (name,) for name in TABLES}
    | {table: (asset,) for asset, tables in _TABLES_OF.items() for table in tables}
    | _SHARED
)
"""The assets that write each table, several of a shared one."""

__all__ = ["MADE_BY", "TABLES", "Column", "Table"]
