"""Files made to do harm: they refer to other files, claim or unpack to more than any memory, or hold code.

Each case is a function of a generator of random numbers and of a file that must not be read; it returns the name of the
file in a data root, its content (or what makes it), and whether it must be refused.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from astropy.io import fits

from rotator_assets_tests.surveys.seeds import GALAXY

CLAIMS = (10**5, 2**31 - 1, 2**31, 10**10, 10**12, 2**63 - 1)
SCRIPTS = (
    "<script>alert(1)</script>",
    "'); DROP TABLE galaxies; --",
    "=cmd|' /C calc'!A0",
    "../../../etc/passwd",
    "{{7*7}}",
)


class Case(NamedTuple):
    """A hostile file; ``content`` is written, or makes the file at a path."""

    name: str
    content: bytes | Callable[[Path], None]
    refused: bool = True


Builder = Callable[[np.random.Generator, Path], Case]


def _cards(*cards: str) -> bytes:
    header = "".join(card.ljust(80)[:80] for card in (*cards, "END")).encode("latin-1")
    return header + b" " * (-len(header) % 2880)


def image_that_claims(rng: np.random.Generator, secret: Path) -> Case:
    axes = rng.integers(1, 6)
    cards = ["SIMPLE  =                    T", f"BITPIX  = {rng.choice([8, 16, -32, -64]):20}", f"NAXIS   = {axes:20}"]
    cards += [f"NAXIS{n}  = {rng.choice(CLAIMS):20}" for n in range(1, axes + 1)]
    return Case(f"manga/images/{GALAXY}.fits", _cards(*cards) + bytes(2880))


def packed_image_that_claims(rng: np.random.Generator, secret: Path) -> Case:
    """An image compressed by fpack whose header claims other sides, or larger tiles, than its rows hold."""
    content = _packed_image(str(rng.choice(["RICE_1", "GZIP_1", "GZIP_2", "HCOMPRESS_1"])))
    keys = rng.choice(["ZNAXIS1", "ZNAXIS2", "ZTILE1", "ZTILE2"], rng.integers(1, 5), replace=False)
    for key in keys:
        start = content.index(f"{key:8}=".encode())
        claim = f"{key:8}= {rng.choice(CLAIMS[:4]):20}".ljust(80).encode()
        content = content[:start] + claim + content[start + 80 :]
    claims_sides = any(key.startswith("ZNAXIS") for key in keys)  # a wider tile alone does no harm
    return Case(f"manga/images/{GALAXY}.fits", content, refused=claims_sides)


@cache
def _packed_image(kind: str) -> bytes:
    packed = io.BytesIO()
    pixels = np.arange(64 * 64, dtype=np.int16).reshape(64, 64)
    tiles = (32, 64) if kind == "HCOMPRESS_1" else (1, 64)
    image = fits.CompImageHDU(pixels, compression_type=kind, tile_shape=tiles)
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(packed)
    return packed.getvalue()


def table_that_claims(rng: np.random.Generator, secret: Path) -> Case:
    """Rows without end, also of no width, and a heap behind them."""
    width, form = [(0, "0D"), (8, "1D"), (16, "1PD(9)"), (16, "1QD(9)")][rng.integers(4)]
    cards = ["XTENSION= 'BINTABLE'", "BITPIX  =                    8", "NAXIS   =                    2"]
    cards += [f"NAXIS1  = {width:20}", f"NAXIS2  = {rng.choice(CLAIMS):20}", f"PCOUNT  = {rng.choice(CLAIMS):20}"]
    cards += ["GCOUNT  =                    1", "TFIELDS =                    1", "TTYPE1  = 'PLATEIFU'"]
    primary = _cards(
        "SIMPLE  =                    T", "BITPIX  =                    8", "NAXIS   =                    0"
    )
    return Case("manga/catalogs/manga-morphology-dl-DR15.fits", primary + _cards(*cards, f"TFORM1  = '{form}'"))


def continued_without_end(rng: np.random.Generator, secret: Path) -> Case:
    cards = ["SIMPLE  =                    T", "BITPIX  =                    8", "NAXIS   =                    0"]
    cards += ["LONG    = 'begins &'"] * int(rng.integers(2))
    cards += [f"CONTINUE  '{'x' * int(rng.integers(60))}&{rng.choice(['', chr(39)])}"] * int(rng.integers(1, 20_000))
    return Case(f"manga/images/{GALAXY}.fits", _cards(*cards))


@cache
def _packed_zeros(kind: str) -> bytes:
    zeros = bytes(2**25)
    return {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[kind](zeros)


def bomb(rng: np.random.Generator, secret: Path) -> Case:
    """Gigabytes of zeros behind a good header, packed once or twice."""
    kind = str(rng.choice(["gz", "gz", "bz2", "xz"]))
    pack = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[kind]
    head = ("SIMPLE  =                    T", "BITPIX  =                    8", "NAXIS   =                    1")
    content = pack(_cards(*head, f"NAXIS1  = {2**33:20}")) + _packed_zeros(kind) * 256
    names = ("catalogs/manga-morphology-dl-DR15.fits", f"images/{GALAXY}.fits.gz", "catalogs/lambda_r.csv")
    return Case(f"manga/{rng.choice(names)}", gzip.compress(content) if rng.random() < 0.5 else content)


def zip_bomb(rng: np.random.Generator, secret: Path) -> Case:
    return Case("manga/catalogs/lambda_r.csv", _zipped_zeros(str(rng.choice(["x.csv", "../x.csv", "/etc/x.csv"]))))


@cache
def _zipped_zeros(name: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, bytes(200 << 20))
    return packed.getvalue()


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@cache
def _deflated_zeros() -> bytes:
    return zlib.compress(bytes(2**28))


def picture_bomb(rng: np.random.Generator, secret: Path) -> Case:
    """Claimed sides, or pixels, text and profiles that unpack to more than they should."""
    side, plain = int(rng.choice([64, 10_000, 60_000, 2**31 - 1])), zlib.compress(bytes((64 * 3 + 1) * 64))
    text = [b"", _chunk(b"zTXt", b"a\0\0" + _deflated_zeros()), _chunk(b"iCCP", b"a\0\0" + _deflated_zeros())]
    pixels = plain if side == 64 and rng.random() < 0.5 else _deflated_zeros()
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    content = b"\x89PNG\r\n\x1a\n" + head + text[rng.integers(3)] + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")
    return Case(f"manga/images/{GALAXY}.png", content)


def archive_that_leaves(rng: np.random.Generator, secret: Path) -> Case:
    """Members outside the archive, links to a secret, devices, and wrong sizes."""
    packed = io.BytesIO()
    with tarfile.open(
        fileobj=packed, mode="w", format=int(rng.choice([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
    ) as tar:
        for _ in range(rng.integers(1, 6)):
            start = str(rng.choice(["", "../", "../../../../", "/", "//etc/", "a/../../", str(secret.parent) + "/"]))
            entry = tarfile.TarInfo(f"{start}broadband_6.fits")
            entry.type = rng.choice(
                [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.REGTYPE]
            )
            entry.linkname = str(secret) if rng.random() < 0.5 else "../" * 9 + "etc/passwd"
            content = rng.bytes(int(rng.integers(600)))
            entry.size = len(content) if entry.isreg() else 0
            if rng.random() < 0.2:
                entry.pax_headers = {"size": str(rng.choice(CLAIMS)), "path": f"/{GALAXY}"}
            tar.addfile(entry, io.BytesIO(content) if entry.isreg() else None)
    return Case("tng100/images/sdss.tar", packed.getvalue(), refused=False)


def special_file(rng: np.random.Generator, secret: Path) -> Case:
    """A pipe, which waits for its writer, or a link to a device without end."""
    device = str(rng.choice(["/dev/zero", "/dev/random", "/dev/tty"]))
    names = (f"manga/images/{GALAXY}.fits", f"manga/images/{GALAXY}.png", "tng100/images/broadband_6.fits")
    make = os.mkfifo if rng.random() < 0.5 else lambda path: path.symlink_to(device)
    return Case(str(rng.choice(names)), make, refused=False)


def hdf5_of_others(rng: np.random.Generator, secret: Path) -> Case:
    """Datasets in other files, sizes without data, and groups that contain themselves."""
    number, packed = rng.integers(5), io.BytesIO()
    is_cutout = rng.random() < 0.5
    group, names = ("PartType4", CUTOUT) if is_cutout else ("Snapshot_99", ("SubhaloID", "P_Late", "P_S0"))
    with h5py.File(packed, "w") as file:
        where = file.create_group(group)
        for name in names:
            shape = (2**12, 3) if name in ("Coordinates", "Velocities") else (2**12,)
            if number == 0:
                where[name] = h5py.ExternalLink(str(secret), f"/{name}")
            elif number == 1:
                layout = h5py.VirtualLayout(shape, "f8")
                layout[:] = h5py.VirtualSource(str(secret), name, shape=shape)
                where.create_virtual_dataset(name, layout, fillvalue=0.5)
            elif number == 2:
                size = int(np.prod(shape))
                where.create_dataset(name, shape, "u1", external=[(str(secret), 0, size)])
            elif number == 3:
                claimed = (int(rng.choice(CLAIMS[1:4])), *shape[1:])
                where.create_dataset(name, claimed, "f8", chunks=(int(rng.choice([1, 2**16])), *shape[1:]))
            else:
                where[name] = where
    path = "tng100/cutouts/cutout_6.hdf5" if is_cutout else "tng100/catalogs/morphologies_deeplearn.hdf5"
    return Case(path, packed.getvalue())


CUTOUT = ("GFM_StellarFormationTime", "Coordinates", "Velocities", "GFM_StellarPhotometrics", "Masses")


def table_of_others(rng: np.random.Generator, secret: Path) -> Case:
    """A VOTable whose rows are elsewhere, or with entities that name a file or multiply."""
    place = rng.choice([secret.as_uri(), "file:///etc/passwd", "http://127.0.0.1:9/x", "ftp://127.0.0.1:9/x"])
    many = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    doctype = ["", f"<!DOCTYPE x [<!ENTITY e0 SYSTEM '{place}'>]>", f"<!DOCTYPE x [<!ENTITY e0 'ha'>{many}]>"]
    number = rng.integers(3)
    entity = ("", "&e0;", "&e9;")[number]
    rows = (
        f"<BINARY><STREAM href='{place}'/></BINARY>"
        if number == 0
        else f"<TABLEDATA><TR><TD>{entity}</TD></TR></TABLEDATA>"
    )
    content = f"""<?xml version='1.0'?>{doctype[number]}<VOTABLE version='1.3'><RESOURCE><TABLE>
