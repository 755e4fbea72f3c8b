"""The state of a data root: inputs found and missing, what can be built from them, and what is stale."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.encoder_files import encoder_file
from rotator_assets.orchestration.remembered import last_event, remember, remembered, state_of_files
from rotator_assets.orchestration.terminal import output_console, print_table, print_wrapped

if TYPE_CHECKING:
    from rotator_assets.orchestration.runner import Runner
    from rotator_assets.store.table_store import TableStore
    from rotator_assets.surveys.inventory import FoundInput

_INDENT = "  "
_REMOVED = "settings.yaml no longer declares it; its results remain in the tables, and under results/"
_LINK = re.compile(r"(https?://\S*[^\s,;.)])")


class _Input(NamedTuple):
    """An input of a survey: what it is, and either the files found or how to get it."""

    what: str
    needed: str
    size: str
    pattern: str
    where: str
    found: str
    """Empty without files."""


def print_status(
    root: DataRoot, open_store: Callable[[DataRoot], TableStore], open_runner: Callable[[DataRoot], Runner]
) -> None:
    """Print inputs found and missing by survey, datasets that can be built, notices, and stale partitions.

    Raises InputError, after printing the inputs, where ``settings.yaml`` or ``recipes.yaml`` has an error or the
    results are not writable.
    """
    print(f"data root: {root.path}{'' if root.path.is_dir() else ' (does not exist)'}")
    kept = remembered(root)
    parts = iter(kept) if kept else _parts(root, open_store, open_runner)
    for key, of_survey in next(parts).items():
        _print_inputs(root, key, [_Input(*one) for one in of_survey])
    print()
    ready, left_out, notices = next(parts)
    print_wrapped(f"datasets that can be built now: {', '.join(ready) or 'none'}", hanging=_INDENT)
    for key, why in left_out.items():
        print_wrapped(f"not offered: {key}: {why}", hanging=_INDENT)
    for survey, notice in notices:
        print(f"notice: {survey}: {notice}")
    if root.dagster_home.is_dir():
        root.require_writable()  # changes are recorded in the Dagster instance
        _print_stale(root, next(parts))
    else:
        print("nothing was materialized yet")


def grouped(stale: Iterable[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Group stale assets, partitions and reasons: one line for everything of a recipe or survey with the same reason.

    A single partition is listed as it is, several as ``log: 2 (manga-observed-64, tng100-noisy-64)``.
    """
    by_asset: dict[tuple[str, str, str], list[str]] = {}
    for asset, partition, reason in stale:
        dataset, _, recipe = partition.partition("|")
        by_asset.setdefault((recipe or dataset.split("-")[0], reason, asset), []).append(partition)
    by_partitions: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for (subject, reason, asset), partitions in by_asset.items():
        by_partitions.setdefault((subject, reason, tuple(partitions)), []).append(asset)
    return [
        (", ".join(assets), _listed(subject, partitions), reason)
        for (subject, reason, partitions), assets in by_partitions.items()
    ]


def link_lines(text: str, width: int) -> Iterator[str]:
    """Split a text so that each link in it has its own line.

    Parameters
    ----------
    text
        Where to get a file: links, and words between them.
    width
        Longest line. Of a longer link only the beginning, up to a slash or a question mark, is a link; the rest of it
        stands on the next line.

    Yields
    ------
    str
        The lines; those of words may be longer.
    """
    for part in _LINK.split(text):
        words = part.strip(" ,;")
        if not _LINK.fullmatch(words):
            yield from [words] if words not in ("", "or") else []
        elif len(words) <= width:
            yield words
        else:
            end = max(words.rfind("/", 0, width) + 1, words.rfind("?", 0, width + 1))
            yield words[:end]
            yield _INDENT + words[end:]


def _listed(subject: str, partitions: Sequence[str]) -> str:
    if len(partitions) == 1:
        return partitions[0]
    return f"{subject}: {len(partitions)} ({', '.join(partition.split('|')[0] for partition in partitions)})"


