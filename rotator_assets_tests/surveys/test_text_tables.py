"""Text tables as people and programs write them: read as intended, or refused with the row."""

import gzip
import io
import lzma
import zipfile

import pytest

from rotator_assets.core.errors import InputError
from rotator_assets.surveys import manga
from rotator_assets.surveys.table_files import read_csv_table, read_text_columns

WANTED = ["galaxy_id", "lambda_r"]
EXPECTED = [("8000-1901", 0.25), ("8000-1902", 0.5)]


def spreadsheet() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in ("[Content_Types].xml", "xl/workbook.xml"):
            archive.writestr(name, "<xml/>")
    return content.getvalue()


def read(path, content: str | bytes):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    frame = read_csv_table(path, WANTED, columns=manga.COLUMNS).frame
    return list(zip(frame["galaxy_id"], frame["lambda_r"], strict=True))


PLAIN = "plateifu,lambda_r\n8000-1901,0.25\n8000-1902,0.5\n"


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.rstrip("\n"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", " , "),
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        PLAIN.replace(",", "\t").encode("utf-16"),
        gzip.compress(PLAIN.encode(), mtime=0),
        lzma.compress(PLAIN.encode()),
        "# mine\n\n" + PLAIN.replace("0.25\n", "0.25\n# beside\n"),
        'plateifu,lambda_r,note\n8000-1901,0.25,"a, b"\n"8000-1902", "0.5","# no comment"\n',
        'plateifu,lambda_r,note\n8000-1901,0.25,"5"" off"\n8000-1902,0.5,5" off\n',
        "index,plateifu,lambda_r\n0,b'8000-1901',2.5e-1\n1,b'8000-1902',5.0D-01\n",
        "lambda_r,plateifu\n0.25,8000-1901\nnp.float64(0.5),8000-1902\n",
        PLAIN.replace(",", " "),
        PLAIN.replace(",", "   "),
        PLAIN.replace(",", "|"),
        "| plateifu | lambda_r |\n| 8000-1901 | 0.25 |\n| 8000-1902 | 0.5 |\n",
        "#" + PLAIN,
        "# of mine, by plateifu\n# " + PLAIN.replace(",", ", "),
        "# plateifu lambda_r\n8000-1901 2.500000000000000000e-01\n8000-1902 5.000000000000000000e-01\n",
        "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: plateifu, datatype: string}\n" + PLAIN.replace(",", " "),
        "sep=,\n" + PLAIN,
        "sep=;\r\n" + PLAIN.replace(",", ";").replace(".", ","),
        PLAIN.replace("\n", ",,\n") + ",,,\n,,,\n",
        ",Plate-IFU,LAMBDA_R\n0,manga-8000-1901,0.25\n1,8000_1902 ,0.5\n",
    ],
)
def test_tables_are_read_as_intended(tmp_path, content):
    assert read(tmp_path / "lambda_r.csv", content) == EXPECTED


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('plateifu,lambda_r,note\n1-1,0.2,a\n1-2,0.2,"PA off\n1-3,0.2,b\n', "row 2: a quote is not closed (line 3)"),
        ('plateifu,lambda_r,note\n1-1,0.2,"two\n# lines"\n1-2,0.1,x\n', "row 1: a quote is not closed"),
        ('"plateifu,lambda_r\n1-1,0.2\n', "the header line: a quote is not closed"),
        ('plateifu,lambda_r\n1-1,0.2\n"1-2"3,0.2\n', "row 2: a field has text after its closing quote"),
        ("plateifu,lambda_r\n# one\n1-1,0.2\n\n1-2\n", "row 2 has 1 fields, the header line has 2 (line 5)"),
        ("plateifu,lambda_r\n1-1,0.2,\n", "row 1 has 3 fields"),
        ("plateifu,lambda_r\n1-1,0.2\n1-2,0.2 # poor\n", "holds '0.2 # poor' in row 2"),
        ('plateifu,lambda_r\n1-1,"0,2"\n', "holds '0,2' in row 1 where a number is expected (decimals"),
        ("plateifu;lambda_r\n1-1;1.000,2\n", "holds '1.000.2' in row 1"),
        ("plateifu,lambda_r\n1-1,1_000\n", "holds '1_000' in row 1"),
        ("plateifu,lambda_r\n1-1,0x1\n", "holds '0x1' in row 1"),
        ("plateifu,lambda_r\n1-1,0.2\n1-2,\u0663\n", "in row 2 where a number is expected"),
        ("id lambda_r\n1-1 0.2\n", "has no column for galaxy_id"),
        ("plateifu,lambda_r\n,km/s\n1-1,0.2\n", "holds 'km/s' in row 1 where a number is expected"),
        ("plateifu lambda_r\n1-1 0.2\n1-2 0.2 poor\n", "row 2 has 3 fields, the header line has 2 (line 3)"),
        ("# galaxies, spins\n1-1,0.2\n", "has no column for galaxy_id"),
        ("1-1,0.2\n1-2,0.2\n", "has no column for galaxy_id"),
        ("plateifu,lambda_r,lambda_r\n1-1,0.2,0.3\n", "has 2 columns for lambda_r (lambda_r, lambda_r): keep one"),
        ("plateifu,lambda_r,Lambda_Re\n1-1,0.2,0.3\n", "has 2 columns for lambda_r (lambda_r, Lambda_Re): keep one"),
        ("plateifu,lambda_r\n", "the table has no rows"),
        (b"", "has no column for galaxy_id"),
        (b"plateifu,lambda_r\n1-1,0.2\n1-\x002,0.2\n", "line 3 has a NUL byte"),
        (PLAIN.encode("utf-16-le"), "has a NUL byte"),
        ("plateifu,lambda_r,note\n1-1,0.2,a\n1-2,0.2,\xe9\n".encode("latin-1"), "line 3 is not UTF-8 text"),
        (b"\xff\xfe\x00", "is not UTF-16 text"),
        (spreadsheet(), "is a spreadsheet, which is not read: save it as CSV"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "line 1 is not UTF-8 text"),
    ],
)
def test_tables_that_are_not_as_they_should_be_are_refused(tmp_path, content, reason):
    with pytest.raises(InputError) as error:
        read(tmp_path / "lambda_r.csv", content)
    message = str(error.value)
    assert reason in message and "lambda_r.csv" in message and "\n" not in message


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("IC0560 0.5 0.2\nNGC 0661 0.3 0.1\n", "row 2 has 4 fields, row 1 has 3 (line 2)"),
        ("IC0560 0.5\nNGC0661 0.3\n", "row 1 has 2 fields, 3 are needed"),
        ("IC0560 0.5 0,2\n", "holds '0,2' in row 1"),
        (b"IC0560 0.5 0.2\nNGC\x000661 0.3 0.1\n", "line 2 has a NUL byte"),
    ],
)
def test_blank_separated_tables_are_refused_alike(tmp_path, content, reason):
    path = tmp_path / "table.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as error:
        read_text_columns(path, {"galaxy_id": 0, "ellipticity": 1, "lambda_r": 2})
    assert reason in str(error.value)
