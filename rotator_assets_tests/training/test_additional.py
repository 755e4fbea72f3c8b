"""Additional galaxies join the training parts of folds that do not test their object, and no other part."""

from dataclasses import replace

import numpy as np
import pytest

from rotator_assets.core.recipe_fields import Targets
from rotator_assets.store.models import load_model
from rotator_assets.training.additional import AdditionalGalaxies, with_additional_galaxies
from rotator_assets.training.calibration import interval_margin
from rotator_assets.training.cross_validation import cross_validate
from rotator_assets.training.folds import plan_splits
from rotator_assets.training.network import inference_function, outputs_of
from rotator_assets.training.targets import Answers
from rotator_assets_tests.training.made_up_training import TINY, galaxy_ids

RECIPE = TINY.model_copy(
    update={
        "training_population": "all",
        "targets": Targets(ellipticity=0.3),
        "lambda_r_interval": 1.0,
        "architecture": "compact",
        "schedule": "cosine",
        "weight_decay": 0.01,
        "learning_rate": 2e-3,
        "epochs": 2,
    }
)
N_NEW = 24
"""Additional galaxies of new objects; 12 more are repeat observations of tested ones."""


def answers_of(n, seed=0):
    generator = np.random.default_rng(seed)
    return Answers(
        generator.normal(size=(n, 1)).astype(np.float32),
        generator.uniform(0, 1, n).astype(np.float32),
        np.ones(n, dtype=np.float32),
    )


@pytest.fixture
def additional(survey):
    """Images of the survey again: of new objects, a third of them unlabelled, and of the first twelve objects."""
    rows = np.arange(N_NEW + 12)
    objects = np.concatenate([[f"new-{k // 2}" for k in range(N_NEW)], survey[2][:12]])
    labels = np.where(rows % 3 == 0, -1, rows % 2).astype(np.int8)
    return AdditionalGalaxies(rows, labels, objects, np.array([f"more-{k}" for k in rows]), answers_of(len(rows), 1))


def splits_of(survey, additional, recipe=RECIPE):
    plain = plan_splits(survey[1], survey[2], recipe)
    return plain, with_additional_galaxies(plain, survey[2], additional, recipe)


def test_the_tested_galaxies_and_their_validation_stay_the_same(survey, additional):
    for before, after in zip(*splits_of(survey, additional), strict=True):
        np.testing.assert_array_equal(after.test, before.test)
        np.testing.assert_array_equal(after.validation, before.validation)
        np.testing.assert_array_equal(after.train[: len(before.train)], before.train)
        assert (after.train[len(before.train) :] >= len(survey[1])).all()


@pytest.mark.parametrize("changes", [{}, {"repeats": 2}, {"split": "holdout"}, {"training_fraction": 0.5}])
def test_no_object_is_in_two_parts_of_a_fold(survey, additional, changes):
    recipe = RECIPE.model_copy(update=changes)
    objects = np.concatenate([survey[2], additional.object_ids])
    for split in splits_of(survey, additional, recipe)[1]:
        parts = [set(objects[rows]) for rows in (split.train, split.validation, [*split.test, *split.unseen])]
        assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]


def test_every_galaxy_is_predicted_once_per_repeat(survey, additional):
    n = len(survey[1])
    splits = splits_of(survey, additional, RECIPE.model_copy(update={"repeats": 2}))[1]
    for repeat in range(2):
        unseen = np.concatenate([split.unseen for split in splits if split.repeat == repeat])
        np.testing.assert_array_equal(np.sort(unseen), n + np.arange(len(additional.rows)))
    first, second = ([set(s.unseen) for s in splits if s.repeat == repeat] for repeat in (0, 1))
    assert first != second


def test_folds_do_not_depend_on_the_order_of_the_galaxies(survey, additional):
    order = np.random.default_rng(3).permutation(len(additional.rows))
    turned = replace(
        additional,
        **{name: getattr(additional, name)[order] for name in ("rows", "labels", "object_ids", "galaxy_ids")},
    )
    n = len(survey[1])
    for a, b in zip(splits_of(survey, additional)[1], splits_of(survey, turned)[1], strict=True):
        assert set(additional.galaxy_ids[a.unseen - n]) == set(turned.galaxy_ids[b.unseen - n])


def test_a_smaller_fraction_trains_on_fewer_additional_galaxies(survey, additional):
    n = len(survey[1])
    counts = {}
    for fraction in (0.2, 0.5, 1.0):
        recipe = RECIPE.model_copy(update={"training_fraction": fraction})
        counts[fraction] = [set(split.train[split.train >= n]) for split in splits_of(survey, additional, recipe)[1]]
    for few, more, every in zip(*counts.values(), strict=True):
        assert few < more < every


def test_a_leaking_object_is_an_error(survey, additional, monkeypatch):
    """If a repeat observation of a tested galaxy got into the training part, the split would fail."""
    plain = plan_splits(survey[1], survey[2], RECIPE)
    isin = np.isin  # nothing is found any more, apart from labels among (0, 1)
    monkeypatch.setattr(np, "isin", lambda values, others: isin(values, others) & isinstance(others, tuple))
    with pytest.raises(ValueError, match="is in more than one part"):
        with_additional_galaxies(plain, survey[2], additional, RECIPE)


