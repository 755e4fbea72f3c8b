"""Answers as files: ``rotators query --output FILE`` and ``rotators export FILE --table NAME``."""

import duckdb
import pytest
from astropy.io import fits
from astropy.table import Table

from rotator_assets.core.data_root import DataRoot
from rotator_assets.tables import open_store
from rotator_assets_tests.commands import complaint, rotators
from rotator_assets_tests.store.test_table_store import roc


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A root with two rows in one table; not to be changed by a test."""
    root = tmp_path_factory.mktemp("root")
    store = open_store(DataRoot(root))
    store.write("roc_curves", "manga-observed-64|thesis", roc(0.25, rows=2))
    return root


@pytest.mark.parametrize("ending", [".csv", ".json", ".parquet", ".fits", ".vot", ".ecsv"])
def test_a_query_is_written_to_the_file_and_one_line_to_the_console(root, tmp_path, ending):
    file = tmp_path / "folder" / f"curve{ending}"
    done = rotators("query", "SELECT threshold, true_positive_rate FROM roc_curves", "-o", file, data=root)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{file}: 2 rows, 2 columns; made from synthetic galaxies\n"
    if ending in (".csv", ".json", ".parquet"):
        assert duckdb.sql(f"SELECT true_positive_rate FROM '{file}'").fetchall() == [(0.25,)] * 2
    else:
        rates = Table.read(file)["true_positive_rate"]
        assert rates.tolist() == [0.25] * 2 and rates.description == "fraction of fast rotators classified as fast"


def test_an_exported_table_is_the_query_of_the_whole_table(root, tmp_path):
    exported = rotators("export", tmp_path / "exported.fits", "--table", "roc_curves", data=root)
    queried = rotators("query", 'FROM "roc_curves"', "--output", tmp_path / "queried.fits", data=root)
    assert (exported.returncode, queried.returncode) == (0, 0), exported.stderr + queried.stderr
    assert (tmp_path / "exported.fits").read_bytes() == (tmp_path / "queried.fits").read_bytes()
    with fits.open(tmp_path / "exported.fits") as hdus:
        assert hdus[1].header["EXTNAME"] == "roc_curves" and hdus[0].header["SYNTHET"] is True
        assert str(root) not in repr(hdus[0].header) + repr(hdus[1].header)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["query", "FROM roc_curves", "-o", "x.xlsx"], "x.xlsx: its ending selects no format; the endings are: .csv,"),
        (["query", "FROM nowhere", "-o", "x.fits"], "nowhere does not exist"),
        (["query", "SELECT 'é' AS x", "-o", "x.fits"], "x.fits: column 'x', row 1: 'é'"),
        (["query", "SELECT 1", "-o", "x.csv", "--format", "csv"], "leave out --format"),
        (["export", "x.fits"], "x.fits: holds one table, which --table names; the tables are: "),
        (["export", "x.fits", "--table", "nowhere"], "there is no table 'nowhere'; the tables are: "),
        (["export", "x.duckdb", "--table", "roc_curves"], "its ending selects no format"),
    ],
)
def test_wrong_usage_is_one_line_and_writes_nothing(root, tmp_path, arguments, message):
    assert message in complaint(rotators(*arguments, data=root, cwd=tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "sql",
    [
        "SET threads=1",
        "CREATE TEMP TABLE x AS SELECT 1",
        "CREATE TEMP VIEW x AS SELECT 1",
        "COPY (SELECT 1) TO 'x.csv'",
    ],
)
def test_a_statement_without_rows_is_no_answer(root, tmp_path, sql):
    done = rotators("query", sql, "-o", "answer.csv", "--allow-files", data=root, cwd=tmp_path)
    assert "query: the statement gives no rows to write; try: FROM galaxies" in complaint(done)
    assert not (tmp_path / "answer.csv").exists()


@pytest.mark.parametrize("command", [["query", "FROM roc_curves", "-o"], ["export", "--table", "roc_curves"]])
def test_the_results_are_no_place_for_a_file(root, command):
    assert "lies in the root's results" in complaint(rotators(*command, root / "results" / "x.fits", data=root))
    assert not (root / "results" / "x.fits").exists()
