"""Settings of a data root: defaults, and a clear line for each mistake."""

import pytest

from rotator_assets.data_root import DataRoot
from rotator_assets.errors import InputError
from rotator_assets.settings import Settings, load_settings, version_of


def test_no_file_means_the_defaults_of_the_study(tmp_path):
    settings = load_settings(DataRoot(tmp_path))
    labels = settings.manga.labels
    assert settings == Settings()
    assert (labels.t_type_max, labels.boundary, labels.log_mass_min) == (2.0, "emsellem2011", None)
    assert not (labels.reject_drp3qual_critical or labels.reject_flag_t_type or labels.reject_failed_photometry)
    assert settings.manga.lambda_r_preference == ("user", "dynpop", "pipe3d")
    assert settings.manga.images.pixels_per_r_eff is settings.manga.images.arcsec_per_pixel is None


def test_what_is_written_is_read(tmp_path):
    (tmp_path / "settings.yaml").write_text(
        "profile: full\nmanga: {labels: {t_type_max: 0, log_mass_min: 10}, images: {pixels_per_r_eff: 9.434}}"
    )
    settings = load_settings(DataRoot(tmp_path))
    assert settings.profile == "full" and settings.survey("manga").images.pixels_per_r_eff == 9.434
    assert settings.manga.labels.log_mass_min == 10 and settings.tng100.labels.log_mass_min is None
    assert version_of(settings.manga.labels) != version_of(settings.tng100.labels)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mangas: {}", "mangas: Extra inputs"),
        ("manga: {labels: {t_type_max: early}}", "manga.labels.t_type_max"),
        ("manga: {images: {pixels_per_r_eff: 9, arcsec_per_pixel: 0.4}}", "not both"),
        ("manga: {images: {arcsec_per_pixel: -1}}", "greater than 0"),
        ("manga: {lambda_r_preference: [guess]}", "lambda_r_preference"),
        ("just text", "expected a mapping"),
        ("a: [", "not valid YAML"),
    ],
)
def test_mistakes_are_told_in_one_line(tmp_path, text, message):
    (tmp_path / "settings.yaml").write_text(text)
    with pytest.raises(InputError) as error:
        load_settings(DataRoot(tmp_path))
    assert message in str(error.value) and "settings.yaml" in str(error.value)
    assert "\n" not in str(error.value)
