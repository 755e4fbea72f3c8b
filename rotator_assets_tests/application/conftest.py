"""A small model with random networks, and images."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rotator_assets.application.card import FORMAT, Card, ImagesCard, TrainingCard
from rotator_assets.application.galaxy_tables import GalaxyTable
from rotator_assets.application.packages import Package
from rotator_assets.application.predictor import Predictor
from rotator_assets.candidates.domain import fit_domain
from rotator_assets.candidates.interpretation import FoldInterpretation, OutputCalibration
from rotator_assets.candidates.interpretation_file import Interpretation
from rotator_assets.candidates.networks import Networks
from rotator_assets.candidates.population import fit_early_types
from rotator_assets.candidates.seen import SeenGalaxies, fingerprint
from rotator_assets.core.recipes import Recipe
from rotator_assets.core.settings import ImageSettings, MockSettings
from rotator_assets.imaging.images import ImageSource
from rotator_assets.training.network import averaged_network, build_network

SIZE_PX = 32
RECIPE = Recipe(
    name="tiny",
    architecture="small",
    members=2,
    lambda_r_interval=0.1,
    folds=2,
    attribution_steps=16,
    attribution_doublings=0,
)


def write_picture(path, seed, size_px=SIZE_PX):
    pixels = np.random.default_rng(seed).integers(0, 200, (size_px, size_px, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def pixels_of(path):
    return ImageSource("colour", (path,)).read().pixels


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """A folder with ten pictures."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(10):
        write_picture(folder / f"galaxy-{number}.png", number)
    return folder


@pytest.fixture(scope="session")
def package(tmp_path_factory, pictures):
    """Two folds of two networks each; the second fold has seen the first two pictures."""
    folder = tmp_path_factory.mktemp("networks")
    images = np.stack([pixels_of(path) for path in sorted(pictures.iterdir())])
    folds = []
    for fold in range(2):
        each = [build_network(RECIPE, SIZE_PX, seed=10 * fold + seed) for seed in range(2)]
        network = averaged_network(RECIPE, SIZE_PX, each)
        network.save(folder / f"fold-{fold}.keras")
        features = Networks(network, RECIPE)(images, np.arange(10)).features
        early = np.tile([0.0, 1.0], 10)
        folds.append(
            FoldInterpretation(
                0,
                fold,
                OutputCalibration(1.1 + fold, 0.2, 0.01),
                OutputCalibration(0.7, 1.5 + fold, 0.03),
                fit_domain(features, features),
                fit_early_types(early, np.concatenate([features, features])),
            )
        )
    seen = SeenGalaxies(
        np.array([fingerprint(image) for image in images[:2]], np.uint64),
        np.array(["first", "second"]),
        np.array([0, 1]),
        np.array([150.0, np.nan]),
        np.array([2.0, np.nan]),
        np.array([[False, True], [False, True]]),
    )
    interpretation = Interpretation("training-0", RECIPE.model_dump_json(), "early", 0.3, tuple(folds), seen)
    return Package(folder, CARD, interpretation)


@pytest.fixture(scope="session")
def predictor(package):
    return Predictor(package)


CARD = Card(
    format=FORMAT,
    title="Slow rotators by recipe tiny",
    synthetic=False,
    recipe=RECIPE.model_dump(mode="json"),
    images=ImagesCard(
        survey="manga",
        noise="observed",
        crop_px=SIZE_PX,
        bands="gri",
        units={"colour": 10},
        arcsec_per_pixel=0.396,
        settings=ImageSettings(pixels_per_r_eff=9.434),
        mock=MockSettings(),
    ),
    t_type_max=2.0,
    p_late_max=0.5,
    training=TrainingCard(
        name="tiny",
        dataset="manga-observed-64",
        population="early",
        n_galaxies=10,
        n_slow=3,
        n_images=10,
        n_networks=4,
        parameters=1000,
        threshold=0.5,
        labels="labels: 10 by user",
        profile="full",
        device="CPU",
        seconds=1.0,
        trained_at="2020-01-01",
    ),
    results=(),
    versions={"rotator-assets": "0.1.0"},
    files={},
)


@pytest.fixture
def catalog():
    """Types and positions of some of the galaxies."""
    frame = pd.DataFrame({"ra": 10.0, "dec": 1.0, "t_type": [-2.0, 5.0], "p_late": np.nan})
    return GalaxyTable(frame.assign(galaxy_id=["galaxy-5", "galaxy-6"]), ())
