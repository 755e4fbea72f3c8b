"""Compressed files are recognized by their content."""

import bz2
import gzip
import io
import lzma
import zipfile

import pandas as pd
import pytest
from astropy.io import fits

from rotator_assets.core.compressed import unpacked
from rotator_assets.core.errors import InputError, UnusableKinematics
from rotator_assets.kinematics.maps import find_maps, measure_maps
from rotator_assets.kinematics.measured import HalfLightEllipse
from rotator_assets.kinematics.particle_files import find_cutouts, measure_cutout
from rotator_assets.surveys import SURVEYS
from rotator_assets.surveys.inventory import inventory, not_read
from rotator_assets.surveys.table_files import read_fits_table
from rotator_assets_tests.kinematics.maps_files import Disc
from rotator_assets_tests.kinematics.test_particle_files import galaxy, write_cutout
from rotator_assets_tests.surveys.files import table_hdu, write_fits, write_hdf5, write_manga_catalogs

MANGA, TNG100 = SURVEYS["manga"], SURVEYS["tng100"]

CONTENT = b"SIMPLE  =                    T" * 1000


def zipped(*contents: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for number, content in enumerate(contents):
            file.writestr(f"folder/{number}.fits", content)
    return archive.getvalue()


def read(path, **options) -> bytes:
    with unpacked(path, **options) as stream:
        stream.seek(len(CONTENT) // 2)
        end = stream.read()
        stream.seek(0)
        return stream.read(len(CONTENT) - len(end)) + end


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress, zipped])
@pytest.mark.parametrize("name", ["a.fits", "a.fits.gz", "a.csv", "a"])
def test_content_is_the_same_under_any_name_and_compression(tmp_path, pack, name):
    (tmp_path / name).write_bytes(pack(CONTENT))
    assert read(tmp_path / name) == CONTENT


def test_files_compressed_twice_are_unpacked_twice(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(bz2.compress(CONTENT)))
    assert read(tmp_path / "a.gz") == CONTENT


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path):
    (tmp_path / "bomb.fits").write_bytes(gzip.compress(gzip.compress(bytes(5_000_000))))
    with pytest.raises(ValueError, match="unpacks to more than 4 MB"):
        read(tmp_path / "bomb.fits", max_bytes=4_000_000)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (zipped(CONTENT, CONTENT), "zip archive of 2 files"),
        (b"\x1f\x9d\x90abc", "unpack it with uncompress"),
        (b"\x28\xb5\x2f\xfdabc", "unpack it with unzstd"),
        (gzip.compress(CONTENT, mtime=0)[:-20], "ended before the end-of-stream"),
    ],
)
def test_files_that_cannot_be_unpacked_are_errors(tmp_path, content, reason):
    (tmp_path / "a.fits").write_bytes(content)
    with pytest.raises((ValueError, EOFError), match=reason):
        read(tmp_path / "a.fits")


PACKINGS = [gzip.compress, bz2.compress, lzma.compress, zipped]


@pytest.mark.parametrize("pack", PACKINGS)
@pytest.mark.parametrize("ending", ["", ".gz", ".bz2", ".XZ", ".zip"])
def test_catalogues_are_found_and_read_in_any_compression_under_any_name(tmp_path, pack, ending):
    plain = MANGA.read_photometry(write_manga_catalogs(tmp_path / "plain")).frame
    folder = write_manga_catalogs(tmp_path / "packed")
    for path in list((folder / "catalogs").iterdir()):
        path.with_name(path.name + ending).write_bytes(pack(path.read_bytes()))
        if ending:
            path.unlink()
    pd.testing.assert_frame_equal(MANGA.read_photometry(folder).frame, plain)
    found = inventory(MANGA, folder)
    assert [f.rows for f in found if f.expected.what.startswith("deep-learning")] == ["5 rows"]
    assert not_read(MANGA, folder) == []


