"""The figure of the parts of a fusion shows the numbers of its table."""

from rotator_assets.evaluation.figures import fusion_figure
from rotator_assets_tests.report.made_up_tables import FUSION_PARTS


def test_every_part_is_drawn_with_its_interval_and_difference():
    parts = FUSION_PARTS
    figure = fusion_figure(parts, dataset="manga-observed-64", recipe="fusion", synthetic=True)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == list(parts["part"])
    intervals = [tuple(line.get_xdata()) for line in axes.lines if len(line.get_xdata()) == 2]
    assert intervals == list(zip(parts["auc_low"], parts["auc_high"], strict=True))
    assert [line.get_xdata()[0] for line in axes.lines if len(line.get_xdata()) == 1] == list(parts["auc"])
    assert [text.get_text() for text in axes.texts] == [
        "0.70 [0.60, 0.78]",
        "0.80 [0.70, 0.88]\nto network:\n+0.100 [+0.040, +0.160], p = 0.0008 (Holm)",
        "0.75 [0.65, 0.84]\nto network + catalogue:\n-0.050 [-0.090, -0.010], p = 0.02 (Holm)",
    ]
    shown = [text.get_text() for text in figure.texts]
    assert any("SYNTHETIC" in text for text in shown) and any("90 galaxies, 30 slow" in text for text in shown)
