"""The answer as sentences, generated from the results. None claims more than its interval allows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from rotator_assets.answer.results import POPULATIONS, Results, is_above
from rotator_assets.comparison.differences import SIGNIFICANT
from rotator_assets.core.frames import rows_of
from rotator_assets.core.number_text import decimals_of, p_text, with_interval
from rotator_assets.core.study import REFERENCE_RECIPE, STUDY_RESULTS
from rotator_assets.training.fusion import NETWORK

MOST_SENTENCES = 5
QUESTION = "Can a convolutional network tell slow from fast rotators from images alone, and from which pixels?"
_CHANCE = 0.5


@dataclass(frozen=True)
class KeyResult:
    """One sentence of the answer with its main number; one row of table ``key_results``."""

    dataset: str
    recipe: str
    topic: str
    sentence: str
    value: float
    low: float
    high: float
    synthetic: bool


def key_results(results: Results, datasets: list[str]) -> list[KeyResult]:
    """Return the answer, most important sentence first; empty without a training.

    Parameters
    ----------
    results : Results
        The tables of a data root.
    datasets : list of str
        Keys of the datasets, in the order of preference.

    Returns
    -------
    list of KeyResult
        At most `MOST_SENTENCES`, on the training that `Results.main_training` chooses.
    """
    main = results.main_training(datasets)
    if main is None:
        return []
    found = [sentence(results, main) for sentence in _SENTENCES]
    return [result for result in found if result is not None][:MOST_SENTENCES]


def key_results_table(found: list[KeyResult]) -> pd.DataFrame:
    """Return the rows of table ``key_results``; ``position`` counts from 1."""
    columns = [*KeyResult.__dataclass_fields__]
    frame = pd.DataFrame([asdict(result) for result in found], columns=columns)
    return frame.assign(position=range(1, len(found) + 1))


def _network(results: Results, main: Any) -> KeyResult:
    """Say how well the network of the main training separates the classes, and compare with the study."""
    name = _network_of(main.recipe)
    sample = f"{main.n_galaxies} {POPULATIONS[main.population]} of {main.dataset}, {main.n_slow} of them slow"
    auc = with_interval(main.auc, main.auc_low, main.auc_high)
    if not np.isfinite(main.auc_low + main.auc_high):
        said = f"reaches AUC {auc} ({sample}); its interval is not defined"
    elif main.auc_low == main.auc_high:
        said = f"reaches AUC {main.auc:.3f} ({sample}); its interval has no width with so few galaxies"
    elif main.auc_low > _CHANCE:
        said = f"separates slow from fast rotators: AUC {auc} ({sample}), where {_CHANCE} is chance"
    elif main.auc_high < _CHANCE:
        said = f"ranks slow and fast rotators the wrong way round: AUC {auc} ({sample}), where {_CHANCE} is chance"
    else:
        said = f"is consistent with chance: AUC {auc} ({sample}), where {_CHANCE} is chance"
    seen = "From images and columns" if results.fuses(main) else "From images alone"
    sentence = f"{seen}, {name} {said}{_against_the_study(main)}."
    return _result(main, "network", sentence, main.auc, main.auc_low, main.auc_high)


def _against_the_study(main: Any) -> str:
    study = STUDY_RESULTS.get((main.dataset, main.recipe))
    if main.synthetic or study is None or study.auc_low is None or study.auc_high is None:
        return ""
    if not main.auc_low < main.auc_high:
        return ""
    value = f"{study.auc_low:.2f}" + (f"–{study.auc_high:.2f}" if study.auc_high != study.auc_low else "")
    if main.auc_high < study.auc_low:
        place = "lies above this interval"
    elif main.auc_low > study.auc_high:
        place = "lies below this interval"
    else:
        place = "is consistent with it"
    return f"; the study's {value} {place}"


def _baselines(results: Results, main: Any) -> KeyResult | None:
    """Compare the strongest baseline with the best network or, where that was not done, with the main one."""
    network = results.tested_against_baselines(main)
    baselines = results.baselines(network)
    if baselines.empty:
        return None
    best = next(iter(rows_of(baselines)))
    reached = f"reaches AUC {with_interval(best.auc, best.auc_low, best.auc_high)}"
    which = f"strongest of {len(baselines)} baselines" if len(baselines) > 1 else "only baseline"
    name = "the network" if network.recipe == main.recipe else f"the best network ({network.recipe})"
    if network.recipe == main.recipe != results.best_network(main).recipe:
        name = _network_of(main.recipe)
    if not np.isfinite(best.p_value + best.gain):
        compared = f"its difference from {name} was not tested"
    elif best.p_value >= SIGNIFICANT:
        gain = with_interval(best.gain, best.gain_low, best.gain_high, signed=True)
        corrected = f" after correction for {len(baselines)} comparisons" if len(baselines) > 1 else ""
        compared = f"{name} differs from it by {gain}, which is not significant{corrected} ({p_text(best.p_value)})"
    elif best.gain > 0:
        margin = with_interval(best.gain, best.gain_low, best.gain_high)
        compared = f"{name} is better by {margin} ({p_text(best.p_value)})"
    else:
        margin = with_interval(-best.gain, -best.gain_high, -best.gain_low)
        compared = f"it beats {name} by {margin} ({p_text(best.p_value)})"
    sentence = f"The {which}, {best.name}, {reached} without a network; {compared}."
    return _result(network, "baselines", sentence, best.gain, best.gain_low, best.gain_high)


def _recipes(results: Results, main: Any) -> KeyResult | None:
    """Say which other networks that use images alone are better than the study's."""
    others = results.image_only(main)
    if main.recipe != REFERENCE_RECIPE or not others:
        return None
    better = [row for row in others if is_above(row.auc_difference, row.p_value_adjusted)]
    best = (better or others)[0]
    auc = with_interval(best.auc, best.auc_low, best.auc_high)
    ends = (best.auc_difference, best.auc_difference_low, best.auc_difference_high)
    difference = f"{with_interval(*ends, signed=True)}, {p_text(best.p_value_adjusted)}"
    reached = f"reaches AUC {auc} (difference {difference})"
    if len(others) == 1:
        tested = np.isfinite(best.p_value_adjusted)
        verdict = "is significantly better" if better else "is not significantly better" if tested else "was not tested"
        sentence = f"Another recipe trained on images alone, {best.classifier}, {verdict}: it {reached}."
    else:
        verdict = {0: "none is", 1: "1 is"}.get(len(better), f"{len(better)} are")
        sentence = (
            f"Of {len(others)} other recipes trained on images alone, {verdict} significantly better; "
            f"the best{' of these' if len(better) > 1 else ''}, {best.classifier}, {reached}."
        )
    return _result(main, "recipes", sentence, *ends, recipe=best.classifier)


