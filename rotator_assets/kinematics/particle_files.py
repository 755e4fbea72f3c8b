"""Measure lambda_R and shape of IllustrisTNG galaxies from their star particles (``cutout_<id>.hdf5``, snapshot 99).

Galaxies are seen along the z axis, as in the published images, weighted by the r-band light of the particles without
dust, and without seeing. Every problem with a file is raised as an ``UnusableKinematics`` with the file's name and the
reason.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.compressed import uncompressed_name, unpacked
from rotator_assets.core.errors import UnusableKinematics
from rotator_assets.core.files import walk_files
from rotator_assets.core.hdf5_files import open_hdf5
from rotator_assets.core.settings import KinematicsSettings
from rotator_assets.kinematics import particle_shape, particles
from rotator_assets.kinematics.dap_files import naming
from rotator_assets.kinematics.measured import DEFAULT_KINEMATICS, NAN, HalfLightEllipse, Measurement

APERTURES = ("particles", "photometry")
"""Sources of the half-light ellipse; the first is the default."""
KPC_PER_ARCSEC = 0.3886521247594941 / 0.396
"""Scale of the published images of snapshot 99 (z = 0.0485236): kpc per arcsec, from the side of a pixel in both."""
SOFTENING_KPC = 0.74
"""Gravitational softening of star particles at z = 0 in TNG100-1 (Nelson et al. 2019, ComAC 6, 2)."""
PIXEL_KPC = 0.5
"""Size of a MaNGA spaxel of 0.5 arcsec at the distance of the images."""
MIN_PARTICLES = 100
"""A galaxy with fewer star particles has no defined shape."""
MIN_BINS = 8
"""With fewer bins in the half-light ellipse, rotation is not resolved. 8 bins of 50 particles are 400 particles."""
FEW_PARTICLES = 1000
"""With fewer star particles in the half-light ellipse, lambda_R is uncertain by 0.03 or more, and gets a note."""
MAGNITUDES = (-25.0, 30.0)
"""Range of valid absolute magnitudes of a star particle; -99 and 99 are sentinels."""
MAX_SPEED_KM_S = 50_000.0
"""No star moves faster in the simulation box."""
MAX_PARTICLES = 10_000_000
"""Larger datasets are refused before they are read. The largest galaxy of TNG100 has a few million star particles."""
MAX_UNPACKED_BYTES = 2**31
"""A compressed file that unpacks to more is refused. The file of the largest galaxy is a few hundred MB."""

_FILE_NAME = re.compile(r"cutout_(?P<id>\d+)\.hdf5")
_R_BAND = 5
"""Column of r in GFM_StellarPhotometrics: U, B, V, K, g, r, i, z."""


@dataclass(frozen=True)
class _Stars:
    """Star particles of a cut-out without wind: positions (n, 3) in kpc from the centre, velocity along z in km/s."""

    positions_kpc: NDArray[np.float64]
    velocity_km_s: NDArray[np.float64]
    flux: NDArray[np.float64]
    has_photometry: bool
    synthetic: bool


def find_cutouts(folder: Path) -> dict[str, Path]:
    """Find cut-outs anywhere below a folder; return their paths by subhalo id, in the order of ids.

    If a galaxy has several files, the first by folder and name is used. If the folder does not exist, the result is
    empty.
    """
    found: dict[str, Path] = {}
    for path in walk_files(folder):
        if match := _FILE_NAME.fullmatch(uncompressed_name(path.name)):
            found.setdefault(match["id"], path)
    return dict(sorted(found.items(), key=lambda item: (len(item[0]), item[0])))


def measure_cutout(
    path: Path,
    ellipse: HalfLightEllipse,
    settings: KinematicsSettings = DEFAULT_KINEMATICS,
) -> Measurement:
    """Measure lambda_R of one galaxy inside its half-light ellipse, projected on the xy plane.

    The same file and arguments always give the same result.

    With the aperture ``particles``, the ellipse is measured on the light of all star particles in the file. With
    ``photometry`` it is ``ellipse``, or that of the particles, with a note, if ``ellipse`` has no radius or shape.
    Position angles take +y as north and -x as east, like the published photometry of the images.

    ``lambda_r`` is corrected for the finite number of particles (see `particles`); ``lambda_r_observed`` and
    ``lambda_r_elliptical`` are not. A note is added if ``lambda_r`` is below ``lambda_r_limit`` and thus consistent
    with no rotation. ``lambda_r_error`` does not include the uncertainty of the ellipse. ``coverage`` is 1, because
    bins tile the ellipse.

    Parameters
    ----------
    path
        HDF5 file in any compression.
    ellipse
        Half-light ellipse from the catalogues; its Sersic index is copied to the result.
    settings
        Aperture, and the smallest (effective) number of particles per bin, see `particles.adaptive_bins`.

    Returns
    -------
    Measurement
        lambda_R and the quantities it is derived from.

    Raises
    ------
    UnusableKinematics
        With the file's name and the reason.
    ValueError
        If the aperture of the settings is that of another survey.
    """
    aperture, min_particles = settings.aperture or APERTURES[0], settings.min_particles_per_bin
    if aperture not in APERTURES:
        raise ValueError(f"unknown aperture '{aperture}': use {' or '.join(APERTURES)}")
    with naming(path), np.errstate(all="ignore"):  # overflowing values are refused below
        stars = _read_stars(path)
        x, y = stars.positions_kpc[:, 0], stars.positions_kpc[:, 1]
        notes = [] if stars.has_photometry else ["weighted by mass: the file has no GFM_StellarPhotometrics"]
        chosen = _on_the_sky(ellipse) if aperture == "photometry" else None
        source = "particles" if chosen is None else "photometry"
        if chosen is None:
            chosen = particle_shape.half_light_ellipse(x, y, stars.flux)
            if aperture == "photometry":
                notes.append("half-light ellipse of the particles: the photometry has none")
            if not chosen.converged:
                notes.append("shape has not converged")
        spin = particles.spin_in_ellipse(
            x, y, stars.velocity_km_s, stars.flux, chosen, pixel_kpc=PIXEL_KPC, min_particles=min_particles
        )
        _check(spin, chosen, min_particles)
        return _measurement(spin, chosen, source, ellipse.sersic_n, stars.synthetic, notes + _cautions(spin, chosen))


def _measurement(
    spin: particles.ParticleSpin,
    aperture: particle_shape.SkyEllipse,
    source: str,
    sersic_n: float,
    synthetic: bool,
    notes: list[str],
) -> Measurement:
    return Measurement(
        lambda_r=spin.lambda_r,
        lambda_r_error=spin.lambda_r_error,
        lambda_r_observed=spin.lambda_r_observed,
        lambda_r_elliptical=spin.lambda_r_elliptical,
        beam_correction="none",
        ellipticity=aperture.ellipticity,
        position_angle_deg=(math.degrees(aperture.angle) - 90) % 180,
        r_eff_arcsec=aperture.semi_major_kpc / KPC_PER_ARCSEC,
        sersic_n=sersic_n,
        psf_fwhm_arcsec=NAN,
        sigma_e_km_s=spin.sigma_e_km_s,
        systemic_velocity_km_s=spin.bulk_velocity_km_s,
        n_pixels=0,
        n_bins=spin.n_bins,
        coverage=1.0,
        zero_dispersion_fraction=0.0,
        n_particles=spin.n_particles,
        lambda_r_floor=spin.lambda_r_floor,
        lambda_r_limit=spin.lambda_r_limit,
        drp3qual=None,
        dapqual=None,
        release="",
        note="; ".join(notes),
        synthetic=synthetic,
        aperture=source,
    )


def _on_the_sky(ellipse: HalfLightEllipse) -> particle_shape.SkyEllipse | None:
    """Return the photometry's ellipse in kpc.

    It is None if the radius or ellipticity is unknown, or the position angle of a galaxy that is not round.
    """
    a, ellipticity, position_angle = ellipse.semi_major_arcsec, ellipse.ellipticity, ellipse.position_angle_deg
    if not (0 < a < math.inf and 0 <= ellipticity < 1 and (math.isfinite(position_angle) or ellipticity == 0)):
        return None
    angle = math.radians(position_angle + 90) if math.isfinite(position_angle) else 0.0
    return particle_shape.SkyEllipse(a * KPC_PER_ARCSEC, ellipticity, angle)


def _check(spin: particles.ParticleSpin, aperture: particle_shape.SkyEllipse, min_particles: int) -> None:
    if spin.n_bins < MIN_BINS:
        raise UnusableKinematics(
            f"{spin.n_particles} star particles inside the half-light ellipse (semi-major axis "
            f"{aperture.semi_major_kpc:.2g} kpc) make {spin.n_bins} bins of at least {min_particles} particles of "
            f"equal light and {PIXEL_KPC:g} kpc, {MIN_BINS} are needed"
        )
    if not (math.isfinite(spin.lambda_r) and math.isfinite(spin.lambda_r_error)):
        raise UnusableKinematics("motion and light inside the half-light ellipse give no lambda_R")


def _cautions(spin: particles.ParticleSpin, aperture: particle_shape.SkyEllipse) -> list[str]:
    cautions = {
        f"half-light semi-major axis {aperture.semi_major_kpc:.2f} kpc is below 3 softenings": (
            aperture.semi_major_kpc < 3 * SOFTENING_KPC
        ),
        f"few star particles inside the half-light ellipse: {spin.n_particles}": spin.n_particles < FEW_PARTICLES,
        f"lambda_R is below {spin.lambda_r_limit:.2f} and thus consistent with no rotation (95 %)": (
            spin.lambda_r < spin.lambda_r_limit
        ),
    }
    return [text for text, applies in cautions.items() if applies]


def _read_stars(path: Path) -> _Stars:
    import h5py

    with unpacked(path, MAX_UNPACKED_BYTES) as content, open_hdf5(content) as file:
        if not isinstance(file.get("PartType4"), h5py.Group):
            raise UnusableKinematics(f"has no group PartType4 (star particles); it has: {', '.join(file) or 'nothing'}")
        group, header = file["PartType4"], _header(file)
        formed = _read(group, "GFM_StellarFormationTime", None)
        _check_finite("GFM_StellarFormationTime", formed)
        stars = formed > 0
        if np.count_nonzero(stars) < MIN_PARTICLES:
            count = np.count_nonzero(stars)
            raise UnusableKinematics(f"has {count} star particles, at least {MIN_PARTICLES} are needed")
        coordinates = _read(group, "Coordinates", slice(0, 3), stars)
        velocity = _read(group, "Velocities", 2, stars)
        _check_range("Velocities", velocity, -MAX_SPEED_KM_S, MAX_SPEED_KM_S)
        has_photometry = "GFM_StellarPhotometrics" in group
        if has_photometry:
            magnitude = _read(group, "GFM_StellarPhotometrics", _R_BAND, stars)
            _check_range("r-band magnitudes of GFM_StellarPhotometrics", magnitude, *MAGNITUDES)
            flux = 10 ** (-0.4 * (magnitude - magnitude.min()))
        else:
            flux = _read(group, "Masses", None, stars)
            if not flux.min() > 0:
                raise UnusableKinematics("PartType4/Masses has values that are not positive")
        synthetic = bool(file.attrs.get("synthetic", False))
    near = particle_shape.wrapped(coordinates, coordinates[0], header["BoxSize"])
    positions = (near - particle_shape.centre_of(near)) * header["Time"] / header["HubbleParam"]
    return _Stars(positions, velocity * math.sqrt(header["Time"]), flux, has_photometry, synthetic)


def _header(file: Any) -> Mapping[str, float]:
    """Return BoxSize (ckpc/h), HubbleParam and Time (scale factor) of group Header: numbers, or arrays of one."""
    attributes = file["Header"].attrs if "Header" in file else {}
    values = {}
    for name, largest in (("BoxSize", 1e9), ("HubbleParam", 10.0), ("Time", 1.0)):
        if name not in attributes:
            raise UnusableKinematics(f"has no attribute {name} in group Header")
        value = np.ravel(attributes[name])
        if value.size != 1 or value.dtype.kind not in "iuf" or not 0 < value[0] <= largest:
            raise UnusableKinematics(f"attribute {name} of group Header is not a number above 0 and up to {largest:g}")
        values[name] = float(value[0])
    return values


def _read(
    group: Any, name: str, columns: int | slice | None, rows: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Read a dataset with one row per particle, or ``columns`` of it; the shape is checked before it is read."""
    import h5py

    dataset = group.get(name)
    if not isinstance(dataset, h5py.Dataset):
        needed_for = " nor GFM_StellarPhotometrics" if name == "Masses" else ""
        raise UnusableKinematics(f"has no dataset PartType4/{name}{needed_for}")
    if dataset.dtype.kind not in "iuf":
        raise UnusableKinematics(f"PartType4/{name} holds no numbers")
    wide = 0 if columns is None else columns.stop if isinstance(columns, slice) else columns + 1
    shape = tuple(int(n) for n in dataset.shape or ())
    if not (len(shape) == 1 if columns is None else len(shape) == 2 and wide <= shape[1] <= 16):
        expected = f"at least {wide} values" if wide else "one value"
        raise UnusableKinematics(f"PartType4/{name} has shape {shape}, {expected} per particle are expected")
    if max(shape[0], math.prod(dataset.chunks or ())) > MAX_PARTICLES:
        raise UnusableKinematics(f"PartType4/{name} has shape {shape}, too large: {MAX_PARTICLES} particles at most")
    if rows is not None and shape[0] != len(rows):
        raise UnusableKinematics(f"PartType4/{name} has {shape[0]} rows, GFM_StellarFormationTime has {len(rows)}")
    values = dataset[()] if columns is None else dataset[:, columns]
    values = np.asarray(values if rows is None else values[rows], dtype=np.float64)
    _check_finite(name, values)
    return values


def _check_finite(name: str, values: NDArray[np.float64]) -> None:
    invalid = int(np.count_nonzero(~np.isfinite(values)))
    if invalid:
        raise UnusableKinematics(f"PartType4/{name} has {invalid} values that are NaN or infinite")


def _check_range(what: str, values: NDArray[np.float64], low: float, high: float) -> None:
    outside = values[(values < low) | (values > high)]
    if len(outside):
        raise UnusableKinematics(
            f"PartType4: {len(outside)} {what} are outside [{low:g}, {high:g}], such as {outside[0]:g}"
        )
