"""Observed results: dependencies on other assets that Dagster cannot track.

Dagster ignores dependencies of a partition on a hundred partitions or more, and has no partition mapping from a survey
to its trainings, from one dataset to another, or from one recipe to another. For each such dependency there is an
external asset here, whose data version is a hash of what is read. The reading asset depends on it and becomes stale
when the content changes.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import dagster as dg

from rotator_assets.core.errors import InputError
from rotator_assets.core.keys import split_training_key
from rotator_assets.core.recipes import FAMILIES, SPIN, varied
from rotator_assets.core.study import REFERENCE_RECIPE
from rotator_assets.lineage.inputs import OWNERS, SCALED_AT_MOST, Input, version_of_content
from rotator_assets.lineage.partitions import dataset_partitions, other_dataset, training_partitions
from rotator_assets.lineage.snapshot import Content, Covers, Snapshot
from rotator_assets.store.table_store import TableStore
from rotator_assets.surveys.datasets import DATASETS


@dataclass(frozen=True)
class ObservedResult:
    """An external asset that represents a part of the results.

    Attributes
    ----------
    spec
        The external asset.
    parts
        For one of its partitions (empty text if it has none): names of tables (or ``image_tensors``), with a function
        that is True for the partitions that are read.
    more
        Other content that is read, such as pictures, recipes or settings.
    others
        Which of ``tables``, ``recipes`` and ``settings`` a reader may access as a whole.
    """

    spec: dg.AssetSpec
    parts: Callable[[Snapshot, str], list[tuple[Iterable[str], Covers]]] = lambda now, _: []
    more: Callable[[Snapshot, str], Content] = lambda now, _: {}
    others: frozenset[str] = field(default=frozenset())

    @property
    def name(self) -> str:
        """Name of the external asset."""
        return self.spec.key.to_user_string()

    def now(self, snapshot: Snapshot, partition: str | None) -> Input:
        """Return the current state of one partition."""
        content: Content = {}
        for names, covers in self.parts(snapshot, partition or ""):
            for subject, found in snapshot.results(names, covers).items():
                content.setdefault(subject, {}).update(found)
        for subject, found in self.more(snapshot, partition or "").items():
            content.setdefault(subject, {}).update(found)
        return Input(self.name, partition, content, version_of_content(content))

    def covers(self, snapshot: Snapshot, partition: str | None, name: str, subject: str) -> bool:
        """Return True where a partition of a table is part of this observed result.

        Parameters
        ----------
        snapshot
            The state of the data root.
        partition
            Partition of this observed result; None without partitions.
        name
            Name of the table, or ``image_tensors``.
        subject
            Partition of the table.
        """
        return any(name in names and covers(subject) for names, covers in self.parts(snapshot, partition or ""))


def partition_for(spec: dg.AssetSpec, own: str | None) -> str | None:
    """Return the partition of an observed result that belongs to a partition of its reader."""
    if spec.partitions_def is None or own is None:
        return None
    return own if own in DATASETS or spec.partitions_def == training_partitions else split_training_key(own)[0]


def _spec(name: str, group: str, description: str, partitions: dg.PartitionsDefinition | None = None) -> dg.AssetSpec:
    """Make the external asset, in the group of the first asset that depends on it."""
    return dg.AssetSpec(
        name, group_name=group, owners=OWNERS, kinds={"parquet"}, partitions_def=partitions, description=description
    )


SCORES = ("repeat_predictions", "model_metrics", "roc_curves")
CLASSIFIERS = (*SCORES, "baseline_metrics", "fusion_predictions")
SAMPLES = ("image_tensors", "images", "labeled_images")
DRAWN_BY_THE_REPORT = ("study", "matching.png")
"""Folder and file name of the pictures that the report makes itself."""
WRITTEN_BY_THE_REPORT = "key_results"
"""Table that the report writes itself."""
RECORDS = frozenset({"input_checksums", "provenance"})
"""Tables about how results were made, which the report does not show."""
IN_THE_FILE = "recipes.yaml"


def _everything(snapshot: Snapshot, _: str) -> Content:
    """Return what the report shows in addition to tables: pictures, and the seeds of mock observations."""
    folder, name = DRAWN_BY_THE_REPORT
    found: Content = {}
    for subject, pictures in snapshot.pictures().items():
        if subject != folder:
            found[subject] = {picture: fingerprint for picture, fingerprint in pictures.items() if picture != name}
    imaged = [DATASETS[key] for key in snapshot.partitions("images") if key in DATASETS]  # a survey may be removed
    mocked = {dataset.survey for dataset in imaged if dataset.noise == "noisy"}
    seeds = {f"{survey}.mock.seed": str(snapshot.settings.survey(survey).mock.seed) for survey in sorted(mocked)}
    return {**found, **({"settings.yaml": seeds} if seeds else {})}


def _every(_: str) -> bool:
    return True


def _of_dataset(dataset: str) -> Covers:
    """Return a function that is True for the trainings of a dataset."""
    return lambda subject: subject.partition("|")[0] == dataset and "|" in subject


def _families(snapshot: Snapshot, dataset: str) -> Content:
    """Return the trained recipes that are compared, by the setting in which they differ."""
    trained = _trained(snapshot, dataset)
    if not trained:
        return {}
    families = varied(snapshot.recipes, REFERENCE_RECIPE)
    compared = {setting: [name for name in families.get(setting, []) if name in trained] for setting in FAMILIES}
    return {IN_THE_FILE: {setting: ", ".join(names) for setting, names in compared.items() if len(names) > 1}}


def _other_survey(snapshot: Snapshot, training: str) -> list[tuple[Iterable[str], Covers]]:
    dataset, name = split_training_key(training)
    other = _trained_on(snapshot, dataset, name)
    return [(SAMPLES, lambda subject: subject == other)] if other else []


def _learned(snapshot: Snapshot, training: str) -> list[tuple[Iterable[str], Covers]]:
    dataset, name = split_training_key(training)
    recipe = snapshot.recipes.get(name)
    if recipe is None or not recipe.learns_more:
        return []
    learned = {dataset, _trained_on(snapshot, dataset, name)}
    return [(("imaged_galaxies",), learned.__contains__)]


TABLES_OF_FUSION = {SPIN: "imaged_galaxies", "catalogue": "imaged_galaxies", "structure": "image_morphology"}
"""Tables of a dataset with the columns that a recipe combines with the network, by the name of the set."""


def _fused(snapshot: Snapshot, training: str) -> list[tuple[Iterable[str], Covers]]:
    dataset, name = split_training_key(training)
    recipe = snapshot.recipes.get(name)
    if recipe is None or not recipe.fuses:
        return []
    return [(dict.fromkeys(TABLES_OF_FUSION[part] for part in recipe.fused_sets), lambda subject: subject == dataset)]


def _trained_on(snapshot: Snapshot, dataset: str, name: str) -> str | None:
    """Return the key of the other survey's dataset that a recipe also trains on; None without one."""
    recipe = snapshot.recipes.get(name)
    if recipe is None or recipe.other_survey is None:
        return None
    try:
        return other_dataset(recipe, dataset)
    except InputError:  # the recipe does not apply to this dataset; its training reports the error
        return None


