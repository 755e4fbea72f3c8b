"""Examples of a dataset: which galaxies are shown, where, and with which numbers."""

import numpy as np
import pandas as pd
import pytest

from rotator_assets.tensors.figures import examples_figure, examples_of_groups
from rotator_assets_tests.report import made_up

GROUPS = {(early, kind): 10 * (2 * early + kind) for early in (0, 1) for kind in (0, 1)}
"""Number of galaxies by early type and rotator type: no late slow rotators."""


@pytest.fixture(scope="module")
def galaxies():
    rows = [
        {"is_early_type": bool(early), "rotator_type": kind, "lambda_r": 0.01 * number, "t_type": -1.5}
        for (early, kind), count in GROUPS.items()
        for number in range(count)
    ]
    frame = pd.DataFrame(rows).assign(ellipticity=0.25, image_unit="nanomaggies")
    frame["galaxy_id"] = [f"g{number}" for number in range(len(frame))]
    return frame.sample(frac=1, random_state=0, ignore_index=True)


def test_examples_are_spread_over_the_ranks_of_lambda_r_whatever_the_order(galaxies):
    chosen = examples_of_groups(galaxies)
    again = galaxies.iloc[::-1].reset_index(drop=True)
    for group, count in GROUPS.items():
        rows = galaxies.iloc[chosen[group]]
        ranks = np.unique(np.linspace(0, count - 1, 8).round()) if count else np.zeros(0)
        np.testing.assert_allclose(rows["lambda_r"], 0.01 * (count - 1 - ranks))
        assert set(zip(rows["is_early_type"], rows["rotator_type"], strict=True)) <= {group}
        assert again.iloc[examples_of_groups(again)[group]]["galaxy_id"].tolist() == rows["galaxy_id"].tolist()


def test_galaxies_of_unknown_type_are_not_examples(galaxies):
    chosen = examples_of_groups(galaxies.assign(t_type=np.where(galaxies["is_early_type"], -1.5, np.nan)))
    assert {group for group, rows in chosen.items() if len(rows)} == {(1, 0), (1, 1)}


def test_every_example_has_its_numbers_and_an_empty_group_says_so(galaxies):
    images = np.random.default_rng(0).random((len(galaxies), 4, 4, 3)).astype(np.float32)
    frame = galaxies.assign(image_unit="colour")
    figure = examples_figure(images, frame, dataset="manga-observed-64", synthetic=False)
    written = made_up.texts(figure)
    assert "Early types, slow rotators: 8 of 20" in written and "Late types, slow rotators: none" in written
    assert made_up.messages(figure) == ["none"]
    drawn = [axes for axes in figure.axes if axes.images]
    order = [row for group in ((1, 0), (1, 1), (0, 0), (0, 1)) for row in examples_of_groups(frame)[group]]
    assert len(drawn) == len(order) == 24
    for axes, row in zip(drawn, order, strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), images[row][..., ::-1])
        spin = frame["lambda_r"].iloc[row]
        assert axes.get_xlabel() == f"$\\lambda_R$ {spin:.2f}, $\\epsilon$ 0.25\nT-type −1.5"
