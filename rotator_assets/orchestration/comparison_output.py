"""Trainings compared, on the console."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.text import Text

from rotator_assets.comparison.kept_trainings import KeptTraining, differing_settings
from rotator_assets.comparison.pair_text import LETTERS, sentences, synthetic_sentence
from rotator_assets.comparison.training_pairs import TrainingPair
from rotator_assets.core.frames import rows_of
from rotator_assets.core.number_text import with_interval
from rotator_assets.orchestration.terminal import output_console, print_table
from rotator_assets.plots.style import CLASSES, STAMP

_GALAXIES_SHOWN = 10


def print_comparison(trainings: Sequence[KeptTraining], pairs: Sequence[TrainingPair | None]) -> None:
    """Print settings that differ, AUCs, and each training but the first compared with the first."""
    console, by_letter = output_console(), dict(zip(LETTERS, trainings, strict=False))
    for letter, training in by_letter.items():
        console.print(Text(f"{letter}  {training.name}, trained {training.metrics['trained_at']:%Y-%m-%d %H:%M} UTC"))
    if synthetic := synthetic_sentence(by_letter):
        console.print(Text(f"{STAMP}. {synthetic}"))
    _print_settings(console, by_letter)
    _print_aucs(console, by_letter)
    reference, *others = by_letter
    for letter, pair in zip(others, pairs, strict=True):
        console.print(Text(f"{letter} compared with {reference}", style="bold"))
        both = {name: by_letter[name] for name in (reference, letter)}
        for sentence in sentences(pair, both):
            console.print(Text(sentence))
        if pair is not None and pair.paired:
            _print_galaxies(console, pair, letter)


def _print_settings(console: Console, trainings: Mapping[str, KeptTraining]) -> None:
    """Print the settings that differ, with their value in each training."""
    differing = differing_settings(list(trainings.values()))
    if differing:
        rows = [[name, *values] for name, values in differing.items()]
        print_table(["setting", *trainings], rows, title="Settings that differ", console=console)
    else:
        console.print(Text("No setting differs.\n"))


def _print_aucs(console: Console, trainings: Mapping[str, KeptTraining]) -> None:
    """Print sample and AUC of each training, on its own galaxies."""
    rows = [
        [letter, one["n_galaxies"], one["n_slow"], with_interval(one["auc"], one["auc_low"], one["auc_high"])]
        for letter, one in ((letter, training.metrics) for letter, training in trainings.items())
    ]
    print_table(
        ["training", "galaxies", "slow", "AUC [95 % interval]"], rows, numbers=("galaxies", "slow"), console=console
    )


def _print_galaxies(console: Console, pair: TrainingPair, letter: str) -> None:
    """Print the galaxies whose probability changed most."""
    rows = [
        [
            row.galaxy_id,
            CLASSES[row.rotator_type].name,
            f"{row.reference_probability_fast_calibrated:.3f}",
            f"{row.probability_fast_calibrated:.3f}",
            f"{row.change:+.3f}",
            CLASSES[row.reference_predicted_type].name,
            CLASSES[row.predicted_type].name,
        ]
        for row in rows_of(pair.galaxies.head(_GALAXIES_SHOWN))
    ]
    columns = ["galaxy", "label", "A", letter, "change", "class by A", f"class by {letter}"]
    title = "Largest changes of the calibrated probability of being fast"
    print_table(columns, rows, title=title, numbers=("A", letter, "change"), console=console)
