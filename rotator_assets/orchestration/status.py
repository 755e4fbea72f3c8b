"""The state of a data root: inputs found and missing, what can be built from them, and what is stale."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from rotator_assets.core.data_root import DataRoot
from rotator_assets.orchestration.terminal import output_console, print_notices, print_table, print_wrapped

if TYPE_CHECKING:
    from rotator_assets.orchestration.runner import Runner
    from rotator_assets.store.table_store import TableStore
    from rotator_assets.surveys import ExpectedInput
    from rotator_assets.surveys.inventory import FoundInput

_INDENT = "  "
_LINK = re.compile(r"(https?://\S*[^\s,;.)])")


def print_status(store: TableStore, open_runner: Callable[[DataRoot], Runner]) -> None:
    """Print inputs found and missing by survey, datasets that can be built, notices, and stale partitions.

    Raises InputError, after printing the inputs, where ``settings.yaml`` or ``recipes.yaml`` has an error or the
    results are not writable.
    """
    root = store.root
    print(f"data root: {root.path}{'' if root.path.is_dir() else ' (does not exist)'}")
    inputs = _inputs(root)
    for key, of_survey in inputs.items():
        _print_inputs(root, key, of_survey)
    print()

    from rotator_assets.lineage.settings_file import load_settings
    from rotator_assets.orchestration.buildable import buildable  # reads recipes.yaml and fails where it has an error

    load_settings(root)
    found = buildable(root, inputs)
    ready = [*found.datasets, *(f"{key} (catalogues only)" for key in found.catalogs_only)]
    print_wrapped(f"datasets that can be built now: {', '.join(ready) or 'none'}", hanging=_INDENT)
    for key, why in found.left_out.items():
        print_wrapped(f"not offered: {key}: {why}", hanging=_INDENT)
    print_notices(store)
    if root.dagster_home.is_dir():
        _print_stale(root, open_runner)
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


def _inputs(root: DataRoot) -> dict[str, list[FoundInput]]:
    """Return the files that each survey can use."""
    from rotator_assets.surveys import SURVEYS
    from rotator_assets.surveys.inventory import inventory

    return {key: inventory(survey, root.survey(key)) for key, survey in SURVEYS.items()}


def _print_inputs(root: DataRoot, key: str, inputs: Sequence[FoundInput]) -> None:
    """Print a survey's files, and those that are needed or could be added."""
    print(f"\n{key}: {root.survey(key)}")
    found = [one for one in inputs if one.paths]
    settled = {one.expected.needed for one in found} - {"required"}
    absent = [one.expected for one in inputs if not one.paths]
    needed = [one for one in absent if one.needed != "optional" and one.needed not in settled]
    if found:
        print("found:")
    for one in found:
        _print_found(one)
    for title, some in (("needed:", needed), ("optional:", [one for one in absent if one not in needed])):
        if some:
            print(title)
        for one in some:
            _print_absent(one, is_needed=some is needed)


def _print_found(found: FoundInput) -> None:
    print_wrapped(f"{found.expected.what}:", "- ")
    content = ", ".join(filter(None, (found.release, found.rows, found.size)))
    print_wrapped(f"{found.summary} ({content})", _INDENT)


def _print_absent(expected: ExpectedInput, is_needed: bool) -> None:
    """Print an input that is not here: what it is, its name, and where to get it."""
    which = f", {expected.needed}" if is_needed and expected.needed != "required" else ""
    print_wrapped(f"{expected.what}{which} ({expected.size})", "- ")
    print(f"{_INDENT}{expected.patterns[0]}")
    for line in link_lines(expected.where, output_console().width - len(_INDENT)):
        if _LINK.match(line):
            print(f"{_INDENT}{line}")
        else:
            print_wrapped(line.strip(), _INDENT + " " * (len(line) - len(line.lstrip())))


def _print_stale(root: DataRoot, open_runner: Callable[[DataRoot], Runner]) -> None:
    """Print the stale partitions, the reasons, and how to rebuild them."""
    root.require_writable()  # changes are recorded in the Dagster instance
    with open_runner(root) as runner:
        runner.observe()
        stale = list(runner.staleness().stale())
    if not stale:
        print("nothing is stale")
        return
    print_table(["asset", "partition", "why"], grouped(stale), title="stale: made from inputs that have changed since")
    print(f"rebuild with: rotators run --stale --data {shlex.quote(str(root.path))}")
