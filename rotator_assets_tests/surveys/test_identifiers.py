"""Identifiers of galaxies as programs write them: one text each, or refused with the row."""

import numpy as np
import pytest

from rotator_assets.surveys.identifiers import NAME, identifiers
from rotator_assets.surveys.manga import PLATE_IFU
from rotator_assets.surveys.tng100 import SUBHALO


def texts(*values: str) -> np.ndarray:
    return np.array(values, dtype=object)


@pytest.mark.parametrize(
    "text",
    [
        "19001-6101",
        "  19001-6101\u00a0",
        "b'19001-6101'",
        "\"b'19001-6101'\"",
        'b"19001-6101"',
        "'19001-6101'",
        '="19001-6101"',
        "'19001-6101",
        "np.str_('19001-6101')",
        "np.bytes_(b'19001-6101   ')",
        "manga-19001-6101",
        "019001-06101",
        "19001\u20136101",
        "\ufeff19001\u22126101",
        "\u201c19001-6101\u201d",
    ],
)
def test_every_way_to_write_a_plate_ifu_is_one(text):
    assert identifiers(texts("7957-6103", text), PLATE_IFU).tolist() == ["7957-6103", "19001-6101"]


@pytest.mark.parametrize(
    "text",
    ["3003", "3003.0", "3003.", "3.003e3", "3.003E+03", " 003003 ", "'3003", "np.int64(3003)", "np.float64(3003.0)"],
)
def test_every_way_to_write_a_subhalo_is_one(text):
    assert identifiers(texts(text), SUBHALO).tolist() == ["3003"]
    assert identifiers(texts("123456789012345678901234567890"), SUBHALO).tolist() == ["123456789012345678901234567890"]


@pytest.mark.parametrize(
    "text", ["", " ", "nan", "NaN", "None", "<NA>", "NULL", "--", "masked", "-999", "-9999.0", "-1"]
)
@pytest.mark.parametrize("form", [PLATE_IFU, SUBHALO, NAME])
def test_what_stands_for_nothing_is_no_identifier(text, form):
    assert identifiers(texts(text), form).tolist() == [None]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("2012-09-01", PLATE_IFU),
        ("Sep-01", PLATE_IFU),
        ("1901/8000", PLATE_IFU),
        ("44927", PLATE_IFU),
        ("7957-6103,0.3\n7957-6104", PLATE_IFU),
        ("7957-6103 7957-6104", PLATE_IFU),
        ("7957", PLATE_IFU),
        ("3003.5", SUBHALO),
        ("3,003", SUBHALO),
        ("3 003", SUBHALO),
        ("3_003", SUBHALO),
        ("0x10", SUBHALO),
        ("inf", SUBHALO),
        ("1e400", SUBHALO),
        ("1e99", SUBHALO),
        ("1.2.3", SUBHALO),
        ("9" * 50, SUBHALO),
        ("9.007199254740994e15", SUBHALO),
        ("7957-6103", SUBHALO),
    ],
)
def test_what_is_no_identifier_of_the_column_is_refused_with_its_row(text, form):
    good = "7957-6103" if form is PLATE_IFU else "7"
    with pytest.raises(ValueError, match="in row 2 where") as error:
        identifiers(texts(good, text), form)
    assert "\n" not in str(error.value) and form.example in str(error.value)


def test_numbers_are_subhalos_where_they_are_whole_and_exact():
    for kind in (np.int16, np.int64, np.uint64, np.float32, np.float64):
        assert identifiers(np.array([3003, 0], dtype=kind), SUBHALO).tolist() == ["3003", "0"]
    assert identifiers(np.array([3003.0, np.nan, -999.0]), SUBHALO).tolist() == ["3003", None, None]
    assert identifiers(np.array([2**63 + 1], dtype=np.uint64), SUBHALO).tolist() == [str(2**63 + 1)]
    with pytest.raises(ValueError, match=r"holds 3003\.5 in row 2 where a whole number"):
        identifiers(np.array([3003.0, 3003.5]), SUBHALO)
    with pytest.raises(ValueError, match=r"in row 1 .*float32 keeps whole numbers up to 16777216 alone"):
        identifiers(np.array([16777218], dtype=np.float32), SUBHALO)
    with pytest.raises(ValueError, match="float64 keeps whole numbers up to 9007199254740992 alone"):
        identifiers(np.array([2.0**54]), SUBHALO)
    with pytest.raises(ValueError, match="holds numbers where a PLATE-IFU"):
        identifiers(np.array([1901.0]), PLATE_IFU)
    with pytest.raises(ValueError, match="holds bool"):
        identifiers(np.array([True]), SUBHALO)


def test_bytes_are_text_and_others_are_refused():
    assert identifiers(np.array([b"7957-6103 "]), PLATE_IFU).tolist() == ["7957-6103"]
    assert identifiers(np.array([b"7957-6103"], dtype=object), PLATE_IFU).tolist() == ["7957-6103"]
    with pytest.raises(ValueError, match="bytes in row 2 that are no UTF-8 text"):
        identifiers(np.array([b"7957-6103", b"\xff\xfe"]), PLATE_IFU)
