"""Group catalogue: against the loader of the IllustrisTNG team, and every way pieces can fail to make one catalogue."""

import h5py
import numpy as np
import pytest
from illustris_python.groupcat import loadSubhalos

from rotator_assets.core.errors import InputError
from rotator_assets.surveys.group_catalog import read_group_catalog

H, A = 0.6774, 0.5
COUNTS = (3, 0, 5, 1, 0)
"""Subhalos in each piece."""
TOTAL = sum(COUNTS)


def subhalos(start, count) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(start)
    mass = rng.uniform(0.01, 30, (count, 6)).astype(np.float32)
    mass[:1, 4] = 0.0
    return {
        "SubhaloMassInRadType": mass,
        "SubhaloHalfmassRadType": (rng.uniform(0.5, 20, (count, 6)) * (mass > 0)).astype(np.float32),
        "SubhaloFlag": rng.integers(0, 2, count).astype(bool),
    }


def write_catalog(folder, counts=COUNTS, total=None):
    """Pieces as published, with the empty groups of pieces without subhalos; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths, start = [], 0
    for number, count in enumerate(counts):
        paths.append(folder / f"fof_subhalo_tab_099.{number}.hdf5")
        with h5py.File(paths[-1], "w") as file:
            header = {"Nsubgroups_ThisFile": np.int32(count), "NumFiles": np.int32(len(counts))}
            header |= {"Nsubgroups_Total": np.int32(sum(counts) if total is None else total)}
            file.create_group("Header").attrs.update(header | {"HubbleParam": H, "Time": A})
            group = file.create_group("Subhalo")
            for name, values in subhalos(start, count).items() if count else ():
                group[name] = values
        start += count
    return paths


@pytest.mark.parametrize("counts", [COUNTS, (0, 0, 4), (6,)])
def test_the_catalogue_is_the_one_that_illustris_python_reads(tmp_path, counts):
    paths = write_catalog(tmp_path / "groups_099", counts)
    frame = read_group_catalog(paths[::-1])
    fields = ["SubhaloMassInRadType", "SubhaloHalfmassRadType", "SubhaloFlag"]
    published = loadSubhalos(str(tmp_path), 99, fields=fields)
    mass, radius = (published[name][:, 4].astype(np.float64) for name in fields[:2])
    assert frame["galaxy_id"].tolist() == [str(number) for number in range(sum(counts))]
    with np.errstate(divide="ignore"):
        solar = mass * 1e10 / H  # Msun
        expected = np.where(mass > 0, np.log10(solar * H**2), np.nan)  # h^-2 Msun, as NSA masses
    np.testing.assert_allclose(frame["log_mass"], expected, rtol=1e-12)
    np.testing.assert_allclose(frame["half_mass_radius_kpc"], np.where(radius > 0, radius * A / H, np.nan), rtol=1e-12)
    np.testing.assert_array_equal(frame["subhalo_flag"].astype(int), published["SubhaloFlag"].astype(int))
    assert frame["log_mass"].isna().any() and str(frame["subhalo_flag"].dtype) == "Int64"


def test_only_the_wanted_subhalos(tmp_path):
    paths = write_catalog(tmp_path)
    whole = read_group_catalog(paths).set_index("galaxy_id")
    some = read_group_catalog(paths, wanted={"7", "1", "900"})
    assert some["galaxy_id"].tolist() == ["1", "7"]
    assert some["log_mass"].tolist() == whole.loc[["1", "7"], "log_mass"].tolist()


def test_a_catalogue_without_subhalos(tmp_path):
    frame = read_group_catalog(write_catalog(tmp_path, (0, 0)))
    assert frame.empty and list(frame) == ["galaxy_id", "log_mass", "half_mass_radius_kpc", "subhalo_flag"]


def error_of(paths) -> str:
    with pytest.raises(InputError) as error:
        read_group_catalog(paths)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_missing_pieces_are_named(tmp_path):
    paths = write_catalog(tmp_path)
    assert error_of(paths[:2] + paths[3:]) == (
        f"{tmp_path}: of 5 pieces of the group catalogue, fof_subhalo_tab_099.2.hdf5 missing"
    )
    assert error_of(paths[4:]).endswith(
        "099.0.hdf5, fof_subhalo_tab_099.1.hdf5, fof_subhalo_tab_099.2.hdf5 and 1 more missing"
    )
    assert "there is no piece" in error_of([])


def test_a_piece_that_is_there_twice_is_named(tmp_path):
    paths, again = write_catalog(tmp_path), write_catalog(tmp_path / "again")[3]
    assert error_of([*paths, again]) == f"{again}: is the same piece as {paths[3]}; remove one of them"


def test_pieces_of_other_catalogues_are_named(tmp_path):
    paths, other = write_catalog(tmp_path), write_catalog(tmp_path / "other", (1, 1, 1, 1, 1))
    assert error_of([*paths[:4], other[4]]).startswith(
        f"{other[4]}: is a piece of another catalogue: 5 files and 5 subhalos"
    )
    beyond = write_catalog(tmp_path / "more", (1,) * 6)[5]
    assert error_of([*paths, beyond]) == f"{beyond}: the catalogue has 5 pieces, numbered from 0"
    stranger = tmp_path / "fof_subhalo_tab_098.0.hdf5"
    assert error_of([stranger]).startswith(f"{stranger}: is not a piece of the group catalogue")


def test_pieces_must_hold_as_many_subhalos_as_announced(tmp_path):
    paths = write_catalog(tmp_path, total=TOTAL + 1)
    assert error_of(paths) == f"{tmp_path}: the pieces hold {TOTAL} subhalos, their headers announce {TOTAL + 1}"


@pytest.mark.parametrize("name", ["Nsubgroups_ThisFile", "Nsubgroups_Total", "NumFiles", "HubbleParam", "Time"])
def test_missing_attributes_are_named(tmp_path, name):
    paths = write_catalog(tmp_path)
    with h5py.File(paths[2], "a") as file:
        del file["Header"].attrs[name]
    assert error_of(paths) == f"{paths[2]}: has no attribute {name} in group Header"


@pytest.mark.parametrize("value", ["many", -1, 10**10, [1, 2]])
def test_headers_must_hold_sensible_numbers(tmp_path, value):
    paths = write_catalog(tmp_path)
    with h5py.File(paths[2], "a") as file:
        file["Header"].attrs["Nsubgroups_ThisFile"] = value
    assert error_of(paths).startswith(
        f"{paths[2]}: attribute Nsubgroups_ThisFile of group Header is not a number from 0"
    )


def test_the_hubble_parameter_must_be_positive(tmp_path):
    paths = write_catalog(tmp_path)
    with h5py.File(paths[2], "a") as file:
        file["Header"].attrs["HubbleParam"] = 0.0
    assert error_of(paths) == f"{paths[2]}: HubbleParam and Time of group Header must be positive"


@pytest.mark.parametrize("name", ["SubhaloMassInRadType", "SubhaloHalfmassRadType", "SubhaloFlag"])
def test_missing_and_misshapen_fields_are_named(tmp_path, name):
    paths = write_catalog(tmp_path)
    with h5py.File(paths[2], "a") as file:
        values = file[f"Subhalo/{name}"][()]
        del file[f"Subhalo/{name}"]
    assert error_of(paths) == f"{paths[2]}: has no field Subhalo/{name}"
    with h5py.File(paths[2], "a") as file:
        file[f"Subhalo/{name}"] = values[:-1]
    assert error_of(paths).startswith(f"{paths[2]}: Subhalo/{name} is {values.dtype} of shape (4,")


def test_chunks_too_large_to_read(tmp_path):
    paths = write_catalog(tmp_path)
    with h5py.File(paths[2], "a") as file:
        del file["Subhalo/SubhaloFlag"]
        file.create_dataset("Subhalo/SubhaloFlag", (5,), "u1", maxshape=(None,), chunks=(10**9,))
    assert "claims shape (5,) in chunks of (1000000000,), which is too large" in error_of(paths)


@pytest.mark.parametrize("kept", [0, 100, 2000])
def test_damaged_pieces_are_named(tmp_path, kept):
    paths = write_catalog(tmp_path)
    paths[2].write_bytes(paths[2].read_bytes()[:kept])
    assert error_of(paths).startswith(f"{paths[2]}: cannot be read as an HDF5 file")
