"""The card of a model: what it was trained on, how well it works, and what its images must be like."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from rotator_assets.core.settings import ImageSettings, MockSettings

FORMAT = 1
"""Version of the layout of exported models."""
CITATION = (
    "rotator_assets: slow and fast rotators from images alone (CITATION.cff)",
    "Investigating the morphologies of slow and fast rotators with deep learning (2020), the study it implements",
    "the surveys whose images and catalogues the networks learned from",
)


Unit = Literal["nanomaggies", "colour"]
UNITS: tuple[Unit, ...] = ("nanomaggies", "colour")
"""Units of images: calibrated fluxes, or uncalibrated pictures."""
_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ImagesCard(BaseModel):
    """What the images of the training were like; images to be predicted are treated in the same way."""

    model_config = _STRICT

    survey: str
    noise: Literal["observed", "noisy", "noiseless"]
    crop_px: int = Field(ge=1, le=4096)
    bands: str = Field(pattern="^[gri]{1,3}$")
    units: dict[Unit, int] = Field(description="number of training images by unit: nanomaggies, or colour")
    arcsec_per_pixel: float | None = Field(gt=0)
    settings: ImageSettings
    mock: MockSettings


class TrainingCard(BaseModel):
    """Galaxies, networks and results of the training."""

    model_config = _STRICT

    name: str
    dataset: str
    population: Literal["early", "all"]
    n_galaxies: int = Field(description="labelled galaxies, each predicted by networks that have not seen it")
    n_slow: int
    n_images: int = Field(description="images that the networks of any fold have seen")
    n_networks: int
    parameters: int | None = Field(description="trainable parameters of a network")
    threshold: float = Field(description="probability at and above which a galaxy is classified as fast")
    labels: str = Field(description="sources of lambda_R")
    profile: str
    device: str
    seconds: float
    trained_at: str


class ResultCard(BaseModel):
    """Results on the galaxies of a population, by networks that have not seen them, with 95 % intervals."""

    model_config = _STRICT

    population: str
    n_galaxies: int
    n_slow: int
    auc: float | None = Field(description="area under the ROC curve")
    auc_low: float | None
    auc_high: float | None
    ece: float | None = Field(description="expected calibration error")
    ece_low: float | None
    ece_high: float | None


class Card(BaseModel):
    """Content of ``model.json``."""

    model_config = _STRICT

    format: Literal[1]
    title: str
    synthetic: bool
    recipe: dict[str, Any]
    images: ImagesCard
    t_type_max: float = Field(description="early type: T-Type strictly below this")
    p_late_max: float = Field(description="early type where only P_Late is known: at most this")
    training: TrainingCard
    results: tuple[ResultCard, ...]
    versions: dict[str, str]
    citation: tuple[str, ...] = CITATION
    files: dict[str, str] = Field(description="SHA-256 of the other files of the model")
    checksum: str = Field(default="", description="of everything else in this file")

    @property
    def true_checksum(self) -> str:
        """What ``checksum`` has to be."""
        return hashlib.sha256(self.model_dump_json(exclude={"checksum"}).encode()).hexdigest()

    def markdown(self) -> str:
        """Return the card as a Markdown page."""
        training, images = self.training, self.images
        units = " and ".join(f"{count} {_KINDS[unit]}" for unit, count in images.units.items())
        kind = "early types" if training.population == "early" else "early and late types"
        lines = [
            f"# {self.title}",
            *(["", "**Trained on synthetic galaxies. Its predictions say nothing about real ones.**"] * self.synthetic),
            "",
            "Convolutional networks that give the probability that a galaxy is a slow rotator, from its image alone.",
            "",
            "## Use",
            "",
            "    rotators predict IMAGES --model THIS_FOLDER --output FILE",
            "",
            f"{_IMAGES[images.noise]}: bands {', '.join(images.bands)}; {images.crop_px} x {images.crop_px} pixels are "
            f"cut from the middle; {scale_of(images)}. The training had {units}.",
            "",
            "The probabilities hold for samples like that of the training. `--prior` adapts them to another fraction "
            "of slow rotators. Galaxies unlike those of the training are flagged (`in_domain`).",
            "",
            "## Training",
            "",
            f"- {training.n_galaxies} labelled {kind} of {training.dataset}, {training.n_slow} of them slow rotators; "
            f"{training.labels}",
            f"- networks: {training.n_networks}, which have seen {training.n_images} images; recipe {training.name}, "
            f"profile {training.profile}",
            f"- trained until {training.trained_at} in {training.seconds:.0f} s on {training.device}",
            "",
            "## Results on galaxies that the networks had not seen",
            "",
            "| population | galaxies | slow | area under the ROC curve | expected calibration error |",
            "|---|---|---|---|---|",
            *(
                f"| {of.population} | {of.n_galaxies} | {of.n_slow} | {_interval(of.auc, of.auc_low, of.auc_high)} | "
                f"{_interval(of.ece, of.ece_low, of.ece_high)} |"
                for of in self.results
            ),
            "",
            "## Limits",
            "",
            "- The labels inherit the errors and biases of their source of lambda_R.",
            "- The networks have learned from the galaxies, resolution and depth of one survey.",
            "- Galaxies of the training are recognized by unchanged images, names and positions, and predicted by "
            "networks that have not seen them. A resampled image without a position is not recognized.",
            "- `in_domain` does not detect a wrong pixel scale.",
            "",
            "## Versions",
            "",
            *(f"- {name} {version}" for name, version in self.versions.items()),
            "",
            "## Please cite",
            "",
            *(f"- {entry}" for entry in self.citation),
            "",
        ]
        return "\n".join(lines)


_IMAGES = {
    "observed": "Observed images",
    "noisy": "Simulated images without noise, to which the program adds seeing and noise",
    "noiseless": "Simulated images without noise",
}
_KINDS = {"colour": "colour pictures", "nanomaggies": "images calibrated in nanomaggies"}


def _interval(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "too few"
    return f"{value:.3f}" if low is None or high is None else f"{value:.3f} [{low:.3f}, {high:.3f}]"


def scale_of(images: ImagesCard) -> str:
    """Say which scale the images of a training have."""
    if images.settings.pixels_per_r_eff is not None and "colour" in images.units:
        return f"{images.settings.pixels_per_r_eff:g} pixels per half-light radius"
    scale = images.settings.arcsec_per_pixel or images.arcsec_per_pixel
    return f"{scale:g} arcsec per pixel" if scale is not None else "the pixel scale of the training is not known"
