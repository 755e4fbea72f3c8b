"""ATLAS3D: a survey of one table."""

import pytest

from rotator_assets.core.errors import InputError
from rotator_assets.galaxies.matching import label_galaxies, match_galaxies
from rotator_assets.surveys import SURVEYS
from rotator_assets.surveys.base import KINEMATICS, MORPHOLOGY
from rotator_assets_tests.surveys.files import write_text

ATLAS3D = SURVEYS["atlas3d"]
NAME = "catalogs/Emsellem2011_Atlas3D_Paper3_TableB1.txt"
TABLE = """# Galaxy | Rmax | Epsilon_e | ...
  IC0560   1.10  0.587  0.479  G  0.770  0.607  0.691  0.589  F  F
 NGC0661   1.33  0.306  0.307  G  0.134  0.094  0.139  0.070  S  S
"""


def test_the_table_gives_galaxies_and_their_spin(tmp_path):
    write_text(tmp_path / NAME, TABLE)
    morphology, kinematics = ATLAS3D.read_morphology(tmp_path), ATLAS3D.read_kinematics(tmp_path)
    assert list(morphology.frame.columns) == list(MORPHOLOGY) and list(kinematics.frame.columns) == list(KINEMATICS)
    assert morphology.frame["galaxy_id"].tolist() == ["IC0560", "NGC0661"]
    assert kinematics.frame["lambda_r"].tolist() == [0.691, 0.139]
    assert kinematics.frame["ellipticity"].tolist() == [0.587, 0.306]
    assert not morphology.synthetic and morphology.sources[0].rows == 2


def test_it_has_no_photometry_images_or_maps(tmp_path):
    assert ATLAS3D.read_photometry(tmp_path).frame.empty
    assert ATLAS3D.image_index(tmp_path) == {} and ATLAS3D.kinematic_files(tmp_path) == {}
    assert ATLAS3D.noises == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("IC0560 1.10 0.587\n", "row 1 has 3 fields"),
        ("# nothing\n", "no rows"),
        (TABLE.replace("0.691", "fast"), "'fast' in row 1"),
    ],
)
def test_a_bad_table_gives_an_error(tmp_path, text, message):
    write_text(tmp_path / NAME, text)
    with pytest.raises(InputError, match=message):
        ATLAS3D.read_kinematics(tmp_path)


def test_a_missing_table_gives_an_error(tmp_path):
    with pytest.raises(InputError, match="there is no ellipticity and lambda_R"):
        ATLAS3D.read_morphology(tmp_path)


@pytest.mark.real_data
def test_36_of_260_early_types_are_slow(real_data, tmp_path):
    (tmp_path / "catalogs").symlink_to(real_data / "atlas3d", target_is_directory=True)
    catalogs = (ATLAS3D.read_morphology, ATLAS3D.read_photometry, ATLAS3D.read_kinematics)
    galaxies, _ = match_galaxies(
        "atlas3d", *(read(tmp_path).frame for read in catalogs), ATLAS3D.lambda_r_sources, synthetic=False
    )
    labeled, _ = label_galaxies(galaxies)
    assert len(labeled) == 260 and labeled["is_early_type"].all()
    assert (labeled["rotator_type"] == 0).sum() == 36
    assert set(labeled["axis_ratio_source"]) == {"atlas3d"}
