"""Files for other programs: values, NULL, units and descriptions in every format, and what a format cannot hold."""

import shutil
import subprocess
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.io.votable import parse
from astropy.table import Table

from rotator_assets.core.errors import InputError
from rotator_assets.orchestration.query_output import as_csv
from rotator_assets.store.astropy_tables import standard_unit
from rotator_assets.store.columns import Column
from rotator_assets.store.descriptions import Description
from rotator_assets.store.fields import FIELDS
from rotator_assets.store.json_text import as_json
from rotator_assets.store.table_files import write_table
from rotator_assets.tables import TABLES

ROWS = """
SELECT * FROM (VALUES
  ('8485-1901', 232.5::DOUBLE, 3::INTEGER, true, false, 1::TINYINT, TIMESTAMP '2020-01-02 03:04:05.5', [1.5, NULL],
   7::HUGEINT, 0.1::FLOAT, -9223372036854775808, 1.25),
  (NULL, NULL, NULL, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  ('a <b> & "c",', 'inf', -2147483648, false, true, 0, TIMESTAMP '2020-01-02', [], -7, '-inf', 5, -0.5)
) t(galaxy_id, ra, drp3qual, refused, synthetic, rotator_type, trained_at, list, total, small, long, decimal)
"""
VALUES = {
    "galaxy_id": ["8485-1901", None, 'a <b> & "c",'],
    "ra": [232.5, None, np.inf],
    "drp3qual": [3, None, -2147483648],
    "refused": [True, None, False],
    "synthetic": [False, True, True],
    "rotator_type": [1, None, 0],
    "trained_at": ["2020-01-02T03:04:05.5", None, "2020-01-02T00:00:00"],
    "list": ["[1.5,null]", None, "[]"],
    "total": [7, None, -7],
    "small": [np.float32(0.1), None, -np.inf],
    "long": [-9223372036854775808, None, 5],
    "decimal": [1.25, None, -0.5],
}
"""What a reader of FITS, VOTable or ECSV gets."""
LONG = " ".join(["half-light mass"] * 20)
DESCRIBED = Description(
    "galaxies",
    "Matched galaxies; one row per entry, of which each has a comment that is longer than a line of a FITS header.",
    {
        **{name: FIELDS[name] for name in ("galaxy_id", "ra", "refused", "rotator_type")},
        "long": Column("long", "BIGINT", LONG, "h^-2 solar masses"),
    },
)
MARKED = Description("galaxies", "Matched galaxies.", DESCRIBED.columns, synthetic=True)
ENDINGS = [".csv", ".json", ".parquet", ".fits", ".fit", ".fits.gz", ".vot", ".votable", ".xml", ".ecsv"]
ASTROPY = [".fits", ".fits.gz", ".vot", ".ecsv"]


@pytest.fixture
def ask():
    with duckdb.connect() as connection:
        yield connection.sql


@pytest.fixture
def written(ask, tmp_path):
    """Write a query to a file with this ending; returns the file."""

    def write(sql: str, ending: str, description: Description = DESCRIBED) -> Path:
        file = tmp_path / f"table{ending}"
        count = write_table(file, ask(sql), description)
        assert count == len(ask(sql).fetchall())
        return file

    return write


def table(file: Path) -> Table:
    """Read a file with astropy, strictly; text is str."""
    if file.suffix == ".vot":
        return Table.read(file, verify="exception")
    read = Table.read(file)
    read.convert_bytestring_to_unicode()
    return read


def values(column) -> list:
    """Return the values of a column with None for NULL, as which empty text counts in these formats."""
    return [None if value == "" else value for value in column.tolist()]


@pytest.mark.parametrize("ending", ASTROPY)
def test_astropy_reads_every_value_and_null(written, ending):
    read = table(written(ROWS, ending))
    assert read.colnames == list(VALUES)
    assert {name: values(read[name]) for name in read.colnames} == VALUES
    kinds = {name: column.dtype.kind for name, column in read.columns.items()}
    assert kinds["total"] == kinds["drp3qual"] == "i" and kinds["ra"] == "f" and kinds["synthetic"] == "b"


