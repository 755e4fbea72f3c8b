"""Made-up galaxies, scores and pictures for tests of figures, and readers of a figure's contents."""

import numpy as np
import pandas as pd

from rotator_assets.attribution.alignment import CELLS, RunningMean
from rotator_assets.kinematics.spin import is_slow_rotator, spin_threshold

SIZE = 32


def galaxies(count: int = 300, seed: int = 1) -> pd.DataFrame:
    """Labelled galaxies; the first has no spin parameter and thus no label, the last has no type."""
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
            "spin_threshold": spin_threshold(ellipticity),
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
    """Round galaxies with noise, nanomaggies per pixel, (count, SIZE, SIZE, 3)."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    light = np.exp(-np.hypot(x, y)[None] / random.uniform(3, 6, (count, 1, 1)))
    return (light[..., None] * [1.0, 2.2, 3.1] + random.normal(0, 0.02, (count, SIZE, SIZE, 3))).astype(np.float32)


def history(folds: int = 3, epochs: int = 4) -> pd.DataFrame:
    rows = [
        {
            "fold": fold,
            "member": 0,
            "epoch": epoch,
            "loss": 0.7 / epoch,
            "val_loss": 0.7 + 0.1 * abs(epoch - 2),
            "val_auc": 0.6,
        }
        for fold in range(folds)
        for epoch in range(1, epochs + 1)
    ]
    return pd.DataFrame(rows)


def texts(figure) -> str:
    """All text in the figure."""
    from matplotlib.text import Text

    return "\n".join(text.get_text() for text in figure.findobj(Text))


def messages(figure) -> list[str]:
    """Messages in place of data."""
    return [text.get_text() for axes in figure.axes for text in axes.texts if text.get_gid() == "message"]


def legend_texts(axes) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


def line(axes, label_start: str):
    """The only line whose label starts with this."""
    (found,) = [line for line in axes.lines if str(line.get_label()).startswith(label_start)]
    return found


GROUPS = ("slow", "fast", "true slow", "false fast", "true fast", "false slow")


def aligned_means(missing: tuple[str, ...] = (), count: int = 4, seed: int = 5) -> dict[str, RunningMean]:
    """Mean maps by class and outcome, of ``count`` galaxies each."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:CELLS, :CELLS] * 6 / CELLS - 3
    means = {group: RunningMean((CELLS, CELLS, 3)) for group in GROUPS}
    for number, group in enumerate(name for name in GROUPS if name not in missing):
        light = np.exp(-np.hypot(x, 2 * y) / (0.5 + 0.1 * number))
        for _ in range(count):
            noise = random.normal(0, 0.02, (CELLS, CELLS))
            means[group].add(np.stack([0.3 * np.cos(3 * x) * light + noise, light + np.abs(noise), light], axis=-1))
    return means


def attribution_profiles() -> pd.DataFrame:
    """Rows of ``attribution_profiles`` for every group of nine galaxies."""
    radius = np.arange(12) * 0.25 + 0.125
    shape = {"absolute": np.exp(-radius), "light": np.exp(-2 * radius), "signed": 0.1 * np.sin(3 * radius)}
    return pd.concat(
        [
            pd.DataFrame({"galaxies": group, "quantity": name, "radius_r_eff": radius, "n_galaxies": 9, "mean": values})
            for group in GROUPS
            for name, values in shape.items()
        ],
        ignore_index=True,
    ).assign(low=lambda frame: frame["mean"] - 0.01, high=lambda frame: frame["mean"] + 0.01)


def attribution_summary(groups: tuple[str, ...] = ("slow", "fast", "slow minus fast")) -> pd.DataFrame:
    """Rows of ``attribution_summary``: fractions within ellipses."""
    shares = ("fraction", "light", "area", "fraction_minus_light")
    rows = [
        {"galaxies": group, "measure": f"{share}_within_{name}", "mean": 0.1 + 0.2 * number + 0.02 * place}
        for place, share in enumerate(shares)
        for number, name in enumerate(("half_r_eff", "r_eff", "two_r_eff"))
        for group in groups
    ]
    frame = pd.DataFrame(rows, columns=["galaxies", "measure", "mean"])
    return frame.assign(n_galaxies=9, low=frame["mean"] - 0.02, high=frame["mean"] + 0.03, median=frame["mean"])


def attribution_shapes(count: int, seed: int = 6) -> pd.DataFrame:
    """Columns of ``attributions`` with ``rotator_type``."""
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "rotator_type": np.arange(count) % 2,
            "angle_to_major_axis_deg": random.uniform(0, 90, count),
            "light_ellipticity": random.uniform(0, 0.6, count),
            "attribution_ellipticity": random.uniform(0, 0.5, count),
            "sign_balance": random.normal(0, 0.1, count),
        }
    )


def assert_header_is_free(figure) -> None:
    """Check that title, subtitle and stamp overlap neither each other nor a panel."""
    figure.canvas.draw()
    assert_header_of_drawn_is_free(figure)


def assert_header_of_drawn_is_free(figure) -> None:
    """Check the same of a figure that has been drawn."""
    title, subtitle = (text.get_window_extent() for text in figure.texts[:2])
    stamps = [text.get_window_extent() for text in figure.texts if text.get_gid() == "synthetic"]
    assert not any(stamp.overlaps(subtitle) or stamp.overlaps(title) for stamp in stamps)
    for axes in figure.axes:
        box = axes.get_tightbbox()
        assert box is None or not any(box.overlaps(other) for other in (subtitle, *stamps)), "the header is in a panel"
