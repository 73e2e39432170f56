"""Agreement on a project's own labels, from what people marked to the figures everywhere."""

import csv
import io
import json
from io import StringIO

import numpy as np
import pytest
from django.core.management import call_command
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats import inter_rater

from annotation import projects
from annotation.quality.kappa import cohen, cohen_slopes
from annotation.quality.labels import Marks, kappas
from annotation.quality.reports import agreement_report
from annotation.submissions import submit
from tests.annotation.working import give_tasks, held
from tests.api import Api
from tests.cast import full_ranking, give_task, make_cast, make_judges

WRONG = "factual error"


def marks_of(*said):
    """Marks from (task, item, annotator, marked)."""
    columns = (np.array(each) for each in zip(*said, strict=True))
    return Marks(*columns)


def of_two(*meetings):
    """Two people at one response of each task."""
    rows = [
        (n, n, who, marked) for n, both in enumerate(meetings) for who, marked in enumerate(both)
    ]
    return marks_of(*rows)


# --- arithmetic -----------------------------------------------------------------------------

YES, NO = (True, True), (False, False)


def test_kappa_of_two_people_by_hand():
    # Of 50, 35 agree (0.7); chance 0.5 · 0.6 + 0.5 · 0.4 = 0.5; 0.2 / 0.5.
    said = [YES] * 20 + [(True, False)] * 5 + [(False, True)] * 10 + [NO] * 15
    (pair,) = kappas(of_two(*said)).items()
    assert pair[0] == (0, 1)
    assert pair[1].value == pytest.approx(0.4)
    assert pair[1].n == 50


counts = st.lists(st.integers(3, 20), min_size=4, max_size=4)


@given(counts)
def test_its_interval_is_that_of_statsmodels_where_each_question_has_one_response(found):
    table = np.array(found).reshape(2, 2)
    said = [
        pair
        for pair, n in zip([NO, (False, True), (True, False), YES], found, strict=True)
        for _ in range(n)
    ]
    figure = kappas(of_two(*said))[0, 1]
    expected = inter_rater.cohens_kappa(table)
    assert figure.value == pytest.approx(float(expected.kappa))
    assert figure.low == pytest.approx(max(-1, float(expected.kappa_low)), abs=1e-6)
    assert figure.high == pytest.approx(min(1, float(expected.kappa_upp)), abs=1e-6)


@given(st.lists(st.integers(1, 9), min_size=9, max_size=9))
def test_its_slopes_are_its_slopes(found):
    shares = np.array(found, float).reshape(3, 3) / sum(found)
    for cell in np.ndindex(3, 3):
        step = np.zeros((3, 3))
        step[cell] = 1e-6
        # Off the plane of shares that add up to 1, kappa of a table stays as it is when scaled.
        rise = (cohen(shares + step) - cohen(shares)) / 1e-6
        apart = cohen_slopes(shares)[cell] - (cohen_slopes(shares) * shares).sum()
        assert rise == pytest.approx(apart, abs=1e-3)


def test_responses_of_one_question_stand_or_fall_together():
    once = of_two(*[YES, NO, (True, False), NO] * 5)
    fourfold = Marks(
        *(np.repeat(column, 4) for column in (once.task, once.item, once.annotator, once.marked))
    )
    fourfold = Marks(
        fourfold.task,
        fourfold.item * 4 + np.tile(range(4), len(once.task)),
        fourfold.annotator,
        fourfold.marked,
    )
    assert kappas(fourfold) == pytest.approx(kappas(once))


def test_few_questions_give_a_kappa_without_an_interval():
    figure = kappas(of_two(YES, NO, (True, False)))[0, 1]
    assert figure.value == pytest.approx(0.4)
    assert figure.low is None
    assert "at least 10 questions" in figure.why


def test_a_kappa_of_two_who_always_agree_is_not_called_certain():
    figure = kappas(of_two(*[YES, NO] * 10))[0, 1]
    assert figure.value == 1
    assert (figure.low, figure.high) == (None, None)
    assert "all questions say the same" in figure.why


def test_two_who_never_mark_have_no_kappa_but_a_sentence():
    figure = kappas(of_two(NO, NO))[0, 1]
    assert figure.value is None
    assert "cannot be told from chance" in figure.why


def test_whoever_judged_nothing_in_common_is_no_pair():
    assert kappas(marks_of((0, 0, 0, True), (1, 1, 1, True))) == {}
    assert kappas(Marks(*(np.zeros(0, np.int64) for _ in range(4)))) == {}


# --- from the database ----------------------------------------------------------------------


@pytest.fixture
def cast(db):
    return make_cast(overlap=2, labels=[WRONG])


def rank(judge, marked=()):
    """Rank what comes next, with the label at these slots."""
    assignment = held(judge)
    body = full_ranking(assignment.task)
    uids = list(body["ranks"])
    body["labels"] = {uids[slot]: [WRONG] for slot in marked}
    submit(assignment.pk, judge, body, key=f"{assignment.pk}", origin="api")


