"""Group ``questions``: does the network find what is there, and nothing where nothing is? Synthetic galaxies alone."""

from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg
import numpy as np
import pandas as pd

from rotator_assets import progress
from rotator_assets.assets.inputs import FOLLOW_CHANGES, OWNERS
from rotator_assets.assets.pictures import Pictures
from rotator_assets.data_root import DataRoot
from rotator_assets.figures.study import REFERENCE_RECIPE
from rotator_assets.recipes import load_recipes, reduced
from rotator_assets.storage.tables import content_hash

STRENGTHS = (0.0, 1.0, 2.0, 3.0)
"""How many standard deviations the discs of fast rotators are brighter by."""
N_GALAXIES = 240
SIZE_PX = 64
_SEED = 2020
PLANTED = "planted"
"""Folder of the picture."""


@dg.asset(
    group_name="questions",
    owners=OWNERS,
    io_manager_key="tables",
    code_version="1",
    pool="training",
    automation_condition=FOLLOW_CHANGES,
    kinds={"keras", "duckdb", "matplotlib"},
    description="Networks trained on synthetic galaxies whose classes differ in the disc alone, by known amounts.",
)
def planted_truth(context: dg.AssetExecutionContext, root: dg.ResourceParam[DataRoot]) -> dg.MaterializeResult:
    from rotator_assets.demo.planted import best_auc, planted_galaxies
    from rotator_assets.figures.planted import planted_figure
    from rotator_assets.learning.evaluation import delong_interval
    from rotator_assets.learning.training import cross_validate

    recipe = reduced(load_recipes()[REFERENCE_RECIPE], SIZE_PX)
    rows = []
    for number, strength in enumerate(STRENGTHS):
        galaxies = planted_galaxies(N_GALAXIES, strength, _SEED, SIZE_PX)
        names = np.array([f"planted-{row:04d}" for row in range(N_GALAXIES)])
        with TemporaryDirectory() as folder:
            trained = cross_validate(galaxies.images, galaxies.labels, names, names, recipe, model_folder=Path(folder))
        scores = trained.predictions["probability_fast"].to_numpy(float)
        network, best = (delong_interval(galaxies.labels, score) for score in (scores, galaxies.disc_share))
        rows.append(
            {
                "strength": strength,
                "n_galaxies": N_GALAXIES,
                "n_slow": int((galaxies.labels == 0).sum()),
                "auc": network.auc,
                "auc_low": network.low,
                "auc_high": network.high,
                "best_auc": best.auc,
                "best_auc_expected": best_auc(strength),
                "synthetic": True,
            }
        )
        context.log.info(f"strength {strength:g}: AUC {network.auc:.3f}, best possible {best.auc:.3f}")
        progress.report("planted truth", number + 1, len(STRENGTHS))
    frame = pd.DataFrame(rows)
    pictures = Pictures(root, PLANTED)
    pictures.add("planted", planted_figure(frame))
    return dg.MaterializeResult(
        value=frame,
        data_version=dg.DataVersion(content_hash(frame)),
        metadata={"dagster/row_count": len(frame), "synthetic": True, **pictures.metadata()},
    )