def _trained(snapshot: Snapshot, dataset: str) -> set[str]:
    """Return the names of the recipes that were trained on a dataset."""
    return {split_training_key(key)[1] for key in filter(_of_dataset(dataset), snapshot.partitions("predictions"))}


def _transferred(snapshot: Snapshot, dataset: str) -> dict[str, str]:
    """Return the trained recipes that also train on another survey, with the key of its dataset."""
    found = {name: _trained_on(snapshot, dataset, name) for name in sorted(_trained(snapshot, dataset))}
    return {name: other for name, other in found.items() if other}


def _transfer(snapshot: Snapshot, dataset: str) -> list[tuple[Iterable[str], Covers]]:
    recipes = _transferred(snapshot, dataset)
    if not recipes:
        return [(("predictions",), lambda subject: False)]
    samples = {dataset, *recipes.values()}
    trainings = {f"{dataset}|{name}" for name in (*recipes, REFERENCE_RECIPE)}
    references = {f"{key}|{REFERENCE_RECIPE}" for key in samples}
    return [
        (("labeled_images", "images", "image_morphology"), samples.__contains__),
        (("predictions", "repeat_predictions"), trainings.__contains__),
        (("model_metrics",), references.__contains__),
    ]


def _transfer_recipes(snapshot: Snapshot, dataset: str) -> Content:
    chosen = _transferred(snapshot, dataset)
    if not chosen:
        return {}
    read = ("population", "label", "boundary_gap", "other_survey", "other_use", "training_fraction")
    names = [name for name in (*chosen, REFERENCE_RECIPE) if name in snapshot.recipes]
    return {IN_THE_FILE: {n: ", ".join(str(getattr(snapshot.recipes[n], key)) for key in read) for n in names}}


def _learning_curve(snapshot: Snapshot, dataset: str) -> list[tuple[Iterable[str], Covers]]:
    trainings = {f"{dataset}|{name}" for name in snapshot.fractions}
    return [(("model_metrics",), trainings.__contains__)]


def _fractions(snapshot: Snapshot, dataset: str) -> Content:
    names = snapshot.fractions
    if not any(f"{dataset}|{name}" in snapshot.partitions("model_metrics") for name in names):
        return {}
    known = [snapshot.recipes[name] for name in names if name in snapshot.recipes]
    return {IN_THE_FILE: {r.name: f"{r.training_fraction}, {r.validation_fraction}" for r in known}}


