"""The explorer's page."""

import pytest

from annotation import exploring, placement
from annotation.gathering import gather
from annotation.models import Annotator, Project, Submission, UnreadTexts
from annotation.queue import claim
from annotation.repeats import make_ready
from annotation.submissions import submit
from annotation.tasking import make_gold
from tests.annotation.working import answer
from tests.cast import full_ranking, give_task, make_judges

pytestmark = pytest.mark.django_db
PAGE = "/projects/tides/explore/"


@pytest.fixture
def answers(cast, client, monkeypatch):
    monkeypatch.setattr(exploring, "ROWS", 2)
    for number in range(3):
        give_task(cast.project, prompt=f"Question {number}?")
        assignment, _ = claim(cast.judge)
        body = full_ranking(assignment.task)
        submit(assignment.pk, cast.judge, body, key=f"{number}", origin="api")
    gather()
    client.force_login(cast.researcher)
    return list(Submission.objects.order_by("-pk"))


def test_each_answer_leads_to_its_task(client, answers):
    page = client.get(PAGE).text
    newest = answers[0]
    assert f"/projects/tides/tasks/{newest.task_id}/#answer-{newest.pk}" in page
    assert "A › B › C › D" in page


def test_the_question_stays_in_the_address_of_the_next_page(client, answers):
    page = client.get(PAGE, {"words": "question", "split": ""})
    further = page.context["further"]
    assert further == f"?words=question&before={answers[1].pk}"
    rows = client.get(PAGE + further).context["page"].rows
    assert [row.submission.pk for row in rows] == [answers[2].pk]


def test_nothing_that_fits_says_what_to_do(client, answers):
    assert "Nothing fits. Take one of the filters away." in client.get(PAGE, {"words": "xyz"}).text


@pytest.mark.parametrize(
    "wrong", [{"annotator": "nobody"}, {"words": "?!"}, {"since": "soon"}, {"snapshot": "9"}]
)
def test_a_filter_that_fits_nothing_known_is_marked(client, answers, wrong):
    reply = client.get(PAGE, wrong)
    assert reply.status_code == 400
    assert "fault" in reply.text


@pytest.mark.parametrize("before", ["x", "-1", "9" * 30, "٣"])
def test_a_place_that_no_page_gave_begins_anew(client, answers, before):
    assert len(client.get(PAGE, {"before": before}).context["page"].rows) == 2


@pytest.mark.parametrize(
    ("count", "said"),
    [(1, "words of 1 new text are"), (5000, "words of more than 1,000 new texts")],
)
def test_who_looks_for_words_is_told_what_is_not_found_yet(client, answers, count, said):
    UnreadTexts.objects.create(kind="prompt", low=1, high=count)
    assert said in client.get(PAGE, {"words": "question"}).text
    assert "gathered" not in client.get(PAGE).text


def test_what_is_no_judgement_is_marked(client, answers, cast, monkeypatch):
    assert 'class="state' not in client.get(PAGE).text
    make_gold(answers[-1])
    (other,) = make_judges(cast.project, 1)
    Project.objects.update(gold_share=1.0)
    answer(other)
    assert client.get(PAGE).text.count(">gold</span>") == 1
    monkeypatch.setattr(placement, "REPEAT_AFTER", 0)
    Project.objects.update(gold_share=0.0, repeat_share=1.0)
    make_ready(cast.judge)
    answer(cast.judge)
    assert client.get(PAGE).text.count(">repeat</span>") == 1
    Annotator.objects.filter(pk=other.pk).update(excluded=True)
    assert client.get(PAGE).text.count(">excluded</span>") == 1
