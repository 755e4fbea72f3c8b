"""Images by files, folders, archives, patterns and tables."""

import tarfile

import numpy as np
import pandas as pd
import pytest

from rotator_assets.application.entries import ImageList
from rotator_assets.application.galaxy_tables import read_galaxies
from rotator_assets.core.errors import InputError
from rotator_assets.surveys.manga import MANGA
from rotator_assets.surveys.tng100 import TNG100
from rotator_assets_tests.application.conftest import write_picture


def names(images):
    return [entry.galaxy_id for entry in images]


@pytest.fixture
def folder(tmp_path):
    for name in ("b.png", "a.JPG", "more/c.fits.gz", "more/d_g.fits", "more/d_i.fits", "more/d_r.fits", ".hidden.png"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "images" / "README.txt").touch()
    return tmp_path / "images"


def test_a_folder_gives_every_image_below_it(folder):
    images = ImageList([str(folder)])
    found = list(images)
    assert [entry.galaxy_id for entry in found] == ["a", "b", "c", "d"]
    assert [entry.source.form for entry in found] == ["colour", "colour", "cube", "bands"]
    assert [path.name for path in found[3].source.paths] == ["d_g.fits", "d_i.fits", "d_r.fits"]
    assert found[0].path == str(folder / "a.JPG") and found[0].in_catalog is None
    assert images.n_unread == 1 and images.unread.endswith("README.txt")
    assert [entry.state for entry in images] == [entry.state for entry in found]


def test_bands_of_different_folders_are_different_images(folder):
    for band in "gr":
        (folder / f"d_{band}.fits").touch()
    bands = [entry for entry in ImageList([str(folder)]) if entry.galaxy_id == "d"]
    assert sorted(len(entry.source.paths) for entry in bands) == [2, 3]


def test_an_archive_gives_its_members(folder, tmp_path):
    with tarfile.open(tmp_path / "images.tar", "w") as archive:
        archive.add(folder, "inside")
    found = list(ImageList([str(tmp_path / "images.tar")]))
    assert [entry.galaxy_id for entry in found] == ["a", "b", "c", "d"]
    assert found[0].path == f"{tmp_path / 'images.tar'}:inside/a.JPG"
    (tmp_path / "images.tar").rename(folder / "all.tar")
    assert sorted(names(ImageList([str(folder)]))) == sorted(2 * ["a", "b", "c", "d"])


def test_a_damaged_archive_in_a_folder_is_counted_and_one_that_is_named_is_refused(folder):
    (folder / "bad.tar").write_bytes(b"not a tar")
    images = ImageList([str(folder)])
    assert len(list(images)) == 4 and images.n_unread == 2
    with pytest.raises(InputError, match="is not a whole tar archive"):
        list(ImageList([str(folder / "bad.tar")]))


def test_patterns_and_files_give_what_they_name(folder, monkeypatch):
    assert names(ImageList([str(folder / "*.*")])) == ["a", "b"]
    assert names(ImageList([str(folder / "**" / "*_?.fits")])) == ["d"]
    files = [str(folder / "more" / f"d_{band}.fits") for band in "rig"]
    assert names(ImageList([*files, str(folder / "b.png")])) == ["d", "b"]
    assert names(ImageList([str(folder / "more"), str(folder / "b.png"), str(folder / "a.*")])) == ["c", "d", "b", "a"]
    monkeypatch.chdir(folder)
    assert [entry.path for entry in ImageList(["b.png"])] == ["b.png"]


def test_a_name_of_nothing_is_refused(folder):
    with pytest.raises(InputError, match=r"nothing.png: there is no such file or folder"):
        ImageList([str(folder), str(folder / "nothing.png")])


@pytest.mark.parametrize("form", ["csv", "ecsv", "vot", "fits", "parquet"])
def test_a_table_gives_the_images_of_its_paths(folder, form):
    from astropy.table import Table

    rows = pd.DataFrame(
        {"name": ["first", "second"], "path": ["b.png", "more/c.fits.gz"], "RA": [1.5, 2.5], "T_Type": [np.nan, -1.0]}
    )
    path = folder / f"table.{form}"
    if form == "csv":
        rows.to_csv(path, index=False)
    elif form == "parquet":
        import duckdb

        duckdb.from_df(rows).write_parquet(str(path))
    else:
        Table.from_pandas(rows).write(path, format={"vot": "votable", "ecsv": "ascii.ecsv"}.get(form, form))
    first, second = ImageList([str(path)])
    assert (first.galaxy_id, first.path, first.ra) == ("first", str(folder / "b.png"), 1.5)
    assert np.isnan(first.t_type) and np.isnan(first.dec)
    assert (second.galaxy_id, second.t_type, second.source.form) == ("second", -1.0, "cube")


def test_a_repeated_path_is_refused(folder):
    (folder / "table.csv").write_text("path\nb.png\nb.png\n")
    with pytest.raises(InputError, match=r"table.csv: row 2 repeats the path b.png"):
        list(ImageList([str(folder / "table.csv")]))


