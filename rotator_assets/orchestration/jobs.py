"""Jobs, named after what one wants done."""

import subprocess
import sys

import dagster as dg

from rotator_assets.lineage.groups import STEP_TAG
from rotator_assets.store.table_store import TableStore
from rotator_assets.training.assets import TRAINING_POOL

_ROTATORS = "from rotator_assets.cli import main; main()"

train = dg.define_asset_job(
    "train",
    selection=dg.AssetSelection.tag(STEP_TAG, "training"),
    description="Trainings, a dataset and a recipe each, and what is reported of them. Comparisons and report follow.",
)
compare_recipes = dg.define_asset_job(
    "compare_recipes",
    selection=dg.AssetSelection.tag(STEP_TAG, "comparison"),
    description="Recipes of a dataset side by side.",
)
refresh_report = dg.define_asset_job(
    "refresh_report",
    selection=dg.AssetSelection.tag(STEP_TAG, "study_report"),
    description="Comparison of datasets, and the study report from what there is now.",
)


@dg.op(
    pool=TRAINING_POOL,
    description="Runs `rotators run --stale` on this data root, one at a time; its steps are runs of their own.",
)
def make_what_is_stale(context: dg.OpExecutionContext, store: dg.ResourceParam[TableStore]) -> None:
    command = [sys.executable, "-c", _ROTATORS, "run", "--stale", "--data", str(store.root.path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    last = ""
    try:
        for line in process.stdout:
            last = line.strip() or last
            context.log.info(line.rstrip())
    finally:
        process.terminate()  # it has ended already, but where this run is stopped
        status = process.wait()
    if status:
        raise dg.Failure(last or f"`rotators run --stale` ended with status {status}", allow_retries=False)


@dg.job(
    executor_def=dg.in_process_executor,
    description="Everything that was made once and no longer fits its inputs, in one launch: catalogues, images, "
    "trainings, comparisons, report. Nothing that nobody made before.",
)
def retrain_stale() -> None:
    make_what_is_stale()


JOBS = [
    train,
    retrain_stale,
    refresh_report,
    compare_recipes,
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
        "check_robustness",
        selection=dg.AssetSelection.tag(STEP_TAG, "ellipticity")
        | dg.AssetSelection.tag(STEP_TAG, "robustness_of_training"),
        description="What a referee would ask of one training: plain rivals, intervals, calibration, label noise.",
    ),
]