@pytest.mark.parametrize("ending", ASTROPY)
def test_declared_columns_have_unit_and_description(written, ending):
    read = table(written(ROWS, ending))
    described = {
        name: " ".join(column.description.split()) for name, column in read.columns.items() if column.description
    }
    assert described.pop("refused").startswith(FIELDS["refused"].comment)
    assert described == {
        "galaxy_id": "catalogue entry: PLATE-IFU (manga) or subfind id (tng100)",
        "ra": "right ascension (J2000)",
        "rotator_type": "0 slow (lambda_r strictly below spin_threshold), 1 fast; NULL without label",
        "long": f"{LONG}, h^-2 solar masses",
    }
    assert {name: str(column.unit) for name, column in read.columns.items() if column.unit} == {"ra": "deg"}
    assert read["ra"].meta["ucd"] == "pos.eq.ra;meta.main"


def test_a_fits_header_has_the_keywords_that_topcat_reads(written):
    with fits.open(written(ROWS, ".fits", MARKED)) as hdus:
        header = hdus[1].header
        assert (header["TTYPE2"], header["TUNIT2"], header["TUCD2"]) == ("ra", "deg", "pos.eq.ra;meta.main")
        assert header["TCOMM2"] == "right ascension (J2000)"
        assert header["EXTNAME"] == "galaxies" and header["CREATOR"].startswith("rotator-assets ")
        assert header["COMMENT"][0] == "Matched galaxies. Made from synthetic galaxies, not observations."
        assert hdus[0].header["SYNTHET"] is True and header["SYNTHET"] is True


def test_a_truth_value_is_logical_in_fits_unless_it_is_null_somewhere(written):
    """astropy reads the NULL of a logical column as false."""
    with fits.open(written(ROWS, ".fits")) as hdus:
        formats = dict(zip(hdus[1].columns.names, hdus[1].columns.formats, strict=True))
        assert (formats["synthetic"], formats["refused"]) == ("L", "I")
        described = hdus[1].header[f"TCOMM{hdus[1].columns.names.index('refused') + 1}"]
        assert described.endswith("1 for true, 0 for false")


def test_null_is_no_integer_that_occurs(written):
    smallest = "SELECT * FROM (VALUES ((-32768)::SMALLINT), (NULL), (-32767)) t(n)"
    assert values(table(written(smallest, ".fits"))["n"]) == [-32768, None, -32767]


@pytest.mark.parametrize("ending", ASTROPY)
def test_an_integer_that_needs_more_than_64_bits_is_text(written, ending):
    read = table(written("SELECT 18446744073709551615::UBIGINT AS n", ending))
    assert values(read["n"]) == ["18446744073709551615"]


@pytest.mark.parametrize("kind", ["UBIGINT", "HUGEINT", "UHUGEINT", "BIGNUM"])
@pytest.mark.parametrize(("number", "stored"), [("9007199254740993", "long"), ("18446744073709551615", "unicodeChar")])
def test_integers_of_parquet_are_what_its_votable_says(written, kind, number, stored):
    file = written(f"""SELECT {number}::{kind} AS "a ""n" UNION ALL SELECT NULL ORDER BY 1 NULLS LAST""", ".parquet")
    (described,) = parse(header_of(file)).iter_tables()
    expected = int(number) if stored == "long" else number
    assert duckdb.sql(f"FROM '{file}'").fetchall() == [(expected,), (None,)]
    assert [field.datatype for field in described.fields] == [stored]


@pytest.mark.parametrize("ending", ASTROPY)
def test_null_beside_every_integer_of_a_type_widens_it(written, ending):
    read = table(written("SELECT (n - 32768)::SMALLINT AS n FROM range(65536) t(n) UNION ALL SELECT NULL", ending))
    assert sorted(read["n"].compressed().tolist()) == list(range(-32768, 32768)) and read["n"].mask.sum() == 1


def test_a_votable_spells_infinity_as_the_standard_does(written):
    text = written(ROWS, ".vot").read_text()
    assert "<TD>+Inf</TD>" in text and "<TD>-Inf</TD>" in text


def synthetic_mark(file: Path) -> tuple[str, bool]:
    """Return the comment of a file's table, and whether it is marked as synthetic."""
    if file.suffix == ".fits":
        with fits.open(file) as hdus:
            return " ".join(hdus[1].header["COMMENT"]), hdus[0].header.get("SYNTHET", False)
    if file.suffix == ".ecsv":
        about = Table.read(file).meta
        return about["description"], about.get("synthetic", False)
    document = parse(header_of(file) if file.suffix == ".parquet" else file, verify="exception")
    marks = [info.value for info in document.iter_info() if info.name == "synthetic"]
    return document.get_first_table().description, marks == ["true"]


