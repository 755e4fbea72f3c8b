"""Database files open in the lowest DuckDB version that pyproject.toml allows, and the code runs with it."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from rotator_assets.core.data_root import DataRoot
from rotator_assets.store.table_store import STORAGE_VERSION
from rotator_assets.tables import TABLES, open_store
from rotator_assets_tests.programs import users_variables

PROJECT = Path(__file__).parents[2]

COUNTS = """
import sys, duckdb
with duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "read-only") as connection:
    names = connection.sql("SELECT table_name FROM duckdb_columns() WHERE NOT internal GROUP BY 1").fetchall()
    comments = connection.sql("SELECT count(*) - count(comment) FROM duckdb_columns() WHERE NOT internal").fetchall()
    print(duckdb.__version__, comments[0][0])
    for (name,) in names:
        print(name, len(connection.sql(f'FROM "{name}"').fetchall()))
"""
WORKS = """
import sys
from pathlib import Path
import duckdb
from rotator_assets.core.data_root import DataRoot
from rotator_assets.orchestration.answers import write_answer
from rotator_assets.orchestration.query_output import as_csv
from rotator_assets.store.json_text import as_json
from rotator_assets.tables import open_store
from rotator_assets_tests.store.test_table_store import roc
store = open_store(DataRoot(Path(sys.argv[1])))
store.write("roc_curves", "k", roc(0.25, rows=2))
store.publish()
store.export(store.root.path / "all.duckdb")
with store.connect() as connection:
    answer = connection.sql("SELECT true_positive_rate AS x, ['nan'::DOUBLE] AS y FROM roc_curves LIMIT 1")
    print(duckdb.__version__, as_json(answer).strip(), as_csv(answer), store.read("roc_curves", "k").shape[0])
for ending in (".csv", ".json", ".parquet", ".fits", ".vot", ".ecsv"):
    file = store.root.path / f"curve{ending}"
    print(write_answer(store, "FROM roc_curves", file).removeprefix(f"{file}: "))
    print(write_answer(store, "PIVOT roc_curves ON threshold USING max(true_positive_rate)", file).split("; ")[1])
"""


@pytest.fixture(scope="session")
def lowest_version() -> str:
    """The lowest version of DuckDB that the project allows."""
    dependencies = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["dependencies"]
    (duckdb,) = (r for r in map(Requirement, dependencies) if r.name == "duckdb")
    (bound,) = (s.version for s in duckdb.specifier if s.operator == ">=")
    return bound if bound.count(".") == 2 else f"{bound}.0"


@pytest.fixture(scope="session")
def run_with_lowest(lowest_version, tmp_path_factory):
    """Run Python code with the lowest DuckDB; skip where it cannot be installed."""
    folder = tmp_path_factory.mktemp("lowest-duckdb")
    uv = shutil.which("uv") or shutil.which("uv", path=str(PROJECT / ".uv" / "bin"))
    pip = [uv, "pip", "install", "--python", sys.executable] if uv else [sys.executable, "-m", "pip", "install"]
    command = [*pip, "--quiet", "--no-deps", "--target", str(folder), f"duckdb=={lowest_version}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=users_variables())
    if done.returncode:
        pytest.skip(f"DuckDB {lowest_version} cannot be had here: {done.stderr.strip().splitlines()[-1]}")

    def run(code: str, *arguments) -> list[str]:
        paths = os.pathsep.join([str(folder), str(PROJECT)])
        command = [sys.executable, "-c", code, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": paths})
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run


def test_files_are_written_for_the_lowest_version_allowed(lowest_version):
    assert f"v{lowest_version}" == STORAGE_VERSION


@pytest.mark.chain
@pytest.mark.parametrize("access", ["read-only", "read and write"])
@pytest.mark.parametrize("file", ["rotators.duckdb", "all.duckdb"])
def test_the_lowest_version_reads_every_table(finished_root, tmp_path, run_with_lowest, lowest_version, file, access):
    store = open_store(DataRoot(finished_root))
    if file == "all.duckdb":
        store.export(tmp_path / file)
    else:
        shutil.copy2(store.root.database, tmp_path / file)
    head, *counts = run_with_lowest(COUNTS, tmp_path / file, access)
    assert head == f"{lowest_version} 0"  # no column without a comment
    expected = {name: len(store.query(f'FROM "{name}"')) for name in TABLES}
    assert {name: int(rows) for name, rows in map(str.split, counts)} == expected
    assert sum(expected.values()) > 1_000


def test_tables_are_written_and_queried_with_the_lowest_version(tmp_path, run_with_lowest, lowest_version):
    line, *files = run_with_lowest(WORKS, tmp_path)
    assert line == f"""{lowest_version} [{{"x": 0.25, "y": [null]}}] b'x,y\\n0.25,[nan]\\n' 2"""
    assert files == ["2 rows, 6 columns; made from synthetic galaxies", "made from synthetic galaxies"] * 6
    assert len(open_store(DataRoot(tmp_path)).query("FROM roc_curves")) == 2
