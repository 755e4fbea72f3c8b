"""Compares results and inputs with their checksums, and says what is damaged and what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rotator_assets.candidates.interpretation_file import Interpretation, interpretation_path
from rotator_assets.core import progress
from rotator_assets.core.errors import InputError
from rotator_assets.lineage.input_checksums import State, check_inputs
from rotator_assets.store.checksums import DAMAGED, Checked
from rotator_assets.store.columns import Table
from rotator_assets.store.models import check_models
from rotator_assets.store.table_check import check_table_file
from rotator_assets.store.table_store import TableStore
from rotator_assets.store.tensor_check import check_tensor
from rotator_assets.surveys.datasets import DATASETS

_NAMED = 3
"""Input files that are named among those that have changed."""
_TABLES, _TENSORS, _MODELS, _INPUTS = "table files", "tensors", "models", "input files"
_AGAIN = "remove it and run `rotators run --stale`"


@dataclass
class Verification:
    """What was found.

    Attributes
    ----------
    verified
        Numbers of table files, tensors, models and input files that were checked.
    unrecorded
        Numbers of those without a checksum, from earlier versions of this program.
    damaged
        One line each: which file, what is wrong, what to do.
    changed
        Inputs that have changed since they were read, one line each.
    """

    verified: Counter[str] = field(default_factory=Counter)
    unrecorded: Counter[str] = field(default_factory=Counter)
    damaged: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)

    def add(self, kind: str, files: Sequence[Checked], remedy: str = _AGAIN) -> None:
        """Add one result with its files; nothing where there are none."""
        self.damaged += [f"{one.path}: {one.problem}; {remedy}" for one in files if one.problem]
        self.verified[kind] += bool(files)
        self.unrecorded[kind] += any(not one.is_recorded and not one.problem for one in files)

    def lines(self) -> Iterator[str]:
        """Iterate over the lines to print, the summary last."""
        yield from self.damaged
        yield from self.changed
        for kind, number in (+self.unrecorded).items():
            yield f"{_counted(number, kind)} without a recorded checksum: an earlier version wrote or read them"
        counts = ", ".join(_counted(self.verified[kind], kind) for kind in (_TABLES, _TENSORS, _MODELS, _INPUTS))
        yield f"{counts} verified: {len(self.damaged) or 'none'} damaged"


def verify(store: TableStore, dataset: str | None = None, *, fast: bool = False) -> Verification:
    """Check every table, tensor, model and input file.

    Parameters
    ----------
    store : TableStore
        Tables of the data root.
    dataset : str, optional
        Check only what belongs to this dataset, with the tables and inputs of its survey.
    fast : bool
        Leave out the content of images and inputs.

    Returns
    -------
    Verification
        What was found.
    """
    found, root = Verification(), store.root
    wanted = [dataset] if dataset else list(DATASETS)
    surveys = list(dict.fromkeys(DATASETS[key].survey for key in wanted))
    _verify_tables(found, store, {*wanted, *surveys} if dataset else None)
    folders = [root.tensors / key for key in wanted if (root.tensors / key).is_dir()]
    for number, folder in enumerate(folders, start=1):
        again = f"remove the folder {folder} and run `rotators run --stale`"
        found.add(_TENSORS, list(check_tensor(folder, fast=fast)), again)
        progress.report("tensors", number, len(folders))
    trainings = sorted(path for key in wanted for path in (root.models / key).glob("*") if path.is_dir())
    for number, folder in enumerate(trainings, start=1):
        again = f"train it again: `rotators run -d {folder.parent.name} -r {folder.name}`"
        found.add(_MODELS, [*check_models(folder), *_interpretation(folder)], again)
        progress.report("models", number, len(trainings))
    for survey in surveys:
        _verify_inputs(found, store, survey, fast=fast)
    return found


def _counted(number: int, kind: str) -> str:
    return f"{number} {kind.removesuffix('s') if number == 1 else kind}"


def _verify_tables(found: Verification, store: TableStore, subjects: set[str] | None) -> None:
    """Add every file of the tables: queries also open those that newer versions have replaced."""
    for number, (name, table) in enumerate(store.tables.items(), start=1):
        latest = {path: partition for partition, path in store.latest_files(name).items()}
        for path in sorted((store.root.tables / name).glob("[!.]*.parquet")):
            subject = latest.get(path, "").partition(".")[0].partition("|")[0]
            if table.kept:  # such a file may hold trainings of several datasets
                found.add(_TABLES, [check_table_file(path)], _remedy(table))
            elif not subject:
                found.add(_TABLES, [check_table_file(path)], "remove it: it is not needed or made again by itself")
            elif subjects is None or subject in subjects:
                found.add(_TABLES, [check_table_file(path)], _remedy(table))
        progress.report("tables", number, len(store.tables))


def _remedy(table: Table) -> str:
    """Return what to do about a damaged file of a table; what is kept of earlier trainings is not made again."""
    if table.kept:
        return "restore it from a copy, or remove it: it is not made again"
    return _AGAIN


def _interpretation(folder: Path) -> Iterator[Checked]:
    """Read the file that `candidates` has written, whose parts have checksums of their own."""
    path = interpretation_path(folder)
    try:
        Interpretation.read(path)
        yield Checked(path)
    except FileNotFoundError:
        return
    except InputError:
        yield Checked(path, DAMAGED)


def _verify_inputs(found: Verification, store: TableStore, survey: str, *, fast: bool) -> None:
    """Add the input files of a survey; those that have changed or are gone are summed up by input."""
    changed: dict[tuple[str, State], list[str]] = {}
    try:
        checked = list(check_inputs(store, survey, fast=fast))
    except InputError:  # the table of checksums is damaged, which is said already
        return
    for source, name, state in checked:
        found.verified[_INPUTS] += 1
        if state is State.DAMAGED:
            path = store.root.survey(survey) / name
            found.damaged.append(f"{path}: its content has changed, but not its size and time: get it again")
        elif state is State.NOT_RECORDED:
            found.unrecorded[_INPUTS] += 1
        elif state is not State.SAME:
            changed.setdefault((source, state), []).append(name)
    for (source, state), names in changed.items():
        shown = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
        what = "no longer there" if state is State.GONE else "changed since they were read"
        found.changed.append(f"{survey}: {source}: {what}: {shown}; `rotators run --stale` takes this into account")
