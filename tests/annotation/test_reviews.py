"""Second looks: what is doubted, who may look, blind until they have, and what comes of it."""

import pytest
from django.db import IntegrityError, transaction

from annotation import reviews
from annotation.cursors import lock_annotator
from annotation.errors import Conflict, Invalid
from annotation.leases import expire, release
from annotation.models import (
    Assignment,
    Completion,
    Doubt,
    GuidelineNote,
    Review,
    Submission,
    Task,
)
from annotation.people import annotator_for
from annotation.placement import hold_against
from annotation.queue import assign, claim
from annotation.repeats import make_ready
from annotation.revisions import revisable, revise
from annotation.submissions import submit, withdraw
from annotation.tasking import make_gold
from tests.annotation.working import answer_all, give_tasks, held
from tests.api import Api
from tests.cast import full_ranking, give_task

pytestmark = pytest.mark.django_db


def say(judge, *ranks):
    assignment = held(judge)
    body = full_ranking(assignment.task, *ranks)
    receipt = submit(assignment.pk, judge, body, key=f"{assignment.pk}", origin="api")
    return Submission.objects.get(pk=receipt.id)


@pytest.fixture
def reviewer(cast):
    return annotator_for(cast.reviewer, cast.project)


@pytest.fixture
def disputed(cast, judges):
    """Two tasks: on the first two people contradict each other, on the second they agree."""
    first, _ = give_tasks(cast, 2)
    say(judges[0], 1, 2, 3, 4)
    say(judges[1], 4, 3, 2, 1)
    for judge in judges[:2]:
        say(judge, 1, 2, 3, 4)
    reviews.find_doubts(cast.project)
    return first


def answer(assignment, *ranks):
    body = full_ranking(assignment.task, *ranks)
    submit(assignment.pk, assignment.annotator, body, key=f"{assignment.pk}", origin="api")


def reviewed(task, reviewer):
    answer(reviews.begin(task, reviewer))
    return Review.objects.get(task=task)


def test_what_people_disagree_on_waits_and_nothing_else(cast, disputed):
    (task,) = reviews.waiting(cast.project)
    assert task == disputed
    doubt = Doubt.objects.get()
    assert doubt.said == "2 people agree on 0 % of the pairs that they decided."
    assert doubt.strength == 1


def test_a_missed_known_answer_is_doubted(cast, judges, reviewer):
    (_task,) = give_tasks(cast, 1)
    gold = make_gold(say(judges[0], 1, 2, 3, 4))
    cast.project.gold_share = 1.0
    cast.project.save()
    say(judges[1], 4, 3, 2, 1)
    reviews.find_doubts(cast.project)
    doubt = Doubt.objects.get(reason="gold")
    assert doubt.task == gold
    assert doubt.said == f"{judges[1].pseudonym} has 0 % of the pairs of the known answer."


def test_looking_again_forgets_what_is_settled(cast, disputed):
    Submission.objects.filter(task=disputed).update(withdrawn_at="2026-01-01T00:00Z")
    assert reviews.find_doubts(cast.project) == 0
    assert not reviews.waiting(cast.project).exists()


def test_what_training_noted_stays(cast, disputed):
    Doubt.objects.update(reason="contradicted")
    Submission.objects.filter(task=disputed).update(withdrawn_at="2026-01-01T00:00Z")
    reviews.find_doubts(cast.project)
    assert Doubt.objects.get().reason == "contradicted"


def test_the_reviewer_gets_the_same_completions_as_a_task_of_their_own(disputed, reviewer):
    assignment = reviews.begin(disputed, reviewer)
    assert assignment.task.purpose == Task.Purpose.REVIEW
    assert set(assignment.task.completions.all()) == set(disputed.completions.all())
    assert claim(reviewer) == (assignment, False)


def test_nobody_else_is_given_a_review(cast, disputed, reviewer, judges):
    assignment = reviews.begin(disputed, reviewer)
    Assignment.objects.filter(pk=assignment.pk).update(expires_at="2026-01-01T00:00Z")
    assert {task.purpose for task in answer_all(judges[2])} <= {Task.Purpose.NORMAL}
    assert claim(reviewer)[0] == assignment


def test_whoever_judged_a_task_does_not_review_it(disputed, judges):
    with pytest.raises(Conflict, match="judged this task yourself"):
        reviews.begin(disputed, judges[0])
    assert not reviews.not_by(Task.objects.filter(pk=disputed.pk), judges[0]).exists()


