"""Cut-outs come in the catalogue's order and are the same from one process and from several, also after a crash."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rotator_assets.core.archives import tar_members
from rotator_assets.core.settings import ImageSettings
from rotator_assets.imaging.cutout_worker import Task, made
from rotator_assets.imaging.cutouts import Cutout, Treatment
from rotator_assets.imaging.images import ImageSource
from rotator_assets.tensors import reading
from rotator_assets_tests.surveys.files import picture, write_cube
from rotator_assets_tests.surveys.seeds import write_tar
from rotator_assets_tests.tensors import deadly

SIDE = 40
OBSERVED = Treatment("manga", "observed", 32)


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> dict[str, ImageSource]:
    """Images of every form, whole and damaged."""
    folder = tmp_path_factory.mktemp("images")
    sources = {}
    for number in range(12):
        cube = write_cube(folder / f"{number}.fits", picture(SIDE, number), {"BANDS": "gri"})
        sources[f"1-{number}"] = ImageSource("cube", (cube,))
    for number in (3, 8):
        sources[f"1-{number}"].paths[0].write_bytes(sources["1-0"].paths[0].read_bytes()[:9000])
    write_tar(folder / "images.tar", folder / "1.fits")
    sources["1-tar"] = ImageSource("cube", tar_members(folder / "images.tar"))
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), np.uint8)).save(folder / "p.png")
    sources["1-png"] = ImageSource("colour", (folder / "p.png",))
    bands = [write_cube(folder / f"b_{band}.fits", plane) for band, plane in zip("gri", picture(SIDE), strict=True)]
    sources["1-bands"] = ImageSource("bands", tuple(bands))
    (folder / "damaged.png").write_bytes((folder / "p.png").read_bytes()[:12])
    sources["1-damaged"] = ImageSource("colour", (folder / "damaged.png",))
    sources["1-absent"] = ImageSource("cube", (folder / "absent.fits",))
    return sources


def tasks_of(sources):
    return [Task(galaxy_id, source, 150.0, 30.0) for galaxy_id, source in sources.items()]


def check_same(ours, theirs):
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        if not isinstance(one, Cutout):
            assert one == other
            continue
        assert one.pixels.tobytes() == other.pixels.tobytes()
        of_one, of_other = (dataclasses.asdict(cutout) | {"pixels": None} for cutout in (one, other))
        assert repr(of_one) == repr(of_other)  # also the types, and NaN


def test_every_galaxy_in_its_order(sources):
    galaxies = pd.DataFrame({"galaxy_id": ["2-9", *sources, "2-8"]}).assign(
        object_id="", ra=150.0, dec=30.0, r_eff_arcsec=1.0
    )
    galaxies.loc[0, "ra"] = np.nan
    found = list(reading.cutouts(galaxies, sources, OBSERVED, ["cut short"], {"1-1": "blended"}))
    assert [galaxy.galaxy_id for galaxy, _ in found] == list(galaxies["galaxy_id"])
    reasons = {galaxy.galaxy_id: cutout for galaxy, cutout in found if isinstance(cutout, str)}
    assert set(reasons) == {"2-9", "2-8", "1-1", "1-3", "1-8", "1-damaged", "1-absent"}
    assert reasons["1-damaged"] == "damaged.png: cannot be read (cannot identify image file)"
    assert reasons["1-1"] == "blended" and reasons["1-3"].startswith("3.fits: cannot be read (cut short")
    archives = "; an archive there cannot be read: cut short"
    assert reasons["2-8"] == f"no image file in manga/images{archives}"
    assert reasons["2-9"] == f"no image file in manga/images, no position to cut from frames{archives}"


def test_a_worker_reads_what_takes_long(sources, monkeypatch):
    monkeypatch.setattr(reading, "TRIED", 0)
    monkeypatch.setattr(reading, "WORTH_SECONDS", 0.0)
    monkeypatch.setattr(reading.os, "cpu_count", lambda: 2)
    here = Treatment("manga", "observed", 36, ImageSettings(check_centre=False), arcsec_per_pixel=None)
    tasks = tasks_of({galaxy_id: sources[galaxy_id] for galaxy_id in ("1-0", "1-2", "1-8", "1-tar")})
    expected = [made(task, here) for task in tasks]
    monkeypatch.setattr(reading, "made_together", None)  # none can be read here
    check_same(list(reading._made(tasks, here)), expected)


@pytest.mark.slow
def test_no_galaxy_is_lost_with_a_worker_and_a_mistake_is_raised(sources, monkeypatch):
    """The worker is killed at one image, and raises an error at another."""
    monkeypatch.setattr(reading, "cutouts_of", deadly.cutouts_of)
    tasks = [task for task in tasks_of(sources) if task.galaxy_id != "1-11"]
    expected = [made(task, OBSERVED) for task in tasks]
    expected[5] = "5.fits: reading it ended the process (status -9)"
    check_same(list(reading.by_processes(tasks, OBSERVED, workers=1, size=8)), expected)
    with pytest.raises(KeyError, match="a mistake"):
        list(reading.by_processes(tasks_of({"1-11": sources["1-11"]}), OBSERVED, workers=1))
