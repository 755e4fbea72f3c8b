"""Images are identified by their content, in any compression and with any name."""

import bz2
import gzip
import io
import lzma
import re
import zipfile

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image

from rotator_assets.core.archives import tar_members
from rotator_assets.core.errors import InputError, UnusableImage
from rotator_assets.imaging.cutouts import OBSERVED_PX, read_sky_stamps
from rotator_assets.imaging.frames import frame_sources
from rotator_assets.imaging.image_names import band_of, named_images, repeated
from rotator_assets.imaging.images import MAX_BYTES, ImageSource
from rotator_assets.surveys import SURVEYS
from rotator_assets_tests.core.test_archives import write_tar
from rotator_assets_tests.imaging.test_frames import write_field
from rotator_assets_tests.surveys.files import BROADBAND_HEADER, picture, write_cube

PLANES = picture(32)
PIXELS = np.moveaxis(PLANES, 0, 2)
MANGA = SURVEYS["manga"].image_name


def zipped(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("content", content)
    return file.getvalue()


def twice(content: bytes) -> bytes:
    return gzip.compress(gzip.compress(content))


PACKINGS = {"plain": bytes, "gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zip": zipped, "2": twice}
NAMES = ("1-1.fits", "1-1.fits.gz", "1-1.fits.xz", "1-1.FITS", "1-1.fit", "1-1.fits.fz", "1-1", "1-1.gz", "1-1.png")


def fits_bytes(planes, **header) -> bytes:
    hdu = fits.PrimaryHDU(planes)
    hdu.header.update(header)
    file = io.BytesIO()
    hdu.writeto(file)
    return file.getvalue()


def picture_bytes(kind, mode="RGB", **options) -> tuple[bytes, np.ndarray]:
    """A picture of noise, and its pixels as read without lossy compression."""
    rgb = np.random.default_rng(0).integers(0, 200, (32, 24, 3)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(rgb).convert(mode).save(file, kind, **options)
    return file.getvalue(), rgb[::-1, :, ::-1] / np.float32(255)


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("packing", PACKINGS)
def test_a_cube_in_any_compression_under_any_name(tmp_path, packing, name):
    write(tmp_path / "images" / name, PACKINGS[packing](fits_bytes(PLANES)))
    source = SURVEYS["manga"].image_index(tmp_path)["1-1"]
    np.testing.assert_array_equal(source.read().pixels, PIXELS)


@pytest.mark.parametrize("packing", PACKINGS)
def test_bands_and_members_of_archives_in_any_compression(tmp_path, packing):
    names = ("1-1_g.fits.gz", "1-1_r", "1-1_i.fits.xz")
    files = {n: PACKINGS[packing](fits_bytes(plane)) for n, plane in zip(names, PLANES, strict=True)}
    for name, content in files.items():
        write(tmp_path / "plain" / "images" / name, content)
    (tmp_path / "packed" / "images").mkdir(parents=True)
    write_tar(tmp_path / "packed" / "images" / "all.tar", files)
    for folder in ("plain", "packed"):
        image = SURVEYS["manga"].image_index(tmp_path / folder)["1-1"].read()
        np.testing.assert_array_equal(image.pixels, PIXELS)


@pytest.mark.parametrize("compression", ["RICE_1", "GZIP_1", "GZIP_2", "PLIO_1", "HCOMPRESS_1"])
def test_compressed_fits_images(tmp_path, compression):
    """As fpack writes them: the image in extension 1, integers without losses."""
    whole = np.clip(np.round(100 * PLANES + 50), 0, 2**15).astype(np.int16)
    stored = [whole] if compression not in ("HCOMPRESS_1",) else list(whole)
    names = ["1-1.fits.fz"] if len(stored) == 1 else [f"1-1_{band}.fits.fz" for band in "gri"]
    (tmp_path / "images").mkdir()
    for name, data in zip(names, stored, strict=True):
        hdu = fits.CompImageHDU(data, compression_type=compression)
        hdu.header["BUNIT"] = "nanomaggy"
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(tmp_path / "images" / name)
    image = SURVEYS["manga"].image_index(tmp_path)["1-1"].read()
    np.testing.assert_array_equal(image.pixels, np.moveaxis(whole, 0, 2))


def test_a_compressed_fits_image_that_is_cut_short(tmp_path):
    path = tmp_path / "1-1.fits.fz"
    noise = np.random.default_rng(0).normal(0, 1, (3, 64, 64)).astype(np.float32)
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(noise)]).writeto(path)
    write(path, path.read_bytes()[:-2880])
    with pytest.raises(UnusableImage, match=r"^1-1.fits.fz: cannot be read \(cut short|^1-1.fits.fz: cut short"):
        ImageSource("cube", (path,)).read()


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, bz2.compress])
def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch, pack):
    assert MAX_BYTES == 2**29
    monkeypatch.setattr("rotator_assets.imaging.images.MAX_BYTES", 2**22)
    path = write(tmp_path / "1-1.fits", pack(fits_bytes(PLANES) + bytes(2**23)))
    with pytest.raises(UnusableImage, match=r"^1-1.fits: cannot be read \(unpacks to more than 4 MB"):
        ImageSource("cube", (path,)).read()