@pytest.mark.parametrize("ending", [".fits", ".vot", ".ecsv", ".parquet"])
def test_what_is_made_from_synthetic_galaxies_says_so(written, ending):
    comment, marked = synthetic_mark(written("SELECT 1 AS a", ending, MARKED))
    assert "Made from synthetic galaxies" in comment and marked
    comment, marked = synthetic_mark(written("SELECT 1 AS a", ending))
    assert comment.startswith("Matched galaxies;") and "synthetic" not in comment and not marked


def header_of(file: Path) -> Path:
    """Return the VOTable in the metadata of a Parquet file, as a file."""
    entries = duckdb.sql(f"SELECT key, value FROM parquet_kv_metadata('{file}')").fetchall()
    about = {key.decode(): value for key, value in entries}
    assert about["IVOA.VOTable-Parquet.version"] == b"1.0"
    header = file.with_suffix(".header")
    header.write_bytes(about["IVOA.VOTable-Parquet.content"])
    return header


def test_parquet_has_duckdbs_values_and_a_votable_that_describes_them(ask, written):
    file = written(ROWS, ".parquet")
    assert duckdb.sql(f"FROM '{file}'").fetchall() == ask(ROWS).fetchall()
    (described,) = parse(header_of(file), verify="exception").iter_tables()
    assert [field.name for field in described.fields] == list(VALUES) and len(described.array) == 0
    ra = described.get_field_by_id("ra")
    assert (str(ra.unit), ra.description, ra.ucd) == ("deg", "right ascension (J2000)", "pos.eq.ra;meta.main")


def test_csv_and_json_are_those_of_the_console(ask, written):
    assert written(ROWS, ".csv").read_bytes() == as_csv(ask(ROWS))
    assert written(ROWS, ".json").read_text() == as_json(ask(ROWS))


def test_formulas_in_a_csv_file_are_text(written):
    texts = ["=1+1", "+cmd|' /C calc'!A0", "@SUM(A1)", "-2+3", "\t=1", "-1.5", "+2", "8485-1901", ""]
    rows = ", ".join(f"('{text.replace(chr(39), chr(39) * 2)}')" for text in texts)
    file = written(f'SELECT * FROM (VALUES {rows}) t("a=""b")', ".csv")
    found = pd.read_csv(file, keep_default_na=False)['a="b'].tolist()
    assert found[:5] == [f"'{text}" for text in texts[:5]] and found[5:] == ["-1.5", "+2", "8485-1901", ""]


