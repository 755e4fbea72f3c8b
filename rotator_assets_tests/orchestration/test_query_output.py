"""Query output: valid CSV of every type, and tables for terminals of any width."""

import csv
import io

import duckdb
import pytest
from rich.console import Console

from rotator_assets.orchestration.query_output import as_csv, print_answer
from rotator_assets.orchestration.terminal import print_table


@pytest.fixture
def ask():
    with duckdb.connect() as connection:
        yield connection.sql


def test_every_type_of_duckdb_is_csv_and_a_table(ask, capsys):
    header, least, most, null = csv.reader(io.StringIO(as_csv(ask("FROM test_all_types()")).decode(), newline=""))
    assert len(header) == len(least) == len(most) and set(null) == {""}
    print_answer(ask("FROM test_all_types()"))
    assert "290309-12-22 (BC) 00:00:00" in capsys.readouterr().out


def test_rows_keep_their_order(ask):
    many = "FROM range(300_000) t(n) ORDER BY hash(n)"
    assert [int(line) for line in as_csv(ask(many)).decode().split()[1:]] == [n for (n,) in ask(many).fetchall()]


def test_csv_distinguishes_empty_text_from_null(ask):
    sql = "SELECT '' AS empty, NULL AS none, 'a' || chr(10) || 'b' AS lines, '\"' AS \"quo\"\"te\", [1, NULL] AS list"
    assert as_csv(ask(sql)) == b'empty,none,lines,"quo""te",list\n"",,"a\nb","""","[1, NULL]"\n'


def shown(width: int, columns, rows, **options) -> list[str]:
    """Return the lines of a table on a terminal of this width."""
    console = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None)
    print_table(columns, rows, console=console, **options)
    return console.file.getvalue().splitlines()


WIDE = ([f"column_{n}" for n in range(30)], [[f"value-{n}-{row}" for n in range(30)] for row in range(2)])


@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_table_that_does_not_fit_is_shown_as_records(width):
    lines = shown(width, *WIDE, title="wide")
    assert lines[0] == "wide" and lines[1].startswith("1 of 2 ") and max(map(len, lines)) <= width
    pairs = [line.split() for line in lines[2:32]]
    assert pairs == [[f"column_{n}", f"value-{n}-0"] for n in range(30)]


def test_long_texts_wrap_within_a_table_that_fits():
    reason = " ".join(["no valid lambda_r of any source"] * 3)
    lines = shown(80, ["step", "rows", "reason"], [["label", "12", reason]])
    assert not any(" of 1 " in line for line in lines) and max(map(len, lines)) <= 80
    assert [word for word in " ".join(lines[3:]).split() if word not in ("label", "12")] == reason.split()


def test_a_value_wider_than_the_terminal_is_not_cut():
    lines = shown(40, ["path", "x"], [["/" + "p" * 100, 1]])
    assert "".join(lines).count("p") == 101 and max(map(len, lines)) <= 40


def test_a_wide_table_without_rows_names_its_columns():
    assert " ".join(shown(80, WIDE[0], [])).startswith("no rows; the columns are: column_0, column_1")


def test_without_a_terminal_it_is_always_one_table(ask, capsys):
    print_answer(ask(f"SELECT repeat('x', 20_000) AS long, {', '.join(f'{n} AS c{n}' for n in range(60))}"))
    head, _, row = (line for line in capsys.readouterr().out.splitlines() if line.strip())
    assert "x" * 20_000 in row and head.split() == ["long", *(f"c{n}" for n in range(60))]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("232.544703::DOUBLE", "232.5447"),
        ("0.81296123456", "0.81296123456"),
        ("0.81296123456::DOUBLE", "0.812961"),
        ("-1.2345678e-9::DOUBLE", "-1.23457e-09"),
        ("1234567::DOUBLE", "1234567"),
        ("1e300::DOUBLE", "1e+300"),
        ("'inf'::DOUBLE", "inf"),
        ("true", "true"),
        ("'infinity'::DATE", "infinity"),
    ],
)
def test_numbers_are_shown_with_sensible_digits(ask, capsys, number, text):
    print_answer(ask(f"SELECT {number} AS x"))
    assert capsys.readouterr().out.split()[-1] == text


def test_colours_requested_by_the_shell_stay_out_of_a_pipe(ask, capsys, monkeypatch):
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("COLUMNS", "20")
    print_answer(ask("SELECT 'a long text that needs its room' AS x, 2 AS y"))
    out = capsys.readouterr().out
    assert "\x1b" not in out and "a long text that needs its room   2" in out
