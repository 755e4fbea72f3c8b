"""Rows as JSON: valid for every type, with every digit, one record per line."""

import json

import duckdb
import pytest

from rotator_assets.store.json_text import as_json


@pytest.fixture
def ask():
    with duckdb.connect() as connection:
        yield connection.sql


def no_constant(name: str):
    raise AssertionError(f"{name} is not JSON")


def records(relation) -> list[dict]:
    return json.loads(as_json(relation), parse_constant=no_constant)


def value(ask, expression: str):
    """Return the value of an expression in JSON."""
    return records(ask(f"SELECT {expression} AS x"))[0]["x"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("[1.0::DOUBLE, 'nan'::DOUBLE, 'inf'::DOUBLE, NULL]", [1.0, None, None, None]),
        ("['-inf'::FLOAT, 2]::FLOAT[2]", [None, 2.0]),
        ("{'a': 'nan'::DOUBLE, 'b': ['-inf'::DOUBLE]}", {"a": None, "b": [None]}),
        ("MAP {'k': 'inf'::DOUBLE}", {"k": None}),
        ("MAP {'nan'::DOUBLE: 1}", {"nan": 1}),
        ("MAP {DATE '2020-01-02': [1]}", {"2020-01-02": [1]}),
        ("MAP {[1, 2]: 3}", {"[1, 2]": 3}),
        ("union_value(score := 'nan'::DOUBLE)", {"score": None}),
        ("'nan'::FLOAT", None),
        ("[' NaN \" -Infinity \\', 'NaN']", [' NaN " -Infinity \\', "NaN"]),
        ("'{\"a\": [1, NaN]}'::JSON", {"a": [1, None]}),
        ("'NULL'", "NULL"),
        ("170141183460469231731687303715884105727", 170141183460469231731687303715884105727),
        ("1.50::DECIMAL(5, 2)", 1.5),
        ("'\\xAA\\x00b'::BLOB", "\\xAA\\x00b"),
        ("'101'::BIT", "101"),
        ("'infinity'::DATE", "infinity"),
        ("DATE '0044-03-15 (BC)'", "0044-03-15 (BC)"),
        ("TIMESTAMPTZ '2020-01-02 03:04:05.678+00'", "2020-01-02 03:04:05.678+00"),
        ("INTERVAL '1 month 2 days'", "1 month 2 days"),
        ("'a'::ENUM('a', 'b')", "a"),
        ("'00000000-0000-0000-0000-00000000000f'::UUID", "00000000-0000-0000-0000-00000000000f"),
        ("chr(0) || chr(27) || chr(8232) || '\U0001f600\"'", '\0\x1b\u2028\U0001f600"'),
        ("[]", []),
        ("NULL", None),
    ],
)
def test_json_has_the_value_or_null(ask, expression, expected):
    assert value(ask, expression) == expected


def test_json_has_variants(ask):
    assert value(ask, "{'a': [1, 'nan'::DOUBLE]}::VARIANT") == {"a": [1.0, None]}


def test_json_keeps_every_digit(ask):
    assert "12345678901234567890.123456789012345678" in as_json(
        ask("SELECT 12345678901234567890.123456789012345678::DECIMAL(38, 18) AS x")
    )


def test_every_type_of_duckdb_is_json(ask):
    relation = ask("FROM test_all_types()")
    assert len(relation.columns) > 50
    least, most, null = records(relation)
    assert list(least) == list(most) == list(null) == relation.columns
    assert set(null.values()) == {None}
    assert most["double_array"] == [42.0, None, None, None, None, -42.0]
    assert least["hugeint"] == -(2**127)


def test_all_column_names_are_valid_keys(ask):
    assert records(ask("""SELECT 1 AS "a ""b"" \\ é", 2 AS "A", 3 AS a""")) == [{'a "b" \\ é': 1, "A": 2, "a": 3}]


def test_no_rows_are_an_empty_list(ask):
    assert as_json(ask("SELECT 1 AS a WHERE false")) == "[]\n"


def test_rows_keep_their_order(ask):
    many = "FROM range(300_000) t(n) ORDER BY hash(n)"
    order = [n for (n,) in ask(many).fetchall()]
    assert [row["n"] for row in records(ask(many))] == order
