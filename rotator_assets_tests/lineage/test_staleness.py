"""Reasons for stale partitions: changes of a recipe since its training, and the lines of `status`."""

import dagster as dg
import pytest

from rotator_assets.core.profiles import reduced
from rotator_assets.core.recipes import Recipe
from rotator_assets.lineage.partitions import dataset_partitions, dataset_to_training, training_key, training_partitions
from rotator_assets.lineage.staleness import Staleness, recipe_changes
from rotator_assets.orchestration.status import grouped

CHANGED = "training_recipe changed (normalization: max_all -> log)"


def _written(profile="auto", **settings) -> dict:
    """Return the settings of a training as an observation keeps them."""
    return {**Recipe(name="thesis", **settings).settings("training"), "profile": profile}


def _trained(profile="quick", **settings) -> dict:
    """Return a recipe as the networks keep it."""
    recipe = Recipe(name="thesis", **settings)
    recipe = reduced(recipe, 64) if profile == "quick" else recipe
    return {**recipe.model_dump(mode="json"), "profile": profile}


def _told(trained, written, now, synthetic=True):
    return recipe_changes(trained, written, now, crop_px=64, synthetic=synthetic)


def test_settings_in_the_file_are_reported_not_those_of_the_quick_profile():
    told = _told(_trained(epochs=20), _written(epochs=20), _written(epochs=10, normalization="log"))
    assert told == ["normalization: max_all -> log", "epochs: 20 -> 10"]
    assert _told(_trained(), _written(), _written(epochs=30)) == ["epochs: 20 -> 30"]


def test_without_a_record_of_the_file_the_networks_recipe_is_compared():
    assert _told(_trained(), None, _written(epochs=7, bands="r")) == ["bands: gri -> r", "epochs: 10 -> 7"]
    assert _told(_trained("full"), None, _written("quick", folds=2), synthetic=False) == [
        "epochs: 20 -> 10",
        "folds: 5 -> 2",
        "batch_size: 64 -> 16",
        "profile: full -> quick",
    ]


def test_an_unobserved_recipe_is_compared_with_the_trained_one():
    asinh = _trained(normalization="asinh")
    assert _told(asinh, _written(), _written(normalization="log")) == ["normalization: asinh -> log"]
    assert _told(asinh, _written(), _written(normalization="asinh")) == [
        "trained as it is now, before the change was noticed"
    ]


def test_a_changed_profile_is_reported():
    assert _told(_trained(), _written(), _written("full")) == ["profile: auto -> full"]


def test_removed_settings_are_absent_and_new_ones_have_their_old_value():
    old = {name: value for name, value in _written().items() if name != "mask_neighbours"}
    assert _told(_trained(), {**old, "warmup": 3}, _written(mask_neighbours=True)) == [
        "mask_neighbours: False -> True",
        "warmup: 3 -> (absent)",
    ]
    assert _told(_trained(), old, _written(epochs=9)) == ["epochs: 20 -> 9"]


def test_an_equal_record_of_an_earlier_version_is_reported():
    whole = {**Recipe(name="thesis").model_dump(mode="json", exclude={"name"}), "profile": "auto"}
    assert _told(_trained(), whole, _written()) == ["recorded by an earlier version of this program"]


def test_one_changed_recipe_is_one_line_and_another_reason_another_line():
    assets = ("attribution_maps", "predictions", "roc_report", "rotator_classifier")
    datasets = [f"{s}-{c}" for s in ("manga-observed", "tng100-noiseless", "tng100-noisy") for c in (128, 64)]
    stale = [(asset, f"{dataset}|thesis", CHANGED) for asset in assets for dataset in datasets]
    stale += [("rotator_classifier", "manga-observed-64|log", "image_tensors was updated")]
    stale += [("galaxies", "manga", "label_settings changed (jam_qual_min: None -> 1)")]
    assert grouped(stale) == [
        (", ".join(assets), f"thesis: 6 ({', '.join(datasets)})", CHANGED),
        ("rotator_classifier", "manga-observed-64|log", "image_tensors was updated"),
        ("galaxies", "manga", "label_settings changed (jam_qual_min: None -> 1)"),
    ]


@pytest.mark.parametrize("partition", ["manga", "manga-observed-64", "manga-observed-64|thesis"])
def test_a_single_partition_is_listed_as_it_is(partition):
    assert grouped([("a", partition, "why"), ("b", partition, "why")]) == [("a, b", partition, "why")]


def test_assets_of_different_partitions_are_not_mixed():
    stale = [
        ("a", "tng100-noisy-64|log", "w"),
        ("a", "manga-observed-64|log", "w"),
        ("b", "manga-observed-64|log", "w"),
    ]
    assert grouped(stale) == [
        ("a", "log: 2 (tng100-noisy-64, manga-observed-64)", "w"),
        ("b", "manga-observed-64|log", "w"),
    ]


def _chain(code_version="1", training=training_partitions) -> list[dg.AssetsDefinition]:
    """An asset per training, and an asset per dataset made from all of its trainings."""
    common = {"code_version": code_version}

    @dg.asset(partitions_def=training, **common)
    def scores(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        return dg.MaterializeResult(data_version=dg.DataVersion(context.run.run_id))

    mapping = dataset_to_training if training is training_partitions else None
    partitions = dataset_partitions if mapping else training

    @dg.asset(partitions_def=partitions, deps=[dg.AssetDep(scores, partition_mapping=mapping)], **common)
    def comparison() -> dg.MaterializeResult:
        return dg.MaterializeResult(data_version=dg.DataVersion("1"))

    return [scores, comparison]


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def _stale(instance, assets) -> list[tuple[str, str, str]]:
    return list(Staleness(instance, dg.Definitions(assets=assets).resolve_asset_graph()).stale())


def _make(instance, assets, asset, partition):
    assert dg.materialize(assets, selection=[asset], partition_key=partition, instance=instance).success


def test_a_rebuilt_upstream_asset_is_named_with_its_partition(instance):
    assets = _chain()
    for recipe in ("thesis", "log"):
        _make(instance, assets, "scores", training_key("manga-observed-64", recipe))
    _make(instance, assets, "comparison", "manga-observed-64")
    assert _stale(instance, assets) == []
    _make(instance, assets, "scores", training_key("tng100-noisy-64", "log"))
    assert _stale(instance, assets) == []
    _make(instance, assets, "scores", training_key("manga-observed-64", "log"))
    assert _stale(instance, assets) == [("comparison", "manga-observed-64", "scores was updated (log)")]


def test_new_code_is_a_reason_with_both_versions(instance):
    _make(instance, _chain("1"), "scores", training_key("manga-observed-64", "log"))
    assert _stale(instance, _chain("2")) == [("scores", "manga-observed-64|log", "its code changed (version 1 -> 2)")]


def test_removed_partitions_are_left_out(instance):
    before, after = dg.StaticPartitionsDefinition(["log", "gone"]), dg.StaticPartitionsDefinition(["log"])
    for partition in ("log", "gone"):
        _make(instance, _chain("1", before), "scores", partition)
    assert {partition for _, partition, _ in _stale(instance, _chain("2", before))} == {"log", "gone"}
    assert {partition for _, partition, _ in _stale(instance, _chain("2", after))} == {"log"}
