import pytest

from annotation import queue
from annotation.models import Assignment, Completion, GuidelineVersion, Project, Submission
from annotation.repeats import make_ready
from annotation.tasking import add_prompt, make_gold, make_task, new_completion, outside_source
from tests.annotation.working import answer
from tests.api import Api
from tests.cast import full_ranking, give_task, make_judges

PATH = "projects/tides/assignments/"


def test_a_new_lease_is_201_and_holds_what_the_annotator_needs(cast, annotator):
    give_task(cast.project)
    reply = annotator.post(PATH)
    body = reply.json()
    assignment = Assignment.objects.get()
    shown = Completion.objects.in_bulk(assignment.order)
    assert reply.status_code == 201
    assert body == {
        "id": assignment.pk,
        "expires_at": assignment.expires_at.isoformat().replace("+00:00", "Z"),
        "guideline_version": "v1",
        "task": {
            "id": assignment.pk,
            "kind": "rank",
            "prompt": [{"role": "user", "content": "Why is the sea salty?"}],
            "completions": [
                {"id": str(shown[pk].uid), "text": shown[pk].text} for pk in assignment.order
            ],
        },
    }


def test_the_held_lease_comes_back_with_200(cast, annotator):
    give_task(cast.project)
    give_task(cast.project, prompt="Why is the sky blue?")
    first = annotator.post(PATH)
    second = annotator.post(PATH)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert first.json()["task"] == second.json()["task"]


def test_204_when_nothing_is_left(cast, annotator):
    reply = annotator.post(PATH)
    assert reply.status_code == 204


def test_completions_come_in_the_order_of_the_assignment(cast, annotator):
    give_task(cast.project)
    body = annotator.post(PATH).json()
    assignment = Assignment.objects.get()
    Assignment.objects.update(order=assignment.order[::-1])
    turned = annotator.post(PATH).json()
    assert turned["task"]["completions"] == body["task"]["completions"][::-1]


def ranked_by_another(cast, task):
    (other,) = make_judges(cast.project, 1)
    assert answer(other) == task
    return Submission.objects.get(task=task)


def held_task(cast):
    return Assignment.objects.get(annotator=cast.judge, state="open").task


def numbers_in(body) -> list[int]:
    """All numbers anywhere in a reply, in its order."""
    if isinstance(body, dict):
        return [number for value in body.values() for number in numbers_in(value)]
    if isinstance(body, list):
        return [number for value in body for number in numbers_in(value)]
    return [body] if isinstance(body, int) else []


@pytest.fixture
def placed(cast):
    """A project where gold and repeats of old tasks come among many new ones."""
    for number in range(30):
        give_task(cast.project, prompt=f"Old question {number}?", wanted=1)
    (other,) = make_judges(cast.project, 1)
    for _ in range(6):
        make_gold(Submission.objects.get(task=answer(other), annotator=other))
    for _ in range(24):  # what is repeated comes from some while ago
        answer(cast.judge)
    for number in range(60):
        give_task(cast.project, prompt=f"New question {number}?", wanted=2)
    Project.objects.update(gold_share=0.3, repeat_share=0.3)


def test_no_number_tells_gold_and_repeats_from_other_tasks(cast, annotator, placed):
    seen, purposes = [], set()
    for number in range(40):
        make_ready(cast.judge)
        body = annotator.post(PATH).json()
        task = held_task(cast)
        draft = annotator.put(f"assignments/{body['id']}/draft/", {"comment": "So far."}).json()
        receipt = annotator.answer(body["id"], full_ranking(task), key=f"key-{number}").json()
        seen.append([*numbers_in(body), *numbers_in(draft), *numbers_in(receipt)])
        purposes.add(task.purpose)
    assert purposes == {"normal", "gold", "repeat"}
    # Each number only grows from one task to the next, whatever the task is for.
    for column in zip(*seen, strict=True):
        assert list(column) == sorted(column)


