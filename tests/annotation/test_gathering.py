"""On PostgreSQL, the words of what is stored are gathered afterwards, little by little."""

import threading

import pytest
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from annotation import gathering, guards
from annotation.gathering import gather, unread
from annotation.models import Completion, CompletionWords, Prompt, PromptWords, Source, UnreadTexts
from annotation.tasking import new_completion, new_prompt
from annotation.tasks import gather_words
from tests.cast import make_cast

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="PostgreSQL alone gathers."),
]


@pytest.fixture
def cast():
    return make_cast()


def add(cast, *texts):
    """Completions of a new prompt, stored by one statement."""
    prompt = new_prompt(cast.project, f"Question {Prompt.objects.count()}?")
    prompt.save()
    source, _ = Source.objects.get_or_create(project=cast.project, kind="model", name="")
    return Completion.objects.bulk_create(new_completion(prompt, source, each) for each in texts)


def words():
    return list(CompletionWords.objects.order_by("pk").values_list("words", flat=True))


def test_texts_are_noted_by_the_statement(cast):
    first, *_, last = add(cast, "one", "two", "three")
    noted = UnreadTexts.objects.filter(kind="completion").values_list("low", "high")
    assert list(noted) == [(first.pk, last.pk)]


def test_each_text_is_taken_apart_once(cast):
    add(cast, "Salt, salt and the SEA!", "föhn")
    gather()
    assert words() == ["'and' 'salt' 'sea' 'the'", "'föhn'"]
    assert PromptWords.objects.get().words == "'0' 'question'"
    assert not UnreadTexts.objects.exists()


def test_texts_are_noted_while_guards_are_lifted(cast):
    with guards.suspended():
        add(cast, "one")
    gather()
    assert words() == ["'one'"]


def test_many_texts_are_gathered_in_parts(cast, monkeypatch):
    monkeypatch.setattr("annotation.importing.batches.Pace.rows", lambda self: 2)
    add(cast, *"abcde")
    add(cast, *"fg")
    gather()
    assert words() == [f"'{letter}'" for letter in "abcdefg"]


def test_a_part_is_left_when_time_is_up(cast):
    add(cast, "one")
    gather(seconds=0)
    assert unread() == 2  # with its prompt


def test_what_is_left_is_counted_no_further_than_many(cast, monkeypatch):
    monkeypatch.setattr(gathering, "MANY", 2)
    for _ in range(4):
        add(cast, "one")
    assert 2 < unread() < 8


def test_the_words_go_with_their_text(cast):
    (completion,) = add(cast, "one")
    gather()
    completion.delete()
    assert words() == []


def test_a_text_that_is_gone_is_passed_over(cast):
    gone, _ = add(cast, "one", "two")
    gone.delete()
    gather()
    assert words() == ["'two'"]


def test_spans_that_overlap_do_no_harm(cast):
    (completion,) = add(cast, "one")
    UnreadTexts.objects.create(kind="completion", low=completion.pk - 9, high=completion.pk)
    gather()
    assert words() == ["'one'"]


def test_the_clock_has_words_gathered(cast):
    add(cast, "one")
    gather_words()
    assert unread() == 0


@pytest.mark.django_db(transaction=True)
def test_who_gathers_waits_for_nobody_who_does(cast):
    add(cast, "one")
    counts = []

    def other():
        gather()
        counts.append(CompletionWords.objects.count())
        connection.close()

    with transaction.atomic():
        list(UnreadTexts.objects.select_for_update())
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(timeout=20)
    assert counts == [0]
    gather()
    assert words() == ["'one'"]


@pytest.mark.django_db(transaction=True)
def test_texts_from_before_are_gathered_too(cast):
    migrate("0020_uploads")
    try:
        add(cast, "one")
    finally:
        migrate()
    gather()
    assert words() == ["'one'"]


def migrate(name=None):
    executor = MigrationExecutor(connection)
    leaves = executor.loader.graph.leaf_nodes("annotation")
    with guards.suspended():
        executor.migrate([("annotation", name)] if name else leaves)