<FIELD name='galaxy_id' datatype='char' arraysize='*'/><DATA>{rows}</DATA></TABLE></RESOURCE></VOTABLE>"""
    return Case("tables/galaxies.vot", content.encode())


def ecsv_with_tags(rng: np.random.Generator, secret: Path) -> Case:
    tags = ("!!python/object/apply:os.system ['touch x']", "!!python/name:os.system", "!evil {}", "&a [*a, *a]")
    header = f"# %ECSV 1.0\n# ---\n# datatype:\n# - {{name: galaxy_id, datatype: string}}\n# meta: {rng.choice(tags)}\n"
    mixin = "# meta: !!omap\n# - __serialized_columns__:\n#     galaxy_id: {__class__: os.system, command: touch x}\n"
    header = header if rng.random() < 0.7 else "".join([*header.splitlines(keepends=True)[:4], mixin])
    return Case("tables/galaxies.ecsv", f"{header}# schema: astropy-2.0\ngalaxy_id\na\n".encode(), refused=False)


def settings_with_tags(rng: np.random.Generator, secret: Path) -> Case:
    """Tags that build objects, aliases that multiply, and deep nesting."""
    tag = rng.choice(
        ["!!python/object/apply:os.system [touch x]", "!!python/object/new:type []", "!include " + str(secret)]
    )
    level = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, int(rng.integers(8, 30)))]
    texts = (f"surveys: {tag}\n", "\n".join(["a0: &a0 [x, x]", *level]), "[" * int(rng.integers(40, 50_000)))
    return Case("settings.yaml", texts[rng.integers(3)].encode())


def network_with_code(rng: np.random.Generator, secret: Path) -> Case:
    """A saved network with a Lambda, a foreign class, files of others, or sizes that it does not hold."""
    layers = (
        {"class_name": "Lambda", "module": "keras.layers", "config": {"function": {"class_name": "__lambda__"}}},
        {
            "class_name": str(rng.choice(["system", "popen"])),
            "module": str(rng.choice(["os", "subprocess", "builtins"])),
        },
        {"class_name": "TFSMLayer", "module": "keras.layers", "config": {"filepath": str(secret)}},
        {"class_name": "TorchModuleWrapper", "module": "keras.layers", "config": {"module": "gASV"}},
        {"class_name": "StringLookup", "module": "keras.layers", "config": {"vocabulary": str(secret)}},
        {"class_name": "Dense", "module": "keras.layers", "config": {"units": int(rng.choice(CLAIMS))}},
    )
    weights, number = io.BytesIO(), rng.integers(len(layers) + 4)
    with h5py.File(weights, "w") as file:
        file["layers/dense/vars/0"] = np.zeros((4, 1))
        if number == len(layers):
            file["layers/dense/vars/1"] = h5py.ExternalLink(str(secret), "/x")
        elif number == len(layers) + 1:
            file.create_dataset("layers/dense/vars/1", (9,), "u1", external=[(str(secret), 0, 9)])
        elif number == len(layers) + 2:
            file.create_dataset("layers/dense/vars/1", (int(rng.choice(CLAIMS[1:4])),), "f4", chunks=(1,))
    config = {"class_name": "Sequential", "module": "keras", "config": {"layers": [layers[number % len(layers)]]}}
    if number >= len(layers):
        config["config"]["layers"] = []
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("config.json", json.dumps(config) if rng.random() < 0.9 else "[" * 100_000)
        archive.writestr("model.weights.h5", weights.getvalue())
        if number == len(layers) + 3:
            archive.writestr(str(rng.choice(["../evil.py", "/tmp/evil", "assets/../../x"])), b"x")
    return Case("models/fold-0.keras", packed.getvalue())


def names_with_code(rng: np.random.Generator, secret: Path) -> Case:
    """SQL, HTML, formulas and paths as identifiers: they are text, whatever they say."""
    rows = "".join(f'"{text}",0.{rng.integers(1, 9)}\n' for text in rng.permutation(SCRIPTS))
    return Case("manga/catalogs/lambda_r.csv", f"plateifu,lambda_r\n{rows}".encode(), refused=False)


BUILDERS: tuple[Builder, ...] = (
    image_that_claims,
    packed_image_that_claims,
    table_that_claims,
    continued_without_end,
    picture_bomb,
    archive_that_leaves,
    special_file,
    hdf5_of_others,
    table_of_others,
    ecsv_with_tags,
    settings_with_tags,
    network_with_code,
    names_with_code,
)
SLOW_BUILDERS: tuple[Builder, ...] = (bomb, zip_bomb)
"""Built rarely: each unpacks a hundred megabytes."""


def hostile(number: int, secret: Path) -> tuple[str, Case]:
    """Name of the builder, and one case: a function of its number alone."""
    rng = np.random.default_rng([2021, number])
    turn, is_fast = divmod(number, 50)
    builder = BUILDERS[number % len(BUILDERS)] if is_fast else SLOW_BUILDERS[turn % len(SLOW_BUILDERS)]
    return builder.__name__, builder(rng, secret)