@pytest.fixture
def marked(cast):
    """Twelve questions of four: both mark the first response of six, one the second of two."""
    give_tasks(cast, 12)
    first, second = make_judges(cast.project, 2)
    for number in range(12):
        rank(first, [0] if number < 6 else [])
        rank(second, [0] if number < 6 else [1] if number < 8 else [])
    return cast


def test_marks_become_figures(marked):
    report = agreement_report(marked.project)
    figures = report["own_labels"][WRONG]
    assert figures["same"]["value"] == pytest.approx(46 / 48)
    # 6 of 48 marked by both, 2 by one alone.
    chance = (14 / 96) ** 2 + (82 / 96) ** 2
    assert figures["fleiss_kappa"]["value"] == pytest.approx((46 / 48 - chance) / (1 - chance))
    assert figures["fleiss_kappa"]["low"] < figures["fleiss_kappa"]["value"]
    assert figures["alpha"]["n"] == 12
    (pair,) = report["pairs"]
    by_chance = (6 * 8 + 42 * 40) / 48**2
    assert pair["labels"][WRONG]["value"] == pytest.approx((46 / 48 - by_chance) / (1 - by_chance))
    assert "cannot be told from chance" in pair["unacceptable"]["why"]


def test_answers_from_before_the_label_do_not_count(cast):
    cast.project.labels = []
    cast.project.save()
    give_tasks(cast, 3)
    first, second = make_judges(cast.project, 2)
    for judge in (first, second):
        rank(judge)
    cast.project.labels = [WRONG]
    projects.change(cast.project, ["labels"], cast.manager)
    figures = agreement_report(cast.project)["own_labels"][WRONG]
    assert "no question was judged by two people" in figures["same"]["why"]
    for _ in range(2):
        rank(first, [0])
        rank(second, [0])
    assert agreement_report(cast.project)["own_labels"][WRONG]["same"]["n"] == 2


def test_thumbs_are_marked_as_well(cast):

    task = give_task(cast.project, "An answer", kind="thumbs")
    uid = str(task.slots.get().completion.uid)
    for judge, names in zip(make_judges(cast.project, 2), ([WRONG], []), strict=True):
        assignment = held(judge)
        body = {"verdict": "bad", "labels": {uid: names}}
        submit(assignment.pk, judge, body, key="k", origin="api")
    report = agreement_report(cast.project)
    assert report["own_labels"][WRONG]["same"]["value"] == 0
    (pair,) = report["pairs"]
    assert pair["labels"][WRONG]["value"] == 0
    assert pair["agreement"]["value"] is None


def test_a_label_that_nobody_marks_gets_a_sentence(cast):
    give_tasks(cast, 1)
    for judge in make_judges(cast.project, 2):
        rank(judge)
    why = agreement_report(cast.project)["own_labels"][WRONG]["fleiss_kappa"]["why"]
    assert "cannot be told from chance" in why


def test_marks_of_excluded_people_do_not_count(marked):
    marked.project.annotators.filter(pseudonym="judge-001").update(excluded=True)
    why = agreement_report(marked.project)["own_labels"][WRONG]["same"]["why"]
    assert "no question was judged by two people" in why


def test_command_api_page_and_sheets_say_the_same(marked, client):
    out, printed = StringIO(), StringIO()
    call_command("agreement", project="tides", json=True, stdout=out)
    call_command("agreement", project="tides", stdout=printed)
    found = json.loads(out.getvalue())["own_labels"][WRONG]
    assert f"label {WRONG}: fleiss_kappa" in printed.getvalue()
    assert f"label {WRONG}: kappa of judge-000 and judge-001" in printed.getvalue()
    assert Api(marked.manager).get("projects/tides/agreement/").json()["own_labels"][WRONG] == found
    client.force_login(marked.manager)
    page = client.get("/projects/tides/quality/").content.decode()
    assert (
        f'<th scope="row">{WRONG}</th><td class="number">{found["fleiss_kappa"]["value"]:.2f}'
        in page
    )
    assert "Cohen’s kappa" in page
    rows = list(
        csv.DictReader(
            io.StringIO(client.get("/projects/tides/quality/labels.csv").content.decode())
        )
    )
    mine = {row["figure"]: row["value"] for row in rows if row["label"] == WRONG}
    assert float(mine["alpha"]) == pytest.approx(found["alpha"]["value"])
    (kappa,) = [
        row
        for row in csv.DictReader(
            io.StringIO(client.get("/projects/tides/quality/kappas.csv").content.decode())
        )
        if row["label"] == WRONG
    ]
    assert (kappa["one"], kappa["questions"]) == ("judge-000", "12")


def test_a_project_without_labels_has_none_of_it(db, client):
    cast = make_cast()
    assert agreement_report(cast.project)["own_labels"] == {}
    client.force_login(cast.manager)
    assert 'id="labels"' not in client.get("/projects/tides/quality/").content.decode()
