"""Django's admin: every model is there, and what is sealed stays as it is."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.urls import reverse

from annotation import queue
from annotation.admin import ReadOnly
from annotation.models import Membership, Task
from annotation.submissions import submit
from tests.cast import full_ranking, give_task, make_cast
from training.models import RoundPlan

pytestmark = pytest.mark.django_db
OURS = [
    model
    for app in ("annotation", "training")
    for model in apps.get_app_config(app).get_models()
    if not model._meta.auto_created
]
WRITTEN_BY_HAND = {"User", "Project", "Membership", "Task", "RoundPlan"}


@pytest.fixture
def cast():
    return make_cast()


@pytest.fixture
def web(client, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("admin"))
    return client


def address(model, page, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def test_every_model_is_registered():
    assert [model for model in OURS if model not in admin.site._registry] == []


def test_only_these_are_written_by_hand():
    writable = {
        model.__name__
        for model in OURS
        if not isinstance(admin.site._registry[model], ReadOnly) or model is Task
    }

    assert writable == WRITTEN_BY_HAND


@pytest.mark.parametrize("model", OURS)
def test_every_list_opens(web, cast, model):
    task = give_task(cast.project)
    assignment, _ = queue.claim(cast.judge)
    submit(assignment.pk, cast.judge, full_ranking(task), key="k", origin="api")

    assert web.get(address(model, "changelist")).status_code == 200


@pytest.mark.parametrize("model", OURS)
def test_what_is_there_opens(web, cast, model):
    task = give_task(cast.project)
    assignment, _ = queue.claim(cast.judge)
    submit(assignment.pk, cast.judge, full_ranking(task), key="k", origin="api")

    for row in model._default_manager.all()[:1]:
        assert web.get(address(model, "change", row.pk)).status_code == 200


@pytest.mark.parametrize("model", [m for m in OURS if m.__name__ not in WRITTEN_BY_HAND])
def test_nothing_else_is_added_changed_or_deleted(web, cast, model):
    task = give_task(cast.project)
    assignment, _ = queue.claim(cast.judge)
    submit(assignment.pk, cast.judge, full_ranking(task), key="k", origin="api")

    assert web.get(address(model, "add")).status_code == 403
    for row in model._default_manager.all()[:1]:
        assert web.post(address(model, "change", row.pk), {}).status_code == 403
        assert web.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403


def test_a_tasks_priority_moves_it_in_the_queue(web, cast):
    give_task(cast.project, prompt="First?")
    later = give_task(cast.project, prompt="Second?")

    web.post(address(Task, "change", later.pk), {"wanted": 1, "priority": 5})

    assignment, _ = queue.claim(cast.judge)
    assert assignment.task == later


def test_a_task_is_withdrawn(web, cast):
    task = give_task(cast.project)

    web.post(address(Task, "change", task.pk), {"wanted": 1, "priority": 0, "withdrawn": "on"})

    assert queue.claim(cast.judge) == (None, False)


def test_a_task_wants_no_fewer_than_it_has(web, cast):
    task = give_task(cast.project, wanted=2)
    queue.claim(cast.judge)

    reply = web.post(address(Task, "change", task.pk), {"wanted": 0, "priority": 0})

    assert reply.status_code == 200
    task.refresh_from_db()
    assert task.wanted == 2


def test_a_role_is_given(web, cast):
    web.post(
        address(Membership, "add"),
        {"project": cast.project.pk, "user": cast.outsider.pk, "role": "annotator"},
    )

    assert Membership.objects.filter(user=cast.outsider, role="annotator").exists()


def test_a_plan_with_a_wrong_setting_is_refused(web, cast):
    plan = {"project": cast.project.pk, "configuration": '{"beta": 1}'}

    reply = web.post(address(RoundPlan, "add"), plan)

    assert "has no field beta" in reply.text
    assert not RoundPlan.objects.exists()


def test_the_admin_is_entered_by_the_same_door(client):
    reply = client.get("/admin/login/?next=/admin/")

    assert reply.status_code == 302
    assert reply.url.startswith("/accounts/login/")


def test_the_admin_is_closed_to_those_who_are_no_staff(client, cast):
    client.force_login(cast.manager)

    assert client.get("/admin/", follow=True).status_code == 403
