"""The page that says whether the data can be trusted."""

import csv
import re

import pytest

from annotation.importing import import_rankings
from annotation.models import Annotator
from annotation.submissions import submit
from tests.annotation.interchange import ranking, write
from tests.annotation.working import give_tasks, held
from tests.cast import full_ranking

PAGE = "/projects/tides/quality/"

pytestmark = pytest.mark.django_db


def rank_in_the_order_shown(judge):
    assignment = held(judge)
    body = full_ranking(assignment.task)
    uids = dict(assignment.task.completions.values_list("pk", "uid"))
    body["ranks"] = {str(uids[pk]): place for place, pk in enumerate(assignment.order, start=1)}
    submit(assignment.pk, judge, body, key=f"{assignment.pk}", origin="api")


@pytest.fixture
def manager(cast, client):
    client.force_login(cast.manager)
    return client


def test_it_says_who_stands_out_and_why(cast, manager):
    give_tasks(cast, 12)
    for _ in range(12):
        rank_in_the_order_shown(cast.judge)
    page = manager.get(PAGE).content.decode()
    assert f"{cast.judge.pseudonym}</a>: Prefers what is shown first" in page
    assert '<span class="state failed">position</span>' in page


def test_without_overlap_it_says_why_there_is_nothing(cast, manager):
    page = manager.get(PAGE).content.decode()
    assert "No question has answers of two people that count" in page
    assert "There is no ranking that counts." in page


def test_a_part_that_is_empty_is_not_taken_for_the_whole(cast, manager, met):
    page = manager.get(PAGE, {"category": "none such"}).content.decode()
    assert "No ranking fits these filters." in page
    assert "No question of this part was judged by two people" in page
    assert "There is no ranking that counts." not in page


@pytest.fixture
def brought(cast, tmp_path):
    """A version that nobody published here: imported answers name it."""
    rows = [ranking(f"Question {number}?", guideline="theirs") for number in range(3)]
    import_rankings(write(tmp_path / "in.jsonl", rows), "tides")
    return cast.project.guidelines.get(label="theirs")


def test_versions_that_only_answers_name_are_shown_and_can_be_asked_for(cast, manager, brought):
    page = manager.get(PAGE).content.decode()
    assert "By guideline version" in page
    assert '<th scope="row">theirs</th><td class="number">3</td>' in page
    part = manager.get(PAGE, {"guideline": "theirs"})
    assert part.status_code == 200
    assert "3 rankings of 3 questions" in part.content.decode()
    sheet = manager.get(f"{PAGE}versions.csv").content.decode()
    assert sheet.splitlines()[0] == "guideline,rankings,agreement,low,high,questions"
    assert "theirs,3," in sheet


def test_they_can_be_asked_for_on_the_other_pages_too(cast, manager, brought):
    found = manager.get("/projects/tides/explore/", {"guideline": brought.pk})
    assert len(found.context["page"].rows) == 3
    assert (
        "Freeze these 3"
        in manager.get("/projects/tides/data/", {"guidelines": "theirs"}).content.decode()
    )
    assert (
        '<th scope="row">theirs</th>' in manager.get("/projects/tides/guideline/").content.decode()
    )


def test_agreement_is_shown_with_what_it_rests_on(cast, manager, judges):
    give_tasks(cast, 10)
    for judge in judges[:2]:
        for _ in range(10):
            assignment = held(judge)
            body = full_ranking(assignment.task)
            submit(assignment.pk, judge, body, key=f"{assignment.pk}", origin="api")
    page = manager.get(PAGE).content.decode()
    assert "in 100 % of cases, 95 % interval 72 to 100 %" in page
    assert "20 rankings of 10 questions by 2 annotators; 10 questions were judged" in page


def test_filters_live_in_the_address(cast, manager):
    give_tasks(cast, 1)
    rank_in_the_order_shown(cast.judge)
    assert "1 rankings of 1 questions" in manager.get(PAGE, {"kind": "human"}).content.decode()
    page = manager.get(PAGE, {"kind": "ai"}).content.decode()
    assert "0 rankings of 0 questions" in page
    assert '<option value="ai" selected>' in page


def test_a_filter_that_is_none_is_pointed_out_and_no_figure_is_shown(cast, manager):
    give_tasks(cast, 1)
    rank_in_the_order_shown(cast.judge)
    reply = manager.get(PAGE, {"since": "yesterday", "category": "facts"})
    assert reply.status_code == 400
    page = reply.content.decode()
    assert "Enter a valid date/time." in page
    assert "A filter is not understood, so no figures are shown." in page
    assert "How far people agree" not in page
    assert "rankings of" not in page
    assert cast.judge.pseudonym not in page


@pytest.mark.parametrize("page", ["quality", "explore", "data"])
def test_a_filter_that_there_is_not_is_refused(manager, page):
    """It would otherwise show everything, and look right."""
    reply = manager.get(f"/projects/tides/{page}/", {"guidline": "v1"})
    assert reply.status_code == 400
    assert "guidline: there is no such filter here." in reply.content.decode()


def test_a_part_is_called_one_before_any_figure(cast, manager):
    asked = {"category": "facts", "kind": "ai", "guideline": "v1", "since": "2026-01-31 12:00"}
    page = manager.get(PAGE, asked).content.decode()
    shown = page.index("Shown is a part only:")
    assert page.index("<h1>") < shown < page.index('id="attention"')
    for words in ("since 31 Jan 2026, 12:00", "category facts", "guideline v1", "annotators Ai"):
        assert f"<strong>{words}</strong>" in page
    assert 'href="/projects/tides/quality/">Show all</a>' in page
    assert "Shown is a part only" not in manager.get(PAGE, {"sort": "gold"}).content.decode()


