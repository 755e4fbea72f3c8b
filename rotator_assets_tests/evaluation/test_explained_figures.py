"""The pictures of docs/roc-curves.md: rates and areas of normal scores."""

from pathlib import Path

import numpy as np
import pytest

from rotator_assets.evaluation import explained_figures as explained
from rotator_assets_tests.report import made_up

PAGE = Path(__file__).parents[2] / "docs" / "roc-curves.md"


@pytest.mark.parametrize("separation", [0.0, 0.75, 1.5, 3.0])
def test_the_area_is_the_probability_that_fast_scores_higher(separation):
    false, true = explained.normal_roc(separation, np.linspace(-9, 12, 20_001))
    assert np.trapezoid(true[::-1], false[::-1]) == pytest.approx(explained.normal_auc(separation), abs=1e-6)
    slow, fast = np.random.default_rng(0).normal([[0], [separation]], 1, (2, 100_000))
    assert np.mean(fast > slow) == pytest.approx(explained.normal_auc(separation), abs=0.005)


def test_a_threshold_halfway_gives_the_published_rates():
    false, true = explained.normal_roc(1.5, 0.75)
    assert (round(float(false), 4), round(float(true), 4)) == (0.2266, 0.7734)  # 1 - Phi(0.75), Phi(0.75)
    assert "true-positive rate: 0.77" in made_up.texts(explained.score_distributions_figure())
    curves = made_up.texts(explained.roc_of_scores_figure())
    assert "separation 1.5: AUC 0.856" in curves and "FPR 0.23, TPR 0.77" in curves


def test_the_page_shows_both_pictures_and_its_command_draws_them(tmp_path):
    text = PAGE.read_text(encoding="utf-8")
    explained.main([str(tmp_path)])
    for name in explained.FIGURES:
        assert f"(figures/{name}.png)" in text and (PAGE.parent / "figures" / f"{name}.png").is_file()
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert "python -m rotator_assets.evaluation.explained_figures docs/figures" in text
