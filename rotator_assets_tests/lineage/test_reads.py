"""Assets read only what they declare, and a change makes exactly its readers stale."""

import ast
import shutil
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.recipes_file import load_recipes
from rotator_assets.definitions import asset_graph
from rotator_assets.domains import modules
from rotator_assets.galaxies.assets import galaxies
from rotator_assets.lineage import snapshot
from rotator_assets.lineage.inputs import label_settings, of_recipe
from rotator_assets.lineage.observed_results import RESULTS, dataset_scores, read_results, survey_kinematics
from rotator_assets.lineage.partitions import (
    dataset_partitions,
    dataset_to_training,
    survey_partitions,
    survey_to_dataset,
    training_key,
    training_partitions,
)
from rotator_assets.lineage.reads import CheckReads, Reads, UndeclaredRead
from rotator_assets.orchestration.plans import Step
from rotator_assets.running import open_runner
from rotator_assets.store.models import TrainedModels, commit_models, writing_models
from rotator_assets.store.tensors import writing_tensor
from rotator_assets.tables import TABLES, open_store
from rotator_assets_tests.training.made_up_training import SIZE_PX, TINY, galaxy_ids, planted_survey

OWN, OTHER, NOISELESS = "manga-observed-64", "tng100-noisy-64", "tng100-noiseless-64"
LARGE = "manga-observed-128"
TRAINED = str(training_key(OWN, "tng-instead"))
OPENED_BY_READS_ALONE = {"open_tensor", "open_models", "load_settings", "load_recipes", "recipes_file"}


def _reaches_past(module: ast.Module) -> list[str]:
    """Return what a module opens directly: tables, tensors, models, settings, recipes, or files of a survey."""
    found = []
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom | ast.Import):
            found += [name.name for name in node.names if name.name in OPENED_BY_READS_ALONE]
        if isinstance(node, ast.Attribute) and node.attr in ("survey", "settings", "path") and _is_root(node.value):
            found.append(f"root.{node.attr}")
        if isinstance(node, ast.Attribute) and node.attr in ("read", "query", "connect", "partitions", "latest_files"):
            found += [f"store.{node.attr}"] if getattr(node.value, "id", "") == "store" else []
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("TableStore", "open_store"):
            found.append(node.func.id)
    return found


def _is_root(node: ast.expr) -> bool:
    return getattr(node, "id", getattr(node, "attr", "")) == "root"  # root, or store.root


@pytest.mark.parametrize(
    "path",
    [Path(module.__file__) for name in ("assets", "checks") for module in modules(name)],
    ids=lambda path: f"{path.parent.name}.{path.stem}",
)
def test_assets_read_only_through_reads(path):
    assert _reaches_past(ast.parse(path.read_text())) == []


@pytest.mark.parametrize(
    "code",
    [
        "store.read('images', 'a')",
        "tables = open_store(root)",
        "from rotator_assets.store.tensors import open_tensor",
        "from rotator_assets.lineage.settings_file import load_settings",
        "SURVEYS[key].read_photometry(store.root.survey(key))",
        "root.settings.read_text()",
    ],
)
def test_direct_access_to_data_is_detected(code):
    assert _reaches_past(ast.parse(code))
    assert not _reaches_past(ast.parse("store.write('images', 'a', frame)"))


def test_every_table_is_made_by_assets_and_every_observed_result_is_read():
    graph = asset_graph()
    made = {key.to_user_string() for key in graph.materializable_asset_keys}
    for table in TABLES.keys() - {"notices"}:  # every asset may write it
        assert set(TABLES[table].made_by) <= made, table
    for result in RESULTS:
        assert graph.get(result.spec.key).child_keys, result.name


def _reading(root: DataRoot, partition: str, partitions, *deps: dg.AssetDep | dg.AssetSpec) -> Reads:
    """Return the reads of an asset with these dependencies for a partition."""
    given = []

    @dg.asset(name="reader", partitions_def=partitions, deps=list(deps))
    def reader(context: dg.AssetExecutionContext):
        given.append(Reads(context, open_store(root)))

    reader(dg.build_asset_context(partition_key=partition))
    return given[0]


def _written(root: DataRoot, table: str, partition: str, frame: pd.DataFrame) -> None:
    open_store(root).write(table, partition, frame.reindex(columns=TABLES[table].column_names))