def test_pseudonyms_from_a_file_cannot_break_the_page(cast, manager):
    give_tasks(cast, 1)
    hostile = '"><script>alert(1)</script>'
    judge = Annotator.objects.create(project=cast.project, pseudonym=hostile)
    rank_in_the_order_shown(judge)
    assert "<script>alert" not in manager.get(PAGE).content.decode()


def test_annotators_may_not_see_it(cast, client):
    client.force_login(cast.annotator)
    assert client.get(PAGE).status_code == 403


@pytest.fixture
def met(cast, judges):
    """Twelve questions: two people agree, a third says the opposite."""
    cast.project.overlap = 3
    cast.project.save()
    give_tasks(cast, 12)
    for judge, ranks in zip(judges, ((1, 2, 3, 4), (1, 2, 3, 4), (4, 3, 2, 1)), strict=False):
        for _ in range(12):
            assignment = held(judge)
            body = full_ranking(assignment.task, *ranks)
            submit(assignment.pk, judge, body, key=f"{assignment.pk}", origin="api")
    return judges


def names(page):
    return list(re.findall(r'<th scope="row"><a [^>]*>(judge-\d+)</a>', page))


def test_the_table_is_sorted_by_what_the_address_says(manager, met):
    page = manager.get(PAGE, {"sort": "agreement"}).content.decode()
    assert names(page)[0] == "judge-002"
    assert 'aria-sort="ascending"' in page
    page = manager.get(PAGE, {"sort": "-agreement", "kind": "human"}).content.decode()
    assert names(page)[-1] == "judge-002"
    assert "?sort=agreement&amp;kind=human#annotators" in page


def test_a_word_that_is_no_column_sorts_nothing(manager, met):
    assert manager.get(PAGE, {"sort": "password"}).status_code == 200


def test_who_agrees_with_whom_is_a_table(manager, met):
    page = manager.get(PAGE).content.decode()
    assert "Who agrees with whom" in page
    assert re.search(r'class="shade-5" title="12 questions; .*?">100 %<', page)
    assert re.search(r'class="shade-0" title="12 questions; .*?">0 %<', page)


def test_every_table_comes_as_a_sheet(manager, met):
    reply = manager.get(f"{PAGE}pairs.csv")
    assert reply.headers["Content-Disposition"] == 'attachment; filename="tides-pairs.csv"'
    rows = reply.content.decode().splitlines()
    assert rows[0] == "one,other,agreement,low,high,questions"
    assert rows[1].startswith("judge-000,judge-001,1.0,")
    for name in ("figures", "agreement", "annotators", "pace"):
        assert len(manager.get(f"{PAGE}{name}.csv").content.decode().splitlines()) > 1
    assert manager.get(f"{PAGE}none.csv").status_code == 404
    assert manager.get(f"{PAGE}pairs.csv", {"since": "yesterday"}).status_code == 400
    assert len(manager.get(f"{PAGE}pairs.csv", {"kind": "ai"}).content.splitlines()) == 1


def test_the_main_table_is_a_sheet_and_linked(manager, met):
    assert f'href="{PAGE}figures.csv?' in manager.get(PAGE).text
    rows = list(csv.DictReader(manager.get(f"{PAGE}figures.csv").text.splitlines()))
    by_name = {row["figure"]: row for row in rows}
    assert {"alpha_ordinal_ranks", "kendall_w", "tau_b", "self_agreement"} <= by_name.keys()
    assert by_name["tau_b"]["n"] == "12"
    assert "done twice" in by_name["self_agreement"]["remark"]


def test_kinds_are_a_sheet(cast, manager, judges):
    cast.project.overlap = 3
    cast.project.save()
    give_tasks(cast, 12)
    model = Annotator.objects.create(project=cast.project, pseudonym="model", kind="ai")
    for judge, ranks in ((judges[0], (1, 2)), (judges[1], (1, 2)), (model, (2, 1))):
        for _ in range(12):
            assignment = held(judge)
            body = full_ranking(assignment.task, *ranks, 3, 4)
            submit(assignment.pk, judge, body, key=f"{assignment.pk}", origin="api")
    assert f'href="{PAGE}kinds.csv?' in manager.get(PAGE).text
    header, *rows = manager.get(f"{PAGE}kinds.csv").text.splitlines()
    assert header == "one,other,agreement,low,high,questions,remark"
    assert [row.split(",")[:3] for row in rows] == [
        ["human", "human", "1.0"],
        ["ai", "ai", ""],
        ["human", "ai", str(5 / 6)],
    ]


def test_groups_are_a_sheet_for_managers_alone(cast, manager, client):
    header = manager.get(f"{PAGE}groups.csv").text.splitlines()[0]
    assert header.startswith("trait,group,people,rankings,share,within,within_low,")
    client.force_login(cast.researcher)
    assert client.get(f"{PAGE}groups.csv").status_code == 403
    assert client.get(f"{PAGE}figures.csv").status_code == 200


def test_the_figures_of_a_person_stand_in_their_units(cast, manager, met):
    person = Annotator.objects.get(pseudonym="judge-002")
    page = manager.get(f"/projects/tides/annotators/{person.pk}/").content.decode()
    figures = page[page.index('id="figures"') :]
    assert "Share of pairs preferred as all others say together." in figures
    assert "The same against" not in figures
    (others,) = re.findall(r"preferred as others do.*?</td><td[^>]*>(.*?)</td>", figures)
    assert others == "0 %"
    (seconds,) = re.findall(r"Median time.*?</td><td[^>]*>(.*?)</td>", figures)
    assert re.fullmatch(r"[\d.]+ s", seconds)