def test_a_fits_image_is_not_taken_for_a_table(tmp_path):
    from astropy.io import fits

    fits.PrimaryHDU(np.ones((3, 4, 4))).writeto(tmp_path / "cube.fits")
    compressed = fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(np.ones((40, 40)))])
    compressed.writeto(tmp_path / "compressed.fits")
    images = [str(tmp_path / name) for name in ("cube.fits", "compressed.fits")]
    assert names(ImageList(images)) == ["cube", "compressed"]


def test_values_come_from_the_catalogue(folder, catalog):
    write_picture(folder / "galaxy-5.png", 5)
    found = {entry.galaxy_id: entry for entry in ImageList([str(folder)], catalog)}
    assert found["galaxy-5"].in_catalog and found["galaxy-5"].t_type == -2 and found["galaxy-5"].ra == 10
    assert found["a"].in_catalog is False and np.isnan(found["a"].ra)


def table_of(folder, text, name="table.csv"):
    (folder / name).write_text(text)
    return read_galaxies(folder / name, "galaxy_id")


def test_positions_and_types_of_two_tables_are_not_mixed(folder):
    catalog = table_of(folder.parent, "galaxy_id,ra,dec,t_type\na,1,2,-3\nb,1,2,-3\n")
    (folder / "list.csv").write_text("path,galaxy_id,ra,p_late\na.JPG,a,12,0.9\nb.png,b,,\n")
    first, second = ImageList([str(folder / "list.csv")], catalog)
    assert first.ra == 12 and np.isnan(first.dec) and first.p_late == 0.9 and np.isnan(first.t_type)
    assert (second.ra, second.dec, second.t_type) == (1, 2, -3)


def test_negative_right_ascensions_are_those_of_the_western_half(folder):
    assert table_of(folder, "galaxy_id,RAJ2000,DEJ2000\na,-90,5\n").rows["ra"].tolist() == [270]


def test_values_that_are_not_used_give_a_notice(folder):
    found = table_of(folder, "galaxy_id,ra,dec,t_type\na,400,2,-3\nb,1,2,99\nc,3,4,-999\n")
    assert found.rows["ra"].isna().tolist() == [True, False, False]
    assert len(found.notices) == 2 and "column ra: 1 of 3 rows" in found.notices[0]
    assert "such as 99 in row 2" in found.notices[1]
    assert table_of(folder, "galaxy_id,t_type\na,-999\nb,1\n").notices == (
        "table.csv has no position of any galaxy (columns ra and dec; t_type or p_late)",
    )
    assert "no position and no type" in table_of(folder, "galaxy_id,z\na,1\n").notices[0]


def test_unsigned_identifiers_keep_their_digits(folder):
    import duckdb

    rows = pd.DataFrame({"galaxy_id": np.array([2**63 + 5], np.uint64), "ra": 1.0})
    duckdb.from_df(rows).write_parquet(str(folder / "table.parquet"))
    assert read_galaxies(folder / "table.parquet", "galaxy_id").rows["galaxy_id"].tolist() == [str(2**63 + 5)]


def test_an_output_is_no_input(folder):
    """An earlier table among the images is left out; an image or a list that is read is not replaced."""
    images = ImageList([str(folder)])
    (folder / "out.csv").touch()
    images.leave_out(folder / "out.csv")
    list(images)
    assert images.n_unread == 1
    from astropy.table import Table

    Table({"a": [1]}).write(folder / "out.fits")
    images.leave_out(folder / "out.fits")
    assert "out" not in names(images)
    (folder / "list.csv").write_text("path\nb.png\n")
    listed = folder / "list.csv"
    for read, output in ((folder, "b.png"), (folder / "b.png", "b.png"), (listed, "list.csv"), (listed, "b.png")):
        with pytest.raises(InputError, match="is one of the files to be read"):
            ImageList([str(read)]).leave_out(folder / output)


def test_maps_of_an_earlier_run_are_no_images(folder):
    (folder / "maps").mkdir()
    (folder / "maps" / "a.fits").touch()
    images = ImageList([str(folder)])
    assert len(list(images)) == 5
    images.leave_out(folder / "out.csv", folder / "maps")
    assert names(images) == ["a", "b", "c", "d"]


def test_a_second_file_of_a_band_is_counted(folder):
    (folder / "more" / "d_g.fits.gz").touch()
    images = ImageList([str(folder)])
    assert names(images) == ["a", "b", "c", "d"] and images.n_unread == 2  # with README.txt


def test_files_named_as_in_the_survey_have_the_names_of_its_galaxies(tmp_path):
    for name in ("broadband_12.fits", "another.fits"):
        (tmp_path / name).touch()
    images = list(ImageList([str(tmp_path)], simulated=True, galaxy_name=TNG100.image_name))
    assert [(image.galaxy_id, image.source.form) for image in images] == [("another", "counts"), ("12", "counts")]
    assert names(ImageList([str(tmp_path)], galaxy_name=MANGA.image_name)) == ["another", "broadband_12"]
