"""A person's keys, as the pages keep them."""

import pytest

from annotation.models import User
from tests.api import Api

KEYS = "keys/"

pytestmark = pytest.mark.django_db


def test_a_person_reads_what_they_kept(cast):
    api = Api(cast.annotator, session=True)
    assert api.get(KEYS).json() == {"single": True, "chosen": {}}

    said = {"single": False, "chosen": {"rank": {"tie": "t"}}}
    assert api.send("PUT", KEYS, said).json() == said

    assert api.get(KEYS).json() == said
    assert Api(cast.reviewer).get(KEYS).json() == {"single": True, "chosen": {}}


def test_what_is_wrong_is_said_in_one_sentence(cast):
    reply = Api(cast.annotator).send("PUT", KEYS, {"chosen": {"rank": {"tie": "a"}}})
    assert reply.status_code == 400
    assert reply.json()["detail"] == "This key has a meaning already. Choose another one."
    assert User.objects.get(pk=cast.annotator.pk).keys == {}
