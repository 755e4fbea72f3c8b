"""What a survey's folder holds of what it could hold, and whether that is enough."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rotator_assets.surveys.base import ExpectedInput, Survey, release_of

_KILO = 1000


@dataclass(frozen=True)
class FoundInput:
    """An expected input and the files there are of it."""

    expected: ExpectedInput
    paths: tuple[Path, ...]

    @property
    def summary(self) -> str:
        """The newest file's name, and how many more there are; empty where there is none."""
        if not self.paths:
            return ""
        more = f" and {len(self.paths) - 1} more" if len(self.paths) > 1 else ""
        return self.paths[0].name + more

    @property
    def release(self) -> str:
        """Release of the newest catalogue as its name tells it; empty where it does not."""
        return release_of(self.paths[0]) if self.paths and not self.expected.several else ""

    @property
    def rows(self) -> str:
        """Rows of the newest catalogue, as its header announces them; files, where all of them are used."""
        if not self.paths:
            return ""
        if self.expected.several:
            return f"{len(self.paths)} file{'s' if len(self.paths) > 1 else ''}"
        count = _rows(self.paths[0])
        return "cannot be read" if count is None else f"{count} rows"

    @property
    def size(self) -> str:
        """Size of all the files."""
        return _bytes(sum(path.stat().st_size for path in self.paths)) if self.paths else ""


def inventory(survey: Survey, folder: Path) -> list[FoundInput]:
    """Every expected input of the survey with the files there are."""
    return [FoundInput(expected, tuple(expected.find(folder))) for expected in survey.expected_inputs]


def lacking(found: list[FoundInput]) -> list[str]:
    """What has to be there and is not: required inputs, and groups of which not one is there."""
    missing = [f.expected.what for f in found if f.expected.needed == "required" and not f.paths]
    groups: dict[str, list[FoundInput]] = {}
    for f in found:
        if f.expected.needed.startswith("one of "):
            groups.setdefault(f.expected.needed, []).append(f)
    for group, members in groups.items():
        if not any(member.paths for member in members):
            missing.append(f"{group} ({', '.join(member.expected.what for member in members)})")
    return missing


def _rows(path: Path) -> int | None:
    """Rows of a table, the first of its file, without reading them; None where the file cannot be read."""
    name = path.name.removesuffix(".gz")
    try:
        if name.endswith(".fits"):
            from astropy.io import fits

            return int(fits.getheader(path, 1)["NAXIS2"])
        if name.endswith(".hdf5"):
            return _hdf5_rows(path)
        with path.open("rb") as lines:
            rows = sum(1 for line in lines if line.strip() and not line.lstrip().startswith(b"#"))
        return rows - name.endswith(".csv")  # its header line
    except Exception:  # parsers of damaged files raise nearly anything; a run tells the reason
        return None


def _hdf5_rows(path: Path) -> int | None:
    """Length of the first dataset there is, in any group."""
    import h5py

    with h5py.File(path, "r") as file:
        return file.visititems(lambda _, item: item.shape[0] if isinstance(item, h5py.Dataset) and item.shape else None)


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < _KILO:
            return f"{size:.3g} {unit}"
        size /= _KILO
    return f"{size:.3g} TB"
