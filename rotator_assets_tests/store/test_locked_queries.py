"""SQL of others: it reads the tables, and neither reads nor writes any other file."""

import json

import duckdb
import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.orchestration.answers import answering, write_answer
from rotator_assets.store import locked_queries
from rotator_assets.store.table_store import TableStore
from rotator_assets.tables import TABLES
from rotator_assets_tests.commands import complaint, rotators
from rotator_assets_tests.store.test_table_store import roc

SECRET = "do-not-read-me"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder with a data root of one table, a secret next to it, and links from the tables to the secret."""
    folder = tmp_path_factory.mktemp("world")
    (folder / "secret.csv").write_text(f"a\n{SECRET}\n")
    store = TableStore(DataRoot(folder / "root"), {"roc_curves": TABLES["roc_curves"]})
    store.write("roc_curves", "manga-observed-64|thesis", roc(0.25, rows=2))
    store.connect().close()  # writes what all views need
    (store.root.tables / "link.csv").symlink_to(folder / "secret.csv")
    (store.root.tables / "outside").symlink_to(folder)
    return folder


@pytest.fixture
def store(world):
    return TableStore(DataRoot(world / "root"), {"roc_curves": TABLES["roc_curves"]})


def contents(folder) -> dict:
    return {str(path): hash(path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


def outcome(store, sql, tmp_path, monkeypatch) -> str:
    """Rows or message of a query that runs in an empty folder; it must leave no file there."""
    monkeypatch.chdir(tmp_path)
    try:
        with answering(store, sql) as answer:
            text = str(answer.rows.fetchall()) if answer.rows else ""
    except InputError as error:
        text = str(error)
        assert "\n" not in text
    assert not list(tmp_path.iterdir())
    return text


SELECTED_COPY = "WITH a AS (COPY (SELECT 1) TO '{tables}/evil.csv') FROM a"
"""DuckDB takes it for a SELECT."""

READS_A_FILE = [
    "FROM '{secret}'",
    "FROM read_csv('{secret}')",
    "FROM read_text('{secret}')",
    "FROM read_blob('{secret}')",
    "FROM read_json('{secret}')",
    "FROM read_parquet('{secret}')",
    "FROM parquet_metadata('{secret}')",
    "FROM sniff_csv('{secret}')",
    "FROM glob('{world}/*')",
    "FROM read_text('{tables}/link.csv')",
    "FROM read_text('{tables}/outside/secret.csv')",
    "FROM read_text('{tables}/../../../secret.csv')",
    "FROM read_text('file://{secret}')",
    "FROM read_csv('/etc/passwd')",
    "FROM '/etc/passwd'",
    "FROM '~/.bashrc'",
    "FROM read_csv('/dev/stdin')",
    "FROM read_csv('https://example.org/x.csv')",
    "FROM 's3://bucket/x.parquet'",
    "SELECT (SELECT content FROM read_text('{secret}'))",
    "FROM query('FROM read_text(''{secret}'')')",
    "EXPLAIN ANALYZE FROM read_text('{secret}')",
    "SUMMARIZE FROM read_csv('{secret}')",
    "SELECT 1; FROM read_text('{secret}')",
    "FROM duckdb_extensions()",
    "FROM enable_logging(storage = 'file', storage_config = {{'path': '{world}/log'}})",
    SELECTED_COPY,
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{tables}/evil.csv'",
    "COPY (PIVOT roc_curves ON threshold) TO '{tables}/evil.csv'",
]
OTHER_STATEMENTS = [
    "COPY (SELECT 1) TO '{tables}/evil.csv'",
    "COPY roc_curves FROM '{secret}'",
    "COPY FROM DATABASE memory TO x",
    "SELECT 1; COPY (SELECT 1) TO 'evil.csv'",
    "WITH a AS (FROM roc_curves) INSERT INTO b FROM a",
    "ATTACH '{world}/evil.db'",
    "DETACH memory",
    "USE memory",
    "INSTALL httpfs",
    "LOAD httpfs",
    "UPDATE EXTENSIONS",
    "SET allowed_directories = ['/']",
    "SET VARIABLE x = 1",
    "RESET lock_configuration",
    "PRAGMA enable_profiling = 'json'",
    "PRAGMA profiling_output = '{world}/evil'",
    "PRAGMA database_list",
    "EXPORT DATABASE '{world}/evil'",
    "IMPORT DATABASE '{world}/evil'",
    "PREPARE p AS COPY (SELECT 1) TO 'evil.csv'",
    "EXECUTE p",
    "CALL pragma_version()",
    "CHECKPOINT",
    "CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')",
    "CREATE TABLE t AS SELECT 1",
    "CREATE MACRO m() AS 1",
    "INSERT INTO roc_curves VALUES (1)",
    "UPDATE roc_curves SET threshold = 1",
    "DELETE FROM roc_curves",
    "DROP VIEW roc_curves",
    "ALTER TABLE roc_curves ADD COLUMN x INTEGER",
    "VACUUM",
    "BEGIN",
]


@pytest.mark.parametrize("sql", READS_A_FILE + OTHER_STATEMENTS)
def test_what_is_not_allowed_is_one_line_and_changes_nothing(world, store, tmp_path, monkeypatch, sql):
    before = contents(world)
    sql = sql.format(world=world, secret=world / "secret.csv", tables=store.root.tables)
    text = outcome(store, sql, tmp_path, monkeypatch)
    assert text.startswith("query: ") and "--allow-files" in text and SECRET not in text
    assert contents(world) == before


@pytest.mark.parametrize(
    "sql",
    [
        "FROM duckdb_secrets()",
        "SELECT getenv('HOME')",
        "FROM contents",  # a Python variable
        "FROM json_execute_serialized_sql('{serialized}')",
    ],
)
def test_nothing_of_the_machine_is_seen_or_changed(world, store, tmp_path, monkeypatch, sql):
    before = contents(world)
    copy = SELECTED_COPY.format(tables=store.root.tables)
    serialized = duckdb.execute("SELECT json_serialize_sql(?::VARCHAR)", [copy]).fetchall()[0][0]
    text = outcome(store, sql.format(serialized=serialized.replace("'", "''")), tmp_path, monkeypatch)
    assert text == "[]" or text.startswith("query: ")
    assert contents(world) == before and json.loads(serialized)["error"] is False


@pytest.mark.parametrize(
    ("sql", "answer"),
    [
        ("SELECT max(true_positive_rate) FROM roc_curves", "[(0.25,)]"),
        ("FROM ROC_Curves SELECT count(*)", "[(2,)]"),
        ('WITH a AS (FROM "roc_curves") SELECT count(*) FROM a -- all', "[(2,)]"),
        ("VALUES (1); SELECT 2;", "[(2,)]"),
        ("SHOW TABLES", "[('roc_curves',)]"),
        ("SELECT column_name FROM (DESCRIBE roc_curves) LIMIT 1", "[('dataset',)]"),
        ("SELECT count FROM (SUMMARIZE roc_curves) LIMIT 1", "[(2,)]"),
        ("PIVOT (SELECT recipe, 1 AS x FROM roc_curves) ON recipe USING sum(x)", "[(2,)]"),
        ("UNPIVOT (SELECT 1 AS a) ON a", "[('a', 1)]"),
        ("SELECT comment IS NULL FROM duckdb_columns() WHERE column_name = 'threshold'", "[(False,)]"),
        ("SELECT TABLE_COMMENT IS NULL FROM Information_Schema.tables", "[(False,)]"),
        ("SELECT count(*) > 3 FROM pg_description", "[(True,)]"),
        ("FROM query_table('roc_curves') SELECT count(*)", "[(2,)]"),
    ],
)
def test_every_way_to_read_the_tables_works(store, tmp_path, monkeypatch, sql, answer):
    assert outcome(store, sql, tmp_path, monkeypatch) == answer


@pytest.mark.parametrize("sql", ["DESCRIBE roc_curves", "EXPLAIN FROM roc_curves", "EXPLAIN ANALYZE FROM roc_curves"])
def test_descriptions_and_plans_work(store, tmp_path, monkeypatch, sql):
    text = outcome(store, sql, tmp_path, monkeypatch)
    assert "dataset" in text or "_plan" in text


def test_a_sort_larger_than_memory_uses_the_folder_of_the_query(store, monkeypatch):
    small = ("memory_limit = '20MB'", "threads = 1", *locked_queries._SETTINGS)
    monkeypatch.setattr(locked_queries, "_SETTINGS", small)
    with answering(store, "FROM range(2_000_000) t(n) ORDER BY hash(n) LIMIT 1_000_000") as answer:
        assert answer.rows.aggregate("count(*)").fetchall() == [(1_000_000,)]


def test_a_table_that_is_a_link_out_of_the_tables_is_refused(store, tmp_path):
    other = TableStore(DataRoot(tmp_path), store.tables)
    other.write("roc_curves", "a|b", roc(0.5))
    (path,) = other.latest_files("roc_curves").values()
    path.rename(tmp_path / "elsewhere.parquet")
    path.symlink_to(tmp_path / "elsewhere.parquet")
    with pytest.raises(InputError, match=r"link out of the folder of tables; --allow-files follows it"):
        write_answer(other, "FROM roc_curves", tmp_path / "x.csv")
    assert write_answer(other, "FROM roc_curves", tmp_path / "x.csv", allow_files=True).startswith(str(tmp_path))


def test_the_option_allows_files_and_statements(world, tmp_path):
    sql = f"COPY (FROM read_csv('{world}/secret.csv')) TO 'copy.csv'"
    assert "COPY is not allowed" in complaint(rotators("query", sql, data=world / "root", cwd=tmp_path))
    assert rotators("query", sql, "--allow-files", data=world / "root", cwd=tmp_path).returncode == 0
    assert (tmp_path / "copy.csv").read_text() == f"a\n{SECRET}\n"
