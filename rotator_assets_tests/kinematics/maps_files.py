"""Writer of MaNGA MAPS files in the layouts of DR15 and DR17, and a rotating disc of known lambda_R."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from scipy.integrate import quad

SPAXEL_ARCSEC = 0.5
HEADER = {
    "PLATEIFU": "8000-1901",
    "MANGAID": "1-100",
    "OBJRA": 210.0,
    "OBJDEC": 45.0,
    "SCINPVEL": 7500.0,
    "GFWHM": 2.6,
    "RFWHM": 2.5,
    "IFWHM": 2.4,
    "ZFWHM": 2.4,
    "DAPQUAL": 0,
    "DRP3QUAL": 0,
    "EBVGAL": 0.02,
}
NO_COVERAGE, DO_NOT_USE = 1 << 0, 1 << 30


@dataclass(frozen=True)
class Planes:
    """Maps (ny, nx) of one galaxy: offsets in arcsec to the east and north, flux, velocities in km/s.

    ``dispersion`` is the observed one, ``correction`` what of it is instrumental; errors are standard deviations.
    ``mask_velocity`` and ``mask_dispersion`` hold bits, ``bin_id`` the bin of the stellar kinematics, -1 for none.
    """

    east: NDArray[np.float64]
    north: NDArray[np.float64]
    flux: NDArray[np.float64]
    velocity: NDArray[np.float64]
    dispersion: NDArray[np.float64]
    correction: NDArray[np.float64]
    velocity_error: NDArray[np.float64]
    dispersion_error: NDArray[np.float64]
    mask_velocity: NDArray[np.int32]
    mask_dispersion: NDArray[np.int32]
    bin_id: NDArray[np.int32]

    def where(self, chosen: NDArray[np.bool_], **values) -> Planes:
        """The same with other values in the chosen spaxels."""
        return replace(self, **{name: np.where(chosen, value, getattr(self, name)) for name, value in values.items()})


@dataclass(frozen=True)
class Disc:
    """A thin exponential disc in rotation, with the axis ratio 1 - ellipticity; lengths in arcsec, speeds in km/s.

    V = ``speed`` tanh(m / ``rise``) cos(azimuth) sin(inclination of a thin disc), sigma = ``dispersion`` exp(-m /
    ``dispersion_scale``), where m is the semi-major elliptical radius.
    """

    scale: float = 4.0
    ellipticity: float = 0.4
    position_angle_deg: float = 35.0
    speed: float = 180.0
    rise: float = 2.0
    dispersion: float = 90.0
    dispersion_scale: float = 20.0
    offset_km_s: float = 15.0
    header: dict = field(default_factory=dict)

    @property
    def r_eff(self) -> float:
        """Half-light semi-major axis of an exponential disc."""
        return 1.678347 * self.scale

    def at(self, m, azimuth) -> tuple:
        """Flux, velocity (about the systemic one) and dispersion at a radius and azimuth in the disc's plane."""
        inclined = np.sqrt(1 - (1 - self.ellipticity) ** 2) if self.ellipticity else 1.0
        velocity = self.speed * inclined * np.tanh(m / self.rise) * np.cos(azimuth)
        return np.exp(-m / self.scale), velocity, self.dispersion * np.exp(-m / self.dispersion_scale)

    def lambda_r(self, circular: bool = True) -> float:
        """lambda_R within one half-light ellipse, by quadrature over the disc, to 1e-8."""
        axis_ratio = 1 - self.ellipticity

        def integrand(m: float, azimuth: float, rotation_only: bool) -> float:
            flux, velocity, dispersion = self.at(m, azimuth)
            radius = m * np.hypot(np.cos(azimuth), axis_ratio * np.sin(azimuth)) if circular else m
            return flux * radius * (abs(velocity) if rotation_only else np.hypot(velocity, dispersion)) * m

        def over_the_disc(rotation_only: bool) -> float:
            def at_azimuth(azimuth: float) -> float:
                return quad(integrand, 0, self.r_eff, args=(azimuth, rotation_only), epsrel=1e-10)[0]

            return quad(at_azimuth, 0, np.pi / 2, epsrel=1e-9)[0]

        return over_the_disc(True) / over_the_disc(False)

    def in_its_plane(self, east, north) -> tuple:
        """Coordinates along the major axis and, freed of the inclination, across it."""
        angle = np.deg2rad(self.position_angle_deg)  # it goes from north to east
        along, across = east * np.sin(angle) + north * np.cos(angle), east * np.cos(angle) - north * np.sin(angle)
        return along, across / (1 - self.ellipticity)

    def inside(self, planes: Planes) -> NDArray[np.bool_]:
        """Spaxels within the half-light ellipse."""
        return np.hypot(*self.in_its_plane(planes.east, planes.north)) < self.r_eff

    def planes(self, n: int = 72, centre: tuple[float, float] = (0.0, 0.0)) -> Planes:
        """The disc on a grid of n x n spaxels; its centre lies ``centre`` arcsec (east, north) of the grid's middle."""
        east, north = sky_grid(n, centre)
        along, across = self.in_its_plane(east, north)
        flux, velocity, dispersion = self.at(np.hypot(along, across), np.arctan2(across, along))
        return planes(east, north, flux, velocity + self.offset_km_s, dispersion)

    def write(self, path: Path, release: str = "DR17", changed: Planes | None = None, **header) -> Path:
        """The disc, or maps made from its own, as a MAPS file whose header has its half-light ellipse."""
        own = {"REFF": self.r_eff, "ECOOELL": self.ellipticity, "ECOOPA": self.position_angle_deg}
        return write_maps(path, changed or self.planes(), release, {**own, **self.header, **header})