@pytest.fixture
def filled(tmp_path) -> DataRoot:
    """A root with one row in some tables of several surveys, datasets and trainings."""
    root = DataRoot(tmp_path)
    row = pd.DataFrame({"galaxy_id": ["g"], "synthetic": True})
    for survey in ("manga", "tng100"):
        _written(root, "labeled_galaxies", survey, row)
        _written(root, "kinematics_catalog", survey, row)
    for dataset in (OWN, OTHER):
        _written(root, "labeled_images", dataset, row)
        for recipe in ("thesis", "log"):
            _written(
                root, "repeat_predictions", training_key(dataset, recipe), row.assign(dataset=dataset, recipe=recipe)
            )
    return root


def _of(asset: str, mapping=None) -> dg.AssetDep:
    return dg.AssetDep(asset, partition_mapping=mapping)


def test_a_declared_table_is_read_in_the_partitions_dagster_tracks(filled):
    reads = _reading(filled, OWN, dataset_partitions, _of("labeled_galaxies", survey_to_dataset), _of("labeled_images"))
    assert len(reads.table("labeled_galaxies", "manga")) == len(reads.table("labeled_images")) == 1
    assert reads.partitions("labeled_images") == [OWN]
    for table, partition in (("labeled_galaxies", "tng100"), ("labeled_images", OTHER)):
        with pytest.raises(UndeclaredRead, match=f"reader reads table {table} of {partition}"):
            reads.table(table, partition)


def test_undeclared_reads_are_errors(filled):
    reads = _reading(filled, OWN, dataset_partitions, _of("labeled_images"))
    refused = [
        lambda: reads.table("labeled_galaxies", "manga"),
        lambda: reads.table("kinematics_catalog", "manga"),
        lambda: reads.tensor(OWN),
        lambda: reads.recipes(),
        lambda: reads.recipe("training"),
        lambda: reads.profile(),
        lambda: reads.settings("label_settings"),
        lambda: reads.all_settings(),
        lambda: reads.folder("image_files"),
        lambda: reads.every_table(),
    ]
    for read in refused:
        with pytest.raises(UndeclaredRead, match=r"reader reads .* dependencies .*labeled_images"):
            read()
    assert reads.every("repeat_predictions").empty


def test_many_partitions_are_read_through_an_observed_result(filled):
    followed = _of("predictions", dataset_to_training)
    assert _reading(filled, OWN, dataset_partitions, followed).every("repeat_predictions").empty
    observed = _reading(filled, OWN, dataset_partitions, followed, dataset_scores).every("repeat_predictions")
    assert sorted(observed["recipe"]) == ["log", "thesis"] and set(observed["dataset"]) == {OWN}


def test_an_observed_result_is_read_in_the_partition_of_its_reader(filled):
    kinematics = dg.AssetDep(survey_kinematics, partition_mapping=dataset_to_training)
    reads = _reading(filled, training_key(OWN, "log"), training_partitions, kinematics)
    assert len(reads.table("kinematics_catalog", "manga")) == 1
    with pytest.raises(UndeclaredRead):
        reads.table("kinematics_catalog", "tng100")


def test_settings_and_recipes_are_read_where_declared_and_no_other_blocks(filled):
    filled.settings.write_text("profile: full\nmanga: {jam_qual_min: 2}")
    chosen = _reading(filled, "manga", survey_partitions, label_settings).settings("label_settings")
    assert chosen.jam_qual_min == 2 and not hasattr(chosen, "mock")
    reads = _reading(filled, training_key(OWN, "log"), training_partitions, *of_recipe("attribution"))
    assert reads.recipe("attribution") == load_recipes()["log"] and reads.profile() == "full"
    with pytest.raises(UndeclaredRead, match="training_recipe"):
        reads.recipe("training")


def test_a_check_reads_inputs_and_outputs_of_its_asset(filled):
    reads = CheckReads(galaxies, open_store(filled))
    assert len(reads.query("SELECT * FROM kinematics_catalog LEFT JOIN galaxies USING (galaxy_id)")) == 2
    assert reads.partitions("kinematics_catalog") == ["manga", "tng100"]
    refused = [
        lambda: reads.query("SELECT * FROM galaxies JOIN labeled_galaxies USING (galaxy_id)"),
        lambda: reads.table("labeled_images", OWN),
        lambda: reads.tensor(OWN),
        lambda: reads.models(TRAINED),
    ]
    for read in refused:
        with pytest.raises(UndeclaredRead, match="a check of galaxies reads"):
            read()


# Reads across partitions: a change makes exactly its readers stale.

