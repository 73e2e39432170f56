import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotation import leases, queue
from annotation.models import AuditEntry, Completion, Import, Prompt, Task, TaskCompletion
from annotation.prompts import MAX_ROWS
from annotation.tasking import add_prompt
from tests.cast import give_task

PATH = "projects/tides/prompts/"


def row(number=1, completions=4, **fields):
    answers = [{"text": f"Answer {n}", "model": f"model-{n % 2}"} for n in range(completions)]
    extra = {"completions": answers} if completions else {}
    return {"prompt": f"Question {number}?"} | extra | fields


def test_prompts_are_added_with_a_task_where_there_are_completions(cast, manager):
    reply = manager.post(PATH, [row(1), row(2, completions=0, metadata={"topic": "sea"})])
    first, second = Prompt.objects.order_by("pk")
    task = Task.objects.get()
    assert reply.status_code == 201
    assert reply.json()["added"] == [
        {"prompt": first.pk, "created": True, "task": task.pk},
        {"prompt": second.pk, "created": True, "task": None},
    ]
    assert second.metadata == {"topic": "sea"}
    assert (task.prompt, task.k, task.wanted) == (first, 4, cast.project.overlap)
    slots = TaskCompletion.objects.order_by("slot").select_related("completion__source")
    assert [slot.completion.text for slot in slots] == [f"Answer {n}" for n in range(4)]
    assert [slot.completion.source.name for slot in slots] == ["model-0", "model-1"] * 2


def test_sent_twice_they_are_added_once(cast, manager):
    rows = [row(1), row(2), row(1)]
    first = manager.post(PATH, rows).json()["added"]
    second = manager.post(PATH, rows).json()["added"]
    assert [each["created"] for each in first] == [True, True, True]
    assert [each | {"created": True} for each in second] == first
    assert [each["created"] for each in second] == [False, False, False]
    assert (Prompt.objects.count(), Task.objects.count()) == (2, 2)
    assert Completion.objects.count() == 8


def test_other_completions_of_a_known_prompt_make_another_task(cast, manager):
    manager.post(PATH, [row(1)])
    added = manager.post(PATH, [row(1, completions=2)]).json()["added"]
    assert not added[0]["created"]
    assert Task.objects.count() == 2


def test_one_bad_row_and_nothing_is_written(cast, manager):
    reply = manager.post(PATH, [row(1), {"completions": []}, row(3, completions=1), 7])
    detail = reply.json()["detail"]
    assert reply.status_code == 400
    assert "[1] prompt:" in detail
    assert "[2] completions:" in detail
    assert "[3] " in detail
    assert "[0]" not in detail
    assert not Prompt.objects.exists()


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": "x" * 50_001}, "prompt"),
        ({"prompt": [{"role": "pirate", "content": "Arr"}]}, "prompt"),
        ({"prompt": "Why?", "completions": [{"text": "One."}] * 10}, "completions"),
        ({"prompt": "Why?", "completions": [{"text": "One."}, {"txt": "Two."}]}, "completions"),
        ({"prompt": "Why?", "completions": [{"text": "One."}, {"text": 2}]}, "completions"),
        ({"prompt": "Why?", "metadata": []}, "metadata"),
        ({"prompt": "Why?", "metadata": {"x": "y" * 20_000}}, "metadata"),
        ({"prompt": "Why?", "split": "test"}, "split"),
    ],
)
def test_each_error_names_its_index_and_field(cast, manager, bad, field):
    reply = manager.post(PATH, [row(1), bad])
    assert reply.status_code == 400
    assert f"[1] {field}:" in reply.json()["detail"]


@pytest.mark.parametrize("body", [[], {}, None, "prompt", {"prompt": "Why?"}])
def test_the_body_is_a_list(cast, manager, body):
    assert manager.post(PATH, body).status_code == 400


def test_a_thousand_at_once_and_no_more(cast, manager):
    too_many = [row(n, completions=0) for n in range(MAX_ROWS + 1)]
    assert manager.post(PATH, too_many).status_code == 400
    assert manager.post(PATH, too_many[1:]).status_code == 201
    assert Prompt.objects.count() == MAX_ROWS


def test_many_complaints_are_cut(cast, manager):
    detail = manager.post(PATH, [0] * 1000).json()["detail"]
    assert detail.endswith("980 more are wrong.")


def test_adding_takes_as_many_queries_for_three_rows_as_for_thirty(cast, manager):
    counts = []
    for first, count in ((0, 3), (100, 30)):
        with CaptureQueriesContext(connection) as queries:
            manager.post(PATH, [row(n, completions=2) for n in range(first, first + count)])
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_added_tasks_can_be_claimed_after_the_cursor_has_moved(cast, manager):
    give_task(cast.project)
    held, _ = queue.claim(cast.judge)
    leases.skip(held.pk, cast.judge, "other")
    assert queue.claim(cast.judge) == (None, False)
    added = manager.post(PATH, [row(1)]).json()["added"]
    assert queue.claim(cast.judge)[0].task_id == added[0]["task"]


def test_a_prompt_of_an_unfinished_import_is_409_and_stays_unseen(cast, manager):
    batch = Import.objects.create(
        project=cast.project, kind="prompts", file_name="sea.jsonl", file_sha256="0", rows_total=2
    )
    add_prompt(cast.project, "Question 1?", batch=batch)
    reply = manager.post(PATH, [row(2), row(1)])
    assert reply.status_code == 409
    assert "[1] prompt:" in reply.json()["detail"]
    assert "sea.jsonl" in reply.json()["detail"]
    assert manager.get(PATH).json()["results"] == []


def test_adding_is_in_the_audit_trail(cast, manager):
    manager.post(PATH, [row(1), row(2)])
    entry = AuditEntry.objects.get(verb="prompts.added")
    assert entry.actor == f"user:{cast.manager.pk}"
    assert entry.data == {"prompts": 2}


def test_a_prompt_that_is_read_can_be_sent_again(cast, manager):
    manager.post(PATH, [row(1, completions=0)])
    listed = manager.get(PATH).json()["results"][0]
    again = manager.post(PATH, [{"prompt": listed["prompt"]}]).json()["added"]
    assert again == [{"prompt": listed["id"], "created": False, "task": None}]


def test_larger_bodies_than_elsewhere_are_taken(cast, manager):
    long = "word " * 9000
    rows = [{"prompt": f"{n} {long}"} for n in range(60)]
    assert manager.post(PATH, rows).status_code == 201
    assert manager.post(PATH, rows * 3).status_code == 413
