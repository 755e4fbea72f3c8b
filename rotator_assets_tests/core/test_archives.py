"""Images inside tar archives: the index agrees with tarfile, members are read like files, damage is an error."""

import gzip
import io
import struct
import tarfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from rotator_assets.core import archives
from rotator_assets.core.archives import ArchiveMember, described, image_files, label, tar_members, unreadable_archives
from rotator_assets.core.errors import InputError, UnusableImage
from rotator_assets.imaging.images import ImageSource
from rotator_assets_tests.surveys.files import BROADBAND_HEADER, picture, write_cube, write_text

PLANES = picture(20)


def write_tar(path, members: dict[str, bytes], form=tarfile.GNU_FORMAT, mode="w"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode, format=form) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def content_of(member):
    with member.open() as stream:
        return stream.read()


def test_members_are_read_where_they_stand(tmp_path):
    path = write_tar(tmp_path / "a.tar", {"x/b.fits": b"second", "x/a.fits": b"first", "./y/c.fits": b""})
    members = tar_members(path)
    assert [member.path for member in members] == ["x/a.fits", "x/b.fits", "y/c.fits"]
    assert [member.name for member in members] == ["a.fits", "b.fits", "c.fits"]
    assert [content_of(member) for member in members] == [b"first", b"second", b""]
    assert label(members[0]) == "a.tar:x/a.fits"


@given(
    members=st.dictionaries(
        st.lists(st.text("abc_-é0 ", min_size=1, max_size=60).filter(lambda part: part.strip()), min_size=1, max_size=5)
        .map("/".join)
        .filter(lambda name: len(name) < 250),
        st.binary(max_size=1500),
        max_size=8,
    ),
    form=st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
)
def test_the_index_agrees_with_tarfile(tmp_path_factory, members, form):
    path = tmp_path_factory.mktemp("tar") / "a.tar"
    try:
        write_tar(path, members, form)
    except ValueError:  # a name that USTAR cannot hold
        return
    with tarfile.open(path) as archive:
        expected = {name: archive.extractfile(name).read() for name in archive.getnames()}
    found = {member.path: content_of(member) for member in tar_members(path)}
    assert found == expected == members


def test_the_last_of_several_members_with_the_same_path_counts(tmp_path):
    path = write_tar(tmp_path / "a.tar", {"x/a.fits": b"old", "x/b.fits": b"b"})
    write_tar(path, {"x/a.fits": b"new, and longer"}, mode="a")
    assert [content_of(member) for member in tar_members(path)] == [b"new, and longer", b"b"]


def test_hidden_and_irregular_members_are_left_out(tmp_path):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for name, kind in [
            ("folder", tarfile.DIRTYPE),
            ("link.fits", tarfile.SYMTYPE),
            ("hard.fits", tarfile.LNKTYPE),
            ("pipe.fits", tarfile.FIFOTYPE),
            ("device.fits", tarfile.CHRTYPE),
        ]:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)
        for name in ("._hidden.fits", "a/.git/b.fits", "../up.fits", "two\nlines.fits", "good.fits"):
            archive.addfile(tarfile.TarInfo(name))
        sparse = tarfile.TarInfo("sparse.fits")
        sparse.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.map": "0,1,9,1"}
        archive.addfile(sparse)
    assert [member.path for member in tar_members(path)] == ["good.fits"]


@pytest.mark.parametrize("cut", [300, 512 + 700, 512 * 3 + 100, 512 * 3])
def test_a_truncated_archive_says_so(tmp_path, cut):
    path = write_tar(tmp_path / "a.tar", {"a.fits": bytes(range(256)) * 4, "b.fits": b"b"})
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match=r"a\.tar: is not a whole tar archive \(.*\); download it again") as error:
        tar_members(path)
    assert "\n" not in str(error.value)


def test_a_damaged_header_says_so(tmp_path):
    path = write_tar(tmp_path / "a.tar", {"a.fits": b"a", "b.fits": b"b"})
    content = bytearray(path.read_bytes())
    content[1024 + 10] ^= 0xFF  # in the second header's name: its checksum fails
    path.write_bytes(content)
    with pytest.raises(InputError, match="cut short or damaged at byte 1024"):
        tar_members(path)


def header(name: str, size_field: bytes, kind: bytes = b"0") -> bytes:
    """Return a tar header with this size field and a valid checksum."""
    block = struct.pack(
        "100s8s8s8s12s12s8s1s100s8s247s", name.encode(), b"0000644\0", b"0\0", b"0\0", size_field, b"0\0", b" " * 8,
        kind, b"", b"ustar  \0", b"",
    )  # fmt: skip
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


@pytest.mark.parametrize(
    "size_field", [b"\xff" + b"\xff" * 9 + b"\xfc\x00", b"\xff" * 12, b"\x80" + b"\x00" * 2 + b"\x7f" + b"\xff" * 8]
)
@pytest.mark.parametrize("kind", [b"0", b"L", b"x"])
def test_absurd_sizes_neither_loop_nor_fill_the_memory(tmp_path, size_field, kind):
    path = tmp_path / "a.tar"
    path.write_bytes(header("a.fits", b"0\0") + header("b.fits", size_field, kind) + bytes(10240))
    with pytest.raises(InputError, match=r"a\.tar: is not a whole tar archive"):
        tar_members(path)