# Pictures


@pytest.mark.parametrize("name", ["1-1.png", "1-1.jpg", "1-1.fits", "1-1", "1-1.png.gz"])
@pytest.mark.parametrize("packing", ["plain", "gz", "xz"])
def test_a_picture_under_any_name(tmp_path, name, packing):
    content, pixels = picture_bytes("PNG")
    write(tmp_path / "images" / name, PACKINGS[packing](content))
    image = SURVEYS["manga"].image_index(tmp_path)["1-1"].read()
    assert image.unit == "colour"
    np.testing.assert_array_equal(image.pixels, pixels)


def test_a_jpg_named_png(tmp_path):
    content, pixels = picture_bytes("JPEG", quality=100, subsampling=0)
    path = write(tmp_path / "1-1.png", content)
    np.testing.assert_allclose(ImageSource("colour", (path,)).read().pixels, pixels, atol=0.06)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (picture_bytes("JPEG", "CMYK")[0], "has colour mode CMYK, not three channels"),
        (picture_bytes("JPEG", "L")[0], "has colour mode L, not three channels"),
        (picture_bytes("PNG", "LA")[0], "has colour mode LA, not three channels"),
        (picture_bytes("PNG", "I;16")[0], "has colour mode I;16, not three channels"),
        (picture_bytes("GIF")[0], "is neither a FITS file nor a PNG or JPG picture"),
        (picture_bytes("TIFF")[0], "is neither a FITS file nor a PNG or JPG picture"),
        (
            picture_bytes("PNG", save_all=True, append_images=[Image.new("RGB", (24, 32))])[0],
            "is an animation of 2 pictures",
        ),
    ],
)
def test_pictures_that_are_refused(tmp_path, content, words):
    path = write(tmp_path / "1-1.png", content)
    with pytest.raises(UnusableImage, match=rf"^1-1.png: {re.escape(words)}"):
        ImageSource("colour", (path,)).read()


def test_a_picture_without_colours(tmp_path):
    grey = np.random.default_rng(0).integers(0, 255, (32, 32, 1)).astype(np.uint8)
    Image.fromarray(grey.repeat(3, axis=2)).save(tmp_path / "1-1.png")
    with pytest.raises(UnusableImage, match="has no colours: its three channels are the same"):
        ImageSource("colour", (tmp_path / "1-1.png",)).read()


def test_a_picture_is_turned_as_its_exif_tag_says(tmp_path):
    content, pixels = picture_bytes("PNG")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees, clockwise
    turned = Image.open(io.BytesIO(content)).transpose(Image.Transpose.ROTATE_90)
    turned.save(tmp_path / "1-1.png", exif=exif)
    np.testing.assert_array_equal(ImageSource("colour", (tmp_path / "1-1.png",)).read().pixels, pixels)


def test_pictures_where_fluxes_are_needed(tmp_path):
    path = write(tmp_path / "broadband_1.fits", picture_bytes("PNG")[0])
    with pytest.raises(UnusableImage, match="is a PNG picture, a FITS file of calibrated fluxes is needed"):
        ImageSource("counts", (path,)).read()
    paths = tuple(write(tmp_path / f"1-1_{band}.fits", picture_bytes("JPEG")[0]) for band in "gri")
    with pytest.raises(UnusableImage, match=r"^1-1_g.fits: is a JPG picture, a FITS file of one band is needed"):
        ImageSource("bands", paths).read()


# SKIRT images, frames and sky


@pytest.mark.parametrize("name", ["broadband_7.fits.xz", "broadband_7", "BROADBAND_7.FITS", "broadband_7.fits.fz"])
def test_simulated_images_by_any_name(tmp_path, name):
    counts = np.concatenate([PLANES, PLANES[:1]])
    write(tmp_path / "images" / "deep" / name, lzma.compress(fits_bytes(counts, **BROADBAND_HEADER)))
    assert SURVEYS["tng100"].image_index(tmp_path)["7"].read().pixels.shape == (32, 32, 3)


