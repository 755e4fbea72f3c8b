"""Valid and damaged MAPS files: layouts, masks, and a reason for every problem."""

import gzip
import io
from functools import cache

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rotator_assets.core.errors import UnusableKinematics
from rotator_assets.kinematics import dap_files
from rotator_assets.kinematics.dap_files import LAYOUTS, MapsLayout
from rotator_assets.kinematics.maps import measure_maps
from rotator_assets.kinematics.measured import HalfLightEllipse
from rotator_assets_tests.kinematics.maps_files import DO_NOT_USE, Disc, maps_hdus, write_maps

DISC = Disc()
PLANES = DISC.planes()
DISC_HEADER = {"REFF": DISC.r_eff, "ECOOELL": 0.4, "ECOOPA": 35.0}
NO_PHOTOMETRY = HalfLightEllipse()


def test_masks_and_errors_are_found_with_and_without_header_keys(tmp_path):
    masked = PLANES.where(np.arange(72) % 3 == 0, mask_velocity=DO_NOT_USE)
    named = measure_maps(write_maps(tmp_path / "1.fits", masked, header=DISC_HEADER), NO_PHOTOMETRY)
    unnamed = measure_maps(write_maps(tmp_path / "2.fits", masked, header=DISC_HEADER, keys=False), NO_PHOTOMETRY)
    hdus = maps_hdus(masked, header=DISC_HEADER)
    for key, ending in {"QUALDATA": "MASK", "ERRDATA": "IVAR"}.items():
        hdus[f"STELLAR_VEL_{ending}"].name = f"ELSEWHERE_{ending}"
        hdus["STELLAR_VEL"].header[key] = f"ELSEWHERE_{ending}"
    hdus.writeto(tmp_path / "3.fits")
    elsewhere = measure_maps(tmp_path / "3.fits", NO_PHOTOMETRY)
    for other in (unnamed, elsewhere):
        assert (other.n_pixels, other.lambda_r, other.lambda_r_error) == (
            named.n_pixels,
            named.lambda_r,
            named.lambda_r_error,
        )
    assert named.n_pixels < 240


def test_a_new_release_is_an_entry_of_the_table(tmp_path, monkeypatch):
    later = MapsLayout("DR99", ("HYB10-NEW",), "g band", correction_channel=1, n_elliptical=6, flux="SPX_SNR")
    monkeypatch.setattr(dap_files, "LAYOUTS", (later, *LAYOUTS))
    hdus = maps_hdus(PLANES, header=DISC_HEADER)
    hdus["SPX_ELLCOO"].data = np.zeros((6, 72, 72), dtype="f4")
    hdus["STELLAR_SIGMACORR"].data = hdus["STELLAR_SIGMACORR"].data[::-1].copy()
    hdus["SPX_MFLUX"].data[:] = np.nan
    hdus.writeto(tmp_path / "disc.fits")
    measured = measure_maps(tmp_path / "disc.fits", NO_PHOTOMETRY)
    assert measured.release == "DR99" and measured.lambda_r == pytest.approx(DISC.lambda_r(), rel=3e-3)


def without(name: str):
    def damage(hdus: fits.HDUList) -> None:
        del hdus[name]

    return damage


def with_data(name: str, change):
    def damage(hdus: fits.HDUList) -> None:
        hdus[name].data = change(hdus[name].data)

    return damage


def with_header(**values):
    return lambda hdus: hdus[0].header.update(values)


def table_in_place_of_velocity(hdus: fits.HDUList) -> None:
    column = fits.Column("V", "E", array=np.zeros(3))
    hdus[hdus.index_of("STELLAR_VEL")] = fits.BinTableHDU.from_columns([column], name="STELLAR_VEL")


def at_rest(hdus: fits.HDUList) -> None:
    hdus["STELLAR_VEL"].data[:] = 0
    hdus["STELLAR_SIGMA"].data[:] = 1


BROKEN = {
    "no velocity": (without("STELLAR_VEL"), "has no extension STELLAR_VEL"),
    "velocity is a table": (table_in_place_of_velocity, "has no extension STELLAR_VEL"),
    "no mask": (without("STELLAR_SIGMA_MASK"), "has no extension STELLAR_SIGMA_MASK"),
    "no correction": (without("STELLAR_SIGMACORR"), "has no extension STELLAR_SIGMACORR"),
    "one bin map": (
        with_data("BINID", lambda d: d[1]),
        r"BINID has shape \(72, 72\), \(at least 2, ny, nx\) is needed",
    ),
    "velocity is a cube": (
        with_data("STELLAR_VEL", lambda d: d[None]),
        r"STELLAR_VEL has shape \(1, 72, 72\), \(ny, nx\)",
    ),
    "one map is smaller": (
        with_data("SPX_MFLUX", lambda d: d[:70]),
        r"its maps have different shapes: \(70, 72\), \(72, 72\)",
    ),
    "mask of fractions": (
        with_data("STELLAR_VEL_MASK", lambda d: d.astype("f4")),
        "STELLAR_VEL_MASK holds float32, whole numbers are needed",
    ),
    "unknown layout": (
        with_data("SPX_ELLCOO", lambda d: d[:2]),
        r"does not have the layout of a known release \(DR17, DR15\): STELLAR_S",
    ),
    "all NaN": (with_data("STELLAR_VEL", lambda d: d * np.nan), "0 usable bins inside the half-light ellipse"),
    "all masked": (with_data("STELLAR_SIGMA_MASK", lambda d: d | 1), "0 usable bins inside the half-light ellipse"),
    "one bin": (with_data("BINID", lambda d: d * 0), "1 usable bins .* at least 10 are needed"),
    "at rest": (at_rest, "no motion inside the half-light ellipse"),
    "coordinates all zero": (
        with_data("SPX_SKYCOO", lambda d: d * 0),
        "the coordinates of the spaxels do not form a grid",
    ),
    "tiny ellipse": (with_header(REFF=0.3), "0 usable bins .* at least 10 are needed"),
    "no position angle": (with_header(ECOOPA=-999.0), "no position angle: neither the header nor the photometry"),
    "no radius": (with_header(REFF=0.0), "no half-light radius: neither the header nor the photometry"),
    "no ellipticity": (with_header(ECOOELL=-0.1), "no ellipticity: neither the header nor the photometry"),
    "another galaxy": (with_header(PLATEIFU="9999-101"), "holds galaxy 9999-101 by its header"),
}
NAME = "manga-8000-1901-MAPS-HYB10-GAU-MILESHC.fits"