def test_a_catalogue_unpacked_by_a_browser_is_read_under_its_old_name(tmp_path):
    catalogs = write_manga_catalogs(tmp_path) / "catalogs"
    (catalogs / "drpall-v2_4_3.fits").rename(catalogs / "drpall-v2_4_3.fits.gz")
    assert MANGA.read_photometry(tmp_path).sources[1].path.name == "drpall-v2_4_3.fits.gz"


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_hdf5_and_text_are_read_in_any_compression(tmp_path, pack):
    ids = {"SubhaloID": [7, 3], "P_Late": [0.2, 0.9]}
    path = write_hdf5(tmp_path / "catalogs" / "morphologies_deeplearn.hdf5", {"Snapshot_99": ids})
    path.write_bytes(pack(path.read_bytes()))
    table = tmp_path / "catalogs" / "lambda_r.csv.gz"
    table.write_bytes(pack(b"subfind_id,lambda_r\n7,0.1\n3,0.5\n"))
    assert TNG100.read_morphology(tmp_path).frame["galaxy_id"].tolist() == ["7", "3"]
    assert TNG100.read_kinematics(tmp_path).frame["lambda_r"].tolist() == [0.1, 0.5]


@pytest.mark.parametrize("pack", [*PACKINGS, bytes])
@pytest.mark.parametrize("ending", ["", ".gz", ".bz2"])
def test_maps_are_measured_in_any_compression_under_any_name(tmp_path, pack, ending):
    path = tmp_path / "manga-8000-1901-MAPS-HYB10-GAU-MILESHC.fits"
    Disc().write(path, "DR15", PLATEIFU="8000-1901")
    packed = tmp_path / "packed" / (path.name + ending)
    packed.parent.mkdir()
    packed.write_bytes(pack(path.read_bytes()))
    assert find_maps(packed.parent) == {"8000-1901": packed}
    assert measure_maps(packed, HalfLightEllipse()).lambda_r == measure_maps(path, HalfLightEllipse()).lambda_r


def test_maps_packed_by_fpack_are_measured(tmp_path):
    path = tmp_path / "manga-8000-1901-MAPS-HYB10-GAU-MILESHC.fits"
    Disc().write(path, "DR15", PLATEIFU="8000-1901")
    expected = measure_maps(path, HalfLightEllipse()).lambda_r
    with fits.open(path) as hdus:
        packed = fits.HDUList([fits.PrimaryHDU(header=hdus[0].header)])
        for hdu in hdus[1:]:
            whole = {"compression_type": "GZIP_2", "quantize_level": 0}
            packed.append(fits.CompImageHDU(hdu.data, hdu.header, name=hdu.name, **whole))
        packed.writeto(path.with_suffix(".fits.fz"))
    assert measure_maps(path.with_suffix(".fits.fz"), HalfLightEllipse()).lambda_r == pytest.approx(expected, rel=1e-6)
    content = path.with_suffix(".fits.fz").read_bytes()
    path.with_suffix(".fits.fz").write_bytes(content[: len(content) // 2])
    with pytest.raises(UnusableKinematics, match=r"fits\.fz: "):
        measure_maps(path.with_suffix(".fits.fz"), HalfLightEllipse())


def test_cutouts_of_particles_are_measured_in_any_compression(tmp_path):
    plain = write_cutout(tmp_path / "cutout_7.hdf5", galaxy())
    packed = tmp_path / "packed" / "cutout_7.hdf5.gz"
    packed.parent.mkdir()
    packed.write_bytes(gzip.compress(plain.read_bytes(), 1))
    assert find_cutouts(packed.parent) == {"7": packed}
    assert measure_cutout(packed, HalfLightEllipse()).lambda_r == measure_cutout(plain, HalfLightEllipse()).lambda_r


def test_a_table_packed_by_fpack_is_refused_with_its_remedy(tmp_path):
    hdu = table_hdu({"PLATEIFU": ["1-1"]})
    hdu.header["ZTABLE"] = True
    with pytest.raises(InputError, match="extension 1 is a table compressed by fpack: unpack it with funpack"):
        read_fits_table(write_fits(tmp_path / "table.fits.fz", hdu), ["galaxy_id"], columns=MANGA.columns)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_file_that_holds_nothing_but_zeros_is_refused(tmp_path, monkeypatch, pack):
    monkeypatch.setattr("rotator_assets.core.compressed._SUSPICIOUS_BYTES", 2**20)
    (tmp_path / "zeros").write_bytes(pack(bytes(2**22)))
    with pytest.raises(ValueError, match="unpacks to more than 200 times its size"):
        read(tmp_path / "zeros")
    monkeypatch.undo()
    with unpacked(tmp_path / "zeros") as content:
        assert len(content.read()) == 2**22