def test_the_database_refuses_it_too(cast, disputed, judges, reviewer):
    reviews.begin(disputed, reviewer)
    asked = Task.objects.create(
        project=cast.project,
        prompt=disputed.prompt,
        k=4,
        purpose="review",
        reserved_for=judges[0],
    )
    Review.objects.filter(task=disputed).update(answer_task=asked)
    with pytest.raises(IntegrityError, match="has not judged"), transaction.atomic():
        Assignment.objects.create(
            task=asked,
            annotator=judges[0],
            claimed_at="2026-01-01T00:00Z",
            expires_at="2026-01-01T00:00Z",
        )


def test_one_reviewer_at_a_time(disputed, reviewer, judges):
    reviews.begin(disputed, reviewer)
    with pytest.raises(Conflict, match="Somebody else is reviewing"):
        reviews.begin(disputed, judges[2])


def test_a_review_given_back_may_be_taken_by_another(cast, disputed, reviewer, judges):
    release(reviews.begin(disputed, reviewer).pk, reviewer)
    assert list(reviews.waiting(cast.project)) == [disputed]
    reviews.begin(disputed, judges[2])
    assert Review.objects.get().reviewer == judges[2]


def test_who_holds_a_task_finishes_it_first(cast, disputed, reviewer):
    give_tasks(cast, 3)
    held(reviewer)
    with pytest.raises(Conflict, match="Finish it or give it back"):
        reviews.begin(disputed, reviewer)


def test_the_reviewer_is_blind_until_they_have_ranked(disputed, reviewer):
    assert reviews.is_blind(disputed, reviewer)
    assignment = reviews.begin(disputed, reviewer)
    assert reviews.is_blind(disputed, reviewer)
    answer(assignment)
    assert not reviews.is_blind(disputed, reviewer)


def test_an_outcome_needs_a_ranking_first(cast, disputed, reviewer):
    reviews.begin(disputed, reviewer)
    with pytest.raises(Conflict, match="Rank the responses first"):
        reviews.conclude(Review.objects.get(), "model", "", by=cast.reviewer)


def test_a_guideline_gap_opens_a_note_that_a_manager_closes(cast, disputed, reviewer):
    review = reviewed(disputed, reviewer)
    with pytest.raises(Invalid, match="say what the guideline leaves open"):
        reviews.conclude(review, "guideline", " ", by=cast.reviewer)
    reviews.conclude(review, "guideline", "Are *lists* good?", by=cast.reviewer)
    note = GuidelineNote.objects.get()
    assert (note.text, note.review) == ("Are *lists* good?", review)
    reviews.close_note(note, by=cast.manager)
    with pytest.raises(Conflict, match="closed already"):
        reviews.close_note(note, by=cast.manager)


def test_a_closed_review_stays_as_it_is(cast, disputed, reviewer):
    review = reviewed(disputed, reviewer)
    reviews.conclude(review, "subjective", "", by=cast.reviewer)
    with pytest.raises(Conflict, match="closed already"):
        reviews.conclude(review, "model", "", by=cast.reviewer)
    with pytest.raises(IntegrityError, match="stays as it is"), transaction.atomic():
        Review.objects.update(cause="model")
    assert not reviews.waiting(cast.project).exists()


def test_a_reviewers_ranking_teaches_and_is_no_part_of_agreement(cast, disputed, reviewer):
    from annotation.quality.reading import read_work
    from annotation.quality.work import NORMAL

    before = len(read_work(cast.project).of_purpose(NORMAL))
    reviewed(disputed, reviewer)
    assert Submission.objects.new_judgements().filter(annotator=reviewer).count() == 1
    assert len(read_work(cast.project).of_purpose(NORMAL)) == before


