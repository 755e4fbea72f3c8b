"""Cut-outs from SDSS frames: position and flux in every band, and every reason for not having one."""

import bz2
import gzip
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from rotator_assets.core.errors import UnusableImage
from rotator_assets.imaging import frames
from rotator_assets.imaging.frames import FrameSource, frame_sources
from rotator_assets.imaging.image_checks import check_matches

SHAPE = (300, 420)
RA, DEC = 150.1, 32.3
SCALE_DEG = 0.396127 / 3600
BAND_SHIFT_PX = {"g": (3.3, -4.6), "r": (0.0, 0.0), "i": (-2.4, 5.8)}
FLUX = {"g": 100.0, "r": 200.0, "i": 260.0}
PIXELS = {".fits": bytes, ".fits.bz2": bz2.compress, ".fits.gz": gzip.compress}


def frame_wcs(band="r", ra=RA, dec=DEC, angle_deg=88.0, mirrored=False, shape=SHAPE) -> WCS:
    """Coordinates like those of a frame: TAN with a CD matrix, any rotation, bands offset by a few pixels."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [ra, dec]
    shift = BAND_SHIFT_PX[band]
    wcs.wcs.crpix = [shape[1] / 2 + 1 + shift[0], shape[0] / 2 + 0.5 + shift[1]]
    angle = np.radians(angle_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    wcs.wcs.cd = turn @ np.diag([SCALE_DEG if mirrored else -SCALE_DEG, SCALE_DEG])
    return wcs


def write_frame(folder, band, galaxies=(), run=1043, camcol=1, field=36, ending=".fits", noise=0.0, **where):
    """A frame with Gaussian galaxies at (ra, dec), and the tables that follow the image in a published one."""
    wcs = frame_wcs(band, **where)
    y, x = np.indices(where.get("shape", SHAPE))
    pixels = np.random.default_rng(3).normal(0, noise or 1e-9, y.shape)
    for ra, dec in galaxies:
        px, py = wcs.wcs_world2pix([[ra, dec]], 0)[0]
        pixels += FLUX[band] / (2 * np.pi * 4) * np.exp(-((x - px) ** 2 + (y - py) ** 2) / 8)
    image = fits.PrimaryHDU(pixels.astype(np.float32))
    image.header.update(
        {"BUNIT": "nanomaggy", "RUN": run, "CAMCOL": camcol, "FILTER": band, "CUNIT1": "deg", "CUNIT2": "deg"}
    )
    for axis, name, value in zip((1, 2), wcs.wcs.ctype, wcs.wcs.crval, strict=True):
        image.header[f"CTYPE{axis}"], image.header[f"CRVAL{axis}"] = name, value
        image.header[f"CRPIX{axis}"] = wcs.wcs.crpix[axis - 1]
        for other in (1, 2):
            image.header[f"CD{axis}_{other}"] = wcs.wcs.cd[axis - 1, other - 1]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"frame-{band}-{run:06d}-{camcol}-{field:04d}{ending}"
    plain = folder / "plain.tmp"
    fits.HDUList([image, fits.ImageHDU(np.ones(SHAPE[1], np.float32))]).writeto(plain, overwrite=True)
    path.write_bytes(PIXELS[ending](plain.read_bytes()))
    plain.unlink()
    return path


def write_field(folder, galaxies=(), **options):
    return [write_frame(folder, band, galaxies, **options) for band in "gri"]


def source_of(folder, ra=RA, dec=DEC, size_px=128) -> FrameSource:
    return frame_sources(folder, ["1-1"], [ra], [dec], size_px)["1-1"]


def centroid(plane):
    y, x = np.indices(plane.shape)
    return (plane * y).sum() / plane.sum(), (plane * x).sum() / plane.sum()


@pytest.mark.parametrize("ending", PIXELS)
@pytest.mark.parametrize("angle_deg", [0.0, 88.0, 200.0, 271.3])
@pytest.mark.parametrize("mirrored", [False, True])
def test_the_galaxy_is_in_the_middle_of_every_band_with_its_flux(tmp_path, ending, angle_deg, mirrored):
    galaxy = (RA + 0.004, DEC - 0.003)
    write_field(tmp_path, [galaxy], ending=ending, angle_deg=angle_deg, mirrored=mirrored)
    source = source_of(tmp_path, *galaxy)
    image = source.read()
    assert image.pixels.shape == (128, 128, 3) and image.pixels.dtype == np.float32
    assert image.pixels.dtype.isnative and image.unit == "nanomaggies" and not image.synthetic
    for k, band in enumerate("gri"):
        y, x = centroid(image.pixels[..., k])
        assert max(abs(y - 63.5), abs(x - 63.5)) <= 0.51, band
        assert image.pixels[..., k].sum() == pytest.approx(FLUX[band], rel=1e-4)
    assert image.arcsec_per_pixel == pytest.approx(0.396127, rel=1e-6)
    check_matches(image, *galaxy)


@pytest.mark.parametrize("mirrored", [False, True])
def test_north_of_a_cut_out(tmp_path, mirrored):
    """A companion north-east of the galaxy lies there in the cut-out too, by its north angle."""
    degrees = 0.004
    companion = (
        RA + degrees * np.sin(np.radians(30)) / np.cos(np.radians(DEC)),
        DEC + degrees * np.cos(np.radians(30)),
    )
    write_field(tmp_path, [(RA, DEC), companion], angle_deg=70.0, mirrored=mirrored)
    image = source_of(tmp_path).read()
    plane = image.pixels[..., 1].copy()
    plane[58:71, 58:71] = 0  # the galaxy itself
    y, x = np.array(centroid(plane)) - 63.5
    from_up = np.degrees(np.arctan2(-x, y))  # counterclockwise from +y
    assert (from_up + image.north_angle_deg) % 360 == pytest.approx(30, abs=1.5)
    assert np.hypot(x, y) == pytest.approx(degrees / SCALE_DEG, abs=1)


def test_coordinates_of_the_cut_out_are_those_of_astropy(tmp_path):
    galaxy = (RA + 0.003, DEC + 0.002)
    write_field(tmp_path, [galaxy])
    image = source_of(tmp_path, *galaxy).read()
    whole = frame_wcs("r")
    corner = np.rint(whole.wcs_world2pix([galaxy], 0)[0] - 63.5).astype(int)
    place = (RA + 0.001, DEC + 0.004)
    np.testing.assert_allclose(
        image.coordinates.pixel(*place), whole.wcs_world2pix([place], 0)[0] - corner, rtol=0, atol=1e-6
    )


def test_pixels_are_taken_as_they_are(tmp_path):
    paths = write_field(tmp_path, [(RA, DEC)], noise=0.02)
    image = source_of(tmp_path).read()
    for k, path in enumerate(paths):
        whole = fits.getdata(path)
        cut = image.pixels[..., k]
        y, x = np.argwhere(whole == cut[0, 0])[0]
        np.testing.assert_array_equal(whole[y : y + 128, x : x + 128], cut)


def test_the_field_with_the_galaxy_farthest_from_the_edge_is_used(tmp_path):
    step = 100 * SCALE_DEG
    write_field(tmp_path / "a", field=36, dec=DEC + step, angle_deg=0.0)
    write_field(tmp_path / "b", field=37, dec=DEC, angle_deg=0.0)
    places = {"1-1": DEC + 0.9 * step, "1-2": DEC + 0.1 * step, "1-3": DEC - 1.4 * step, "1-4": DEC + 10, "1-5": np.nan}
    sources = frame_sources(tmp_path, list(places), [RA] * 5, list(places.values()))
    assert {galaxy: source.paths[0].parent.name for galaxy, source in sources.items()} == {
        "1-1": "a", "1-2": "b", "1-3": "b",
    }  # fmt: skip
    assert all(len(source.paths) == 3 and source.form == "frames" for source in sources.values())
    assert sources["1-1"].described(tmp_path) == "a/frame-g-001043-1-0036.fits"


def test_a_complete_field_is_preferred(tmp_path):
    write_frame(tmp_path, "r", field=36)
    write_field(tmp_path, field=37, dec=DEC + 60 * SCALE_DEG, angle_deg=0.0)
    assert [path.name[-9:-5] for path in source_of(tmp_path).paths] == ["0037"] * 3


def test_no_frames_no_sources(tmp_path):
    (tmp_path / "frame-u-001043-1-0036.fits").write_bytes(b"")
    (tmp_path / "frame-g-1043-1-36.fits").write_bytes(b"")
    assert frame_sources(tmp_path, ["1-1"], [RA], [DEC]) == {}
    assert frame_sources(tmp_path / "nowhere", ["1-1"], [RA], [DEC]) == {}


def test_of_one_frame_packed_twice_the_plain_one_is_read(tmp_path):
    write_field(tmp_path / "a", ending=".fits.bz2")
    write_field(tmp_path / "b")
    assert {path.suffix for path in source_of(tmp_path).paths} == {".fits"}


def unusable(folder, change, words, ra=RA, dec=DEC):
    write_field(folder)
    change(folder)
    source = source_of(folder, ra, dec)
    with pytest.raises(UnusableImage) as error:
        source.read()
    assert words in str(error.value) and "\n" not in str(error.value)
    return str(error.value)


G = "frame-g-001043-1-0036.fits"


def test_a_missing_band_is_named(tmp_path):
    unusable(tmp_path, lambda folder: (folder / G).unlink(), "the field's frame of band g is missing")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda good: b"", "cannot be read"),
        (lambda good: b"<html>not found</html>", "cannot be read"),
        (lambda good: good[:100_000], "cannot be read"),
        (lambda good: good[:2880], "cannot be read"),
        (lambda good: good.replace(b"RA---TAN", b"GLON-TAN"), "has no celestial coordinates"),
        (lambda good: good.replace(b"NAXIS1  =                  420", b"NAXIS1  =             42000000"), "has shape"),
    ],
)
@pytest.mark.filterwarnings("ignore:File may have been truncated")
def test_a_bad_frame_makes_its_galaxies_unusable(tmp_path, content, words):
    def damage(folder):
        (folder / G).write_bytes(content((folder / G).read_bytes()))

    message = unusable(tmp_path, damage, words)
    assert message.startswith(f"{G}: ") and message.count(G) == 1


def test_a_truncated_packed_frame_is_unusable(tmp_path):
    paths = write_field(tmp_path, ending=".fits.bz2", noise=0.02)
    content = paths[1].read_bytes()
    paths[1].write_bytes(content[: len(content) // 2])
    with pytest.raises(UnusableImage, match=r"^frame-r-001043-1-0036\.fits\.bz2: cannot be read"):
        source_of(tmp_path).read()


def test_a_bad_header_does_not_hide_the_field(tmp_path):
    write_field(tmp_path)
    (tmp_path / "frame-r-001043-1-0036.fits").write_bytes(b"damaged")
    with pytest.raises(UnusableImage, match=r"^frame-r-001043-1-0036\.fits: cannot be read"):
        source_of(tmp_path).read()


def test_near_the_edge_the_cutout_is_as_large_as_fits(tmp_path):
    place = frame_wcs("r").wcs_pix2world([[40, 150]], 0)[0]
    write_field(tmp_path, [tuple(place)])
    image = source_of(tmp_path, *place).read()
    side = image.pixels.shape[0]
    assert image.pixels.shape == (side, side, 3) and 70 <= side <= 80  # 40 less the shift between bands, twice
    for band in range(3):
        assert centroid(image.pixels[..., band]) == pytest.approx(((side - 1) / 2, (side - 1) / 2), abs=0.6)
    assert source_of(tmp_path, *place, size_px=64).read().pixels.shape == (64, 64, 3)


def test_on_the_edge_of_one_band_there_is_no_cutout(tmp_path):
    place = frame_wcs("r").wcs_pix2world([[1, 150]], 0)[0]
    unusable(tmp_path, lambda folder: None, "is on the frame's edge or outside", *place)


def test_a_band_that_shows_another_place(tmp_path):
    def move(folder):
        write_frame(folder, "g", dec=DEC + 0.1)

    unusable(tmp_path, move, "is on the frame's edge or outside")


def test_a_frame_is_read_once_for_all_its_galaxies(tmp_path, monkeypatch):
    places = [(RA + k * 0.002, DEC) for k in range(-3, 4)]
    write_field(tmp_path, places)
    read = []

    def counting(path):
        read.append(path.name)
        return frames._read_frame(path)

    monkeypatch.setattr(frames, "_FRAMES", frames._RecentFrames(counting, 3))
    ra, dec = np.transpose(places)
    sources = frame_sources(tmp_path, [f"1-{k}" for k in range(7)], ra, dec)
    with ThreadPoolExecutor(7) as pool:
        images = list(pool.map(FrameSource.read, sources.values()))
    assert sorted(read) == sorted(path.name for path in tmp_path.iterdir())
    assert all(image.pixels[64, 64].min() > 1 for image in images)
    newer = (tmp_path / G).stat().st_mtime_ns + 10**9
    os.utime(tmp_path / G, ns=(newer, newer))
    sources["1-0"].read()
    assert read.count(G) == 2


def test_no_more_frames_are_kept_than_allowed(tmp_path, monkeypatch):
    for field in range(4):
        write_field(tmp_path, field=field, ra=RA + field, angle_deg=0.0)
    cache = frames._RecentFrames(frames._read_frame, 4)
    monkeypatch.setattr(frames, "_FRAMES", cache)
    sources = frame_sources(tmp_path, list("abcd"), [RA + k for k in range(4)], [DEC] * 4)
    for source in sources.values():
        pixels = source.read().pixels
        assert pixels.base is None or pixels.base.nbytes == pixels.nbytes  # no view that would keep a frame
    assert len(cache._frames) == 4


def test_synthetic_frames_say_so(tmp_path):
    for path in write_field(tmp_path):
        fits.setval(path, "SYNTHET", value=True)
    assert source_of(tmp_path).read().synthetic


@given(
    st.floats(0, 360), st.floats(-89, 89), st.floats(0, 360), st.booleans(), st.floats(-0.02, 0.02),
    st.floats(-0.02, 0.02),
)  # fmt: skip
def test_the_nearest_pixel_is_found_anywhere_on_the_sky(ra, dec, angle_deg, mirrored, east, north):
    """The middle of the cut-out is, by astropy, within half a pixel of the galaxy."""
    wcs = frame_wcs(ra=ra, dec=dec, angle_deg=angle_deg, mirrored=mirrored, shape=(1489, 2048))
    galaxy = ((ra + east / np.cos(np.radians(dec))) % 360, dec + north)
    plane = frames.TangentPlane.from_header(wcs.to_header())
    y, x = np.indices((1489, 2048), dtype=np.float32, sparse=True)
    pixels = (x + 2048 * y).astype(np.float32)  # each pixel says where it was
    if plane.is_mirrored:
        pixels, plane = pixels[:, ::-1], plane.mirrored(2048)
    cut = frames._cut(frames.Frame(pixels, plane, 1.0, False), plane.pixel(*galaxy), 128)
    row, column = divmod(int(cut.pixels[64, 64]), 2048)
    place = column + (0.5 if mirrored else -0.5), row - 0.5
    np.testing.assert_allclose(place, wcs.wcs_world2pix([galaxy], 0)[0], atol=0.51)
