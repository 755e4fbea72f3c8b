"""Training images on a GPU; tests without one put them on the processor."""

import numpy as np
import pandas as pd
import pytest

from rotator_assets.imaging.normalization import METHODS, normalize
from rotator_assets.training import material, on_card
from rotator_assets.training.folds import plan_splits
from rotator_assets_tests.training.made_up_training import TINY
from rotator_assets_tests.training.test_cross_validation import run, short


@pytest.mark.parametrize("method", on_card.NORMALIZATIONS)
def test_normalizations_agree(method):
    flux = np.random.default_rng(0).normal(0.2, 1, (5, 6, 6, 3)).astype(np.float32)
    flux[1], flux[2], flux[3] = 0, -1, -abs(flux[3])
    np.testing.assert_allclose(on_card.normalized(flux, method, "gri"), normalize(flux, method), rtol=1e-5, atol=1e-6)


def test_every_normalization_is_there_but_one_that_no_card_computes():
    assert {*METHODS} - {*on_card.NORMALIZATIONS} == {"zscale"}


def test_a_training_on_the_card_is_the_same(survey, tmp_path, monkeypatch):
    """With scattered rows, up to rounding."""
    splits = plan_splits(survey[1], survey[2], TINY)[:1]
    monkeypatch.setattr(material, "plan_splits", lambda *_: splits)
    images, labels, objects = survey
    rows = np.random.default_rng(0).permutation(len(labels))
    scattered = np.empty_like(images)
    scattered[rows] = images

    def history():
        return run((scattered, labels, objects), short(normalization="log"), tmp_path, rows=rows).history

    expected = history()
    monkeypatch.setattr(on_card, "gpu_name", lambda: "a GPU")
    pd.testing.assert_frame_equal(history(), expected, rtol=1e-3)
