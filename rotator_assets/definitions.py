"""The code location: assets, checks, jobs, sensor and resources. Loads without TensorFlow."""

from __future__ import annotations

import dagster as dg

from rotator_assets.assets import (
    attribution_tests,
    attributions,
    catalogs,
    checks,
    comparison,
    ellipticity,
    galaxies,
    images,
    kinematics,
    learning,
    observing,
    planted,
    referee,
    reports,
    study,
    transfer,
)
from rotator_assets.data_root import DataRoot
from rotator_assets.storage.io_managers import ModelIOManager, TableIOManager, TensorIOManager

_QUESTIONS = [ellipticity, referee, attribution_tests, transfer, planted]
_MODULES = [catalogs, kinematics, galaxies, images, learning, reports, attributions, comparison, *_QUESTIONS, study]

jobs = [
    dg.define_asset_job(
        "label_survey",
        selection=dg.AssetSelection.groups("catalogs", "galaxies"),
        description="Catalogue files of a survey to its labelled early types.",
    ),
    dg.define_asset_job(
        "build_images",
        selection=dg.AssetSelection.groups("images"),
        description="Images of a dataset to its tensor, with the labelled galaxies in it.",
    ),
    dg.define_asset_job(
        "train_and_report",
        selection=dg.AssetSelection.assets("rotator_classifier", "predictions", "roc_report", "attribution_maps"),
        description="One training, a dataset and a recipe, and all that is reported of it.",
    ),
    dg.define_asset_job(
        "answer_questions",
        selection=dg.AssetSelection.assets(
            "ellipticity_report", "intervals_report", "label_noise_report", "attribution_tests"
        ),
        description="What a referee would ask of one training: plain rivals, intervals, calibration, label noise.",
    ),
]


def definitions(root: DataRoot) -> dg.Definitions:
    """The code location over one data root."""
    return dg.Definitions(
        assets=[*observing.OBSERVED, *dg.load_assets_from_modules(_MODULES)],
        asset_checks=dg.load_asset_checks_from_modules([checks, attribution_tests]),
        jobs=jobs,
        sensors=[observing.input_changes],
        resources={
            "root": root,
            "tables": TableIOManager(root),
            "tensors": TensorIOManager(root),
            "models": ModelIOManager(root),
        },
        # Each partition is a run, and so a process, of its own already.
        executor=dg.in_process_executor,
    )


defs = definitions(DataRoot.from_environment())