def _together(results: Results, main: Any) -> KeyResult | None:
    """Say what network and columns reach together, and what the network adds."""
    parts = results.fusion(main)
    rows = {row.part: row for row in rows_of(parts)}
    networks = [row for part, row in rows.items() if part.startswith(NETWORK)]
    columns = [row for part, row in rows.items() if not part.startswith(NETWORK)]
    if not networks or not columns:
        return None
    whole, alone = max(networks, key=lambda row: len(row.part)), max(columns, key=lambda row: len(row.part))
    auc = with_interval(whole.auc, whole.auc_low, whole.auc_high)
    added, low, high = -alone.difference, -alone.difference_high, -alone.difference_low
    gain, p_value = with_interval(added, low, high, signed=True), p_text(alone.p_value_adjusted)
    sentence = f"Network and columns together ({whole.part}) reach AUC {auc}; "
    if not np.isfinite(alone.p_value_adjusted):
        sentence += "what the network adds was not tested."
    elif alone.p_value_adjusted >= SIGNIFICANT:
        sentence += f"what the network adds to {alone.part} alone, {gain}, is not significant ({p_value})."
    elif added > 0:
        sentence += f"the network adds {gain} to {alone.part} alone ({p_value})."
    else:
        sentence += f"the network lowers the AUC of {alone.part} alone: {gain} ({p_value})."
    return _result(main, "fusion", sentence, added, low, high, recipe=whole.recipe)


def _pixels(results: Results, main: Any) -> KeyResult | None:
    """Say which fraction of the attribution lies within the half-light ellipse."""
    for training in (results.best_network(main), main):
        rows = results.attribution_summary
        rows = rows[(rows["dataset"] == training.dataset) & (rows["recipe"] == training.recipe)]
        found = {(row.galaxies, row.measure): row for row in rows_of(rows)}
        wanted = [(name, "fraction_within_r_eff") for name in ("slow", "fast", "slow minus fast")]
        if all(key in found and np.isfinite(found[key].mean) for key in wanted):
            return _within_half_light(training, found)
    return None