def train(survey, additional, folder, recipe=RECIPE, answers=None):
    images, labels, objects = survey
    folder.mkdir()
    return cross_validate(
        images,
        labels,
        objects,
        galaxy_ids(objects),
        recipe,
        model_folder=folder,
        answers=answers_of(len(labels)) if answers is None else answers,
        additional=additional,
    )


@pytest.fixture(scope="module")
def result(survey, tmp_path_factory):
    rows = np.arange(N_NEW + 12)
    objects = np.concatenate([[f"new-{k // 2}" for k in range(N_NEW)], survey[2][:12]])
    labels = np.where(rows % 3 == 0, -1, rows % 2).astype(np.int8)
    more = AdditionalGalaxies(rows, labels, objects, np.array([f"more-{k}" for k in rows]), answers_of(len(rows), 1))
    folder = tmp_path_factory.mktemp("additional") / "models"
    return train(survey, more, folder), folder


def test_every_galaxy_has_a_network_that_has_not_seen_it(survey, result):
    found = result[0].unseen
    assert len(found) == len(survey[1]) + N_NEW + 12
    assert found["galaxy_id"].is_unique and found["tested"].sum() == len(survey[1])
    assert (found.groupby("object_id")["fold"].nunique() == 1).all()
    tested = found[found["tested"]].set_index("galaxy_id")["fold"]
    assert (tested.loc[result[0].predictions["galaxy_id"]].to_numpy() == result[0].predictions["fold"]).all()


def test_margins_come_from_the_validation_part(survey, result):
    trained, folder = result
    lambda_r = answers_of(len(survey[1])).lambda_r
    for split in plan_splits(survey[1], survey[2], RECIPE):
        infer = inference_function(load_model(folder / f"fold-{split.fold}.keras"))
        quantiles = outputs_of(infer, survey[0], split.validation, RECIPE, averaged=False)[:, 1:].astype(float)
        margin = trained.unseen.loc[trained.unseen["fold"] == split.fold, "lambda_r_margin"]
        expected = interval_margin(lambda_r[split.validation], quantiles)
        np.testing.assert_allclose(margin, expected, atol=1e-5)


def test_answers_of_the_test_part_do_not_reach_its_network(survey, additional, tmp_path, result):
    """Other targets, lambda_R and labels of everything that a fold does not train on leave its network unchanged."""
    n = len(survey[1])
    split = splits_of(survey, additional)[1][0]
    unused = np.concatenate([split.test, split.unseen])
    own, more = answers_of(n), additional.answers
    for rows, some in ((unused[unused < n], own), (unused[unused >= n] - n, more)):
        some.targets[rows] += 100
        some.lambda_r[rows] = 0.5
    changed = additional.labels.copy()
    again = np.intersect1d(split.unseen - n, np.flatnonzero(np.isin(additional.object_ids, survey[2])))
    assert len(again)  # repeat observations; labels of new objects decide how these are divided between the folds
    changed[again] = 1 - np.abs(changed[again])
    again = train(survey, replace(additional, labels=changed), tmp_path / "again", answers=own)
    before, after = (load_model(f / "fold-0.keras").get_weights() for f in (result[1], tmp_path / "again"))
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)
    fold = again.tested["fold"] == 0
    np.testing.assert_array_equal(again.tested.loc[fold, "logit"], result[0].tested.loc[fold, "logit"])


def test_members_of_a_fold_are_averaged(survey, additional, tmp_path):
    recipe = RECIPE.model_copy(update={"members": 2, "folds": 2, "epochs": 1, "architecture": "small"})
    trained = train(survey, additional, tmp_path / "models", recipe)
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == ["fold-0.keras", "fold-1.keras"]
    assert list(trained.history["member"]) == [0, 1, 0, 1]
    assert trained.tested["galaxy_id"].is_unique
    network = load_model(tmp_path / "models" / "fold-0.keras")
    assert {layer.name.split("_")[0] for layer in network.layers if layer.weights} == {"member0", "member1"}
    assert network.output_shape == (None, 4)


def test_intervals_with_their_margin_have_the_stated_coverage():
    generator = np.random.default_rng(0)
    truth = generator.normal(size=4000)
    quantiles = np.stack([np.full(4000, -0.2), np.zeros(4000), np.full(4000, 0.2)], axis=1)  # much too narrow
    margin = interval_margin(truth[:2000], quantiles[:2000])
    inside = np.abs(truth[2000:]) <= 0.2 + margin
    assert inside.mean() == pytest.approx(0.68, abs=0.03)
    wide = interval_margin(truth, quantiles * 20)
    assert wide < 0 and np.mean(np.abs(truth) <= 4 + wide) == pytest.approx(0.68, abs=0.01)
    assert interval_margin(np.array([np.nan]), quantiles[:1]) == 0
