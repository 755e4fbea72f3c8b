"""Networks of a fusion: one without each pair of folds, which sees neither their galaxies nor their additional ones."""

from dataclasses import replace

import numpy as np
import pytest

from rotator_assets.core.recipe_fields import Targets
from rotator_assets.training.additional import AdditionalGalaxies, with_additional_galaxies
from rotator_assets.training.cross_validation import cross_validate
from rotator_assets.training.folds import plan_inner_splits, plan_splits
from rotator_assets.training.targets import Answers
from rotator_assets_tests.training.made_up_training import TINY, galaxy_ids

RECIPE = TINY.model_copy(
    update={
        "training_population": "all",
        "targets": Targets(ellipticity=0.3),
        "architecture": "small",
        "epochs": 1,
        "fusion": "spin+catalogue",
        "lambda_r_interval": 0.1,
    }
)


@pytest.fixture(scope="module")
def additional(survey):
    """Images of the survey again, of new objects and of the first twelve objects."""
    rows = np.arange(36)
    objects = np.concatenate([[f"new-{k // 2}" for k in range(24)], survey[2][:12]])
    labels = np.where(rows % 3 == 0, -1, rows % 2).astype(np.int8)
    answers = Answers(np.zeros((36, 1), np.float32), np.full(36, np.nan, np.float32), np.ones(36, np.float32))
    return AdditionalGalaxies(rows, labels, objects, np.array([f"more-{k}" for k in rows]), answers)


def train(images, survey, additional, folder):
    folder.mkdir()
    _, labels, objects = survey
    return cross_validate(
        images, labels, objects, galaxy_ids(objects), RECIPE, model_folder=folder, additional=additional
    )


@pytest.fixture(scope="module")
def result(survey, additional, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fusion") / "models"
    return train(survey[0], survey, additional, folder), folder


def test_additional_galaxies_of_both_folds_are_left_out(survey, additional):
    _, labels, objects = survey
    everything = np.concatenate([objects, additional.object_ids])
    splits = [*plan_splits(labels, objects, RECIPE), *plan_inner_splits(labels, objects, RECIPE)]
    splits = with_additional_galaxies(splits, objects, additional, RECIPE)
    outer, inner = splits[:3], splits[3:]
    assert len(inner) == 3
    for split in inner:
        pair = [outer[fold] for fold in split.tested_folds]
        assert set(split.unseen) == set(pair[0].unseen) | set(pair[1].unseen)
        left_out = everything[np.concatenate([part for one in pair for part in (one.test, one.unseen)])]
        assert not np.isin(everything[np.concatenate([split.train, split.validation])], left_out).any()
        assert (split.train >= len(labels)).any()


def test_every_galaxy_has_a_logit_for_each_other_fold(survey, result):
    inner, tested = result[0].inner, result[0].tested.set_index("galaxy_id")
    assert len(inner) == 2 * len(survey[1]) and not inner.duplicated(["galaxy_id", "outer_fold"]).any()
    assert (inner["fold"] == inner["galaxy_id"].map(tested["fold"])).all()
    assert (inner["fold"] != inner["outer_fold"]).all()
    assert np.isfinite(inner[["logit", "logit_averaged"]]).all(axis=None)
    assert inner["lambda_r_predicted"].nunique() > 10
    assert (inner["lambda_r_predicted"] != inner["lambda_r_predicted_averaged"]).any()
    assert np.isfinite(inner[["lambda_r_predicted", "lambda_r_predicted_averaged"]].astype(float)).all(axis=None)
    assert sorted(path.name for path in result[1].iterdir()) == [f"fold-{k}.keras" for k in range(3)]
    assert sorted(result[0].history["fold"].unique()) == [0, 1, 2]


def test_images_of_a_fold_do_not_reach_the_logits_by_which_it_is_predicted(survey, additional, result, tmp_path):
    """Nor do those of additional galaxies of the fold; the logits of networks that have seen it change."""
    split = with_additional_galaxies(plan_splits(*survey[1:], RECIPE), survey[2], additional, RECIPE)[1]
    n, images = len(survey[1]), np.concatenate([survey[0], survey[0][additional.rows]])
    own = replace(additional, rows=n + np.arange(len(additional.rows)))  # images of their own
    images[split.test] = images[split.test][::-1] * 2
    images[split.unseen] = images[split.unseen].transpose(0, 2, 1, 3)[::-1] * 2
    before, after = result[0].inner, train(images, survey, own, tmp_path / "models").inner
    kept = (before["outer_fold"] == 1).to_numpy()
    for column in ("logit", "logit_averaged", "lambda_r_predicted", "lambda_r_predicted_averaged"):
        np.testing.assert_array_equal(before.loc[kept, column], after.loc[kept, column])
        seen = ~kept & (before["fold"] != 1)
        assert (before.loc[seen, column] != after.loc[seen, column]).all()


def test_the_tested_networks_are_those_without_a_fusion(survey, additional, result, tmp_path, monkeypatch):
    plain = RECIPE.model_copy(update={"fusion": "none"})
    monkeypatch.setattr(f"{__name__}.RECIPE", plain)
    alone = train(survey[0], survey, additional, tmp_path / "models")
    np.testing.assert_array_equal(alone.tested["logit"], result[0].tested["logit"])
    assert len(alone.inner) == 0
