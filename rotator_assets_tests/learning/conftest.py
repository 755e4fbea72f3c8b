"""A training on the planted survey that the tests share."""

import pytest

from rotator_assets_tests.learning.planted import TINY, galaxy_ids, planted_survey


@pytest.fixture(scope="session")
def survey():
    return planted_survey()


@pytest.fixture(scope="session")
def trained(survey, tmp_path_factory):
    """(CrossValidation, folder of the networks, epoch logs) of the tiny recipe on the planted survey."""
    from rotator_assets.learning.training import cross_validate

    images, labels, objects = survey
    folder = tmp_path_factory.mktemp("models")
    logs = []
    result = cross_validate(
        images, labels, objects, galaxy_ids(objects), TINY, model_folder=folder, on_epoch=logs.append
    )
    return result, folder, logs