@pytest.mark.parametrize(
    ("ending", "pack"), [(".fits.xz", lzma.compress), (".fits", bz2.compress), ("", gzip.compress)]
)
def test_frames_in_any_compression(tmp_path, ending, pack):
    write_field(tmp_path, [(150.0, 30.0)], ra=150.0, dec=30.0)
    expected = frame_sources(tmp_path, ["1-1"], [150.0], [30.0])["1-1"].read()
    for path in sorted(tmp_path.rglob("frame-*")):
        write(tmp_path / "packed" / (path.name.split(".")[0] + ending), pack(path.read_bytes()))
        path.unlink()
    found = frame_sources(tmp_path, ["1-1"], [150.0], [30.0])["1-1"].read()
    np.testing.assert_array_equal(found.pixels, expected.pixels)


def test_frames_packed_by_fpack(tmp_path):
    write_field(tmp_path, [(150.0, 30.0)], ra=150.0, dec=30.0)
    expected = frame_sources(tmp_path, ["1-1"], [150.0], [30.0])["1-1"].read()
    for path in sorted(tmp_path.rglob("frame-*")):
        with fits.open(path) as hdus:
            hdu = fits.CompImageHDU(hdus[0].data, hdus[0].header, compression_type="GZIP_2", quantize_level=0)
            fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path.with_name(path.name.split(".")[0] + ".fits.fz"))
        path.unlink()
    found = frame_sources(tmp_path, ["1-1"], [150.0], [30.0])["1-1"].read()
    np.testing.assert_array_equal(found.pixels, expected.pixels)


def test_sky_in_any_compression(tmp_path):
    sky = np.random.default_rng(0).normal(0, 0.02, (3, OBSERVED_PX, OBSERVED_PX)).astype(np.float32)
    write(tmp_path / "sky.fits.xz", lzma.compress(fits_bytes(sky)))
    assert read_sky_stamps(tmp_path).names == ("sky.fits.xz",)
    write(tmp_path / "picture.fits", picture_bytes("PNG")[0])
    with pytest.raises(InputError, match=r"sky stamp picture.fits: is a picture, fluxes are needed"):
        read_sky_stamps(tmp_path)


# Names


def test_names_of_bands(tmp_path):
    names = {
        "1-1_g.fits": "g",
        "1-1_R.FITS.GZ": "r",
        "1-1_i": "i",
        "1-1_i.fits.fz": "i",
        "1-1.fits": None,
        "1-1_z": None,
    }
    assert {name: band_of(tmp_path / name) for name in names} == names


def test_other_files_and_galaxies_with_several_images(tmp_path):
    for name in ("1-1.fits", "deep/1-1.fits.gz", "1-2.fits", "1-2.png", "1-3_g.fits", "1-3_r.fits", "1-3_i.fits"):
        write(tmp_path / name, b"")
    for name in ("notes.txt", "catalog.hdf5", "NGC4526.fits", "manga-1-4.png"):
        write(tmp_path / name, b"")
    images, others = named_images(tmp_path, MANGA)
    assert repeated(images) == ["1-1", "1-2"]
    assert sorted(file.name for file in others) == ["NGC4526.fits", "manga-1-4.png"]


def test_a_name_with_a_line_break_is_no_image(tmp_path):
    write(tmp_path / "1-1\n.fits", b"")
    write(tmp_path / "1-2.fits", b"")
    images, others = named_images(tmp_path, MANGA)
    assert [image.galaxy_id for image in images] == ["1-2"]
    assert others == []


def test_a_plain_cube_is_preferred_to_one_in_an_archive(tmp_path):
    write(tmp_path / "images" / "b" / "1-1.fits", fits_bytes(PLANES))
    write_tar(tmp_path / "images" / "a.tar", {"1-1.fits": fits_bytes(2 * PLANES)})
    assert len(tar_members(tmp_path / "images" / "a.tar")) == 1
    np.testing.assert_array_equal(SURVEYS["manga"].image_index(tmp_path)["1-1"].read().pixels, PIXELS)


def test_cubes_are_preferred_to_bands_and_bands_to_pictures(tmp_path):
    content, _ = picture_bytes("PNG")
    write(tmp_path / "images" / "1-1.png", content)
    for band in "gri":
        write_cube(tmp_path / "images" / f"1-1_{band}.fits", PLANES[0])
    assert SURVEYS["manga"].image_index(tmp_path)["1-1"].form == "bands"
    write_cube(tmp_path / "images" / "1-1.fits", PLANES)
    assert SURVEYS["manga"].image_index(tmp_path)["1-1"].form == "cube"