def _within_half_light(training: Any, found: dict[tuple[str, str], Any]) -> KeyResult:
    slow, fast, both = (found[name, "fraction_within_r_eff"] for name in ("slow", "fast", "slow minus fast"))
    name = "the network" if training.recipe == REFERENCE_RECIPE else training.recipe
    difference = _percent(both, signed=True, unit="percentage points")
    if both.low > 0:
        contrast = f"it is more central in slow rotators (difference {difference})"
    elif both.high < 0:
        contrast = f"it is less central in slow rotators (difference {difference})"
    elif np.isfinite(both.low + both.high):
        contrast = f"the classes do not differ significantly (difference {difference})"
    else:
        contrast = f"whether the classes differ was not tested (difference {difference})"
    sentence = (
        f"Of the absolute attribution of {name} (integrated gradients), {_percent(slow)} lies within the half-light "
        f"ellipse of slow and {_percent(fast)} of fast rotators{_light_and_area(found)}; {contrast}."
    )
    return _result(training, "pixels", sentence, both.mean, both.low, both.high)


def _light_and_area(found: dict[tuple[str, str], Any]) -> str:
    """Say which fractions of the image's area and light the ellipse holds, as means over both classes."""
    texts = []
    for measure in ("area", "light"):
        keys = [(name, f"{measure}_within_r_eff") for name in ("slow", "fast")]
        if not all(key in found and np.isfinite(found[key].mean) for key in keys):
            return ""
        total = sum(found[key].n_galaxies for key in keys)
        mean = sum(found[key].mean * found[key].n_galaxies for key in keys) / total
        texts.append(f"{100 * mean:.0f} % of the {measure}")
    return f", which holds {' and '.join(texts)}"


def _percent(row: Any, *, signed: bool = False, unit: str = "%") -> str:
    """Return a mean fraction with its interval in percent."""
    value, low, high = (100 * number for number in (row.mean, row.low, row.high))
    sign = "+" if signed else ""
    if not np.isfinite(low + high):
        return f"{value:{sign}.0f} {unit}"
    decimals = min(1, decimals_of(low, high))
    value, low, high = (round(number, decimals) + 0.0 for number in (value, low, high))  # no negative zero
    return f"{value:{sign}.{decimals}f} {unit} [{low:{sign}.{decimals}f}, {high:{sign}.{decimals}f}]"


def _datasets(results: Results, main: Any) -> KeyResult | None:
    """Compare the same recipe on another dataset: a survey first, then noise, then the crop."""
    rows = results.dataset_comparison
    here = (rows["dataset"] == main.dataset) | (rows["reference_dataset"] == main.dataset)
    rows = rows[here & (rows["recipe"] == main.recipe)].dropna(subset=["auc", "reference_auc", "difference"])
    if rows.empty:
        return None
    row = min(rows_of(rows), key=lambda row: (("survey", "noise", "crop").index(row.kind), row.p_value_adjusted))
    sign = 1 if row.reference_dataset == main.dataset else -1
    other = row.dataset if sign > 0 else row.reference_dataset
    auc = row.auc if sign > 0 else row.reference_auc
    ends = (row.difference, row.low, row.high) if sign > 0 else (-row.difference, -row.high, -row.low)
    tested = np.isfinite(row.p_value_adjusted)
    significant = "is significant" if row.p_value_adjusted < SIGNIFICANT else "is not significant"
    verdict = f"{significant} ({p_text(row.p_value_adjusted)})" if tested else "was not tested"
    reached = f"{auc:.{decimals_of(row.low, row.high) if np.isfinite(row.low + row.high) else 3}f}"
    sentence = (
        f"On {other}, the same recipe reaches AUC {reached}; the difference from {main.dataset}, "
        f"{with_interval(*ends, signed=True)}, {verdict}."
    )
    synthetic = bool(main.synthetic or row.synthetic)
    return _result(main, "datasets", sentence, *ends, synthetic=synthetic)


_SENTENCES: tuple[Callable[[Results, Any], KeyResult | None], ...] = (
    _network,
    _recipes,
    _baselines,
    _together,
    _pixels,
    _datasets,
)
"""In order of importance."""


def _network_of(recipe: str) -> str:
    return "the network of the 2020 study" if recipe == REFERENCE_RECIPE else f"the network of {recipe}"


def _result(
    training: Any,
    topic: str,
    sentence: str,
    value: float,
    low: float,
    high: float,
    *,
    recipe: str = "",
    synthetic: bool | None = None,
) -> KeyResult:
    """Return the result, marked where it shows synthetic data."""
    synthetic = bool(training.synthetic) if synthetic is None else synthetic
    marked = f"Synthetic data: {sentence[0].lower()}{sentence[1:]}" if synthetic else sentence
    numbers = (float(number) for number in (value, low, high))
    return KeyResult(training.dataset, recipe or training.recipe, topic, marked, *numbers, synthetic=synthetic)
