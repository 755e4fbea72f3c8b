"""Errors that come from a full disk."""

import errno
import sqlite3

import duckdb
import pytest

from rotator_assets.core.errors import InputError, cannot_be_written, is_full_disk


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        sqlite3.OperationalError("database or disk is full"),
        duckdb.IOException('IO Error: Could not write file "x": No space left on device'),
        RuntimeError("Unable to create dataset (errno = 28, error message = 'No space left on device')"),
    ],
)
def test_a_full_disk_is_recognized_in_every_librarys_words(error):
    assert is_full_disk(error)
    try:
        raise RuntimeError("a step failed") from error
    except RuntimeError as outer:
        assert is_full_disk(outer)


def test_sqlite_that_finds_no_room_for_its_shared_memory_is_a_full_disk():
    """On a full file system, SQLite 3.40 opens a database in WAL mode with this error."""
    error = sqlite3.OperationalError("disk I/O error")
    assert not is_full_disk(error)
    error.sqlite_errorname = "SQLITE_IOERR_SHMSIZE"
    assert is_full_disk(error)


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "Permission denied"), InputError("a file is full of errors")])
def test_other_errors_are_none(error):
    assert not is_full_disk(error)


def test_errors_that_cause_each_other_come_to_an_end():
    first, second = ValueError("one"), ValueError("two")
    first.__cause__, second.__cause__ = second, first
    assert not is_full_disk(first)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.EACCES, "Permission denied"), "x.fits: cannot be written: Permission denied"),
        (OSError(errno.ENOSPC, "No space left on device"), "x.fits: the disk is full; free some space"),
        (duckdb.IOException('IO Error: "x.fits": No space left on device\nmore'), "x.fits: the disk is full"),
        (duckdb.IOException("IO Error: it is a folder\nmore"), "x.fits: cannot be written: IO Error: it is a folder"),
    ],
)
def test_a_file_that_cannot_be_written_is_named_with_the_reason(error, message):
    assert str(cannot_be_written("x.fits", error)).startswith(message)
