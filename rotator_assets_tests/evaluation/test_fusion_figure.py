"""The figure of the parts of a fusion shows the numbers of its table."""

import pandas as pd

from rotator_assets.evaluation.figures import fusion_figure


def test_every_part_is_drawn_with_its_interval_and_difference():
    parts = pd.DataFrame(
        {
            "part": ["network", "network + catalogue", "catalogue"],
            "n_galaxies": 90,
            "n_slow": 30,
            "auc": [0.7, 0.8, 0.75],
            "auc_low": [0.6, 0.7, 0.65],
            "auc_high": [0.78, 0.88, 0.84],
            "compared_with": [None, "network", "network + catalogue"],
            "difference": [float("nan"), 0.1, -0.05],
            "difference_low": [float("nan"), 0.04, -0.09],
            "difference_high": [float("nan"), 0.16, -0.01],
            "p_value": [float("nan"), 0.0004, 0.02],
            "p_value_adjusted": [float("nan"), 0.0008, 0.02],
        }
    )
    figure = fusion_figure(parts, dataset="manga-observed-64", recipe="fusion", synthetic=True)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == list(parts["part"])
    intervals = [tuple(line.get_xdata()) for line in axes.lines if len(line.get_xdata()) == 2]
    assert intervals == list(zip(parts["auc_low"], parts["auc_high"], strict=True))
    assert [line.get_xdata()[0] for line in axes.lines if len(line.get_xdata()) == 1] == list(parts["auc"])
    assert [text.get_text() for text in axes.texts] == [
        "0.700 [0.600, 0.780]",
        "0.800 [0.700, 0.880]\nto network: +0.100 [+0.040, +0.160], p (Holm) < 0.001",
        "0.750 [0.650, 0.840]\nto network + catalogue: -0.050 [-0.090, -0.010], p (Holm) 0.02",
    ]
    shown = [text.get_text() for text in figure.texts]
    assert any("SYNTHETIC" in text for text in shown) and any("90 galaxies, 30 slow" in text for text in shown)
