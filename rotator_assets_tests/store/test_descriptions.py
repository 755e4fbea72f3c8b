"""Which columns of an answer are declared ones, and when an answer is synthetic."""

import duckdb
import pytest

from rotator_assets.store.columns import Column, Table, by_name
from rotator_assets.store.descriptions import Description, describe_answer

RA = Column("ra", "DOUBLE", "right ascension", "degrees", ucd="pos.eq.ra")
TABLES = by_name(
    Table(
        "galaxies", "One row per galaxy.", (RA, Column("n", "INTEGER", "galaxies"), Column("synthetic", "BOOLEAN", "?"))
    ),
    Table("images", "One row per image.", (RA, Column("n", "INTEGER", "images"), Column("path", "VARCHAR", "file"))),
    Table("sizes", "Sizes.", (Column("r", "DOUBLE", "radius", "arcsec"), Column("m", "DOUBLE", "size", "mag"))),
    Table(
        "other_sizes", "Sizes.", (Column("r", "DOUBLE", "half-light radius", "arcsec"), Column("m", "DOUBLE", "size"))
    ),
)


@pytest.fixture
def describe():
    """Describe a query of the tables; the galaxies in them are synthetic where ``survey`` is."""
    with duckdb.connect() as connection:
        for table in TABLES.values():
            columns = ", ".join(f"{column.name} {column.type}" for column in table.columns)
            connection.execute(f"CREATE TABLE {table.name} ({columns})")
        connection.execute("INSERT INTO galaxies VALUES (1.5, 2, false), (2.5, 2, true)")

        def description(sql: str) -> Description:
            return describe_answer(connection, sql, connection.sql(sql), TABLES)

        yield description


def told(description: Description) -> dict[str, str]:
    return {name: column.comment for name, column in description.columns.items()}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT ra FROM galaxies",
        "SELECT g.ra FROM GALAXIES g",
        "WITH w AS (FROM galaxies) SELECT ra FROM w",
        "SELECT ra FROM galaxies JOIN images USING (ra)",
        "SELECT ra FROM galaxies UNION ALL SELECT ra FROM images",
        "-- galaxies\nSELECT 1; SELECT max(ra) AS ra FROM galaxies;",
    ],
)
def test_a_column_of_the_tables_read_is_declared(describe, sql):
    assert describe(sql).columns == {"ra": RA}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1.5::DOUBLE AS ra",
        "SELECT 2 * ra AS twice FROM galaxies",
        "SELECT count(ra) AS ra FROM galaxies",
        "SELECT r AS ra FROM sizes",
        "DESCRIBE galaxies",
    ],
)
def test_other_columns_are_not(describe, sql):
    assert describe(sql).columns == {}


def test_the_tables_read_decide_between_meanings(describe):
    assert told(describe("SELECT n FROM galaxies")) == {"n": "galaxies"}
    assert told(describe("SELECT n FROM images")) == {"n": "images"}


def test_where_meanings_or_units_differ_only_what_agrees_is_kept(describe):
    found = describe("SELECT s.r, s.m FROM sizes s, other_sizes").columns
    assert [(c.meaning, c.unit) for c in found.values()] == [("", "arcsec"), ("", "")]


def test_all_columns_of_one_table_have_its_name_and_comment(describe):
    for sql in ("FROM galaxies", "SELECT * FROM galaxies WHERE ra > 2"):
        described = describe(sql)
        assert (described.name, described.comment) == ("galaxies", "One row per galaxy.")
    described = describe("SELECT path FROM galaxies, images")
    assert (described.name, described.comment) == ("query", "Answer to a query of galaxies, images.")
    assert describe("SELECT 1").comment == ""


@pytest.mark.parametrize(
    ("sql", "synthetic"),
    [
        ("FROM galaxies", True),
        ("SELECT ra FROM galaxies", True),
        ("SELECT max(ra) FROM images WHERE ra IN (SELECT ra FROM galaxies)", True),
        ("PIVOT galaxies ON n USING sum(ra)", True),
        ("SELECT ra, synthetic FROM galaxies WHERE ra < 2", False),
        ("FROM galaxies WHERE false", False),
        ("FROM images", False),
        ("SELECT true AS synthetic", True),
        ("SELECT 'true' AS synthetic", False),
        ("CREATE TEMP TABLE x AS FROM galaxies; SELECT ra FROM x", True),
        ("CREATE TEMP VIEW x AS FROM galaxies; SELECT ra FROM x", True),
        ("CREATE TEMP TABLE galaxies AS SELECT ra FROM galaxies; FROM galaxies", True),
        ("CREATE TEMP TABLE x AS FROM images; SELECT ra FROM x", False),
        ("SELECT NULL::BOOLEAN AS synthetic, ra FROM galaxies", True),
        ("SELECT NULL::BOOLEAN AS synthetic, ra FROM images", False),
    ],
)
def test_an_answer_is_synthetic_if_its_rows_or_the_tables_read_are(describe, sql, synthetic):
    assert describe(sql).synthetic is synthetic
