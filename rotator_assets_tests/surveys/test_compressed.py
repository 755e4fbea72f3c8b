"""Compressed files, by their content."""

import bz2
import gzip
import io
import lzma
import zipfile

import pytest

from rotator_assets.surveys.compressed import unpacked

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


def test_what_was_packed_twice_is_unpacked_twice(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(bz2.compress(CONTENT)))
    assert read(tmp_path / "a.gz") == CONTENT


def test_a_file_that_unpacks_without_end_is_refused(tmp_path):
    (tmp_path / "bomb.fits").write_bytes(gzip.compress(gzip.compress(bytes(5_000_000))))
    with pytest.raises(ValueError, match="unpacks to more than 4 MB"):
        read(tmp_path / "bomb.fits", max_bytes=4_000_000)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (zipped(CONTENT, CONTENT), "zip archive of 2 files"),
        (b"\x1f\x9d\x90abc", "unpack it with uncompress"),
        (b"\x28\xb5\x2f\xfdabc", "unpack it with unzstd"),
        (gzip.compress(CONTENT)[:-20], "ended before the end-of-stream"),
    ],
)
def test_what_cannot_be_unpacked_is_an_error(tmp_path, content, reason):
    (tmp_path / "a.fits").write_bytes(content)
    with pytest.raises((ValueError, EOFError), match=reason):
        read(tmp_path / "a.fits")
