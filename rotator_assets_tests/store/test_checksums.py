"""Checksums within table files: every change of a byte is found, and files of earlier versions are recognized."""

import shutil

import duckdb
import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.store.checksums import DAMAGED, Checked, is_intact, is_unchanged, with_checksum
from rotator_assets.store.table_check import check_table_file
from rotator_assets.tables import open_store
from rotator_assets_tests.store.test_table_store import roc

TABLE, PARTITION = "roc_curves", "manga-observed-64|thesis"


@pytest.fixture
def written(tmp_path):
    """The file of a small table."""
    store = open_store(DataRoot(tmp_path))
    store.write(TABLE, PARTITION, roc(0.25))
    return store.latest_files(TABLE)[PARTITION]


@pytest.fixture
def earlier(tmp_path):
    """A file without a checksum, as earlier versions wrote."""
    path = tmp_path / "earlier.parquet"
    duckdb.sql(f"COPY (SELECT range AS a, 'text' AS b FROM range(1000)) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
    return path


def flip(path, number: int, bit: int = 1) -> None:
    content = bytearray(path.read_bytes())
    content[number] ^= bit
    path.write_bytes(content)


def test_a_written_table_is_intact_and_readable(written):
    assert is_intact(written) is True and check_table_file(written) == Checked(written)
    assert duckdb.sql(f"SELECT count(*) FROM '{written}' WHERE _is_row").fetchall() == [(3,)]


def test_the_schema_file_of_a_table_has_a_checksum(tmp_path):
    store = open_store(DataRoot(tmp_path))
    (path,) = [path for path in store.files(TABLE) if path.name.startswith("_schema")]
    assert is_intact(path) is True


def test_a_change_of_any_byte_is_found(written):
    for number in range(written.stat().st_size):
        flip(written, number)
        assert is_intact(written) is False, number
        flip(written, number)
    assert is_intact(written) is True


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.99])
def test_a_file_that_is_cut_short_is_damaged(written, kept):
    written.write_bytes(written.read_bytes()[: int(kept * written.stat().st_size)])
    assert check_table_file(written).problem == DAMAGED


def test_a_copy_under_another_name_keeps_its_checksum(written, tmp_path):
    assert is_intact(shutil.copy(written, tmp_path / "copy.parquet")) is True


def test_a_file_of_an_earlier_version_is_not_recorded(earlier):
    assert is_intact(earlier) is None
    assert check_table_file(earlier) == Checked(earlier, is_recorded=False)


def test_a_file_of_an_earlier_version_that_cannot_be_read_is_damaged(earlier):
    earlier.write_bytes(b"PAR1" + bytes(1000) + earlier.read_bytes()[1004:])
    assert check_table_file(earlier) == Checked(earlier, DAMAGED, is_recorded=False)


def test_a_manifest_has_a_checksum_of_its_content():
    manifest = with_checksum({"a": 1, "b": [0.5, "x"]})
    assert is_unchanged(manifest) is True
    assert is_unchanged({**manifest, "a": 2}) is False
    assert is_unchanged({"a": 1}) is None
