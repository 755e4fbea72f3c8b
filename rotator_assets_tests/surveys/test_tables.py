"""The table readers: good files, and one test for each way a file can be bad."""

from functools import partial

import duckdb
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import MaskedColumn
from astropy.table import Table as AstropyTable

from rotator_assets.core.errors import InputError
from rotator_assets.surveys import SURVEYS, frame_files, manga, table_files, tng100
from rotator_assets.surveys.aliases import resolve
from rotator_assets_tests.surveys.files import MORPHOLOGY_DR15, table_hdu, write_fits, write_hdf5, write_text

read_fits_table = partial(table_files.read_fits_table, columns=manga.COLUMNS)
read_csv_table = partial(table_files.read_csv_table, columns=manga.COLUMNS)
read_hdf5_table = partial(table_files.read_hdf5_table, columns=tng100.COLUMNS)


@pytest.fixture
def morphology(tmp_path):
    return write_fits(tmp_path / "morphology.fits", table_hdu(MORPHOLOGY_DR15))


def one_line(error) -> str:
    message = str(error.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("spelling", ["TTYPE", "TType", "T-Type", "T_TYPE", "ttype"])
def test_every_release_s_spelling_is_found(spelling):
    assert resolve("file", ["INTID", spelling], ["t_type"], []) == {"t_type": spelling}


def test_the_preferred_spelling_wins_and_optional_columns_may_lack():
    assert resolve("file", ["lambda_re", "LAMBDA_R"], ["lambda_r"], ["ellipticity"]) == {"lambda_r": "LAMBDA_R"}


@pytest.mark.parametrize("survey", SURVEYS)
def test_no_spelling_belongs_to_two_columns_of_a_survey(survey):
    spellings = [s.casefold() for column in SURVEYS[survey].columns.values() for s in column.spellings]
    assert len(spellings) == len(set(spellings))


def test_fits_text_is_stripped_bytes_are_native_and_sentinels_are_missing(morphology):
    table = read_fits_table(morphology, ["galaxy_id", "t_type"], ["p_late", "flag_t_type"])
    frame = table.frame
    assert list(frame.columns) == ["galaxy_id", "t_type", "p_late", "flag_t_type"]
    assert frame["galaxy_id"].tolist()[0] == "8000-1901"
    assert frame["t_type"].dtype.isnative and frame["t_type"].isna().tolist() == [False] * 4 + [True]
    assert frame["p_late"].isna().all()
    assert not table.synthetic


def test_fits_integer_null_is_missing(tmp_path):
    columns = [fits.Column("PLATEIFU", "4A", array=["1-1", "1-2"]), fits.Column("FLAG_TT", "J", null=7, array=[7, 1])]
    path = write_fits(tmp_path / "null.fits", fits.BinTableHDU.from_columns(columns))
    frame = read_fits_table(path, ["galaxy_id", "flag_t_type"]).frame
    assert np.isnan(frame["flag_t_type"][0]) and frame["flag_t_type"][1] == 1


def test_the_null_of_unsigned_and_scaled_columns_is_in_stored_integers(tmp_path):
    columns = [
        fits.Column("PLATEIFU", "4A", array=["1-1", "1-2", "1-3"]),
        fits.Column("FLAG_TT", "I", array=np.array([1, 7, 9], np.uint16), bzero=2**15, null=7 - 2**15),
        fits.Column("DRP3QUAL", "J", array=np.array([1, 7, 9], np.uint32), bzero=2**31, null=7 - 2**31),
        fits.Column("DAPQUAL", "K", array=np.array([1, 7, 9], np.uint64), bzero=2**63, null=7 - 2**63),
        fits.Column("RA", "I", array=np.array([10, 70, 90], np.int16), null=70),
    ]
    path = write_fits(tmp_path / "null.fits", fits.BinTableHDU.from_columns(columns))
    content = path.read_bytes()  # the scale of RA as others write it, which astropy applies when it writes
    card = b"TNULL5  =                   70".ljust(80)
    scaled = b"".join(card.ljust(80) for card in (b"TSCAL5  = 0.1", b"TZERO5  = 5.0"))
    at, end = content.index(card), content.rindex(b"END".ljust(80), 2880)
    content = content[: at + 80] + scaled + content[at + 80 : end + 80] + content[end + 80 + 160 :]
    path.write_bytes(content)
    names = ["flag_t_type", "drp3qual", "dapqual"]
    frame = read_fits_table(path, ["galaxy_id", *names, "ra"]).frame
    for name in names:
        assert frame[name].fillna(-1).tolist() == [1, -1, 9], name
    np.testing.assert_allclose(frame["ra"], [6.0, np.nan, 14.0])


def test_masked_columns_that_astropy_writes_are_missing_where_masked(tmp_path):
    table = AstropyTable({"PLATEIFU": ["1-1", "1-2", "1-3"]})
    published = {"FLAG_TT": np.uint16, "DRP3QUAL": np.uint32, "DAPQUAL": np.int32, "DUPL_GR": np.uint64, "RA": float}
    for name, kind in published.items():
        table[name] = MaskedColumn(np.array([1, 2, 3], kind), mask=[False, True, False])
    table.write(tmp_path / "masked.fits")
    names = ["flag_t_type", "drp3qual", "dapqual", "duplicate_group", "ra"]
    frame = read_fits_table(tmp_path / "masked.fits", ["galaxy_id", *names]).frame
    for name in names:
        assert frame[name].fillna(-1).tolist() == [1, -1, 3], name


@pytest.mark.parametrize("value", [-999.0, -99.0, -9999.0, 99.99, 999.0, 1e20, -1e30, np.inf, np.nan])
def test_numbers_that_a_column_cannot_have_are_missing_in_every_column(tmp_path, value):
    columns = {**manga.COLUMNS, **tng100.COLUMNS}
    numbers = {name: column for name, column in columns.items() if column.kind == "number"}
    allowed = {"psf_fwhm_arcsec", "nsa_mass", "pymorph_r_eff_arcsec", "nsa_r_eff_arcsec", "morphs_r_eff_pixels", "ra"}
    allowed |= {"r_eff_arcsec", "morphs_sn_per_pixel", "nsa_position_angle_deg"}  # 99.99 may be a valid value
    for name, column in numbers.items():
        path = write_hdf5(tmp_path / f"{name}.hdf5", {"/": {column.spellings[0]: [0.5, value]}})
        found = read_hdf5_table(path, [name], columns=columns).frame[name]
        assert found[0] == 0.5
        assert np.isnan(found[1]) or (name in allowed and value in (99.99, 999.0)), name


@pytest.mark.parametrize("suffix", ["fits", "fits.gz"])
def test_synthetic_files_say_so(tmp_path, suffix):
    path = write_fits(tmp_path / f"made.{suffix}", table_hdu(MORPHOLOGY_DR15), synthetic=True)
    assert read_fits_table(path, ["galaxy_id"]).synthetic
    assert read_hdf5_table(write_hdf5(tmp_path / "m.hdf5", {"/": {"P_Late": [0.1]}}, True), ["p_late"]).synthetic
    assert read_csv_table(write_text(tmp_path / "m.csv", "# synthetic\nplateifu\n1-1\n"), ["galaxy_id"]).synthetic
    assert not read_csv_table(write_text(tmp_path / "n.csv", "# mine\nplateifu\n1-1\n"), ["galaxy_id"]).synthetic


def test_missing_file(tmp_path):
    with pytest.raises(InputError) as error:
        read_fits_table(tmp_path / "absent.fits", ["galaxy_id"])
    assert one_line(error).endswith("absent.fits: there is no such file")


@pytest.mark.parametrize("kept", [0.0, 0.05, 0.5, 0.7])
def test_truncated_fits(morphology, kept):
    content = morphology.read_bytes()
    morphology.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(InputError) as error:
        read_fits_table(morphology, ["galaxy_id"])
    assert "morphology.fits: " in one_line(error)


def test_fits_without_its_last_padding_is_whole(morphology):
    morphology.write_bytes(morphology.read_bytes()[:-100])
    assert len(read_fits_table(morphology, ["galaxy_id"]).frame) == 5


def test_fits_cut_in_a_later_extension(tmp_path):
    path = write_fits(tmp_path / "three.fits", *[table_hdu(MORPHOLOGY_DR15)] * 3)
    path.write_bytes(path.read_bytes()[:-2880])
    with pytest.raises(InputError, match="cut short: extension 3"):
        read_fits_table(path, ["galaxy_id"], extension=1)


def test_truncated_gzip(tmp_path):
    path = write_fits(tmp_path / "m.fits.gz", table_hdu(MORPHOLOGY_DR15))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match="cannot be read as a FITS table"):
        read_fits_table(path, ["galaxy_id"])


