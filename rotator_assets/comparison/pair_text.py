"""Sentences on trainings compared, the same on the console and on the page. None claims more than its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rotator_assets.comparison.differences import SIGNIFICANT
from rotator_assets.comparison.kept_trainings import KeptTraining
from rotator_assets.comparison.training_pairs import TrainingPair
from rotator_assets.core.number_text import p_text

LETTERS = "ABCDEFGH"
"""Names of the trainings in tables and sentences, in the order given: A is the reference."""


def synthetic_sentence(trainings: Mapping[str, KeptTraining]) -> str | None:
    """Say which of the trainings, by letter, have synthetic galaxies; None if there is none."""
    letters = _listed([letter for letter, training in trainings.items() if training.synthetic])
    return f"The numbers of {letters} are from synthetic galaxies and say nothing about real ones." if letters else None


def sentences(pair: TrainingPair | None, trainings: Mapping[str, KeptTraining]) -> list[str]:
    """Return what a comparison says about its sample, the AUCs, and the galaxies that changed class.

    ``trainings`` are the reference, A, and the training, by letter. ``pair`` is None if predictions are not kept.
    """
    letter = list(trainings)[1]
    if pair is None:
        return [_not_kept(trainings)]
    found = [*_on_sample(pair, letter), *_on_auc(pair, letter)]
    return [*found, *_on_classes(pair, letter)] if pair.paired else found


def _not_kept(trainings: Mapping[str, KeptTraining]) -> str:
    """Say whose predictions are not kept."""
    lost = _listed([letter for letter, training in trainings.items() if training.predictions is None])
    return (
        f"The paired difference and the galaxies that changed class need the predictions of both; those of {lost} "
        "were not kept (`rotators run --stale` keeps those of the latest version)."
    )


def _on_sample(pair: TrainingPair, letter: str) -> list[str]:
    """Say which galaxies are compared, and by which labels."""
    if not pair.paired:
        return [f"{letter} and A have no galaxies in common: their AUCs are compared as independent samples."]
    found = [f"In common: {_galaxies(len(pair.galaxies))}."]
    if pair.n_relabelled:
        found.append(
            f"Labels differ for {_galaxies(pair.n_relabelled)}; here both are judged by the labels of {letter}."
        )
    return found


def _on_auc(pair: TrainingPair, letter: str) -> list[str]:
    """Give the difference in AUC with its interval, and say whether it is significant."""
    if pair.test is None:
        return ["There is no AUC on these galaxies: no network of either tested two galaxies of different classes."]
    change = pair.test.difference
    numbers = f"AUC of {letter} - A: {change.difference:+.3f}"
    if np.isnan(pair.test.p_value):
        return [f"{numbers}. It cannot be tested: one of the classes has a single galaxy."]
    how = f"{'paired ' if pair.paired else ''}DeLong{_correction(pair.test.n_tests)}"
    first = f"{numbers} [{change.low:+.3f}, {change.high:+.3f}], {p_text(pair.test.p_value)} ({how})."
    if change.low == change.high == 0:
        return [first, f"{letter} and A rank these galaxies in the same order."]
    if pair.test.p_value >= SIGNIFICANT:
        return [first, f"No significant difference between {letter} and A ({p_text(pair.test.p_value)})."]
    better = "better" if change.difference > 0 else "worse"
    return [first, f"{letter} separates slow from fast rotators significantly {better} than A."]


def _on_classes(pair: TrainingPair, letter: str) -> list[str]:
    """Give the numbers of galaxies that changed class, and say whether one training is right more often."""
    changed = pair.changed
    if not changed.right + changed.wrong:
        return ["No galaxy changed class."]
    to_fast, to_slow = changed.to_fast_right + changed.to_fast_wrong, changed.to_slow_right + changed.to_slow_wrong
    counts = (
        f"{_galaxies(to_fast + to_slow)} changed class from A to {letter}: {to_fast} from slow to fast "
        f"({changed.to_fast_right} now right, {changed.to_fast_wrong} now wrong), {to_slow} from fast to slow "
        f"({changed.to_slow_right} now right, {changed.to_slow_wrong} now wrong)."
    )
    p_value = f"{p_text(changed.p_value)}, McNemar's exact test{_correction(changed.n_tests)}"
    if changed.p_value >= SIGNIFICANT:
        return [counts, f"No significant difference in the number of correct classifications ({p_value})."]
    often = "more" if changed.right > changed.wrong else "fewer"
    return [counts, f"{letter} classifies significantly {often} galaxies correctly than A ({p_value})."]


def _correction(n_tests: int) -> str:
    return f", Holm for {n_tests} tests" if n_tests > 1 else ""


def _galaxies(count: int) -> str:
    return f"{count} {'galaxy' if count == 1 else 'galaxies'}"


def _listed(letters: Sequence[str]) -> str:
    *first, last = letters or [""]
    return f"{', '.join(first)} and {last}" if first else last