@pytest.mark.parametrize("content", [b"", b"<html>", bytes(range(256)) * 8, gzip.compress(bytes(10240), mtime=0)])
def test_other_files_are_not_archives(tmp_path, content):
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.tar: is not a whole tar archive"):
        tar_members(tmp_path / "a.tar")


@pytest.mark.parametrize("name", ["a.tar.gz", "a.tgz", "A.TAR.BZ2", "a.tar.xz"])
def test_compressed_archives_are_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    write_tar(tmp_path / "whole.tar", {"b.fits": b"b"})
    assert [file.name for file in image_files(tmp_path)] == ["b.fits"]  # the others are still read
    (reason,) = unreadable_archives(tmp_path)
    assert name in reason and "is compressed; images can only be read from an uncompressed" in reason


@given(data=st.data())
def test_damage_never_raises_anything_else(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("tar") / "a.tar"
    members = {"a.fits": b"a" * 600, "b" * 90 + "/" + "b" * 90: b"b", "c.fits": b"c"}
    write_tar(path, members, data.draw(st.sampled_from([0, 1, 2])))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, 5000))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        members = tar_members(path)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert all(0 <= member.offset <= member.offset + member.size <= len(content) for member in members)


def test_an_archive_that_changed_is_read_again(tmp_path):
    path = write_tar(tmp_path / "a.tar", {"a.fits": b"a"})
    assert len(tar_members(path)) == 1
    write_tar(path, {"a.fits": b"a", "b.fits": b"b" * 20000})
    assert len(tar_members(path)) == 2


def test_members_that_are_gone_or_too_large_are_unusable(tmp_path, monkeypatch):
    (tmp_path / "a.tar").write_bytes(bytes(1000))
    with pytest.raises(UnusableImage, match="cut short: the archive ends 24 bytes before it"):
        ArchiveMember(tmp_path / "a.tar", "a.fits", 512, 512).open()
    monkeypatch.setattr(archives, "MAX_MEMBER_BYTES", 100)
    with pytest.raises(UnusableImage, match="has 101 bytes, too large"):
        ArchiveMember(tmp_path / "a.tar", "a.fits", 512, 101).open()
    with pytest.raises(ValueError, match="read-only"):
        ArchiveMember(tmp_path / "a.tar", "a.fits", 512, 1).open("wb")


def test_every_file_of_a_folder_plain_ones_first(tmp_path):
    write_tar(tmp_path / "images" / "a.tar", {"data/broadband_6.fits": b"in the archive", "data/broadband_7.fits": b""})
    write_tar(tmp_path / "images" / "z" / "b.TAR", {"broadband_8.fits": b""})
    for name in ("zz/broadband_6.fits", "broadband_9.fits", ".hidden.fits"):
        write_text(tmp_path / "images" / name, "plain")
    found = list(image_files(tmp_path / "images"))
    assert [described(file, tmp_path) for file in found] == [
        "images/broadband_9.fits",
        "images/zz/broadband_6.fits",
        "images/a.tar:data/broadband_6.fits",
        "images/a.tar:data/broadband_7.fits",
        "images/z/b.TAR:broadband_8.fits",
    ]
    assert [file.name for file in found].index("broadband_6.fits") == 1
    assert list(image_files(tmp_path / "nowhere")) == []


@pytest.mark.parametrize("form", ["cube", "bands", "colour", "counts"])
def test_images_in_an_archive_are_read_like_plain_ones(tmp_path, form):
    paths = {
        "cube": lambda: [write_cube(tmp_path / "1-1.fits.gz", PLANES)],
        "bands": lambda: [write_cube(tmp_path / f"1-1_{b}.fits", PLANES[k]) for k, b in enumerate("gri")],
        "counts": lambda: [write_cube(tmp_path / "broadband_6.fits", PLANES, BROADBAND_HEADER, wcs=False)],
        "colour": lambda: [tmp_path / "1-1.png"],
    }
    Image.fromarray((PLANES.T * 80).clip(0, 255).astype(np.uint8)).save(tmp_path / "1-1.png")
    plain = tuple(paths[form]())
    if form == "counts":
        write_cube(plain[0], np.concatenate([PLANES, PLANES[:1]]), BROADBAND_HEADER, wcs=False)
    archive = write_tar(tmp_path / "a.tar", {f"data/{path.name}": path.read_bytes() for path in plain})
    source = ImageSource(form, tar_members(archive))
    expected, found = ImageSource(form, plain).read(), source.read()
    np.testing.assert_array_equal(found.pixels, expected.pixels)
    assert (found.unit, found.arcsec_per_pixel, found.north_angle_deg) == (
        expected.unit, expected.arcsec_per_pixel, expected.north_angle_deg,
    )  # fmt: skip
    first = "1-1_g.fits" if form == "bands" else plain[0].name
    assert source.described(tmp_path) == f"a.tar:data/{first}"
    assert ImageSource(form, plain).described(tmp_path) == first


def test_reasons_name_the_archive_and_the_member(tmp_path):
    archive = write_tar(tmp_path / "a.tar", {"data/1-1.fits": b"<html>"})
    for form in ("cube", "colour"):
        with pytest.raises(UnusableImage, match=r"^a\.tar:data/1-1\.fits: is neither a FITS file"):
            ImageSource(form, tar_members(archive)).read()
