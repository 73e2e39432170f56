import pytest

from tests.api import Api
from tests.cast import make_cast


@pytest.fixture
def cast(db):
    return make_cast(overlap=3)


@pytest.fixture
def annotator(cast):
    return Api(cast.annotator)


@pytest.fixture
def manager(cast):
    return Api(cast.manager)


@pytest.fixture
def researcher(cast):
    return Api(cast.researcher)