def _parts(
    root: DataRoot, open_store: Callable[[DataRoot], TableStore], open_runner: Callable[[DataRoot], Runner]
) -> Iterator[Any]:
    """Find out and yield the inputs by survey; what can be built, what not, and notices; and what is stale.

    All of it is remembered.
    """
    from rotator_assets.core.recipes_file import load_recipes, recipes_file
    from rotator_assets.surveys import SURVEYS
    from rotator_assets.surveys.inventory import inventory

    folders = [*map(root.survey, SURVEYS), root.encoders, root.tables, root.tensors, root.figures]
    files = [str(path) for path in (*folders, recipes_file())]
    state = state_of_files(root, files)
    inputs = {key: inventory(survey, root.survey(key)) for key, survey in SURVEYS.items()}
    listed = {key: [_listed_input(one) for one in of_survey] for key, of_survey in inputs.items()}
    yield listed

    from rotator_assets.lineage.notices import notices_of  # these read recipes.yaml and fail where it has an error
    from rotator_assets.lineage.settings_file import load_settings
    from rotator_assets.orchestration.buildable import buildable

    load_settings(root)
    found, store = buildable(root, inputs), open_store(root)
    ready = [*found.datasets, *(f"{key} (catalogues only)" for key in found.catalogs_only)]
    removed = sorted(set(store.partitions("galaxies")) - SURVEYS.keys())
    left_out = {**found.left_out, **dict.fromkeys(removed, _REMOVED)}
    buildable_and_notices = ready, left_out, [one for one in notices_of(store) if one[0] not in removed]
    yield buildable_and_notices

    with open_runner(root) as runner:
        runner.observe()
        event = last_event(root)
        stale = list(runner.staleness().stale())
    encoders = [encoder_file(one.pretrained, root.encoders) for one in load_recipes().values() if one.pretrained]
    if all(path.is_relative_to(root.encoders) for path in encoders):  # others are not among the files
        remember(root, [listed, buildable_and_notices, stale], files, state, event)
    yield stale


def _listed_input(found: FoundInput) -> _Input:
    expected = found.expected
    content = ", ".join(filter(None, (found.release, found.rows, found.size)))
    shown = f"{found.summary} ({content})" if found.paths else ""
    return _Input(expected.what, expected.needed, expected.size, expected.patterns[0], expected.where, shown)


def _print_inputs(root: DataRoot, key: str, inputs: Sequence[_Input]) -> None:
    """Print a survey's files, and those that are needed or could be added."""
    print(f"\n{key}: {root.survey(key)}")
    found = [one for one in inputs if one.found]
    settled = {one.needed for one in found} - {"required"}
    absent = [one for one in inputs if not one.found]
    needed = [one for one in absent if one.needed != "optional" and one.needed not in settled]
    if found:
        print("found:")
    for one in found:
        print_wrapped(f"{one.what}:", "- ")
        print_wrapped(one.found, _INDENT)
    for title, some in (("needed:", needed), ("optional:", [one for one in absent if one not in needed])):
        if some:
            print(title)
        for one in some:
            _print_absent(one, is_needed=some is needed)


def _print_absent(absent: _Input, is_needed: bool) -> None:
    """Print an input that is not here: what it is, its name, and where to get it."""
    which = f", {absent.needed}" if is_needed and absent.needed != "required" else ""
    print_wrapped(f"{absent.what}{which} ({absent.size})", "- ")
    print(f"{_INDENT}{absent.pattern}")
    for line in link_lines(absent.where, output_console().width - len(_INDENT)):
        if _LINK.match(line):
            print(f"{_INDENT}{line}")
        else:
            print_wrapped(line.strip(), _INDENT + " " * (len(line) - len(line.lstrip())))


def _print_stale(root: DataRoot, stale: Sequence[tuple[str, str, str]]) -> None:
    """Print the stale partitions, the reasons, and how to rebuild them."""
    if not stale:
        print("nothing is stale")
        return
    print_table(["asset", "partition", "why"], grouped(stale), title="stale: made from inputs that have changed since")
    print(f"rebuild with: rotators run --stale --data {shlex.quote(str(root.path))}")
