"""Errors whose message tells the user what is wrong with the input."""

from __future__ import annotations

from collections.abc import Iterator
from errno import EDQUOT, ENOSPC

FULL_DISK = "the disk is full; free some space, then give the command again: what was finished is kept"


class InputError(ValueError):
    """Invalid input or usage.

    The message is one line for the user: which file, which row or column, what is wrong, what to do. The command
    line prints it without a traceback and exits with status 2; Dagster shows it as the reason for a failed run.
    """


class UnusableImage(ValueError):
    """The image of one galaxy cannot be used. The message is listed as its reason; other galaxies are not affected."""


class UnusableKinematics(ValueError):
    """lambda_R of one galaxy cannot be measured. The message is listed as its reason; others are not affected."""


class RefusedKinematics(UnusableKinematics):
    """lambda_R of one galaxy was measured and rejected by a quality cut of the settings."""


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Iterate over an error, its cause or context, the cause of that, and so on."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:  # chains of contexts may be circular
        yield error
        seen.add(id(error))
        error = error.__cause__ or error.__context__


def is_full_disk(error: BaseException) -> bool:
    """Return whether an error comes from a full disk, in the words of the system, of DuckDB, HDF5 or SQLite."""
    return any(_is_full_disk(one) for one in causes(error))


def cannot_be_written(file: object, error: Exception) -> InputError:
    """Return the error to raise for a file that the user has named and that cannot be written."""
    reason = getattr(error, "strerror", None) or " ".join(str(error).splitlines()[:1])
    return InputError(f"{file}: {FULL_DISK if is_full_disk(error) else f'cannot be written: {reason}'}")


def _is_full_disk(error: BaseException) -> bool:
    if getattr(error, "errno", None) in (ENOSPC, EDQUOT):
        return True
    if getattr(error, "sqlite_errorname", "") == "SQLITE_IOERR_SHMSIZE":  # says only "disk I/O error"
        return True
    told = str(error).lower()
    return any(text in told for text in ("no space left on device", "disk quota exceeded", "disk is full"))
