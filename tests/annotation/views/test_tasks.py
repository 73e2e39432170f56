"""One task on the screen: what it shows, what it takes, and what it keeps."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from annotation import leases
from annotation.models import (
    Assignment,
    Completion,
    Demonstration,
    Pair,
    Submission,
    Task,
    Thumb,
)
from annotation.tasking import add_prompt, make_task, new_completion, outside_source
from tests.annotation import hostile
from tests.cast import give_task

pytestmark = pytest.mark.django_db
GONE = "You are no longer part of this project; what you wrote is kept."


@pytest.fixture
def address(assignment):
    return f"/tasks/{assignment.pk}/"


def expire(assignment):
    Assignment.objects.filter(pk=assignment.pk).update(
        expires_at=timezone.now() - timedelta(seconds=1)
    )


def checked(html, assignment):
    """Which radio button of each response is checked, in slot order."""
    places = []
    for slot in assignment.task.slots.select_related("completion"):
        name = f"place-{slot.completion.uid}"
        buttons = re.findall(rf'<input[^>]*name="{name}"[^>]*>', html)
        (button,) = [each for each in buttons if " checked" in each]
        places.append(re.search(r'value="([^"]*)"', button).group(1))
    return places


# --- what it shows ---


def test_it_shows_the_prompt_and_all_responses_whole(web, address, assignment):
    html = web.get(address).text

    assert "Why is the sea salty?" in html
    for slot in assignment.task.slots.select_related("completion"):
        assert slot.completion.text in html


def test_it_shows_the_responses_in_the_order_that_is_recorded(web, address, assignment):
    html = web.get(address).text

    texts = {slot.completion_id: slot.completion.text for slot in assignment.task.slots.all()}
    places = [html.index(texts[pk]) for pk in assignment.order]
    assert places == sorted(places)


def test_it_shows_the_whole_conversation(web, cast):
    turns = [("system", "Be brief."), ("user", "Hello"), ("assistant", "Hello you"), ("user", "?")]
    prompt, _ = add_prompt(cast.project, [{"role": r, "content": c} for r, c in turns])
    make_task(prompt, [], kind="write")
    html = web.post("/projects/tides/rank/", follow=True).text

    for words in ("Be brief.", "Hello you", "System", "Assistant"):
        assert words in html


def test_nothing_tells_where_a_response_came_from(web, cast):
    prompt, _ = add_prompt(cast.project, "Why?")
    source = outside_source(cast.project, "an-outside-model")
    completions = [
        new_completion(prompt, source, f"Because {pk}", pk=987_654_000 + pk) for pk in range(4)
    ]
    Completion.objects.bulk_create(completions)
    make_task(prompt, completions)
    html = web.post("/projects/tides/rank/", follow=True).text.lower()

    assert "because 3" in html
    for word in ("outside", "model", "source", "policy", "purpose", "normal", "987654"):
        assert word not in html


def test_hostile_text_is_rendered(web, cast):
    give_task(cast.project, *hostile.ELEMENTS[:4], prompt=hostile.ELEMENTS[0])
    html = web.post("/projects/tides/rank/", follow=True).text

    assert "<script>window" not in html
    assert html.count("&lt;script") >= 3


def test_the_number_of_queries_does_not_grow_with_the_responses(
    web, cast, django_assert_num_queries
):
    give_task(cast.project, *(f"response {number}" for number in range(9)))
    address = web.post("/projects/tides/rank/").url

    # session, person, assignment, role (once for the view, once for the links), responses
    with django_assert_num_queries(6):
        assert web.get(address).status_code == 200


def test_another_persons_task_is_not_found(client, cast, address):
    client.force_login(cast.reviewer)

    assert client.get(address).status_code == 404


def test_who_was_removed_from_the_project_is_told_so_and_their_draft_is_kept(
    web, cast, address, assignment
):
    leases.keep_draft(assignment.pk, cast.judge, {"comment": "half done"})
    cast.project.memberships.filter(user=cast.annotator).delete()

    reply = web.get(address)

    assert reply.status_code == 403
    assert GONE in reply.text
    assert Assignment.objects.get().draft == {"comment": "half done"}


@pytest.mark.parametrize("extra", [{}, {"preview": "1"}])
def test_who_is_removed_in_the_middle_of_a_task_loses_nothing(
    web, cast, address, assignment, form, extra
):
    cast.project.memberships.filter(user=cast.annotator).delete()

    reply = web.post(address, {**form, "comment": "hard to say", **extra})

    assert reply.status_code == 403
    assert GONE in reply.text
    assert not Submission.objects.exists()
    draft = Assignment.objects.get().draft or {}
    assert (draft["comment"], len(draft["placed"])) == ("hard to say", 4)


def test_who_no_longer_ranks_is_told_so_and_loses_nothing(web, cast, address, form):
    cast.project.memberships.filter(user=cast.annotator).update(role="researcher")

    reply = web.post(address, form)

    assert reply.status_code == 403
    assert "annotator or reviewer" in reply.text
    assert Assignment.objects.get().draft is not None


def test_an_answer_that_was_sent_is_not_made_a_draft_by_a_removal(web, cast, address, form):
    web.post(address, form)
    cast.project.memberships.filter(user=cast.annotator).delete()

    assert web.post(address, form).status_code == 403
    assert Assignment.objects.get().draft is None


# --- what it takes ---


def test_a_ranking_is_stored_and_the_next_task_follows(web, cast, address, form):
    following = give_task(cast.project, prompt="Another?")

    reply = web.post(address, form)

    submission = Submission.objects.get()
    assert submission.origin == "screen"
    assert submission.sealed
    assert Pair.objects.filter(ranking_id=submission.pk).count() == 6
    held = Assignment.objects.get(state="open")
    assert held.task == following
    assert reply.url == f"/tasks/{held.pk}/"
    assert "Saved." in web.get(reply.url).text


def test_places_with_gaps_and_ties_become_competition_ranks(web, address, form):
    names = [name for name in form if name.startswith("place-")]
    form.update(zip(names, ("2", "4", "4", "x"), strict=True))

    web.post(address, form)

    items = Submission.objects.get().ranking.items.order_by("completion__slots__slot")
    assert [(item.rank, item.unacceptable) for item in items] == [
        (1, False),
        (2, False),
        (2, False),
        (4, True),
    ]


def test_all_may_be_unacceptable(web, address, form):
    form.update({name: "x" for name in form if name.startswith("place-")})

    web.post(address, form)

    assert {item.rank for item in Submission.objects.get().ranking.items.all()} == {1}


def test_a_second_click_stores_nothing_more(web, cast, address, form):
    give_task(cast.project, prompt="Another?")

    first, second = web.post(address, form), web.post(address, form)

    assert first.url == second.url
    assert Submission.objects.count() == 1


def test_each_page_has_a_key_of_its_own(web, address):
    keys = {re.search(r'name="key" value="(\w+)"', web.get(address).text).group(1) for _ in "ab"}

    assert len(keys) == 2


def test_what_is_not_placed_is_named_and_the_rest_is_kept(web, address, form, assignment):
    names = [name for name in form if name.startswith("place-")]
    form.update({names[0]: "3", names[1]: "", names[2]: "x", names[3]: ""})
    form["comment"] = "hard to say"

    reply = web.post(address, form)

    assert reply.status_code == 400
    assert "have not been placed yet" in reply.text
    assert "hard to say" in reply.text
    assert checked(reply.text, assignment) == ["3", "", "x", ""]
    assert not Submission.objects.exists()
    assert checked(web.get(address).text, assignment) == ["1", "", "x", ""]


def test_identical_responses_must_share_a_place(web, cast):
    give_task(cast.project, "same", "same", "other", priority=1)
    address = web.post("/projects/tides/rank/").url
    assignment = Assignment.objects.get()
    names = [f"place-{slot.completion.uid}" for slot in assignment.task.slots.all()]

    reply = web.post(address, {"key": "k", **dict(zip(names, "123", strict=True))})

    assert reply.status_code == 400
    assert "have the same text" in reply.text


# --- labels that are removed while a task is in hand ---


@pytest.fixture
def marked(cast, form):
    """The first response marked as vague, which a manager removes, and as harmful."""
    place = next(name for name in form if name.startswith("place-"))
    return form | {place.replace("place", "labels"): ["vague", "harmful"], "comment": "so so"}


@pytest.mark.parametrize("left", [["harmful"], []])
def test_a_label_that_was_removed_meanwhile_is_told_and_the_rest_is_kept(
    web, cast, address, marked, assignment, left
):
    cast.project.labels = left
    cast.project.save()

    reply = web.post(address, marked)

    removed = sorted({"vague", "harmful"} - set(left))
    assert reply.status_code == 400
    told = "was removed meanwhile" if left else "“harmful” and “vague” were removed meanwhile"
    assert reply.text.count(told) == 1
    for name in removed:
        assert f"“{name}”" in reply.text
    assert checked(reply.text, assignment) == ["1", "2", "3", "4"]
    assert "so so" in reply.text
    assert list((Assignment.objects.get().draft or {})["labels"].values()) == (
        [left] if left else []
    )


@pytest.mark.parametrize("left", [["harmful"], []])
def test_without_the_removed_label_the_answer_is_taken(web, cast, address, marked, left):
    cast.project.labels = left
    cast.project.save()
    reply = web.post(address, marked)
    again = {name: value for name, value in marked.items() if "labels" not in name}
    again |= {name: left for name in marked if "labels" in name and left}
    assert reply.text.count('value="harmful" checked') == len(left)

    assert web.post(address, again).status_code == 302
    assert list(Submission.objects.get().labels.values()) == ([left] if left else [])


@pytest.mark.parametrize("left", [["harmful"], []])
def test_a_draft_that_is_opened_again_tells_which_labels_were_removed(
    web, cast, address, marked, assignment, left
):
    cast.project.labels = ["vague", "harmful"]
    cast.project.save()
    web.post(address, marked | {"key": ""})  # kept, not sent
    assert "removed from the project" not in web.get(address).text
    cast.project.labels = left
    cast.project.save()

    text = web.get(address).text

    told = (
        "The label “vague” was removed from the project meanwhile, so it is no longer marked."
        if left
        else "The labels “harmful” and “vague” were removed from the project meanwhile"
    )
    assert text.count(told) == 1
    assert "All else is here as you left it." in text
    assert checked(text, assignment) == ["1", "2", "3", "4"]
    assert "so so" in text
    assert text.count('value="harmful" checked') == len(left)


def test_an_answer_that_is_changed_tells_which_labels_were_removed(web, cast, address, marked):
    cast.project.labels = ["vague", "harmful"]
    cast.project.save()
    assert web.post(address, marked).status_code == 302
    cast.project.labels = ["harmful"]
    cast.project.save()

    text = web.get(reverse("revision", args=[Submission.objects.get().pk])).text

    assert text.count("The label “vague” was removed from the project meanwhile") == 1


def test_a_draft_of_forged_labels_does_not_fill_the_page(web, address, assignment):
    uid = str(Completion.objects.get(pk=assignment.order[0]).uid)
    forged = {"labels": {uid: [f"{n}{'x' * 999}" for n in range(300)]}}
    leases.keep_draft(assignment.pk, assignment.annotator, forged)

    assert len(web.get(address).text) < 60_000


def test_a_forged_label_does_not_fill_the_page(web, address, form):
    place = next(name for name in form if name.startswith("place-"))
    forged = {place.replace("place", "labels"): [f"{n}{'x' * 999}\x00" for n in range(300)]}

    reply = web.post(address, form | forged)

    assert reply.status_code == 400
    assert len(reply.text) < 60_000


@pytest.mark.parametrize("place", ["0", "5", "-1", "1.5", "²", "one"])
def test_a_forged_place_is_refused(web, address, form, place):
    name = next(name for name in form if name.startswith("place-"))

    assert web.post(address, {**form, name: place}).status_code == 400
    assert not Submission.objects.exists()


def test_a_form_without_a_key_is_refused(web, address, form):
    form.pop("key")

    assert web.post(address, form).status_code == 400
    assert not Submission.objects.exists()


# --- what it keeps ---


def test_a_draft_is_shown_again(web, cast, address, assignment):
    uids = [str(slot.completion.uid) for slot in assignment.task.slots.all()]
    draft = {"ranks": {uids[0]: 2}, "unacceptable": [uids[1]], "comment": "half done"}
    leases.keep_draft(assignment.pk, cast.judge, draft)

    html = web.get(address).text

    assert checked(html, assignment) == ["2", "x", "", ""]
    assert "half done" in html


@pytest.mark.parametrize(
    "draft",
    [
        {"ranks": []},
        {"ranks": {"x": []}, "unacceptable": 3, "comment": ["a"]},
        {"unacceptable": {"a": 1}, "ranks": None},
        {"verdict": 3, "text": {"a": 1}},
    ],
)
def test_a_draft_of_any_shape_breaks_nothing(web, cast, address, assignment, draft):
    leases.keep_draft(assignment.pk, cast.judge, draft)

    assert checked(web.get(address).text, assignment) == ["", "", "", ""]


def test_an_expired_lease_keeps_the_answer_as_a_draft(web, address, form, assignment):
    expire(assignment)

    reply = web.post(address, form)

    assert reply.status_code == 409
    assert "is kept as a draft" in reply.text
    assert not Submission.objects.exists()
    again = web.post("/projects/tides/rank/", follow=True)
    assert checked(again.text, assignment) == ["1", "2", "3", "4"]


def test_a_page_whose_lease_has_ended_offers_the_next_task(web, address, assignment):
    expire(assignment)

    html = web.get(address).text

    assert "Your hold on this task has ended" in html
    assert 'action="/projects/tides/rank/"' in html


def test_a_task_that_was_withdrawn_meanwhile_keeps_what_was_done(web, address, form, assignment):
    Task.objects.filter(pk=assignment.task_id).update(withdrawn=True)

    reply = web.post(address, form)

    assert reply.status_code == 409
    assert "This task was withdrawn meanwhile. What you did is kept" in reply.text
    assert not Submission.objects.exists()
    assert (Assignment.objects.get().draft or {})["placed"]
    assert "This task was withdrawn meanwhile" in web.get(address).text


def test_after_a_withdrawn_task_comes_the_next(web, cast, address, assignment):
    following = give_task(cast.project, prompt="Another?")
    Task.objects.filter(pk=assignment.task_id).update(withdrawn=True)

    assert web.get("/projects/tides/rank/").status_code == 200
    web.post("/projects/tides/rank/")

    assert Assignment.objects.get(state="open").task == following


def test_a_submitted_task_says_so(web, address, form):
    web.post(address, form)

    assert "submitted this task already" in web.get(address).text


def test_another_answer_from_an_old_page_is_offered_as_a_change(web, address, form):
    web.post(address, form)
    names = [name for name in form if name.startswith("place-")]

    reply = web.post(address, {**form, names[0]: "2", names[1]: "1"}, follow=True)

    assert "This is what you had in another tab" in reply.text
    assert (Assignment.objects.get().draft or {})["ranks"][names[0].removeprefix("place-")] == 2
    assert Submission.objects.count() == 1


@pytest.fixture
def writing(web, cast):
    """The address of a task to write a response."""
    prompt, _ = add_prompt(cast.project, "Why is the sea salty?")
    make_task(prompt, [], kind="write")
    return web.post("/projects/tides/rank/").url


@pytest.mark.parametrize("size", [100_001, 450_000])
def test_a_text_that_is_too_long_is_refused_in_one_sentence_and_stays(web, writing, size):
    text = "salt\n" * (size // 5) + "!"

    reply = web.post(writing, {"key": "k", "text": text.replace("\n", "\r\n")})

    assert reply.status_code == 400
    assert reply.text.count("characters long, and at most 100000 can be sent") == 1
    assert "too long to be kept" not in reply.text
    assert reply.context["form"]["text"].value().replace("\r\n", "\n") == text
    assert "maxlength" not in reply.text.split('id="answer"')[1].split("</form>")[0]


def test_the_preview_tells_how_much_too_long_a_text_is(web, writing):
    assert "by 5 characters" in web.post(f"{writing}preview/", {"text": "x" * 100_005}).text
    assert "Too long" not in web.post(f"{writing}preview/", {"text": "x" * 100_000}).text


# --- skipping ---


def test_a_skip_gives_the_task_back_with_its_reason(web, cast, address, assignment):
    following = give_task(cast.project, prompt="Another?")

    web.post(f"{address}skip/", {"skip-reason": "language", "skip-comment": "It is Dutch."})

    skipped = Assignment.objects.get(pk=assignment.pk)
    assert (skipped.state, skipped.skip_reason) == ("skipped", "language")
    assert skipped.skip_comment == "It is Dutch."
    assert Assignment.objects.get(state="open").task == following


def test_a_skip_without_a_reason_is_refused(web, address, assignment):
    reply = web.post(f"{address}skip/", {})

    assert reply.status_code == 400
    assert "Choose why you skip this task." in reply.text
    assert Assignment.objects.get(pk=assignment.pk).state == "open"


def test_a_skip_after_the_lease_has_ended_says_so(web, address, assignment):
    expire(assignment)

    assert web.post(f"{address}skip/", {"skip-reason": "other"}).status_code == 409


# --- other kinds ---


def do(web, cast, kind, *texts, **answer):
    give_task(cast.project, *texts, kind=kind, priority=9)
    address = web.post("/projects/tides/rank/").url
    return web.post(address, {"key": "k", "comment": "", **answer})


def test_two_responses_are_compared(web, cast):
    give_task(cast.project, "one", "two", kind="compare", priority=9)
    address = web.post("/projects/tides/rank/").url
    uids = [str(each.uid) for each in Assignment.objects.get().task.completions.all()]

    assert len(uids) == 2
    web.post(address, {"key": "k", "choice": "tie"})

    assert Pair.objects.count() == 0
    assert {item.rank for item in Submission.objects.get().ranking.items.all()} == {1}


def test_one_response_is_judged(web, cast):
    do(web, cast, "thumbs", "one", verdict="bad")

    assert Thumb.objects.get().verdict == "bad"


def test_a_judgement_without_a_verdict_is_refused(web, cast):
    reply = do(web, cast, "thumbs", "one")

    assert reply.status_code == 400
    assert "good or bad" in reply.text


def test_a_response_is_written(web, cast):
    prompt, _ = add_prompt(cast.project, "Say hello.")
    make_task(prompt, [], kind="write", priority=9)
    address = web.post("/projects/tides/rank/").url

    web.post(address, {"key": "k", "text": "Hello,\r\n  you.\r\n"})

    assert Demonstration.objects.get().text == "Hello,\n  you.\n"


def test_an_edit_begins_with_the_given_text(web, cast):
    give_task(cast.project, "Overfit is bad.", kind="write", priority=9)
    address = web.post("/projects/tides/rank/").url

    assert "Overfit is bad.</textarea>" in web.get(address).text
    web.post(address, {"key": "k", "text": "Overfitting is bad."})
    assert Demonstration.objects.get().edited.text == "Overfit is bad."


def test_an_edit_that_changes_nothing_is_refused(web, cast):
    give_task(cast.project, "Overfit\r\nis bad.", kind="write", priority=9)
    address = web.post("/projects/tides/rank/").url

    reply = web.post(address, {"key": "k", "text": "Overfit\r\nis bad."})

    assert reply.status_code == 400
    assert "unchanged" in reply.text
    assert not Demonstration.objects.exists()


def test_a_preview_keeps_nothing_and_is_safe(web, cast):
    give_task(cast.project, "Overfit is bad.", kind="write", priority=9)
    address = web.post("/projects/tides/rank/").url

    html = web.post(f"{address}preview/", {"text": "<script>x</script> **bold**"}).text

    assert "<strong>bold</strong>" in html
    assert "<script" not in html
    assert Assignment.objects.get().draft is None


def test_a_preview_without_a_script_keeps_the_draft(web, cast):
    give_task(cast.project, "Overfit is bad.", kind="write", priority=9)
    address = web.post("/projects/tides/rank/").url

    html = web.post(address, {"key": "k", "text": "", "preview": "1"}).text

    assert "Nothing is written yet." in html
    assert not Demonstration.objects.exists()
    web.post(address, {"key": "k", "text": "*Bad* it is.", "preview": "1"})
    assert (Assignment.objects.get().draft or {})["text"] == "*Bad* it is."
