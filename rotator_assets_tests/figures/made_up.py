"""Made-up galaxies, scores and pictures for the tests of figures, and readers of what a figure shows."""

import numpy as np
import pandas as pd

from rotator_assets.science.spin import is_slow_rotator

SIZE = 32


def galaxies(count: int = 300, seed: int = 1) -> pd.DataFrame:
    """Labelled galaxies; the first has no spin parameter, so no label, and the last no type."""
    random = np.random.default_rng(seed)
    ellipticity, spin = random.uniform(0.02, 0.9, count), random.beta(2, 3, count)
    kind = pd.array(np.where(is_slow_rotator(spin, ellipticity), 0, 1), dtype="Int64")
    early = pd.array(random.random(count) < 0.6, dtype="boolean")
    score = np.clip(np.where(kind == 1, 0.62, 0.42) + random.normal(0, 0.2, count), 0, 1)
    frame = pd.DataFrame(
        {
            "galaxy_id": [f"8000-{number:05d}" for number in range(count)],
            "ellipticity": ellipticity,
            "lambda_r": spin,
            "rotator_type": kind,
            "is_early_type": early,
            "probability_fast": score,
            "predicted_type": (score > 0.5).astype(int),
            "fold": np.arange(count) % 3,
        }
    )
    frame.loc[0, ["lambda_r", "rotator_type"]] = [np.nan, pd.NA]
    frame.loc[count - 1, "is_early_type"] = pd.NA
    return frame


def curve(kind, score) -> pd.DataFrame:
    from sklearn.metrics import roc_curve

    false, true, threshold = roc_curve(np.asarray(kind, dtype=int), score)
    return pd.DataFrame({"false_positive_rate": false, "true_positive_rate": true, "threshold": threshold})


def images(count: int, seed: int = 2) -> np.ndarray:
    """Round galaxies in nanomaggies a pixel with noise, (count, SIZE, SIZE, 3)."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    light = np.exp(-np.hypot(x, y)[None] / random.uniform(3, 6, (count, 1, 1)))
    return (light[..., None] * [1.0, 2.2, 3.1] + random.normal(0, 0.02, (count, SIZE, SIZE, 3))).astype(np.float32)


def history(folds: int = 3, epochs: int = 4) -> pd.DataFrame:
    rows = [
        {"fold": fold, "epoch": epoch, "loss": 0.7 / epoch, "val_loss": 0.7 + 0.1 * abs(epoch - 2), "val_auc": 0.6}
        for fold in range(folds)
        for epoch in range(1, epochs + 1)
    ]
    return pd.DataFrame(rows)


def texts(figure) -> str:
    """All that is written in the figure."""
    from matplotlib.text import Text

    return "\n".join(text.get_text() for text in figure.findobj(Text))


def messages(figure) -> list[str]:
    """What the figure says where it has nothing to show."""
    return [text.get_text() for axes in figure.axes for text in axes.texts if text.get_gid() == "message"]


def legend_texts(axes) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


def line(axes, label_start: str):
    """The one line whose label starts so."""
    (found,) = [line for line in axes.lines if str(line.get_label()).startswith(label_start)]
    return found