def test_the_pages_lead_from_doubt_to_outcome(cast, disputed, client):
    client.force_login(cast.reviewer)
    page = client.get("/projects/tides/review/").content.decode()
    assert "2 people agree on 0 % of the pairs" in page
    task = f"/projects/tides/tasks/{disputed.pk}/"
    assert "ranked it blind" in client.get(task).content.decode()
    address = client.post(f"{task}review/").headers["Location"]
    assignment = Assignment.objects.get(annotator__user=cast.reviewer)
    assert address == f"/tasks/{assignment.pk}/"
    uids = [str(each.uid) for each in assignment.task.completions.all()]
    places = {f"place-{uid}": str(place) for place, uid in enumerate(uids, start=1)}
    there = client.post(address, {"key": "a-key", "comment": "", **places}).headers["Location"]
    review = Review.objects.get()
    assert there == f"/projects/tides/review/{review.pk}/"
    shown = client.get(there).content.decode()
    assert "judge-000" in shown
    assert "judge-001" in shown
    client.post(there, {"cause": "guideline", "words": "Say more about <b>lists</b>."})
    client.force_login(cast.manager)
    guideline = client.get("/projects/tides/guideline/").content.decode()
    assert "Say more about" in guideline
    assert "<b>lists" not in guideline
    note = GuidelineNote.objects.get()
    client.post(f"/projects/tides/notes/{note.pk}/close/")
    assert "Say more about" not in client.get("/projects/tides/guideline/").content.decode()


def test_researchers_read_reviews_on_the_page_as_over_the_api(cast, disputed, reviewer, client):
    client.force_login(cast.researcher)
    page = client.get("/projects/tides/review/").text
    assert f"/projects/tides/tasks/{disputed.pk}/" in page
    assert "<button" not in page.split("<main")[1]
    review = reviewed(disputed, reviewer)
    address = f"/projects/tides/review/{review.pk}/"
    waiting = client.get(address).text
    assert "has not said yet what was the matter" in waiting
    assert 'name="cause"' not in waiting
    assert client.post(address, {"cause": "model"}).status_code == 403
    reviews.conclude(review, "model", "", by=cast.reviewer)
    assert "The model is wrong" in client.get("/projects/tides/review/").text
    assert "The model is wrong" in client.get(address).text


def test_annotators_see_no_notes(cast, client):
    GuidelineNote.objects.create(project=cast.project, text="A gap.")
    client.force_login(cast.annotator)
    assert "A gap." not in client.get("/projects/tides/guideline/").content.decode()


def test_the_api_does_the_same(cast, disputed):
    api = Api(cast.reviewer)
    (doubt,) = api.get("projects/tides/doubts/").json()["results"]
    assert doubt["task"] == disputed.pk
    consensus = f"projects/tides/tasks/{disputed.pk}/consensus/"
    assert api.get(consensus).status_code == 409
    work = api.post(f"projects/tides/tasks/{disputed.pk}/review/").json()
    ids = [each["id"] for each in work["task"]["completions"]]
    api.answer(work["id"], {"ranks": {uid: place for place, uid in enumerate(ids, start=1)}})
    assert api.get(consensus).json()["people"] == 3
    (review,) = api.get("projects/tides/reviews/").json()["results"]
    path = f"projects/tides/reviews/{review['id']}/"
    assert api.post(path, {"cause": "unknown"}).status_code == 400
    assert api.post(path, {"cause": "annotator"}).json()["cause"] == "annotator"
    assert api.post(path, {"cause": "annotator"}).status_code == 409


def look(cast, task, client):
    """What the reviewer is shown of a task, by the page and by the API."""
    client.force_login(cast.reviewer)
    page = client.get(f"/projects/tides/tasks/{task}/").content.decode()
    reply = Api(cast.reviewer).get(f"projects/tides/tasks/{task}/consensus/")
    assert ("an-outside-model" in page) == (reply.status_code == 200)
    return "judge-000" in page


def test_a_task_in_hand_tells_a_reviewer_nothing(cast, judges, reviewer, client):
    task = give_task(cast.project, wanted=2)
    say(judges[0], 1, 2, 3, 4)
    assert not look(cast, task.pk, client)
    assignment = held(reviewer)
    assert assignment.task == task
    assert not look(cast, task.pk, client)
    answer(assignment)
    assert look(cast, task.pk, client)


def test_gold_in_hand_does_not_tell_its_known_answer(cast, judges, reviewer, client):
    give_task(cast.project, wanted=1)
    known = say(judges[0], 1, 2, 3, 4)
    gold = make_gold(known)
    cast.project.gold_share = 1.0
    cast.project.save()
    assert not look(cast, known.task_id, client)
    assignment = held(reviewer)
    assert assignment.task == gold
    assert not look(cast, known.task_id, client)
    answer(assignment)
    assert look(cast, known.task_id, client)