COUNT = 80
ASKED = {
    "label_noise_report": TRAINED,
    "transfer_report": OWN,
    "learning_curve": OWN,
    "recipe_comparison": OWN,
}


def _sample(dataset: str, seed: int) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    names = [f"{dataset}-{number}" for number in range(COUNT)]
    frame = pd.DataFrame({"galaxy_id": names, "object_id": names, "dataset": dataset, "synthetic": True})
    return frame.assign(
        is_early_type=True,
        rotator_type=np.arange(COUNT) % 2,
        lambda_r=generator.uniform(0.05, 0.6, COUNT),
        ellipticity=generator.uniform(0.05, 0.6, COUNT),
        spin_threshold=0.2,
        r_eff_pixels=generator.uniform(4, 12, COUNT),
    )


def _label(root: DataRoot, dataset: str, seed: int = 1) -> None:
    _written(root, "labeled_images", dataset, _sample(dataset, seed))


def _measure(root: DataRoot, survey: str, shift: float = 0.0) -> None:
    sample = _sample(OWN, 1)
    sources = pd.concat([sample.assign(survey=survey, lambda_r_source=source) for source in ("pipe3d", "maps")])
    _written(root, "kinematics_catalog", survey, sources.assign(lambda_r=sources["lambda_r"] + shift))


