"""A response that names its maker is shown to nobody before a manager allows it."""

import pytest
from django.db import IntegrityError, transaction

from annotation import guards, holding, leases, queue
from annotation.errors import Conflict
from annotation.importing import import_prompts
from annotation.models import Assignment, AuditEntry, Completion, Task
from annotation.prompts import add_many
from annotation.tasking import ask_about
from tests.annotation.interchange import completions, write
from tests.cast import give_task, make_cast

pytestmark = pytest.mark.django_db
LEAK = "I am ChatGPT, made by OpenAI."


@pytest.fixture
def cast():
    return make_cast(overlap=2)


@pytest.fixture
def task(cast):
    return give_task(cast.project, LEAK, "I am a helper.", "I help.")


def leak():
    return Completion.objects.get(text=LEAK)


def claimed(cast):
    held, _ = queue.claim(cast.judge)
    return held and held.task


def test_its_task_is_given_to_nobody(cast, task):
    assert (leak().hold, leak().held_for) == ("held", "ChatGPT")
    assert claimed(cast) is None
    assert list(holding.held_of(cast.project)) == [leak()]


def test_its_text_is_never_altered(task):
    assert leak().text == LEAK


def test_once_allowed_its_task_comes_back_to_those_who_passed_it(cast, task):
    later = give_task(cast.project, prompt="Another?")
    assert claimed(cast) == later
    leases.release(Assignment.objects.get().pk, cast.judge)

    holding.allow(leak(), by=cast.manager)

    assert claimed(cast) == task
    assert AuditEntry.objects.get(verb="completion.allowed").data == {"name": "ChatGPT"}


def test_once_refused_a_task_over_the_others_takes_its_place(cast, task):
    holding.refuse(leak(), by=cast.manager)

    instead = claimed(cast)
    assert instead != task
    assert {each.text for each in instead.completions.all()} == {"I am a helper.", "I help."}
    assert instead.wanted == task.wanted
    assert not holding.held_of(cast.project).exists()


def test_where_too_few_remain_nothing_is_asked(cast):
    give_task(cast.project, LEAK, "I help.")
    holding.refuse(leak(), by=cast.manager)
    assert claimed(cast) is None


def test_with_two_of_them_both_must_be_decided(cast):
    task = give_task(cast.project, LEAK, "Claude here.", "I help.", "I do.")
    first, second = holding.held_of(cast.project)

    holding.allow(first, by=cast.manager)
    assert claimed(cast) is None
    holding.allow(second, by=cast.manager)
    assert claimed(cast) == task


def test_it_is_decided_once(cast, task):
    completion = leak()
    holding.allow(completion, by=cast.manager)
    with pytest.raises(Conflict, match="decided on already"):
        holding.refuse(completion, by=cast.manager)


def test_what_comes_in_by_file_and_over_http_is_held_too(cast, tmp_path):
    rows = [{"prompt": "By file?", "completions": completions(LEAK, "Salt.")}]
    import_prompts(write(tmp_path / "rows.jsonl", rows), "tides")
    add_many(
        cast.project,
        [{"prompt": "By HTTP?", "completions": completions(LEAK, "Salt.")}],
        by=cast.manager,
    )

    assert list(Task.objects.values_list("held", flat=True)) == [True, True]
    assert claimed(cast) is None


def test_a_policys_samples_are_held_too(cast, task):
    again = ask_about(task.prompt, list(task.completions.all()), key="samples")
    again.refresh_from_db()
    assert again.held


def test_a_project_without_names_holds_nothing_back(cast):
    cast.project.held_names = []
    cast.project.save()
    task = give_task(cast.project, LEAK, "I help.")
    assert claimed(cast) == task


def test_a_new_name_is_looked_for_in_what_waits_unseen(cast):
    seen = give_task(cast.project, "The Wizard says so.", "It is so.", prompt="Seen?")
    claimed(cast)
    give_task(cast.project, "The Wizard said it.", "It was so.", prompt="Unseen?")
    cast.project.held_names = ["Wizard"]
    cast.project.save()

    assert holding.look_again(cast.project) == 1
    assert holding.look_again(cast.project) == 0
    seen.refresh_from_db()
    assert not seen.held


# --- what the database itself refuses ---


def test_a_held_task_cannot_be_given_out_by_hand(cast, task):
    with pytest.raises(IntegrityError), transaction.atomic():
        Assignment.objects.create(
            task=task,
            annotator=cast.judge,
            claimed_at="2026-01-01T00:00Z",
            expires_at="2026-01-01T00:00Z",
        )


def test_a_task_cannot_be_let_go_without_a_decision(task):
    with pytest.raises(IntegrityError), transaction.atomic():
        Task.objects.update(held=False)


@pytest.mark.parametrize("decision", ["", "held"])
def test_what_is_decided_stays_decided(cast, task, decision):
    holding.allow(leak(), by=cast.manager)
    with pytest.raises(IntegrityError), transaction.atomic():
        Completion.objects.filter(text=LEAK).update(hold=decision)


def test_the_guards_are_in_place():
    assert guards.installed() == guards.expected()