def test_a_repeat_in_hand_hides_what_was_shown_before(cast, reviewer, client):
    task = give_task(cast.project)
    first = say(reviewer, 1, 2, 3, 4)
    assert not reviews.is_blind(task, reviewer)
    repeat = hold_against(first, Task.Purpose.REPEAT, wanted=1, reserved_for=reviewer)
    with transaction.atomic():
        assign(repeat, lock_annotator(reviewer))
    assert reviews.is_blind(task, reviewer)


def test_who_reads_everything_is_shown_every_task(cast, judges, client):
    task = give_task(cast.project, wanted=2)
    say(judges[0], 1, 2, 3, 4)
    for reader in (cast.manager, cast.researcher):
        client.force_login(reader)
        page = client.get(f"/projects/tides/tasks/{task.pk}/").content.decode()
        assert "judge-000" in page


def test_a_closed_review_is_shown_to_another_reviewer_but_not_an_open_one(
    cast, disputed, judges, reviewer, client
):
    answer(reviews.begin(disputed, judges[2]))
    review = Review.objects.get(task=disputed)
    client.force_login(cast.reviewer)
    page = f"/projects/tides/review/{review.pk}/"
    assert client.get(page).status_code == 302
    assert client.post(page, {"cause": "annotator"}).status_code == 302
    assert not look(cast, disputed.pk, client)
    reviews.conclude(review, "annotator", "", by=cast.manager)
    assert "judge-000" in client.get(page).content.decode()
    assert look(cast, disputed.pk, client)


def test_a_closed_review_stays_hidden_while_its_task_may_be_given(
    cast, disputed, judges, reviewer, client
):
    answer(reviews.begin(disputed, judges[2]))
    reviews.conclude(Review.objects.get(), "annotator", "", by=cast.manager)
    Task.objects.filter(pk=disputed.pk).update(wanted=3)
    assert not look(cast, disputed.pk, client)


def run_out(assignment):
    Assignment.objects.filter(pk=assignment.pk).update(expires_at="2026-01-01T00:00Z")
    expire()


def missed_gold(cast, judges, author):
    """A gold task by the ranking of this person, which somebody else has missed."""
    give_task(cast.project, wanted=1)
    gold = make_gold(say(author, 1, 2, 3, 4))
    cast.project.gold_share = 1.0
    cast.project.save()
    say(judges[1], 4, 3, 2, 1)
    reviews.find_doubts(cast.project)
    return gold


def test_who_reviewed_a_task_does_not_get_it_as_an_ordinary_one(cast, disputed, reviewer):
    Task.objects.filter(pk=disputed.pk).update(wanted=3)
    reviewed(disputed, reviewer)
    assert disputed not in answer_all(reviewer)


def test_who_reviewed_gold_does_not_get_it(cast, judges, reviewer):
    gold = missed_gold(cast, judges, judges[0])
    reviewed(gold, reviewer)
    assert answer_all(reviewer) == []


def test_a_review_that_ran_out_comes_back_and_not_its_task(cast, disputed, reviewer):
    Task.objects.filter(pk=disputed.pk).update(wanted=3)
    assignment = reviews.begin(disputed, reviewer)
    run_out(assignment)
    assert disputed not in answer_all(reviewer)
    review = Review.objects.get()
    assert reviews.answer_of(review).assignment == assignment


def test_the_database_refuses_a_review_taken_up_again_after_judging(disputed, judges, reviewer):
    assignment = reviews.begin(disputed, reviewer)
    run_out(assignment)
    Task.objects.filter(pk=disputed.pk).update(wanted=3)
    Assignment.objects.create(
        task=disputed,
        annotator=reviewer,
        state="submitted",
        claimed_at="2026-01-01T00:00Z",
        expires_at="2026-01-01T00:00Z",
    )
    with pytest.raises(IntegrityError, match="has not judged"), transaction.atomic():
        Assignment.objects.filter(pk=assignment.pk).update(state="open")


def test_who_gave_the_known_answer_does_not_review_the_gold(cast, judges, reviewer):
    gold = missed_gold(cast, judges, reviewer)
    assert not reviews.not_by(reviews.waiting(cast.project), reviewer).exists()
    with pytest.raises(Conflict, match="judged this task yourself"):
        reviews.begin(gold, reviewer)