def test_not_fits_at_all(tmp_path):
    with pytest.raises(InputError, match="cannot be read as a FITS table"):
        read_fits_table(write_text(tmp_path / "page.fits", "<html>404 Not Found</html>"), ["galaxy_id"])


def test_missing_column_names_spellings_and_columns(tmp_path):
    columns = {key: values for key, values in MORPHOLOGY_DR15.items() if key != "TTYPE"}
    with pytest.raises(InputError) as error:
        read_fits_table(write_fits(tmp_path / "m.fits", table_hdu(columns)), ["t_type"])
    assert "looked for TTYPE, T-Type, T_Type" in one_line(error) and "PLATEIFU" in one_line(error)


def test_missing_extension_and_image_in_its_place(tmp_path, morphology):
    with pytest.raises(InputError, match="has no extension MANGA; it has: PRIMARY"):
        read_fits_table(morphology, ["galaxy_id"], extension="MANGA")
    image = write_fits(tmp_path / "image.fits", fits.ImageHDU(np.zeros((4, 4))))
    with pytest.raises(InputError, match="extension 1 is not a table"):
        read_fits_table(image, ["galaxy_id"])


def test_wrong_types(tmp_path):
    text = write_fits(tmp_path / "text.fits", table_hdu({"PLATEIFU": ["1-1"], "TTYPE": ["E"]}))
    with pytest.raises(InputError, match="column TTYPE holds text where numbers are expected"):
        read_fits_table(text, ["galaxy_id", "t_type"])
    truth_values = fits.BinTableHDU.from_columns(
        [fits.Column("PLATEIFU", "3A", array=["1-1"]), fits.Column("TTYPE", "L", array=[True])]
    )
    truth = write_fits(tmp_path / "truth.fits", truth_values)
    with pytest.raises(InputError, match="column TTYPE holds truth values where numbers are expected"):
        read_fits_table(truth, ["galaxy_id", "t_type"])
    fraction = write_fits(tmp_path / "f.fits", table_hdu({"PLATEIFU": ["1-1"], "FLAG_TT": np.array([0.5])}))
    with pytest.raises(InputError, match=r"column FLAG_TT holds 0\.5 in row 1 where a whole number is expected"):
        read_fits_table(fraction, ["galaxy_id", "flag_t_type"])
    id_fraction = write_fits(tmp_path / "i.fits", table_hdu({"PLATEIFU": np.array([0.5])}))
    with pytest.raises(InputError, match="column PLATEIFU holds numbers where a PLATE-IFU such as 7957-6103"):
        read_fits_table(id_fraction, ["galaxy_id"])
    vector = write_fits(tmp_path / "v.fits", table_hdu({"PLATEIFU": ["1-1"], "TTYPE": np.ones((1, 7))}))
    with pytest.raises(InputError, match=r"column TTYPE has shape \(1, 7\)"):
        read_fits_table(vector, ["galaxy_id", "t_type"])


