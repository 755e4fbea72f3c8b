"""The galaxies of a training: properties, additional galaxies, and the other survey without shared objects."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from rotator_assets.core.errors import InputError
from rotator_assets.core.recipe_fields import Targets
from rotator_assets.tensors.tables import NOT_LEARNED, TABLES
from rotator_assets.training.galaxies import training_galaxies
from rotator_assets_tests.training.made_up_training import TINY

OWN, OTHER = "manga-observed-64", "tng100-noisy-64"
ALL = TINY.model_copy(update={"training_population": "all", "targets": Targets(t_type=0.3, redshift=0.3)})
ARCSEC = 1 / 3600


def galaxies(prefix, n, ra, **columns):
    """Rows of ``imaged_galaxies``: alternately slow and fast early types, a degree apart."""
    frame = pd.DataFrame({name: None for name in TABLES["imaged_galaxies"].column_names}, index=range(n))
    numbers = np.arange(n)
    values = {
        "galaxy_id": [f"{prefix}{k}" for k in numbers],
        "object_id": [f"{prefix}{k}" for k in numbers],
        "ra": ra + numbers,
        "dec": 0.0,
        "lambda_r": np.where(numbers % 2, 0.5, 0.1),
        "lambda_r_error": np.nan,
        "lambda_r_limit": np.nan,
        "ellipticity": 0.4,
        "spin_threshold": 0.196,
        "rotator_type": pd.Series(numbers % 2, dtype="Int8"),
        "is_early_type": True,
        "t_type": -1.0,
        "redshift": 0.05,
        **columns,
    }
    return frame.assign(**values)


class Tables:
    """Stands for `Reads`: tables by name and dataset, and tensors with an image of every galaxy."""

    def __init__(self, tables):
        self.tables = tables

    def table(self, name, partition=None):
        if (name, partition) not in self.tables:
            raise FileNotFoundError(name)
        return self.tables[name, partition]

    def tensor(self, dataset):
        names = list(self.table("imaged_galaxies", dataset)["galaxy_id"])
        return SimpleNamespace(
            images=np.zeros((len(names), 4, 4, 3), np.float32),
            synthetic=False,
            version=dataset,
            rows_of=lambda wanted: np.array([names.index(name) for name in wanted], dtype=np.int64),
        )


def found(recipe, own, other=None):
    """The training galaxies of a dataset whose labelled early types are tested."""
    tables = {("imaged_galaxies", OWN): own, ("labeled_images", OWN): _labelled(own)}
    if other is not None:
        tables |= {("imaged_galaxies", OTHER): other, ("labeled_images", OTHER): _labelled(other)}
    reads = Tables(tables)
    return training_galaxies(reads.tensor(OWN), reads.table("labeled_images", OWN), recipe, OWN, reads)


def _labelled(imaged):
    return imaged[imaged["rotator_type"].notna() & imaged["excluded_from"].isna()]


@pytest.fixture
def own():
    """Ten labelled early types, two labelled late types, and three galaxies without a label."""
    early = galaxies("e", 10, 0.0)
    late = galaxies("l", 2, 100.0, is_early_type=False)
    bare = galaxies("u", 3, 200.0, rotator_type=pd.Series([pd.NA] * 3, dtype="Int8"), lambda_r=np.nan)
    return pd.concat([early, late, bare], ignore_index=True)


def test_recipes_of_the_class_alone_read_no_further_table(own):
    reads = Tables({("imaged_galaxies", OWN): own})
    result = training_galaxies(reads.tensor(OWN), own[own["rotator_type"].notna()], TINY, OWN, Tables({}))
    assert result.answers is None and result.additional is None and result.other is None
    assert list(result.sample["galaxy_id"]) == [f"e{k}" for k in range(10)]


def test_every_other_galaxy_with_an_image_is_additional(own):
    result = found(ALL, own)
    assert list(result.additional.galaxy_ids) == ["l0", "l1", "u0", "u1", "u2"]
    assert list(result.additional.labels) == [0, 1, -1, -1, -1]
    assert list(result.additional.rows) == [10, 11, 12, 13, 14]
    assert result.answers.targets.shape == (10, 2) and result.additional.answers.targets.shape == (5, 2)
    assert result.notices == ()


def excluding(imaged, *names):
    """The same galaxies, of which some are excluded from training: the assets keep these out of labeled_images."""
    return imaged.assign(excluded_from=np.where(imaged["galaxy_id"].isin(names), "training", None))


@pytest.mark.parametrize("use", ["before", "beside", "instead"])
def test_an_excluded_galaxy_has_no_role(own, use):
    """Neither a labelled early type, a labelled late type, one without a label, nor one of the other survey."""
    more = "same" if use == "instead" else "all"
    recipe = ALL.model_copy(update={"training_population": more, "other_survey": "tng100-noisy", "other_use": use})
    other = galaxies("t", 4, 300.0)
    result = found(recipe, excluding(own, "e3", "l1", "u0"), excluding(other, "t2"))
    assert list(result.sample["galaxy_id"]) == [f"e{k}" for k in range(10) if k != 3]
    assert list(result.other.rows) == [0, 1, 3] and len(result.other.answers.targets) == 3
    additional = [] if result.additional is None else list(result.additional.galaxy_ids)
    assert additional == ([] if more == "same" else ["l0", "u1", "u2"])
    assert len(result.answers.targets) == 9


def test_without_exclusions_a_training_is_the_one_of_before_there_were_any(own):
    """Its checkpoints and networks stay valid."""
    result = found(ALL, own)
    assert result.content("4") == found(ALL, excluding(own)).content("4")
    for table in result.tables:
        assert list(table.columns) == [n for n in TABLES["imaged_galaxies"].column_names if n not in NOT_LEARNED]


def test_only_properties_of_the_population_are_learned_on_request(own):
    result = found(ALL.model_copy(update={"training_population": "same"}), own)
    assert result.additional is None and result.answers.targets.shape == (10, 2)


def test_an_additional_galaxy_at_the_place_of_a_tested_one_is_its_object(own):
    own.loc[own["galaxy_id"] == "u1", ["ra", "dec"]] = [3.0, 2 * ARCSEC]  # where e3 is
    result = found(ALL, own)
    assert result.additional.object_ids[3] == result.sample["object_id"][3] == "e3"
    assert len({*result.sample["object_id"], *result.additional.object_ids}) == 14


def test_labels_within_the_gap_are_not_learned(own):
    own.loc[own["galaxy_id"].isin(["e3", "l1"]), "lambda_r"] = 0.2
    result = found(ALL.model_copy(update={"boundary_gap": 0.05}), own)
    assert "e3" not in set(result.sample["galaxy_id"])
    labels = dict(zip(result.additional.galaxy_ids, result.additional.labels, strict=True))
    assert labels == {"e3": -1, "l0": 0, "l1": -1, "u0": -1, "u1": -1, "u2": -1}


def test_a_target_without_values_is_told(own):
    result = found(ALL, own.assign(t_type=np.nan))
    assert result.notices == (f"{OWN} tiny: target t_type: no galaxy has a value, so it is not learned",)


@pytest.mark.parametrize("use", ["before", "beside", "instead"])
def test_objects_of_both_surveys_are_not_trained_on(own, use):
    """By position, whether tested or additional; equal identifiers of two surveys are no match."""
    other = galaxies("e", 6, 300.0)
    other.loc[1, ["ra", "dec"]] = [3.0, -ARCSEC]  # where e3 is, which is tested
    other.loc[2, ["ra", "dec"]] = [201.0, 0.0]  # where u1 is
    more = "same" if use == "instead" else "all"
    recipe = ALL.model_copy(update={"training_population": more, "other_survey": "tng100-noisy", "other_use": use})
    result = found(recipe, own, other)
    expected = [0, 3, 4, 5] if more == "all" else [0, 2, 3, 4, 5]
    assert list(result.other.rows) == expected
    assert not set(result.other.object_ids) & set(result.sample["object_id"])
    assert len(result.other.answers.targets) == len(expected)
    assert result.notices == (
        f"{OWN} tiny: {6 - len(expected)} galaxies of tng100-noisy are galaxies of {OWN}, too (by position); "
        "not trained on",
    )


def test_a_galaxy_that_is_labelled_but_not_listed_is_an_error(own):
    tables = Tables({("imaged_galaxies", OWN): own.iloc[1:]})
    labelled = own[own["rotator_type"].notna()]
    with pytest.raises(InputError, match="galaxy e0 has a label but is not in imaged_galaxies"):
        training_galaxies(tables.tensor(OWN), labelled, ALL, OWN, tables)