def test_the_database_refuses_the_author_of_the_known_answer_too(cast, judges, reviewer):
    gold = missed_gold(cast, judges, judges[0])
    reviews.begin(gold, reviewer)
    asked = Task.objects.create(
        project=cast.project, prompt=gold.prompt, k=4, purpose="review", reserved_for=judges[0]
    )
    Review.objects.update(answer_task=asked)
    with pytest.raises(IntegrityError, match="has not judged"), transaction.atomic():
        Assignment.objects.create(
            task=asked,
            annotator=judges[0],
            claimed_at="2026-01-01T00:00Z",
            expires_at="2026-01-01T00:00Z",
        )


def test_a_review_that_another_took_over_comes_back_no_more(disputed, judges, reviewer):
    run_out(reviews.begin(disputed, judges[2]))
    reviews.begin(disputed, reviewer)
    assert {task.purpose for task in answer_all(judges[2])} <= {Task.Purpose.NORMAL}


def test_a_review_is_not_repeated(cast, disputed, reviewer, monkeypatch):
    monkeypatch.setattr("annotation.placement.REPEAT_AFTER", 0)
    reviewed(disputed, reviewer)
    cast.project.repeat_share = 1.0
    cast.project.save()
    assert make_ready(reviewer) == 0


def hold_back(task):
    slot = task.slots.first()
    Completion.objects.filter(pk=slot.completion_id).update(hold="held", held_for="GPT-4")


def test_a_response_that_is_held_back_reaches_no_reviewer(cast, disputed, reviewer, client):
    hold_back(disputed)
    assert not reviews.waiting(cast.project).exists()
    with pytest.raises(Conflict, match="held back"):
        reviews.begin(disputed, reviewer)
    assert not Review.objects.exists()
    client.force_login(cast.reviewer)
    reply = client.post(f"/projects/tides/tasks/{disputed.pk}/review/", follow=True)
    assert "A manager decides on it first." in reply.content.decode()


def test_a_response_that_is_held_back_is_not_repeated(cast, judges, monkeypatch):
    monkeypatch.setattr("annotation.placement.REPEAT_AFTER", 0)
    task, _ = give_tasks(cast, 2)
    say(judges[0], 1, 2, 3, 4)
    hold_back(task)
    cast.project.repeat_share = 1.0
    cast.project.save()
    assert make_ready(judges[0]) == 0


def test_a_review_is_not_reviewed_itself(cast, disputed, judges, reviewer):
    reviewed(disputed, reviewer)
    asked = Review.objects.get().answer_task
    reviews.note([Doubt(task=asked, reason="contradicted", strength=0.5, said="x")])
    assert not reviews.waiting(cast.project).exists()
    with pytest.raises(Conflict, match="a review itself"):
        reviews.begin(asked, judges[2])


def test_what_training_noted_goes_with_the_answer_that_it_noted(cast, disputed):
    said = Submission.objects.filter(task=disputed).first()
    doubt = Doubt(task=disputed, submission=said, reason="contradicted", strength=0.5, said="x")
    reviews.note([doubt])
    reviews.find_doubts(cast.project)
    assert Doubt.objects.filter(reason="contradicted").exists()
    Submission.objects.filter(pk=said.pk).update(withdrawn_at="2026-01-01T00:00Z")
    reviews.find_doubts(cast.project)
    assert not Doubt.objects.filter(reason="contradicted").exists()


def test_a_review_stays_as_it_was_ranked(cast, disputed, reviewer):
    reviewed(disputed, reviewer)
    said = reviews.answer_of(Review.objects.get())
    assert said not in revisable(reviewer)
    with pytest.raises(Conflict, match="before you saw what others said"):
        revise(said.pk, reviewer, full_ranking(said.task, 4, 3, 2, 1), key="r", origin="api")


def test_a_review_whose_answer_was_withdrawn_waits_for_somebody_else(
    cast, disputed, judges, reviewer
):
    reviewed(disputed, reviewer)
    given = reviews.answer_of(Review.objects.get())
    assert given
    withdraw(given, by=cast.manager, reason="x")
    assert list(reviews.waiting(cast.project)) == [disputed]
    with pytest.raises(Conflict, match="judged this task yourself"):
        reviews.begin(disputed, reviewer)
    answer(reviews.begin(disputed, judges[2]))
    reviews.conclude(Review.objects.get(), "annotator", "", by=cast.reviewer)


def test_a_newcomer_qualifies_before_their_first_review(cast, disputed, reviewer):
    cast.project.qualification_pass = 0.8
    cast.project.save()
    with pytest.raises(Conflict, match="Before your first task"):
        reviews.begin(disputed, reviewer)
