"""A survey takes one module and one line: a synthetic one in its own package runs from catalogues to the report."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from rotator_assets.core.data_root import DataRoot
from rotator_assets.store.tensors import open_tensor
from rotator_assets.tables import open_store
from rotator_assets_tests.commands import python
from rotator_assets_tests.surveys.files import write_text

MODULE = '''
"""A survey of 20 galaxies in one table, with images of 0.5 arcsec pixels."""

import re

from rotator_assets.imaging.image_names import named_images
from rotator_assets.imaging.images import ImageSource
from rotator_assets.surveys import base
from rotator_assets.surveys.aliases import COMMON, identifier, number, whole
from rotator_assets.surveys.identifiers import Form
from rotator_assets.surveys.quality_cuts import QualityCut, is_flagged
from rotator_assets.surveys.table_files import read_csv_table

TOY_ID = Form("a number after TOY-", lambda text: text.removeprefix("TOY-") if "TOY-" in text else None, numeric=False)
COLUMNS = {
    **COMMON,
    "galaxy_id": identifier(TOY_ID, "OBJECT"),
    "lambda_r": number("SPIN", low=0, high=1.5),
    "ellipticity": number("FLATTENING", low=0, high=1),
    "flag_t_type": whole("BAD"),
}
TABLE = base.ExpectedInput("the toy table", ("catalogs/toy.csv",), base.LAMBDA_R_NEEDED, "made up", "1 kB")


class Toy(base.Survey):
    """See ``base.Survey``."""

    key = "toy"
    noises = ("observed",)
    columns = COLUMNS
    quality_cuts = (QualityCut("reject_flag_t_type", "flag_t_type", "BAD is set", is_flagged),)
    arcsec_per_pixel = 0.5
    image_name = re.compile(r"toy_(?P<id>[0-9]+)")
    lambda_r_sources = ("toy",)
    ellipticity_sources = ("toy",)
    expected_inputs = (TABLE,)

    def read_morphology(self, folder):
        source, frame = base.read_source(folder, TABLE, _read, every_row=True)
        return base.Catalog(base.conform(frame.assign(object_id=frame["galaxy_id"]), base.MORPHOLOGY), (source,))

    def read_kinematics(self, folder):
        source, frame = base.read_source(folder, TABLE, _read)
        return base.Catalog(base.conform(frame.assign(lambda_r_source="toy"), base.KINEMATICS), (source,))

    def image_index(self, folder, galaxies=None):
        images = named_images(folder / "images", self.image_name)[0]
        return {image.galaxy_id: ImageSource("cube", (image.file,)) for image in images}


def _read(path):
    return read_csv_table(path, ("galaxy_id", "t_type", "lambda_r", "ellipticity", "flag_t_type"), (), COLUMNS)


TOY = Toy()
'''

RUN = """
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[2])
from rotator_assets.surveys import SURVEYS
from added_survey.toy import TOY

SURVEYS[TOY.key] = TOY

from rotator_assets.core.data_root import DataRoot
from rotator_assets.lineage import snapshot
from rotator_assets.lineage.partitions import training_key
from rotator_assets.orchestration.plans import DATASET_ASSETS, SURVEY_ASSETS, Step
from rotator_assets.running import open_runner
from rotator_assets.training import assets as training
from rotator_assets_tests.training.made_up_training import TINY

recipes = snapshot.load_recipes()
tiny = TINY.model_copy(update={"name": "thesis", "folds": 2, "epochs": 1})
snapshot.load_recipes = lambda: {**recipes, "thesis": tiny}
training.reduced = lambda recipe, crop_px: recipe
with open_runner(DataRoot(Path(sys.argv[1]))) as runner:
    runner.materialize(Step("catalogues", SURVEY_ASSETS, "toy"))
    runner.materialize(Step("images", DATASET_ASSETS, "toy-observed-64"))
    trained = ("rotator_classifier", "predictions", "roc_report")
    runner.materialize(Step("training", trained, training_key("toy-observed-64", "thesis")))
    runner.materialize(Step("report", ("study_report",), None))
"""


def write_toy_survey(root: Path) -> None:
    """Twenty galaxies: a flagged one, one with an image at another pixel scale, half of them slow rotators."""
    rows = [f"TOY-{n},-2,{0.05 if n % 2 else 0.6},{0.1 if n % 2 else 0.5},{int(n == 19)}" for n in range(20)]
    write_text(root / "toy" / "catalogs" / "toy.csv", "\n".join(["OBJECT,T-Type,SPIN,FLATTENING,BAD", *rows]))
    y, x = np.mgrid[:70, :70] - 34.5
    generator = np.random.default_rng(0)
    (root / "toy" / "images").mkdir(parents=True)
    for n in range(20):
        profile = np.exp(-np.hypot(x, y if n % 2 else 2 * y) / 8) + generator.normal(0, 0.01, (3, 70, 70))
        hdu = fits.PrimaryHDU(profile.astype(np.float32))
        hdu.header["PIXSCALE"] = 0.396 if n == 18 else 0.5
        hdu.header["BUNIT"] = "nanomaggy"
        hdu.header["BANDS"] = "gri"
        hdu.writeto(root / "toy" / "images" / f"toy_{n}.fits")


@pytest.mark.chain
def test_a_survey_of_one_module_runs_from_catalogues_to_the_report(tmp_path):
    package, data = tmp_path / "packages", tmp_path / "root"
    write_text(package / "added_survey" / "__init__.py", "")
    write_text(package / "added_survey" / "toy.py", MODULE)
    write_toy_survey(data)
    write_text(data / "settings.yaml", "toy:\n  labels:\n    reject_flag_t_type: true\n")
    done = python(RUN, data, package)
    assert done.returncode == 0, done.stderr[-3000:]

    root = DataRoot(data)
    tables = open_store(root)
    galaxies = tables.read("labeled_galaxies", "toy").set_index("galaxy_id")
    assert set(galaxies["lambda_r_source"]) == {"toy"} and set(galaxies["axis_ratio_source"]) == {"toy"}
    assert galaxies["rotator_type"].value_counts().to_dict() == {1: 10, 0: 9}
    losses = tables.query("SELECT reason FROM match_report WHERE step = 'label' AND rows_dropped = 1")
    assert losses["reason"].tolist() == ["BAD is set"]
    images = tables.read("images", "toy-observed-64").set_index("galaxy_id")
    assert images.loc["18", "reason"].endswith("pixels of 0.396 arcsec, 0.5 arcsec are needed")
    assert set(images.loc[images["usable"], "arcsec_per_pixel"]) == {0.5}
    assert len(open_tensor(root.tensors / "toy-observed-64").images) == 19
    assert len(tables.read("predictions", "toy-observed-64|thesis")) == 18
    assert "toy-observed-64" in (root.results / "study_report.html").read_text(encoding="utf-8")