def test_no_rows(tmp_path):
    empty = {key: np.asarray(values)[:0] for key, values in MORPHOLOGY_DR15.items()}
    with pytest.raises(InputError, match="the table has no rows"):
        read_fits_table(write_fits(tmp_path / "empty.fits", table_hdu(empty)), ["galaxy_id"])
    with pytest.raises(InputError, match="the table has no rows"):
        read_csv_table(write_text(tmp_path / "empty.csv", "plateifu,lambda_r\n"), ["galaxy_id", "lambda_r"])


def test_hdf5_integers_become_ids(tmp_path):
    path = write_hdf5(tmp_path / "m.hdf5", {"Snapshot_99": {"SubhaloID": [7, 3], "P_Late": [0.2, -99.0]}})
    frame = read_hdf5_table(path, ["galaxy_id", "p_late"], group="Snapshot_99").frame
    assert frame["galaxy_id"].tolist() == ["7", "3"] and frame["p_late"].isna().tolist() == [False, True]


def test_bad_hdf5(tmp_path):
    path = write_hdf5(tmp_path / "m.hdf5", {"Snapshot_95": {"SubhaloID": [7, 3], "P_Late": [0.2]}})
    with pytest.raises(InputError, match="has no group Snapshot_99; it has: Snapshot_95"):
        read_hdf5_table(path, ["galaxy_id"], group="Snapshot_99")
    with pytest.raises(InputError, match="columns differ in length"):
        read_hdf5_table(path, ["galaxy_id", "p_late"], group="Snapshot_95")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="cannot be read as an HDF5 file"):
        read_hdf5_table(path, ["galaxy_id"], group="Snapshot_95")


