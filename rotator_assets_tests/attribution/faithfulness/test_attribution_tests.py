"""The asset that tests attribution maps, with a made-up examination, and its checks."""

from itertools import combinations

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from rotator_assets.attribution.faithfulness import examination
from rotator_assets.attribution.faithfulness.assets import attribution_tests, balanced_sample
from rotator_assets.attribution.faithfulness.checks import cascade_destroys_maps, maps_beat_random_order
from rotator_assets.attribution.faithfulness.examination import METHODS, Examination
from rotator_assets.attribution.faithfulness.measures import FRACTIONS
from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.recipes import Recipe
from rotator_assets.lineage.partitions import training_key
from rotator_assets.store.models import TrainedModels
from rotator_assets.store.tensors import ImageTensor
from rotator_assets.tables import TABLES, open_store
from rotator_assets_tests.training.made_up_training import planted_survey

DATASET, KEY = "manga-observed-64", {"dataset": "manga-observed-64", "recipe": "thesis", "synthetic": True}
FOUND = (
    "attribution_agreement",
    "attribution_sanity",
    "deletion_curves",
    "deletion_areas",
    "attribution_convergence",
)


def made_up(load, sample, images, rows, recipe, *, steps, n_converged, seed, on_progress):
    """An `Examination` of the sample without a network; maps and values are noise."""
    generator, n = np.random.default_rng(seed), len(sample)
    maps = {method: generator.normal(size=(n, *images.shape[1:3])).astype(np.float32) for method in METHODS}

    def rows_of(**columns):
        return [{"galaxy_id": name, **columns} for name in sample["galaxy_id"]]

    pairs = [
        row for one, two in combinations(METHODS, 2) for row in rows_of(test="agreement", method=one, reference=two)
    ]
    for depth, layer in enumerate(("logit", "dense"), start=1):
        pairs += rows_of(test="cascade", method="ig_sky", reference=layer, depth=depth)
    pairs += rows_of(test="folds", method="ig_sky", reference="", depth=0)
    pairs = pd.DataFrame(pairs)
    pairs[["absolute", "signed"]] = generator.uniform(0, 1, (len(pairs), 2))
    points = [(k, m, s) for k in ("deletion", "insertion") for m in (*METHODS, "random") for s in FRACTIONS]
    curves = pd.DataFrame([row for k, m, s in points for row in rows_of(kind=k, method=m, share=s, logit=s)])
    errors = pd.DataFrame([row for step in steps for row in rows_of(n_steps=step, completeness_error=1 / step)])
    on_progress(n, n)
    return Examination(sample, maps, pairs, curves, errors)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """Result of the asset for a made-up examination, and its root."""
    root = DataRoot(tmp_path_factory.mktemp("root"))
    images, kind, objects = planted_survey(n_objects=40)
    ids = tuple(f"g{number}" for number in range(len(kind)))
    labeled = pd.DataFrame({"galaxy_id": ids, "object_id": objects, "rotator_type": kind})
    predictions = labeled.assign(fold=np.arange(len(kind)) % 2, probability_fast=0.4, predicted_type=0)
    labeled = labeled.assign(dataset=DATASET, image_unit="nanomaggies", synthetic=True)
    models = TrainedModels(root.path, Recipe(name="thesis", folds=2), "quick", "cpu", 1.0, True)
    context = dg.build_asset_context(partition_key=training_key(DATASET, "thesis"))
    asked = pd.DataFrame({"averaged": [False]}).reindex(columns=TABLES["repeat_predictions"].column_names)
    open_store(root).write("repeat_predictions", training_key(DATASET, "thesis"), asked)
    with pytest.MonkeyPatch().context() as patch:
        patch.setattr(examination, "examine", made_up)
        done = attribution_tests(
            context, open_store(root), predictions, models, ImageTensor(images, ids, "v", True), labeled
        )
    return done, root


def test_tables_and_pictures_are_written(result):
    done, root = result
    assert tuple(done.value) == FOUND
    for name, frame in done.value.items():
        open_store(root).write(name, training_key(DATASET, "thesis"), frame)
        assert set(frame.columns) == set(TABLES[name].column_names)
        assert frame["synthetic"].all() and (frame["recipe"] == "thesis").all()
    folder = root.figures / DATASET / "thesis"
    pictures = {path.stem for path in folder.iterdir()}
    assert pictures == {"attribution_methods", *FOUND} - {"attribution_sanity", "deletion_areas"} | {
        "attribution_cascade"
    }
    assert done.metadata["galaxies"] == 8


def test_the_sample_is_balanced_and_the_same_every_time():
    galaxies = pd.DataFrame({"galaxy_id": range(100), "rotator_type": [0] * 5 + [1] * 95})
    sample = balanced_sample(galaxies, 8, seed=1)
    assert sample["rotator_type"].value_counts().to_dict() == {1: 8, 0: 5}
    assert sample["galaxy_id"].is_unique and sample.equals(balanced_sample(galaxies, 8, seed=1))
    assert not sample.equals(balanced_sample(galaxies, 8, seed=2))


def checked(check, tmp_path, table, rows):
    root = DataRoot(tmp_path)
    frame = pd.DataFrame(rows).assign(**KEY).reindex(columns=TABLES[table].column_names)
    open_store(root).write(table, training_key(DATASET, "thesis"), frame)
    return check(open_store(root))


@pytest.mark.parametrize(
    ("randomized", "across_folds", "passed"),
    [(0.1, 0.5, True), (0.6, 0.5, False), (0.1, None, True), (0.9, None, False), (np.nan, 0.5, False)],
)
def test_maps_that_survive_randomization_are_reported(tmp_path, randomized, across_folds, passed):
    rows = [
        {"test": "cascade", "method": "ig_sky", "depth": depth, "signed_correlation_high": high}
        for depth, high in ((1, 0.95), (2, randomized))
    ]
    rows += [{"test": "folds", "method": "ig_sky", "depth": 0, "signed_correlation_low": across_folds}]
    rows = rows if across_folds is not None else rows[:2]
    found = checked(cascade_destroys_maps, tmp_path, "attribution_sanity", rows)
    assert found.passed == passed and found.severity == dg.AssetCheckSeverity.WARN
    assert found.metadata["which"].value == ("none" if passed else f"{DATASET}|thesis")


@pytest.mark.parametrize(("gain_low", "passed"), [(0.2, True), (-0.1, False), (np.nan, False)])
def test_maps_no_better_than_random_are_reported(tmp_path, gain_low, passed):
    rows = [{"kind": "deletion", "method": "ig_sky", "gain_low": 0.3}]
    rows += [{"kind": "insertion", "method": "ig_sky", "gain_low": gain_low}]
    rows += [{"kind": "insertion", "method": "random", "gain_low": 0.0}]
    assert checked(maps_beat_random_order, tmp_path, "deletion_areas", rows).passed == passed
