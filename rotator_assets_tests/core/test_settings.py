"""Settings of a data root: defaults, and one line per error."""

import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.core.settings import ImageSettings, KinematicsSettings, LabelSettings, MockSettings, version_of
from rotator_assets.lineage.settings_file import Settings, load_settings
from rotator_assets.surveys.declared import RESERVED


def test_no_file_means_the_defaults_of_the_study(tmp_path):
    settings = load_settings(DataRoot(tmp_path))
    manga = settings.survey("manga")
    labels = manga.labels
    assert settings == Settings()
    assert (labels.t_type_max, labels.boundary, labels.log_mass_min) == (2.0, "emsellem2011", None)
    cuts = {name: value for name, value in labels.model_dump().items() if name.startswith("reject_")}
    assert len(cuts) == 6 and not any(cuts.values())
    assert manga.lambda_r_preference == ("user", "dynpop", "maps", "pipe3d")
    assert manga.ellipticity_preference == ("pymorph", "nsa", "user", "dynpop", "maps")
    assert settings.survey("tng100").lambda_r_preference == ("user", "particles")
    assert settings.survey("tng100").ellipticity_preference == ("morphs", "user", "particles")
    assert manga.lambda_r_scale == {} and not manga.fill_refused
    assert manga.images.pixels_per_r_eff is manga.images.arcsec_per_pixel is manga.jam_qual_min is None


def test_settings_are_read(tmp_path):
    (tmp_path / "settings.yaml").write_text(
        "profile: full\nmanga: {labels: {t_type_max: 0, log_mass_min: 10}, images: {pixels_per_r_eff: 9.434}}"
    )
    settings = load_settings(DataRoot(tmp_path))
    assert settings.profile == "full" and settings.survey("manga").images.pixels_per_r_eff == 9.434
    manga, tng100 = settings.survey("manga"), settings.survey("tng100")
    assert manga.labels.log_mass_min == 10 and tng100.labels.log_mass_min is None
    assert version_of(manga.labels) != version_of(tng100.labels)


@pytest.mark.parametrize(
    ("block", "version"),
    [
        (LabelSettings, "e37e0f823151b37d"),
        (ImageSettings, "63fed4cd951316f1"),
        (KinematicsSettings, "52f5576705cbf804"),
        (MockSettings, "66472743c51f4ea6"),
    ],
)
def test_a_new_setting_changes_no_version(block, version):
    """The versions of the defaults, for good: what was made with them is not stale because a setting joined them.

    That of the kinematics changed once, with its defaults: seeing is corrected in regular rotators alone, and the
    aperture is the photometry's.
    """
    assert version_of(block()) == version


def test_new_choices_of_sources_count_once_they_are_set():
    names = ("jam_qual_min", "fill_refused", "lambda_r_scale")
    manga = Settings().survey("manga")
    versions = {
        version_of(manga.model_copy(update=update), names)
        for update in ({}, {"fill_refused": True}, {"lambda_r_scale": {"pipe3d": 1.39}}, {"jam_qual_min": 0})
    }
    assert len(versions) == 4
    assert version_of(manga, names) == version_of(manga, ("jam_qual_min",))
    assert version_of(manga, names) == version_of(
        manga.model_copy(update={"labels": LabelSettings(t_type_max=0)}), names
    )


def test_excluded_galaxies_are_read(tmp_path):
    (tmp_path / "settings.yaml").write_text(
        "manga:\n  exclude:\n"
        "  - {galaxy_id: 8000-1901, reason: a star\n      in front}\n"
        "  - {object_id: 1-200, excluded_from: training, reason: merger}\n"
        "  - {ra: 0, dec: -90, radius_arcsec: 60, reason: ghost}\n"
        "tng100: {exclude: [{galaxy_id: 117250, reason: interacting}]}\n"
    )
    settings = load_settings(DataRoot(tmp_path))
    named, of_object, placed = settings.survey("manga").exclude
    assert (named.galaxy_id, named.excluded_from, named.reason) == ("8000-1901", "everything", "a star in front")
    assert (of_object.object_id, of_object.excluded_from) == ("1-200", "training")
    assert (placed.ra, placed.dec, placed.radius_arcsec) == (0, -90, 60)
    assert named.radius_arcsec == 5
    assert settings.survey("tng100").exclude[0].galaxy_id == "117250"  # YAML reads subfind ids as numbers
    assert Settings().survey("manga").exclude == ()


