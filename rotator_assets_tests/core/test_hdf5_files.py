"""HDF5 files that refer to other files, or claim more than they hold, are refused; others are read."""

import io

import h5py
import numpy as np
import pytest

from rotator_assets.core.hdf5_files import MAX_VALUES, open_hdf5


def written(make, folder) -> io.BytesIO:
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        make(file, folder)
    return content


def external_link(file, folder):
    file["group/x"] = h5py.ExternalLink(str(folder / "other.hdf5"), "/x")


def virtual_dataset(file, folder):
    layout = h5py.VirtualLayout((5,), "f8")
    layout[:] = h5py.VirtualSource(str(folder / "other.hdf5"), "x", shape=(5,))
    file.create_virtual_dataset("group/x", layout)


def external_storage(file, folder):
    file.create_dataset("group/x", (5,), "u1", external=[("/etc/passwd", 0, 5)])


def claimed_rows(file, folder):
    file.create_dataset("group/x", (MAX_VALUES + 1,), "f8", chunks=(8,))


def claimed_chunk(file, folder):
    file.create_dataset("group/x", (8,), "u1", maxshape=(None,), chunks=(MAX_VALUES + 1,))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (external_link, "its link 'group/x' leads to another file"),
        (virtual_dataset, "its dataset 'group/x' lies in another file"),
        (external_storage, "its dataset 'group/x' lies in another file"),
        (claimed_rows, "its dataset 'group/x' claims shape"),
        (claimed_chunk, "its dataset 'group/x' claims shape"),
    ],
)
def test_what_a_file_does_not_hold_is_refused(tmp_path, make, reason):
    with pytest.raises(ValueError, match=reason), open_hdf5(written(make, tmp_path)):
        pass


def test_data_groups_that_contain_themselves_and_dangling_links_are_read(tmp_path):
    def make(file, folder):
        file["group/x"] = np.arange(5)
        file["group/again"] = file["group"]
        file["nothing"] = h5py.SoftLink("/nowhere")

    with open_hdf5(written(make, tmp_path)) as file:
        assert file["group/again/x"][()].tolist() == [0, 1, 2, 3, 4]