@pytest.mark.parametrize("rows", ["FROM range(0)", "FROM range(1)", "SELECT NULL AS n FROM range(3)"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_any_number_of_rows_is_counted(written, ending, rows):
    assert written(rows, ending).is_file()


def test_lines_within_a_text_are_no_rows_of_csv(written):
    written("""SELECT 'a' || chr(10) || '"b",' || chr(10) AS "x ""y" FROM range(3)""", ".csv")


@pytest.mark.parametrize("ending", [".parquet", ".fits", ".vot", ".ecsv"])
def test_every_type_of_duckdb_is_written(written, ending):
    not_ascii = "varchar, varchar_array, struct, struct_of_arrays, array_of_structs, map, fixed_struct_array, tuple"
    every = f"SELECT * EXCLUDE ({not_ascii}, empty_struct) FROM test_all_types()"
    file = written(every, ending)
    if ending != ".parquet":
        read = table(file)
        assert values(read["bigint"]) == [-(2**63), 2**63 - 1, None]
        assert values(read["timestamp_array"])[0] == "[]" and values(read["date"])[0].endswith("(BC)")


@pytest.mark.filterwarnings("ignore:It is strongly recommended that column names")
def test_names_that_are_no_identifiers_are_kept(written):
    sql = """SELECT count(*), 1 + 1, 3 AS "a b", 4 AS a_b"""
    for ending in (".fits", ".ecsv"):
        assert table(written(sql, ending)).colnames == ["count_star()", "(1 + 1)", "a b", "a_b"]
    (found,) = parse(written(sql, ".vot"), verify="exception").iter_tables()
    assert [field.name for field in found.fields] == ["count_star()", "(1 + 1)", "a b", "a_b"]


@pytest.mark.parametrize(
    ("sql", "ending", "reason"),
    [
        ("SELECT x FROM (VALUES ('a'), ('Sérsic')) t(x)", ".fits", "column 'x', row 2: 'é': FITS holds"),
        ("SELECT 'a' || chr(10) AS x", ".fits", r"column 'x', row 1: '\\n': FITS holds"),
        ("SELECT 1 AS é", ".fits", "name of column 'é'"),
        (f"SELECT 1 AS {'x' * 69}", ".fits", "too long for FITS"),
        ("SELECT chr(27) AS x", ".vot", r"column 'x', row 1: '\\x1b': XML"),
        ("SELECT chr(0) || 'a' AS x", ".ecsv", r"column 'x', row 1: '\\x00': ECSV"),
        ('SELECT 1 AS "a\nb"', ".vot", "name of column"),
        *(("SELECT 1 AS a, 2 AS A", ending, "two columns are named 'a'") for ending in ENDINGS),
        ("SELECT 1 AS a", ".xlsx", "selects no format; the endings are: .csv, .json, .parquet"),
        ("SELECT 1 AS a", "", "selects no format"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_and_the_file_kept(written, tmp_path, sql, ending, reason):
    earlier = tmp_path / f"table{ending}"
    earlier.write_text("earlier")
    with pytest.raises(InputError, match=reason) as error:
        written(sql, ending)
    assert str(earlier) in str(error.value) and "\n" not in str(error.value)
    assert earlier.read_text() == "earlier" and list(tmp_path.iterdir()) == [earlier]


def test_a_place_that_cannot_be_written_is_named(ask, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"table\.fits: cannot be written"):
        write_table(tmp_path / "file" / "table.fits", ask("SELECT 1 AS a"), DESCRIBED)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_folder_that_takes_no_files_is_no_fault_of_the_query(ask, ending):
    file = Path("/proc", f"table{ending}")
    with pytest.raises(InputError, match=rf"^{file}: cannot be written: [\w -]+$"):
        write_table(file, ask("SELECT 1 AS a"), DESCRIBED)


def test_an_ending_may_be_in_capitals(ask, tmp_path):
    write_table(tmp_path / "TABLE.FITS", ask("SELECT 1 AS a"), DESCRIBED)
    assert Table.read(tmp_path / "TABLE.FITS", format="fits")["a"].tolist() == [1]


def test_a_frame_is_written_as_a_query_is(tmp_path):
    frame = pd.DataFrame({"galaxy_id": ["a", None], "ra": [1.5, np.nan], "usable": [True, False]})
    assert write_table(tmp_path / "table.vot", duckdb.from_df(frame), DESCRIBED) == 2
    assert values(table(tmp_path / "table.vot")["galaxy_id"]) == ["a", None]


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".fits", ".vot"])
def test_every_table_can_be_written_without_a_warning(ask, tmp_path, ending):
    for name, schema in TABLES.items():
        empty = ", ".join(f'CAST(NULL AS {column.type}) AS "{column.name}"' for column in schema.columns)
        described = Description(name, schema.comment, {column.name: column for column in schema.columns})
        assert write_table(tmp_path / f"{name}{ending}", ask(f"SELECT {empty}"), described) == 1


def test_units_that_the_standards_lack_are_known_ones():
    units = {column.unit for schema in TABLES.values() for column in schema.columns if column.unit}
    assert {unit for unit in units if not standard_unit(unit)} == {
        *("dimensionless", "UTC", "nats", "nanomaggies per pixel", "half-light semi-major axes", "per R_e^2"),
        *("h^-2 solar masses", "standard deviations of the fraction"),
    }
    named = {"degrees": "deg", "arcsec per pixel": "arcsec / pix", "km/s": "km / s", "pixels": "pix"}
    assert {unit: str(standard_unit(unit)) for unit in named} == named


def test_a_votable_is_valid(written):
    if not shutil.which("stilts"):
        pytest.skip("stilts (a Debian package) is not installed")
    file = written(ROWS, ".vot", MARKED)
    for checked in (file, header_of(written(ROWS, ".parquet", MARKED))):
        done = subprocess.run(["stilts", "votlint", str(checked)], capture_output=True, text=True, timeout=120)
        assert (done.returncode, done.stdout + done.stderr) == (0, "")
