"""Rows inserted in bulk are the rows that ``save`` would have made."""

from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from annotation import bulk
from annotation.models import Completion, Prompt, Submission, Task
from annotation.tasking import new_completion, new_prompt, outside_source
from tests.cast import give_task, make_cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return make_cast()


def values_of(row, *but):
    fields = [field.attname for field in row._meta.concrete_fields]
    return {name: getattr(row, name) for name in fields if name not in ("id", "created_at", *but)}


def test_a_row_is_the_one_that_save_makes(cast):
    saved = new_prompt(cast.project, "Why?", metadata={"a": [1]})
    saved.save()
    Prompt.objects.filter(pk=saved.pk).delete()
    columns = ("messages", "content_sha256", "group", "split", "metadata")
    row = tuple(getattr(saved, name) for name in columns)
    (key,) = bulk.insert(Prompt, columns, [row], project_id=cast.project.pk)
    inserted = Prompt.objects.get(pk=key)
    assert values_of(inserted) == values_of(saved)
    assert inserted.created_at >= saved.created_at


def test_defaults_and_uuids_are_stored_as_django_stores_them(cast):
    task = give_task(cast.project)
    source = outside_source(cast.project, "m")
    saved = new_completion(task.prompt, source, "text")
    saved.save()
    uid = uuid4()
    row = (uid, task.prompt_id, source.pk, "text", saved.text_sha256)
    columns = ("uid", "prompt_id", "source_id", "text", "text_sha256")
    (key,) = bulk.insert(Completion, columns, [row])
    inserted = Completion.objects.get(uid=uid)
    assert inserted.pk == key
    assert values_of(inserted, "uid") == values_of(saved, "uid")


def test_keys_come_back_in_the_order_of_the_rows(cast):
    task = give_task(cast.project)
    count = 2 * (connection.features.max_query_params or bulk.MAX_PARAMETERS) // 5
    rows = [(task.prompt_id, 2, f"key-{number}") for number in range(count)]
    keys = bulk.insert(Task, ("prompt_id", "k", "key"), rows, project_id=cast.project.pk)
    stored = dict(Task.objects.filter(pk__in=keys).values_list("pk", "key"))
    assert [stored[key] for key in keys] == [row[2] for row in rows]


def test_no_rows_are_no_statement(cast, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert bulk.insert(Task, ("prompt_id",), []) == []


def test_a_column_that_is_not_known_is_an_error(cast):
    with pytest.raises(KeyError):
        bulk.insert(Task, ("prompt",), [(1,)])
    with pytest.raises(TypeError, match="unknown"):
        bulk.insert(Task, ("prompt_id",), [(1,)], unknown=1)


def test_the_guards_hold(cast):
    with pytest.raises(IntegrityError), transaction.atomic():
        bulk.insert(Submission, ("key",), [("k",)], project_id=cast.project.pk, sealed=True)