def _planted(snapshot: Snapshot, _: str) -> Content:
    recipe = snapshot.recipes.get(REFERENCE_RECIPE)
    if recipe is None or not (snapshot.reading or snapshot.partitions("planted_truth")):
        return {}  # a change matters only after the test has been run
    kept = {"attribution_steps": 2, "attribution_doublings": 0}  # overridden by the asset
    recipe = recipe.model_copy(update=kept)
    return {IN_THE_FILE: {recipe.name: recipe.version("training", "prediction", "attribution")}}


def _kinematics(snapshot: Snapshot, dataset: str) -> list[tuple[Iterable[str], Covers]]:
    survey = DATASETS[dataset].survey
    return [(("kinematics_catalog",), lambda subject: subject == survey)]


def _quality(snapshot: Snapshot, dataset: str) -> Content:
    survey = DATASETS[dataset].survey
    if survey not in snapshot.partitions("kinematics_catalog"):
        return {}
    chosen = snapshot.settings.survey(survey)
    factors = {source: f"{factor}, {SCALED_AT_MOST}" for source, factor in chosen.lambda_r_scale.items()}
    scales = {f"{survey}.lambda_r_scale.{source}": factor for source, factor in factors.items()}
    return {"settings.yaml": {f"{survey}.jam_qual_min": str(chosen.jam_qual_min), **scales}}


all_results = _spec(
    "all_results",
    "reports",
    "Every table, all images, every picture under `results/figures`, and seeds: the inputs of the study report.",
)
all_scores = _spec(
    "all_scores",
    "reports",
    "Predictions, metrics and ROC curves of every training: the inputs of the comparison of datasets.",
)
dataset_scores = _spec(
    "dataset_scores",
    "reports",
    "Predictions, metrics, ROC curves and baselines of every training of a dataset: the inputs of the comparison of "
    "recipes.",
    dataset_partitions,
)
other_survey_galaxies = _spec(
    "other_survey_galaxies",
    "learning",
    "Images and labels of the other survey that a recipe trains on (`other_survey`); empty for other recipes.",
    training_partitions,
)
learned_galaxies = _spec(
    "learned_galaxies",
    "learning",
    "Every galaxy with an image, for recipes that learn more than the class of their population; empty for others.",
    training_partitions,
)
fused_features = _spec(
    "fused_features",
    "learning",
    "Catalogue columns and image structure that a recipe combines with the network (`fusion`); empty for others.",
    training_partitions,
)
survey_kinematics = _spec(
    "survey_kinematics",
    "reports",
    "Every lambda_R of the survey of a dataset, and its quality cuts: the inputs of the redrawn labels.",
    dataset_partitions,
)
transfer_sources = _spec(
    "transfer_sources",
    "robustness",
    "Scores of the networks trained on another survey, and the galaxies and metrics of both surveys' datasets.",
    dataset_partitions,
)
learning_curve_sources = _spec(
    "learning_curve_sources",
    "robustness",
    "Metrics of the trainings of a dataset that differ in the number of training galaxies, and these numbers.",
    dataset_partitions,
)
planted_recipe = _spec(
    "planted_recipe", "robustness", "The settings of `thesis` that the injection-recovery test trains with."
)

RESULTS = (
    ObservedResult(
        all_results,
        lambda now, _: [(now.tables - {WRITTEN_BY_THE_REPORT, *RECORDS} | {"image_tensors"}, _every)],
        _everything,
        frozenset({"tables", "settings"}),
    ),
    ObservedResult(all_scores, lambda now, _: [(SCORES, _every)]),
    ObservedResult(
        dataset_scores, lambda now, dataset: [(CLASSIFIERS, _of_dataset(dataset))], _families, frozenset({"recipes"})
    ),
    ObservedResult(other_survey_galaxies, _other_survey),
    ObservedResult(learned_galaxies, _learned),
    ObservedResult(fused_features, _fused),
    ObservedResult(survey_kinematics, _kinematics, _quality, frozenset({"settings"})),
    ObservedResult(transfer_sources, _transfer, _transfer_recipes, frozenset({"recipes"})),
    ObservedResult(learning_curve_sources, _learning_curve, _fractions, frozenset({"recipes"})),
    ObservedResult(planted_recipe, more=_planted, others=frozenset({"recipes"})),
)


def read_results(store: TableStore) -> Iterator[Input]:
    """Iterate over the current state of every observed result. Raises InputError as `Snapshot` does."""
    snapshot = Snapshot(store)
    for result in RESULTS:
        partitions = result.spec.partitions_def
        for partition in partitions.get_partition_keys() if partitions else [None]:
            yield result.now(snapshot, partition)