def sky_grid(n: int, centre: tuple[float, float] = (0.0, 0.0)) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Offsets east and north in arcsec of n x n spaxels from the galaxy's centre; columns run to the west."""
    steps = (np.arange(n) - (n - 1) / 2) * SPAXEL_ARCSEC
    west, north = np.meshgrid(steps, steps)
    return -west - centre[0], north - centre[1]


def planes(east, north, flux, velocity, dispersion, correction: float = 40.0, error: float = 5.0) -> Planes:
    """Planes with every spaxel usable and a bin of its own.

    ``dispersion`` is the galaxy's: the instrumental ``correction`` is added in quadrature.
    """
    zero = np.zeros(flux.shape, dtype=np.int32)
    return Planes(
        east=east,
        north=north,
        flux=flux,
        velocity=velocity,
        dispersion=np.hypot(dispersion, correction),
        correction=np.full(flux.shape, correction),
        velocity_error=np.full(flux.shape, error),
        dispersion_error=np.full(flux.shape, error),
        mask_velocity=zero,
        mask_dispersion=zero,
        bin_id=np.arange(flux.size, dtype=np.int32).reshape(flux.shape),
    )


def binned(planes: Planes, n: int) -> Planes:
    """The same in bins of n x n spaxels with the flux-weighted velocity and rms of each."""
    ny, nx = planes.flux.shape
    row, column = np.indices((ny, nx))
    bins = (row // n) * -(-nx // n) + column // n
    light = np.bincount(bins.ravel(), planes.flux.ravel())

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return (np.bincount(bins.ravel(), (planes.flux * values).ravel()) / light)[bins]

    velocity = mean(planes.velocity)
    dispersion = np.sqrt(mean(planes.dispersion**2 + planes.velocity**2) - velocity**2)
    return replace(planes, velocity=velocity, dispersion=dispersion, bin_id=bins.astype(np.int32))


def maps_hdus(planes: Planes, release: str = "DR17", header: dict | None = None, keys: bool = True) -> fits.HDUList:
    """Extensions of a MAPS file. ``keys``: whether headers name the extensions of masks and errors."""
    primary = fits.PrimaryHDU()
    versions = {"DR15": ("v2_4_3", "2.2.1"), "DR17": ("v3_1_1", "3.1.0")}[release]
    primary.header.update(HEADER | {"VERSDRP3": versions[0], "VERSDAP": versions[1]} | (header or {}))
    radius, azimuth = np.hypot(planes.east, planes.north), np.degrees(np.arctan2(planes.east, planes.north)) % 360
    radii = [radius, radius / 5, radius, azimuth] if release == "DR17" else [radius, radius / 5, azimuth]
    none = np.full_like(planes.bin_id, -1)
    bins = np.stack([0 * planes.bin_id, planes.bin_id, none, none, none])  # channel 1 is that of the stellar kinematics
    other = np.full(planes.flux.shape, 77.0)  # channel 1: not the one to use
    images = {
        "SPX_SKYCOO": np.stack([planes.east, planes.north]),
        "SPX_ELLCOO": np.stack(radii),
        "SPX_MFLUX": planes.flux,
        "SPX_SNR": planes.flux * 10,
        "BINID": bins,
        "STELLAR_VEL": planes.velocity,
        "STELLAR_VEL_IVAR": planes.velocity_error**-2.0,
        "STELLAR_VEL_MASK": planes.mask_velocity,
        "STELLAR_SIGMA": planes.dispersion,
        "STELLAR_SIGMA_IVAR": planes.dispersion_error**-2.0,
        "STELLAR_SIGMA_MASK": planes.mask_dispersion,
        "STELLAR_SIGMACORR": np.stack([planes.correction, other]) if release == "DR17" else planes.correction,
        "EMLINE_GFLUX": np.zeros((3, *planes.flux.shape)),
    }
    hdus = [
        fits.ImageHDU(image.astype("i4" if image.dtype.kind == "i" else "f4"), name=n) for n, image in images.items()
    ]
    for hdu in hdus:
        if keys and hdu.name in ("STELLAR_VEL", "STELLAR_SIGMA"):
            hdu.header["ERRDATA"], hdu.header["QUALDATA"] = f"{hdu.name}_IVAR", f"{hdu.name}_MASK"
    return fits.HDUList([primary, *hdus])


def write_maps(
    path: Path, planes: Planes, release: str = "DR17", header: dict | None = None, keys: bool = True
) -> Path:
    """A MAPS file, gzipped where its name ends in .gz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    maps_hdus(planes, release, header, keys).writeto(path)
    return path
