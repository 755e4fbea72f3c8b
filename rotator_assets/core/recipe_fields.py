"""How the fields of a recipe are declared, and the blocks of fields that a recipe contains."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache, partial
from typing import Any, Literal, TypedDict, Unpack, get_args

from pydantic import BaseModel, ConfigDict, Field

from rotator_assets.core.declarations import block, declared

Stage = Literal["training", "prediction", "attribution"]
STAGES: tuple[Stage, ...] = get_args(Stage)
"""What a recipe decides, in order: the networks, their logits, and the maps that explain the logits."""


class _Bounds(TypedDict, total=False):
    """Limits of the values of a setting, as `pydantic.Field` names them."""

    ge: float
    gt: float
    le: float
    lt: float
    allow_inf_nan: bool


def setting(
    stage: Stage,
    default: Any,
    *,
    introduced: Any,
    description: str,
    picture: str | None = None,
    **bounds: Unpack[_Bounds],
) -> Any:
    """Declare a field of a recipe.

    Parameters
    ----------
    stage
        The stage that the setting decides.
    default
        Its value where a recipe does not name it.
    introduced
        The value that every recipe had before the setting existed. It never changes, even if ``default`` does:
        `Recipe.version` leaves out settings with this value.
    description
        Its meaning, shown in the documentation.
    picture
        Name of the picture that compares recipes differing in this setting alone; None if there is none.
    **bounds
        Limits of its values.
    """
    extra = {"stage": stage, "introduced": introduced, "picture": picture}
    return Field(default=default, description=description, json_schema_extra=extra, **bounds)


training_setting = partial(setting, "training")
prediction_setting = partial(setting, "prediction")
attribution_setting = partial(setting, "attribution")


class Augmentation(BaseModel):
    """Random transformations of training images, drawn again for every image and epoch; test images have none."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    shift: float = training_setting(
        0.05, introduced=0.05, ge=0, le=0.5, description="largest shift along each axis, fraction of the side"
    )
    rotation_deg: float = training_setting(
        180.0, introduced=180.0, ge=0, le=180, description="largest rotation, degrees"
    )
    flip: bool = training_setting(True, introduced=True, description="mirror each axis with probability one half")
    flattening: float = training_setting(
        0.1, introduced=0.1, ge=0, lt=0.9, description="largest compression of one axis, fraction"
    )
    zoom: float = training_setting(0.1, introduced=0.1, ge=0, lt=0.9, description="largest change of scale, fraction")


def _weight(description: str) -> float:
    """Declare the weight of an auxiliary target."""
    return training_setting(0.0, introduced=0.0, ge=0, allow_inf_nan=False, description=f"weight of {description}")


class Targets(BaseModel):
    """Weights of auxiliary targets, which the network learns in addition to the class; 0 leaves a target out.

    The fields are columns of table ``galaxies``, apart from ``spin_offset``. Each is standardized; its loss is Huber's
    (`rotator_assets.training.targets`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    lambda_r: float = _weight("lambda_R")
    spin_offset: float = _weight("lambda_R minus the boundary between slow and fast rotators")
    ellipticity: float = _weight("the ellipticity")
    t_type: float = _weight("the T-Type")
    p_late: float = _weight("the probability of being a late type")
    p_s0: float = _weight("the probability of being an S0, of galaxies with T-Type up to 0")
    p_edge_on: float = _weight("the probability of being seen edge-on")
    p_bar: float = _weight("the probability of being barred")
    p_merger: float = _weight("the probability of being a merger")
    p_bulge: float = _weight("the probability of being dominated by the bulge")
    p_cigar: float = _weight("the probability of being cigar-shaped")
    sersic_n: float = _weight("log10 of the Sersic index")
    r_eff_arcsec: float = _weight("log10 of the half-light semi-major axis")
    log_mass: float = _weight("log10 of the stellar mass")
    redshift: float = _weight("log10 of the redshift")

    @property
    def weights(self) -> dict[str, float]:
        """Weights above 0, by the name of the target."""
        return {name: weight for name, weight in self.model_dump().items() if weight > 0}


def settings_of(model: BaseModel, stages: Collection[Stage], changed_alone: bool = False) -> dict[str, Any]:
    """Return the settings of a recipe or of one of its blocks that decide the stages.

    With ``changed_alone``, only those whose value differs from the one they were introduced with.
    """
    found = {}
    for name, known in _declarations(type(model)):
        value = getattr(model, name)
        if known:
            if known["stage"] in stages and (value != known["introduced"] or not changed_alone):
                found[name] = value
        elif isinstance(value, BaseModel) and (inner := settings_of(value, stages, changed_alone)):
            found[name] = inner
    return found


@cache
def _declarations(model: type[BaseModel]) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    """Return the declaration of each field by name. Every observation of the inputs asks for those of each recipe."""
    return tuple((name, declared(field)) for name, field in model.model_fields.items())


def completed(model: type[BaseModel], content: Mapping[str, Any]) -> dict[str, Any]:
    """Add to stored settings those that did not exist then, at the values they were introduced with."""
    result = dict(content)
    for name, field in model.model_fields.items():
        if model_of_block := block(field):
            result[name] = completed(model_of_block, content.get(name, {}))
        elif known := declared(field):
            result.setdefault(name, known["introduced"])
    return result