@pytest.mark.parametrize(("damage", "reason"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_gives_its_name_and_one_reason(tmp_path, damage, reason):
    hdus = maps_hdus(PLANES, header=DISC_HEADER)
    damage(hdus)
    hdus.writeto(tmp_path / NAME)
    with pytest.raises(UnusableKinematics, match=f"^{NAME}: {reason}") as caught:
        measure_maps(tmp_path / NAME, NO_PHOTOMETRY)
    assert "\n" not in str(caught.value)


def refused(path) -> str:
    with pytest.raises(UnusableKinematics) as caught:
        measure_maps(path, NO_PHOTOMETRY)
    assert str(caught.value).startswith(f"{path.name}: ") and "\n" not in str(caught.value)
    return str(caught.value)


def test_files_that_are_cut_short_are_refused(tmp_path):
    whole = DISC.write(tmp_path / "whole.fits").read_bytes()
    (tmp_path / "cut.fits").write_bytes(whole[: len(whole) * 2 // 3])
    assert "cut short: extension" in refused(tmp_path / "cut.fits")
    packed = gzip.compress(whole)
    (tmp_path / "cut.fits.gz").write_bytes(packed[: len(packed) // 2])
    assert "cannot be read (Compressed file ended" in refused(tmp_path / "cut.fits.gz")
    (tmp_path / "unpadded.fits").write_bytes(whole[:-1000])  # zeros behind the last map
    assert measure_maps(tmp_path / "unpadded.fits", NO_PHOTOMETRY).n_pixels == 340


def test_absurd_sizes_are_refused_before_memory_is_taken(tmp_path):
    whole = DISC.write(tmp_path / "whole.fits").read_bytes()
    at = whole.index(b"EXTNAME = 'STELLAR_VEL'")
    start = whole.rindex(b"NAXIS1  =", 0, at)
    card = b"NAXIS1  =             20000000".ljust(80)
    absurd = tmp_path / "absurd.fits"
    absurd.write_bytes(whole[:start] + card + whole[start + 80 :])
    assert "STELLAR_VEL has shape (72, 20000000), too large" in refused(absurd)
    with absurd.open("r+b") as file:
        file.truncate(20_000_000 * 72 * 4 + len(whole))  # sparse: as long as it says
    assert "STELLAR_VEL has shape (72, 20000000), too large" in refused(absurd)


def test_files_that_unpack_without_end_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(dap_files, "MAX_UNPACKED_BYTES", 2_000_000)
    (tmp_path / "bomb.fits.gz").write_bytes(gzip.compress(bytes(30_000_000)))
    assert "unpacks to more than 2 MB" in refused(tmp_path / "bomb.fits.gz")


NOT_FITS = [b"", b"<html>404</html>", b"\x1f\x8b", b"BZh91AY&SY", gzip.compress(b"no", mtime=0)]


@pytest.mark.parametrize("content", NOT_FITS)
def test_other_files_than_fits_are_refused(tmp_path, content):
    (tmp_path / "other.fits.gz").write_bytes(content)
    reasons = ("is not a FITS file", "ended before the end-of-stream marker")  # of a compressed file that breaks off
    assert any(reason in refused(tmp_path / "other.fits.gz") for reason in reasons)


def test_a_missing_file_is_refused(tmp_path):
    assert "cannot be read" in refused(tmp_path / "missing.fits")


@cache
def whole_file() -> bytes:
    content = io.BytesIO()
    maps_hdus(PLANES, header=DISC_HEADER).writeto(content)
    return content.getvalue()


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=20), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.filterwarnings("ignore")
def test_damage_anywhere_gives_a_measurement_or_a_reason(tmp_path, bytes_changed, in_headers):
    whole = bytearray(whole_file())
    for place, value in bytes_changed:
        header = int(place * 4) * 2880
        whole[int(place * 2879) + header % 8640 if in_headers else int(place * (len(whole) - 1))] = value
    (tmp_path / "damaged.fits").write_bytes(bytes(whole))
    try:
        measured = measure_maps(tmp_path / "damaged.fits", NO_PHOTOMETRY)
    except UnusableKinematics as reason:
        assert str(reason).startswith("damaged.fits: ")
    else:
        assert 0 <= measured.lambda_r_observed <= 1 and 0 <= measured.coverage <= 1