def test_csv_with_comments_blank_lines_byte_order_mark_and_missing_fields(tmp_path):
    text = '\ufeff# a comment\n\nplateifu,Lambda_R,note\n8000-1901 , 0.2,"a, b"\n\n# more\n8000-1902,,x\n8000-1,NaN,x\n'
    frame = read_csv_table(write_text(tmp_path / "l.csv", text), ["galaxy_id", "lambda_r"], ["ellipticity"]).frame
    assert frame["galaxy_id"].tolist() == ["8000-1901", "8000-1902", "8000-1"]
    assert frame["lambda_r"].tolist()[0] == 0.2 and frame["lambda_r"].isna().sum() == 2
    assert frame["ellipticity"].isna().all()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("plateifu,lambda_r\n1-1,0.2\n1-2,fast\n", "column lambda_r holds 'fast' in row 2 where a number is expected"),
        ("plateifu,lambda_r\n1-1,0.2\n1-2\n", "row 2 has 1 fields, the header line has 2"),
        ("plateifu,lambda_r\n1-1,0.2,9\n", "row 1 has 3 fields"),
        ("", "has no column for galaxy_id"),
    ],
)
def test_bad_csv(tmp_path, text, reason):
    with pytest.raises(InputError) as error:
        read_csv_table(write_text(tmp_path / "lambda_r.csv", text), ["galaxy_id", "lambda_r"])
    assert reason in one_line(error)


def test_binary_csv(tmp_path):
    path = tmp_path / "lambda_r.csv"
    path.write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(InputError, match="line 1 is not UTF-8 text"):
        read_csv_table(path, ["galaxy_id"])


@pytest.mark.parametrize("place", ["file:///etc/passwd", "http://127.0.0.1:9/rows"])
def test_a_votable_with_its_rows_elsewhere_is_refused(tmp_path, place):
    path = tmp_path / "table.vot"
    path.write_text(
        "<?xml version='1.0'?><VOTABLE version='1.3'><RESOURCE><TABLE><FIELD name='galaxy_id' datatype='int'/>"
        f"<DATA><BINARY><STREAM href='{place}'/></BINARY></DATA></TABLE></RESOURCE></VOTABLE>"
    )
    with pytest.raises(InputError, match="its rows are in another place") as error:
        table_files.read_astropy_table(path, "votable", ["galaxy_id"])
    assert one_line(error).startswith(str(path))


def test_a_parquet_file_that_claims_too_many_values_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "[a]*.parquet"  # not a pattern
    duckdb.sql("SELECT 1 AS galaxy_id FROM range(100)").write_parquet(str(path))
    assert len(table_files.read_astropy_table(path, "parquet", ["galaxy_id"]).frame) == 100
    monkeypatch.setattr(frame_files, "MAX_VALUES", 99)
    with pytest.raises(InputError, match="claims 100 values, which is too many"):
        table_files.read_astropy_table(path, "parquet", ["galaxy_id"])