def _score(root: DataRoot, dataset: str, recipe: str, auc: float = 0.8, seed: int = 1) -> None:
    key, sample = training_key(dataset, recipe), _sample(dataset, 1)
    score = 0.5 + 0.2 * sample["rotator_type"] + np.random.default_rng(seed).uniform(-0.3, 0.3, COUNT)
    known = {"recipe": recipe, "fold": 0, "probability_fast": score, "probability_fast_calibrated": score}
    frame = sample.assign(**known, predicted_type=1)
    _written(root, "predictions", key, frame)
    _written(root, "repeat_predictions", key, frame.assign(repeat=0, averaged=False))
    metrics = {"dataset": dataset, "recipe": recipe, "n_galaxies": COUNT, "n_slow": COUNT // 2, "folds": 5}
    metrics = pd.DataFrame([metrics]).assign(auc=auc, auc_low=auc - 0.02, auc_high=auc + 0.02, synthetic=True)
    _written(root, "model_metrics", key, metrics)
    curve = {
        "false_positive_rate": [0.0, 0.4, 1.0],
        "true_positive_rate": [0.0, 0.8, 1.0],
        "threshold": [1.0, 0.5, 0.0],
    }
    _written(root, "roc_curves", key, pd.DataFrame({**curve, "dataset": dataset, "recipe": recipe, "synthetic": True}))


def _fill(root: DataRoot) -> None:
    for dataset in (OWN, OTHER, NOISELESS, LARGE):
        _label(root, dataset)
        _score(root, dataset, "thesis")
    for recipe in ("tng-instead", "fraction-10", "log"):
        _score(root, OWN, recipe)
    for survey in ("manga", "tng100"):
        _measure(root, survey)


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """The runner of a root with robustness checks of made-up scores."""
    root = DataRoot(tmp_path_factory.mktemp("answered"))
    _fill(root)
    with writing_models(root.models / OWN / "tng-instead") as folder:
        commit_models(TrainedModels(folder, load_recipes()["tng-instead"], "quick", "cpu", 1.0, True))
    with open_runner(root) as runner:
        for asset, partition in ASKED.items():
            runner.materialize(Step(asset, (asset,), partition))
        yield runner


@pytest.fixture
def runner(answered, tmp_path):
    """The same runner, for changes of tables and settings that are undone afterwards."""
    root = answered.root
    shutil.copytree(root.tables, tmp_path / "tables")
    yield answered
    root.settings.unlink(missing_ok=True)
    shutil.rmtree(root.tables)
    shutil.copytree(tmp_path / "tables", root.tables)


CHANGES = {
    "the same written again": (lambda root: (_label(root, OTHER), _score(root, OWN, "log")), set()),
    "lambda_R of the survey": (lambda root: _measure(root, "manga", 0.01), {"label_noise_report"}),
    "lambda_R of another survey": (lambda root: _measure(root, "tng100", 0.01), set()),
    "quality of lambda_R": (lambda root: root.settings.write_text("manga: {jam_qual_min: 1}"), {"label_noise_report"}),
    "factor of lambda_R": (
        lambda root: root.settings.write_text("manga: {lambda_r_scale: {maps: 1.1}}"),
        {"label_noise_report"},
    ),
    "quality in another survey": (lambda root: root.settings.write_text("tng100: {jam_qual_min: 1}"), set()),
    "another setting": (lambda root: root.settings.write_text("manga: {labels: {t_type_max: 1}}"), set()),
    "labels of the other survey": (lambda root: _label(root, OTHER, 2), {"transfer_report"}),
    "labels of a dataset not trained on": (lambda root: _label(root, NOISELESS, 2), set()),
    "labels of another crop": (lambda root: _label(root, LARGE, 2), set()),
    "metrics of the other survey": (lambda root: _score(root, OTHER, "thesis", 0.9), {"transfer_report"}),
    "metrics of a dataset not trained on": (lambda root: _score(root, NOISELESS, "thesis", 0.9), set()),
    "a point of the learning curve": (
        lambda root: _score(root, OWN, "fraction-10", 0.7),
        {"learning_curve", "recipe_comparison"},
    ),
    "a recipe that is in no curve": (lambda root: _score(root, OWN, "log", 0.7), {"recipe_comparison"}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_makes_exactly_its_readers_stale(runner, change):
    make, expected = CHANGES[change]
    make(runner.root)
    runner.observe()
    found = {(one.asset, one.partition) for one in runner.staleness().stale()}
    assert found == {(asset, ASKED[asset]) for asset in expected}


@pytest.mark.parametrize(
    ("recipe", "changed", "expected"),
    [
        ("tng-instead", {"other_use": "beside"}, {"transfer_report"}),
        ("fraction-10", {"training_fraction": 0.12}, {"learning_curve"}),
        ("log", {"epochs": 3}, {"recipe_comparison"}),  # now differs from thesis in two settings
        ("log", {"attribution_steps": 3}, set()),
        ("r-band", {"seed": 1}, set()),  # was not trained
        ("thesis", {"attribution_steps": 3, "test_time_averaging": True}, {"recipe_comparison", "learning_curve"}),
    ],
)
def test_settings_of_recipes_make_their_readers_stale(runner, monkeypatch, recipe, changed, expected):
    recipes = load_recipes()
    monkeypatch.setattr(
        snapshot, "load_recipes", lambda: {**recipes, recipe: recipes[recipe].model_copy(update=changed)}
    )
    runner.observe()
    found = {one.asset for one in runner.staleness().stale()}
    assert found == expected


def _survey(root: DataRoot, dataset: str, seed: int) -> None:
    images, labels, objects = planted_survey(60, seed)
    with writing_tensor(root.tensors / dataset, SIZE_PX, synthetic=True) as writer:
        for galaxy_id, image in zip(galaxy_ids(objects), images, strict=True):
            writer.append(galaxy_id, image)
    frame = pd.DataFrame({"galaxy_id": galaxy_ids(objects), "object_id": objects, "rotator_type": labels})
    _written(root, "labeled_images", dataset, frame.assign(dataset=dataset, is_early_type=True, synthetic=True))
    _written(root, "images", dataset, frame.assign(dataset=dataset, usable=True, synthetic=True))


def test_galaxies_of_another_survey_make_only_its_networks_stale(tmp_path, monkeypatch):
    name, recipes = "tng-before", load_recipes()
    short = {"name": name, "folds": 2, "epochs": 1, "other_survey": recipes[name].other_survey}
    monkeypatch.setattr(snapshot, "load_recipes", lambda: {**recipes, name: TINY.model_copy(update=short)})
    root = DataRoot(tmp_path)
    for seed, dataset in enumerate((OWN, OTHER, NOISELESS)):
        _survey(root, dataset, seed)
    training = str(training_key(OWN, name))
    with open_runner(root) as runner:

        def stale() -> list[tuple[str, str, str]]:
            runner.observe()
            return [tuple(one) for one in runner.staleness().stale()]

        runner.materialize(Step(name, ("rotator_classifier",), training))
        assert stale() == []
        _survey(root, NOISELESS, 7)
        assert stale() == []
        _survey(root, OTHER, 7)
        reason = f"other_survey_galaxies changed (1 result changed ({OTHER}))"
        assert stale() == [("rotator_classifier", training, reason)]
    observed = [now for now in read_results(open_store(root)) if now.asset == "other_survey_galaxies"]
    assert {tuple(now.content) for now in observed if now.partition == training} == {(OTHER,)}
    alone = {name for name, recipe in recipes.items() if recipe.other_survey is None}
    assert not any(now.content for now in observed if now.partition.partition("|")[2] in alone)