def test_an_annotators_list_tells_tasks_apart_by_assignments_alone(
    cast, annotator, researcher, placed
):
    for _ in range(10):
        answer(cast.judge)
    given = Assignment.objects.filter(annotator=cast.judge).order_by("pk")
    rows = every_row(annotator)
    assert [(row["id"], row["task"]) for row in rows] == [(each.pk, each.pk) for each in given]
    tasks = {row["task"] for row in every_row(researcher)}
    assert tasks == set(Assignment.objects.values_list("task", flat=True))


def every_row(reader):
    page = reader.get(PATH).json()
    rows = page["results"]
    while page["next"]:
        page = reader.get(f"{PATH}?{page['next'].partition('?')[2]}").json()
        rows += page["results"]
    return rows


def test_nothing_tells_where_a_completion_came_from_or_what_the_task_is_for(cast, annotator):
    prompt, _ = add_prompt(cast.project, "Why?", metadata={"topic": "hidden-topic"})
    source = outside_source(cast.project, "hidden-model")
    for seed in (86420, 86421):
        new_completion(
            prompt,
            source,
            f"Answer {seed % 10}",
            seed=seed,
            settings={"temperature": 0.7531},
            token_ids=[97531],
            logprob=-13.579,
            finish_reason="length",
        ).save()
    completions = list(prompt.completions.all())
    task = make_task(prompt, completions, wanted=1, key="hidden-key", priority=7.25)
    gold = make_gold(ranked_by_another(cast, task))
    Project.objects.update(gold_share=1)
    reply = annotator.post(PATH)
    assert held_task(cast) == gold
    assert reply.json()["task"]["id"] == reply.json()["id"]
    text = reply.content.decode()
    for secret in ("hidden", "gold", "8642", "0.7531", "97531", "13.579", "length", "7.25"):
        assert secret not in text
    assert str(cast.judge.pseudonym) not in text


def test_409_where_no_guideline_says_how_to_judge(cast, annotator):
    give_task(cast.project)
    GuidelineVersion.objects.update(published_at=None)
    reply = annotator.post(PATH)
    assert reply.status_code == 409
    assert reply.json()["code"] == "conflict"


def test_annotators_list_their_own_assignments_and_readers_all(cast, annotator, researcher):
    give_task(cast.project)
    reviewer = Api(cast.reviewer)
    for person in (annotator, reviewer):
        person.post(PATH)
    mine = annotator.get(PATH).json()["results"]
    assert [row["annotator"] for row in mine] == [cast.judge.pseudonym]
    assert len(researcher.get(PATH).json()["results"]) == 2


def test_a_token_may_take_no_session_and_no_other_method(cast, annotator):
    reply = annotator.client.delete(f"/api/v1/{PATH}", headers=annotator.headers)
    assert reply.status_code == 405
    assert reply.json()["code"] == "method_not_allowed"


@pytest.mark.parametrize("who", ["manager", "researcher"])
def test_who_does_not_rank_gets_no_task(cast, who):
    give_task(cast.project)
    reply = Api(getattr(cast, who)).post(PATH)
    assert reply.status_code == 403
    assert "annotator" in reply.json()["detail"]
    assert not Assignment.objects.exists()


def test_the_guideline_version_is_the_one_of_the_lease(cast, annotator, manager):
    give_task(cast.project)
    annotator.post(PATH)
    manager.post("projects/tides/guidelines/", {"body": "# Anew"})
    assert annotator.post(PATH).json()["guideline_version"] == "v1"
    seen = {row["label"] for row in annotator.get("projects/tides/guidelines/").json()["results"]}
    assert seen == {"v1", "v2"}


def test_a_submitted_task_is_followed_by_the_next(cast, annotator):
    task = give_task(cast.project)
    give_task(cast.project, prompt="Why is the sky blue?")
    first = annotator.post(PATH).json()
    annotator.answer(first["id"], full_ranking(task))
    second = annotator.post(PATH)
    assert second.status_code == 201
    assert second.json()["task"]["id"] != first["task"]["id"]
    assert queue.claim(cast.judge)[0].pk == second.json()["id"]