def test_a_later_setting_counts_once_it_has_another_value():
    assert version_of(ImageSettings(max_missing_fraction=0.01)) != version_of(ImageSettings())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "manga:\n  exclude:\n  - {galaxy_id: a, reason: b}\n  - {galaxy_id: c}",
            "line 4: manga.exclude.1.reason: Field required",
        ),
        ("manga: {exclude: [{galaxy_id: a, reason: ' '}]}", "manga.exclude.0.reason: String should have at least 1"),
        ("manga:\n  exclude:\n  - {reason: b}", "line 3: manga.exclude.0: name the galaxy in one way"),
        ("manga: {exclude: [{galaxy_id: a, object_id: b, reason: c}]}", "name the galaxy in one way: by galaxy_id, by"),
        ("manga: {exclude: [{galaxy_id: a, ra: 1, dec: 1, reason: c}]}", "manga.exclude.0: name the galaxy in one way"),
        ("manga: {exclude: [{ra: 1, reason: c}]}", "manga.exclude.0: a position needs both ra and dec"),
        ("manga: {exclude: [{galaxy_id: a, radius_arcsec: 9, reason: c}]}", "radius_arcsec belongs to a position"),
        (
            "manga:\n  exclude:\n  - ra: 361\n    dec: 0\n    reason: c",
            "line 3: manga.exclude.0.ra: Input should be less than or equal to 360",
        ),
        ("manga: {exclude: [{ra: 1, dec: -91, reason: c}]}", "manga.exclude.0.dec: Input should be greater than"),
        ("manga: {exclude: [{ra: '1', dec: 1, reason: c}]}", "manga.exclude.0.ra: Input should be a valid number"),
        ("manga: {exclude: [{ra: 1, dec: 1, radius_arcsec: 0, reason: c}]}", "radius_arcsec: Input should be greater"),
        (
            "manga: {exclude: [{galaxy_id: a, excluded_from: test, reason: c}]}",
            "manga.exclude.0.excluded_from: Input should be 'training' or 'everything'",
        ),
        (
            "manga: {exclude: [{galaxy_id: a, because: c}]}",
            "manga.exclude.0.because: unknown key; the keys are galaxy_id, object_id, ra, dec, radius_arcsec",
        ),
        ("manga: {exclude: [{galaxy: a, reason: c}]}", "galaxy: unknown key; did you mean 'galaxy_id'?"),
        (
            "manga: {exclude: [{galaxy_id: a, reason: b}, {galaxy_id: a, reason: c}]}",
            "manga.exclude: galaxy_id a appears twice",
        ),
        ("manga: {exclude: [8000-1901]}", "manga.exclude.0: Input should be"),
        ("manga: {exclude: {galaxy_id: a, reason: b}}", "manga.exclude: Input should be a valid tuple"),
        ("exclude: []", "exclude: unknown key"),
        ("mangas: {}", "mangas: unknown key; did you mean 'manga'?"),
        ("manga: {label: {}}", "manga.label: unknown key; did you mean 'labels'?"),
        ("manga: {labels: {cut: 1}}", "manga.labels.cut: unknown key; the keys are t_type_max, p_late_max"),
        ("atlas3d: {images: {arcsec_per_pixel: 0.4}}", "atlas3d.images: atlas3d has no images here"),
        ("manga: {labels: {t_type_max: early}}", "manga.labels.t_type_max"),
        ("manga: {images: {pixels_per_r_eff: 9, arcsec_per_pixel: 0.4}}", "not both"),
        ("manga: {images: {arcsec_per_pixel: -1}}", "greater than 0"),
        ("manga: {lambda_r_preference: [guess]}", "there is no 'guess', only user, dynpop, maps, pipe3d"),
        ("manga: {lambda_r_scale: {guess: 1.4}}", "manga.lambda_r_scale: there is no 'guess', only user, dynpop"),
        ("manga: {lambda_r_scale: {pipe3d: 0}}", "manga.lambda_r_scale.pipe3d: Input should be greater than 0"),
        ("manga: {ellipticity_preference: [morphs]}", "there is no 'morphs', only pymorph, nsa, user, dynpop, maps"),
        ("manga: {fill_refused: 1}", "manga.fill_refused: Input should be a valid boolean"),
        ("tng100: {lambda_r_preference: [maps]}", "there is no 'maps', only user, particles"),
        ("manga: 3", "manga: expected a mapping"),
        ("surveys: {manga: {}}", "its settings belong under its own key"),
        ("tng100: {mock: {psf_fwhm_arcsec: [1, 1]}}", "tng100.mock.psf_fwhm_arcsec"),
        ("manga: {kinematics: {min_coverage: 2}}", "manga.kinematics.min_coverage"),
        (
            "manga: {kinematics: {beam_correction: graham2018}}",
            "'graham2018' is now all (every galaxy, as before)",
        ),
        ("manga: {kinematics: {beam_correction: some}}", "Input should be 'none', 'all' or 'regular_rotators'"),
        ("manga: {kinematics: {aperture: file}}", "'file' is now named header (manga) or particles (tng100)"),
        ("manga: {kinematics: {aperture: particles}}", "there is no 'particles', only photometry, header"),
        ("tng100: {kinematics: {aperture: header}}", "there is no 'header', only particles, photometry"),
        ("just text", "expected a mapping"),
        ("a: [", "not valid YAML"),
        ("manga:\n  labels: {log_mass_min: 10.0}\nmanga:\n  images: {}", "line 3: 'manga' appears twice"),
        ("manga: {labels: {t_type_max: 1, t_type_max: 2}}", "'t_type_max' appears twice"),
        ("profile: 2020-99-99", "line 1: 2020-99-99 may be a date"),
        ("tng100: {mock: {seed: 0100}}", "0100 may not be a decimal number"),
        (
            "manga:\n  images:\n    check_centre: 1",
            "line 3: manga.images.check_centre: Input should be",
        ),
        ("manga:\n  labels: {log_mass_min: '10'}", "line 2: manga.labels.log_mass_min: Input should be a valid number"),
        (
            "tng100: {mock: {psf_fwhm_arcsec: ['1', 1, 1]}}",
            "psf_fwhm_arcsec.0: Input should be a valid number",
        ),
        ("manga: {jam_qual_min: 1.0}", "manga.jam_qual_min: Input should be a valid integer"),
        ("manga: {lambda_r_preference: dynpop}", "manga.lambda_r_preference: Input should be a valid tuple"),
    ],
)
def test_errors_are_one_line(tmp_path, text, message):
    (tmp_path / "settings.yaml").write_text(text)
    with pytest.raises(InputError) as error:
        load_settings(DataRoot(tmp_path))
    assert message in str(error.value) and "settings.yaml" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["settings.yml", "Settings.yaml", "setting.yaml"])
def test_a_file_with_a_similar_name_is_an_error(tmp_path, name):
    (tmp_path / name).write_text("profile: full")
    with pytest.raises(InputError, match=rf"{name}: is not read under this name: call it settings\.yaml"):
        load_settings(DataRoot(tmp_path))


def test_a_dangling_link_and_a_folder_are_errors(tmp_path):
    (tmp_path / "settings.yaml").symlink_to(tmp_path / "not-there.yaml")
    with pytest.raises(InputError, match="is not a file, or is a dangling link"):
        load_settings(DataRoot(tmp_path))
    (tmp_path / "not-there.yaml").mkdir()
    with pytest.raises(InputError, match="is not a file"):
        load_settings(DataRoot(tmp_path))


def test_no_survey_of_a_user_can_have_the_name_of_a_setting():
    assert set(Settings.model_fields) <= set(RESERVED)
