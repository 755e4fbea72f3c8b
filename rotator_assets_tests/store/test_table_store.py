"""Tables: types and NULLs, atomic writes, open sessions, older schemas, and export."""

import multiprocessing
import subprocess
import sys
import time
from dataclasses import replace

import duckdb
import numpy as np
import pandas as pd
import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.core.files import replacing
from rotator_assets.store.frame_content import content_hash
from rotator_assets.store.sessions import interruptible
from rotator_assets.tables import TABLES, open_store


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store with three tables, whose views are created fast."""
    for name in set(TABLES) - {"galaxies", "match_report", "roc_curves"}:
        monkeypatch.delitem(TABLES, name)
    return open_store(DataRoot(tmp_path))


def roc(value: float, rows: int = 3, recipe: str = "thesis") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "dataset": "manga-observed-64",
            "recipe": recipe,
            "false_positive_rate": np.full(rows, value),
            "true_positive_rate": np.full(rows, value),
            "threshold": np.full(rows, np.nan),
            "synthetic": True,
        }
    )


def test_values_types_and_nulls_survive_a_round_trip(store):
    frame = pd.DataFrame(
        {
            "survey": ["manga", "manga"],
            "step_number": [1, 2],
            "step": ["a", None],
            "rows_in": [3, 4],
            "rows_out": [1.0, np.nan],
            "rows_dropped": pd.array([2, None], dtype="Int64"),
            "reason": ["because", None],
            "synthetic": [False, True],
        }
    )
    store.write("match_report", "manga", frame)
    rows = store.query("FROM match_report").to_dict("records")
    assert rows[0] == frame.iloc[0].to_dict()
    missing = store.query("SELECT count(*) AS n FROM match_report WHERE rows_out IS NULL AND rows_dropped IS NULL")
    assert missing["n"][0] == 1


def test_nan_is_null_not_a_number_greater_than_all_others(store):
    store.write("roc_curves", "manga-observed-64|thesis", roc(0.5))
    assert store.query("SELECT max(threshold) AS top FROM roc_curves")["top"].isna().all()


def test_a_missing_column_is_refused_by_name_and_leaves_the_old_partition(store):
    store.write("roc_curves", "k", roc(0.5))
    with pytest.raises(KeyError, match="threshold"):
        store.write("roc_curves", "k", roc(0.7).drop(columns="threshold"))
    assert store.query("SELECT DISTINCT true_positive_rate AS v FROM roc_curves")["v"].tolist() == [0.5]


def test_every_table_and_column_has_a_comment_in_the_database(tmp_path):
    store = open_store(DataRoot(tmp_path))
    store.publish()
    with duckdb.connect(str(store.root.database), read_only=True) as connection:
        views = connection.sql("SELECT view_name, comment FROM duckdb_views() WHERE NOT internal").fetchall()
        columns = connection.sql(
            "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal"
        ).fetchall()
    assert {name for name, _ in views} == set(TABLES)
    assert all(comment for _, comment in views)
    assert {(t, c) for t, c, _ in columns} == {(t.name, c.name) for t in TABLES.values() for c in t.columns}
    assert all(comment for _, _, comment in columns)


def test_promised_columns_are_there():
    promised = {
        "galaxies": "survey galaxy_id object_id ra dec redshift t_type axis_ratio ellipticity r_eff_arcsec sersic_n "
        "log_mass lambda_r lambda_r_error lambda_r_source synthetic",
        "labeled_galaxies": "survey galaxy_id spin_threshold rotator_type is_early_type",
        "early_type_galaxies": "survey galaxy_id spin_threshold rotator_type is_early_type",
        "match_report": "survey step rows_in rows_out rows_dropped reason",
        "images": "dataset galaxy_id object_id path usable reason",
        "predictions": "dataset recipe galaxy_id object_id fold probability_fast rotator_type predicted_type",
        "model_metrics": "dataset recipe n_galaxies n_slow auc auc_low auc_high optimal_threshold device seconds "
        "run_id",
        "roc_curves": "dataset recipe false_positive_rate true_positive_rate threshold",
        "training_history": "dataset recipe fold epoch loss val_loss val_auc",
        "attributions": "dataset recipe galaxy_id completeness_error fraction_within_half_light",
    }
    for table, columns in promised.items():
        assert set(columns.split()) <= set(TABLES[table].column_names), table


def test_an_open_session_sees_the_new_partition_and_blocks_nobody(store):
    store.write("roc_curves", "k", roc(0.25))
    store.publish()
    with duckdb.connect(str(store.root.database)) as session:  # read-write, like the duckdb command
        ask = "SELECT DISTINCT true_positive_rate FROM roc_curves"
        assert session.sql(ask).fetchall() == [(0.25,)]
        store.write("roc_curves", "k", roc(0.75, rows=500))
        store.publish()
        assert session.sql(ask).fetchall() == [(0.75,)]
        assert store.query("SELECT count(*) AS n FROM roc_curves")["n"][0] == 500


def test_a_running_query_survives_a_replaced_partition(store):
    store.write("roc_curves", "k", roc(0.25, rows=300_000))
    with store.connect() as session:
        reader = session.execute("SELECT true_positive_rate FROM roc_curves")
        seen = len(reader.fetchmany(10))
        store.write("roc_curves", "k", roc(0.75, rows=5))
        while rows := reader.fetchmany(50_000):
            seen += len(rows)
    assert seen == 300_000


def test_an_interrupt_during_a_query_is_an_interrupt():
    """DuckDB turns it into an error like any other, and a run would go on."""
    with pytest.raises(KeyboardInterrupt), interruptible():
        raise RuntimeError("Query interrupted")
    with pytest.raises(RuntimeError, match="something else"), interruptible():
        raise RuntimeError("something else")


def test_a_partition_that_becomes_empty_is_empty(store):
    store.write("roc_curves", "k", roc(0.5))
    store.write("roc_curves", "k", roc(0.5, rows=0))
    assert store.query("FROM roc_curves").empty and store.read("roc_curves", "k").empty
    assert store.partitions("roc_curves") == ["k"]


def test_superseded_files_are_removed_once_no_query_can_need_them(store, monkeypatch):
    for turn in range(3):
        store.write("roc_curves", "k", roc(turn / 10))
    folder = store.root.tables / "roc_curves"
    assert len(list(folder.glob("k.*.parquet"))) == 3  # all are recent
    monkeypatch.setattr("rotator_assets.store.table_store.SUPERSEDED_SECONDS", -1.0)
    store.write("roc_curves", "k", roc(0.9))
    assert len(list(folder.glob("k.*.parquet"))) == 2  # the new one and the one it has superseded
    assert store.query("SELECT DISTINCT true_positive_rate AS v FROM roc_curves")["v"].tolist() == [0.9]


def test_a_newer_write_wins_after_the_clock_was_set_back_by_a_year(store, monkeypatch):
    store.write("roc_curves", "k", roc(0.25))
    year_ago = time.time_ns() - 365 * 86_400 * 10**9
    monkeypatch.setattr("rotator_assets.store.table_store.time.time_ns", lambda: year_ago)
    store.write("match_report", "k", pd.DataFrame(columns=TABLES["match_report"].column_names))
    assert store.newest_version(["match_report"]) > store.newest_version(["roc_curves"])
    store.write("roc_curves", "k", roc(0.75))
    assert store.newest_version(["roc_curves"]) > store.newest_version(["match_report"])
    assert store.query("SELECT DISTINCT true_positive_rate AS v FROM roc_curves")["v"].tolist() == [0.75]
    store.write("roc_curves", "other", roc(0.5, recipe="log"))
    monkeypatch.undo()
    store.write("roc_curves", "other", roc(1.0, recipe="log"))
    assert store.read("roc_curves", "other")["true_positive_rate"].tolist() == [1.0] * 3


def test_a_damaged_version_is_found_and_goes_with_the_next_write(store):
    store.write("roc_curves", "k", roc(0.25))
    (file,) = store.latest_files("roc_curves").values()
    assert store.damaged() == []
    for content in (b"", b"PAR1", file.read_bytes()[:-1], b"X" + file.read_bytes()[1:]):
        file.write_bytes(content)
        assert store.damaged() == [file]
    store.write("roc_curves", "k", roc(0.75))
    assert not file.exists() and store.damaged() == []
    assert store.query("SELECT DISTINCT true_positive_rate AS v FROM roc_curves")["v"].tolist() == [0.75]


def test_history_is_never_replaced_and_new_keys_add_rows(store):
    assert store.keep("roc_curves", "d|thesis.training-1", roc(0.25))
    assert not store.keep("roc_curves", "d|thesis.training-1", roc(0.75, rows=9))
    assert store.query("SELECT true_positive_rate AS v FROM roc_curves")["v"].tolist() == [0.25] * 3
    assert store.keep("roc_curves", "d|thesis.training-2", roc(0.5))
    assert store.partitions("roc_curves") == ["d|thesis.training-1", "d|thesis.training-2"]
    assert sorted(store.query("SELECT DISTINCT true_positive_rate AS v FROM roc_curves")["v"]) == [0.25, 0.5]
    assert store.read("roc_curves", "d|thesis.training-1")["true_positive_rate"].tolist() == [0.25] * 3


def test_history_needs_every_column(store):
    with pytest.raises(KeyError, match="threshold"):
        store.keep("roc_curves", "k", roc(0.7).drop(columns="threshold"))
    assert store.partitions("roc_curves") == []


@pytest.fixture
def written_with_an_older_schema(store, monkeypatch):
    """The store with rows of roc_curves written before it had ``threshold``, and the database of that time."""
    now = TABLES["roc_curves"]
    then = replace(now, columns=tuple(column for column in now.columns if column.name != "threshold"))
    with monkeypatch.context() as patch:
        patch.setitem(TABLES, "roc_curves", then)
        store.write("roc_curves", "k", roc(0.25, rows=2))
        store.publish()
        assert "threshold" not in store.read("roc_curves", "k")
    return store


def test_rows_of_an_older_schema_are_read_with_null_in_the_new_column(written_with_an_older_schema):
    store = written_with_an_older_schema
    rows = store.read("roc_curves", "k")
    assert rows["true_positive_rate"].tolist() == [0.25, 0.25]
    assert rows["threshold"].isna().tolist() == [True, True]


def test_rows_of_an_older_schema_are_queried_with_null_in_the_new_column(written_with_an_older_schema):
    ask = "SELECT recipe, threshold FROM roc_curves"
    assert written_with_an_older_schema.query(ask).to_dict("list") == {
        "recipe": ["thesis"] * 2,
        "threshold": pytest.approx([np.nan] * 2, nan_ok=True),
    }


def test_the_database_shows_rows_of_older_and_current_schemas(written_with_an_older_schema):
    store = written_with_an_older_schema
    store.write("roc_curves", "new", roc(0.75, rows=1).assign(threshold=0.5))
    store.publish()
    with duckdb.connect(str(store.root.database), read_only=True) as connection:
        rows = connection.sql("SELECT true_positive_rate, threshold FROM roc_curves ORDER BY ALL").fetchall()
    assert rows == [(0.25, None), (0.25, None), (0.75, 0.5)]


def test_reading_one_table_makes_no_files_of_others(store):
    store.write("roc_curves", "k", roc(0.5))
    store.read("roc_curves", "k")
    assert [folder.name for folder in store.root.tables.iterdir()] == ["roc_curves"]
    empty = next(store.root.tables.glob("roc_curves/_schema-*.parquet"))
    before = empty.stat().st_ino
    assert store.query("SELECT count(*) AS n FROM match_report, roc_curves")["n"].tolist() == [0]
    assert {folder.name for folder in store.root.tables.iterdir()} == {"roc_curves", "match_report"}
    assert empty.stat().st_ino == before


def _write_often(root, recipe: str) -> None:
    store = open_store(DataRoot(root))
    for turn in range(20):
        store.write("roc_curves", f"d|{recipe}", roc(turn / 100, rows=1 + turn, recipe=recipe))
        store.publish()


def test_concurrent_writers_lose_nothing_and_queries_see_whole_partitions(store):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_often, args=(store.root.path, recipe)) for recipe in ("a", "b")]
    for writer in writers:
        writer.start()
    torn, gone, seen = 0, 0, set()
    while any(writer.is_alive() for writer in writers):
        rows = store.query(
            "SELECT recipe, count(DISTINCT true_positive_rate) AS v, count(*) AS n, max(true_positive_rate) AS top "
            "FROM roc_curves GROUP BY recipe"
        )
        torn += int(((rows["v"] != 1) | (rows["n"] != (rows["top"] * 100).round() + 1)).sum())
        gone += len(seen - set(rows["recipe"]))
        seen |= set(rows["recipe"])
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert (torn, gone) == (0, 0)
    counts = store.query("SELECT recipe, count(*) AS n FROM roc_curves GROUP BY recipe ORDER BY recipe")
    assert counts.to_dict("list") == {"recipe": ["a", "b"], "n": [20, 20]}


@pytest.mark.parametrize(
    "query",
    ["SELECT count(*) FROM roc_curves", "FROM roc_curves ORDER BY threshold LIMIT 3", "SELECT recipe FROM roc_curves"],
)
def test_a_query_lists_the_files_of_a_table_once(store, query):
    """A second list might be of another moment, at which a partition has another version."""
    store.write("roc_curves", "k", roc(0.5))
    store.publish()
    with duckdb.connect(str(store.root.database), read_only=True) as connection:
        ((_, plan),) = connection.execute(f"EXPLAIN {query}").fetchall()
    assert plan.upper().count("READ_PARQUET") == 1


def test_the_duckdb_file_works_in_another_process_from_another_folder(store, tmp_path):
    store.write("roc_curves", "k", roc(0.5, rows=7))
    store.publish()
    code = (
        f"import duckdb; print(duckdb.connect({str(store.root.database)!r}, read_only=True)"
        ".sql('SELECT count(*) FROM roc_curves').fetchall()[0][0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd="/", check=True)
    assert done.stdout.strip() == "7"


def test_publishing_replaces_the_file_only_for_new_views(store, tmp_path):
    store.publish()
    before = store.root.database.stat().st_ino
    store.publish()
    assert store.root.database.stat().st_ino == before
    moved = DataRoot(tmp_path / "elsewhere" / "root")
    moved.path.parent.mkdir()
    store.write("roc_curves", "k", roc(0.5))
    content = list(store.root.path.iterdir())
    moved.path.mkdir()
    for item in content:
        if item.name != "elsewhere":
            item.rename(moved.path / item.name)
    open_store(moved).publish()
    with duckdb.connect(str(moved.database), read_only=True) as connection:
        assert connection.sql("SELECT count(*) FROM roc_curves").fetchall() == [(3,)]


def test_a_foreign_file_in_the_databases_place_is_replaced(store, tmp_path):
    store.publish()
    store.export(tmp_path / "other.duckdb")
    (tmp_path / "other.duckdb").replace(store.root.database)
    store.publish()
    with duckdb.connect(str(store.root.database), read_only=True) as connection:
        assert connection.sql("SELECT count(*) FROM duckdb_views() WHERE NOT internal").fetchall() == [(len(TABLES),)]


def test_export_is_self_contained(store, tmp_path):
    store.write("roc_curves", "k", roc(0.5))
    target = tmp_path / "all.duckdb"
    rows = store.export(target)
    assert rows["roc_curves"] == 3 and set(rows) == set(TABLES)
    for path in store.root.tables.rglob("*.parquet"):
        path.unlink()
    with duckdb.connect(str(target), read_only=True) as connection:
        assert connection.sql("SELECT count(*) FROM roc_curves").fetchall() == [(3,)]
        assert connection.sql("SELECT comment FROM duckdb_tables() WHERE table_name = 'roc_curves'").fetchall()[0][0]


def test_export_to_a_place_that_cannot_be_written_says_so(store, tmp_path):
    store.write("roc_curves", "k", roc(0.5))
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(InputError, match="cannot be written"):
        store.export(tmp_path / "file" / "x.duckdb")


def test_several_partitions_are_read_in_the_order_given_with_their_rows_in_order(store):
    for recipe, first in (("a", 0.1), ("b", 0.5), ("c", 0.9)):
        rows = roc(first, recipe=recipe)
        store.write("roc_curves", recipe, rows.assign(true_positive_rate=first - np.arange(3) / 100))
    store.write("roc_curves", "empty", roc(0.0, rows=0))
    wanted = ["c", "empty", "a"]
    each = [store.read("roc_curves", key) for key in wanted if key != "empty"]
    pd.testing.assert_frame_equal(store.read_several("roc_curves", wanted), pd.concat(each, ignore_index=True))
    assert store.read_several("roc_curves", []).empty
    with pytest.raises(KeyError, match="none"):
        store.read_several("roc_curves", ["a", "none"])


def test_reading_a_missing_partition_says_what_to_do(store):
    with pytest.raises(FileNotFoundError, match="materialize"):
        store.read("galaxies", "manga")


def test_replacing_keeps_the_old_file_when_the_block_fails(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), replacing(target) as temporary:
        temporary.write_text("new, but half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_content_hash_depends_on_values_and_names_only():
    frame = roc(0.5)
    assert content_hash(frame) == content_hash(frame.set_axis([7, 8, 9]))
    assert content_hash(frame) != content_hash(frame.rename(columns={"threshold": "limit"}))
    assert content_hash(frame) != content_hash(roc(0.6))
