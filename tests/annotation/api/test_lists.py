"""Every list: pages, filters, only what counts, and a constant number of queries."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotation import leases, queue
from annotation.guidelines import publish
from annotation.models import Import, Membership, Project, Role, Source, Submission
from annotation.snapshots import freeze
from annotation.submissions import submit, withdraw
from tests.api import Api
from tests.cast import full_ranking, give_task, make_judges

PROJECT = "projects/tides/"
LISTS = (
    *("prompts", "completions", "tasks", "submissions", "pairs", "guidelines", "snapshots"),
    "assignments",
)


def fill(cast, first, count):
    """``count`` of everything, by the judge of this name."""
    (judge,) = make_judges(cast.project, 1) if first == 0 else cast.project.annotators.all()
    for number in range(first, first + count):
        task = give_task(cast.project, prompt=f"Question {number}?")
        assignment, _ = queue.claim(judge)
        submit(assignment.pk, judge, full_ranking(task), key=str(number), origin="api")
        publish(cast.project, f"Version {number}", None)
        freeze(cast.project, f"snapshot {number}")
    return judge


def all_pages(api, path, **filters):
    rows, url, pages = [], None, 0
    while pages == 0 or url:
        page = (api.get(url.split("testserver")[1]) if url else api.get(path, **filters)).json()
        rows += page["results"]
        url, pages = page["next"], pages + 1
    return rows, pages


@pytest.mark.parametrize("name", LISTS)
def test_a_page_takes_as_many_queries_for_three_rows_as_for_thirty(cast, researcher, name):
    counts = []
    for first, count in ((0, 3), (3, 27)):
        fill(cast, first, count)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            rows = researcher.get(f"{PROJECT}{name}/", page_size=200).json()["results"]
        counts.append(len(queries))
        assert len(rows) >= first + count
    assert counts[0] == counts[1]


def test_the_list_of_projects_takes_as_many_queries_for_three_as_for_thirty(cast, annotator):
    counts = []
    for count in (2, 27):
        for _ in range(count):
            project = Project.objects.create(name="More", slug=f"more-{Project.objects.count()}")
            for role in (Role.ANNOTATOR, Role.REVIEWER):
                Membership.objects.create(project=project, user=cast.annotator, role=role)
        with CaptureQueriesContext(connection) as queries:
            rows = annotator.get("projects/", page_size=200).json()["results"]
        counts.append(len(queries))
    assert len(rows) == 30
    assert rows[-1]["roles"] == ["annotator", "reviewer"]
    assert counts[0] == counts[1]


@pytest.mark.parametrize("name", LISTS)
def test_pages_follow_on_one_another_without_gap_or_repeat(cast, researcher, name):
    fill(cast, 0, 5)
    rows, pages = all_pages(researcher, f"{PROJECT}{name}/", page_size=2)
    whole = researcher.get(f"{PROJECT}{name}/", page_size=200).json()["results"]
    assert rows == whole
    assert pages >= 3


def test_what_arrives_meanwhile_moves_no_page(cast, researcher):
    fill(cast, 0, 4)
    first = researcher.get(f"{PROJECT}prompts/", page_size=2).json()
    before = researcher.get(first["next"].split("testserver")[1]).json()["results"]
    give_task(cast.project, prompt="Another?")
    after = researcher.get(first["next"].split("testserver")[1]).json()["results"]
    assert before == after


def test_a_page_holds_at_most_200(cast, researcher):
    for number in range(201):
        Source.objects.create(project=cast.project, kind="model", name=str(number))
    publish_many(cast, 201)
    page = researcher.get(f"{PROJECT}guidelines/", page_size=5000).json()
    assert len(page["results"]) == 200


def publish_many(cast, count):
    for number in range(count):
        publish(cast.project, f"Version {number}", None)


@pytest.mark.parametrize(
    "cursor", ["x", "%00", "cD1hYmM=", "cD05OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "cD0tMQ==", "ü"]
)
def test_a_forged_cursor_is_400(cast, researcher, cursor):
    reply = researcher.get(f"{PROJECT}prompts/", cursor=cursor)
    assert reply.status_code == 400
    assert "cursor" in reply.json()["detail"]


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize(
    "parameter", ["annotator__user__password", "project", "id__in", "_connector", "format", "order"]
)
def test_what_is_no_filter_is_refused(cast, researcher, name, parameter):
    reply = researcher.get(f"{PROJECT}{name}/", **{parameter: "1"})
    assert reply.status_code == 400
    assert parameter in reply.json()["detail"]


@pytest.mark.parametrize("value", ["x", "1e400", "NaN", "-1", "9" * 30, "1.5", "\x00", "1,2"])
@pytest.mark.parametrize(("name", "parameter"), [("tasks", "prompt"), ("pairs", "submission")])
def test_a_filter_value_that_does_not_fit_is_400(cast, researcher, name, parameter, value):
    reply = researcher.get(f"{PROJECT}{name}/", **{parameter: value})
    assert reply.status_code == 400
    assert parameter in reply.json()["detail"]


@pytest.fixture
def two(cast):
    """Two tasks, the first ranked by the annotator and the second by another judge."""
    first = give_task(cast.project, prompt="First?")
    second = give_task(cast.project, prompt="Second?", priority=-1.0)
    (other,) = make_judges(cast.project, 1)
    for task, judge in ((first, cast.judge), (second, other)):
        held, _ = queue.claim(judge)
        if held.task_id != task.pk:
            leases.skip(held.pk, judge, "other")
            held, _ = queue.claim(judge)
        submit(held.pk, judge, full_ranking(task, 1, 2, 2, 4), key="k", origin="api")
    return first, second


@pytest.mark.parametrize(
    ("name", "filters", "expected"),
    [
        ("tasks", {"prompt": "{first.prompt_id}"}, 1),
        ("tasks", {"kind": "thumbs"}, 0),
        ("tasks", {"open": "true"}, 2),
        ("tasks", {"open": "false"}, 0),
        ("tasks", {"withdrawn": "true"}, 0),
        ("tasks", {"purpose": "normal"}, 2),
        ("prompts", {"prompt_group_id": "{first.prompt.group}"}, 1),
        ("prompts", {"split": "{first.prompt.split}"}, None),
        ("completions", {"task": "{first.pk}"}, 4),
        ("completions", {"prompt": "{second.prompt_id}"}, 4),
        ("submissions", {"annotator": "judge-000"}, 1),
        ("submissions", {"task": "{first.pk}"}, 1),
        ("submissions", {"prompt": "{first.prompt_id}", "kind": "rank", "origin": "api"}, 1),
        ("submissions", {"guideline": "v1"}, 2),
        ("pairs", {"annotator": "judge-000"}, 5),
        ("pairs", {"prompt": "{first.prompt_id}"}, 5),
        ("pairs", {"split": "{first.prompt.split}"}, None),
        ("assignments", {}, 3),
    ],
)
def test_filters_choose(researcher, two, name, filters, expected):
    first, second = two
    filters = {key: value.format(first=first, second=second) for key, value in filters.items()}
    rows = researcher.get(f"{PROJECT}{name}/", **filters).json()["results"]
    if expected is None:
        assert rows
        assert {row["split"] for row in rows} == {filters["split"]}
    else:
        assert len(rows) == expected


def test_a_submission_shows_its_answer_and_a_pseudonym(cast, researcher, two):
    row = researcher.get(f"{PROJECT}submissions/").json()["results"][0]
    first, _ = two
    uids = [str(slot.completion.uid) for slot in first.slots.order_by("slot")]
    assert row["ranks"] == dict(zip(uids, [1, 2, 2, 4], strict=True))
    assert row["annotator"] == cast.judge.pseudonym
    assert sorted(row["order"]) == sorted(uids)
    assert row["verdict"] is None
    assert row["text"] is None


def test_other_kinds_of_answers_are_shown_too(cast, annotator, researcher):
    for kind, answer in (("thumbs", {"verdict": "bad"}), ("write", {"text": "Mine."})):
        give_task(cast.project, "One.", kind=kind, prompt=f"{kind}?")
        held = annotator.post(f"{PROJECT}assignments/").json()["id"]
        annotator.answer(held, answer, key=kind)
    thumb, written = researcher.get(f"{PROJECT}submissions/").json()["results"]
    assert (thumb["verdict"], thumb["text"], thumb["ranks"]) == ("bad", None, None)
    assert (written["verdict"], written["text"], written["strengths"]) == (None, "Mine.", None)


def test_a_pair_can_be_traced(cast, researcher, two):
    first, _ = two
    pair = researcher.get(f"{PROJECT}pairs/").json()["results"][0]
    assert pair["submission"] == first.submissions.get().pk
    assert pair["prompt"] == first.prompt_id
    assert pair["prompt_group_id"] == first.prompt.group
    assert pair["guideline"] == "v1"
    assert pair["chosen"]["source"] == {"kind": "model", "name": "an-outside-model"}
    assert pair["chosen"]["id"] != pair["rejected"]["id"]


def test_withdrawn_submissions_and_their_pairs_are_gone(cast, researcher, two):
    for submission in Submission.objects.all():
        withdraw(submission, by=cast.manager, reason="A test.")
    assert researcher.get(f"{PROJECT}submissions/").json()["results"] == []
    assert researcher.get(f"{PROJECT}pairs/").json()["results"] == []


@pytest.mark.parametrize("name", ["prompts", "completions", "tasks"])
def test_rows_of_an_unfinished_import_are_unseen_until_it_is_published(cast, researcher, name):
    batch = Import.objects.create(
        project=cast.project, kind="prompts", file_name="f", file_sha256="0", rows_total=1
    )
    task = give_task(cast.project, batch=batch)
    for rows in (task.project.prompts, task.completions):
        rows.update(batch=batch)
    assert researcher.get(f"{PROJECT}{name}/").json()["results"] == []
    Import.objects.update(published_at=timezone.now())
    assert researcher.get(f"{PROJECT}{name}/").json()["results"]


@pytest.mark.parametrize("name", LISTS)
def test_a_list_shows_its_own_project_only(cast, researcher, two, name):
    other = Project.objects.create(name="Dunes", slug="dunes")
    Membership.objects.create(project=other, user=cast.researcher, role=Role.RESEARCHER)
    assert researcher.get(f"projects/dunes/{name}/").json()["results"] == []
    if name != "assignments":
        row = Api(cast.researcher).get(f"{PROJECT}{name}/").json()
        found = row["results"][0]["id"] if row["results"] else None
        if found:
            assert researcher.get(f"projects/dunes/{name}/{found}/").status_code == 404
            assert researcher.get(f"{PROJECT}{name}/{found}/").json()["id"] == found
