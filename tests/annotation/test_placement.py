"""Overlap, gold and repeats: how often, to whom, in which order, and that nobody can tell."""

import pytest
from django.db import IntegrityError, transaction

from annotation import exporting, selectors, snapshots
from annotation.errors import Invalid
from annotation.importing import Options, import_prompts
from annotation.leases import release
from annotation.models import Annotator, Assignment, Project, Submission, Task
from annotation.placement import REPEAT_AFTER, chance, people_wanted
from annotation.prompts import add_many
from annotation.queue import claim
from annotation.revisions import revisable, why_fixed
from annotation.submissions import withdraw
from annotation.tasking import make_gold
from tests.annotation.interchange import write
from tests.annotation.working import answer, answer_all, give_tasks, held
from tests.cast import give_task, make_cast, make_judges

pytestmark = pytest.mark.django_db
Purpose = Task.Purpose


def cast_with(**shares):
    """What is drawn follows from the seed and the pseudonym: both are the same in every run."""
    cast = make_cast(placement_seed=7, **shares)
    Annotator.objects.create(project=cast.project, user=cast.annotator, pseudonym="p-judge")
    return cast


def ranked(cast, count=1):
    """Rankings by a judge whose answers are known to be right."""
    (expert,) = make_judges(cast.project, 1)
    give_tasks(cast, count)
    answer_all(expert)
    return list(Submission.objects.filter(annotator=expert).order_by("pk"))


def purposes(annotator):
    """Of all that this person was given, in order."""
    given = Assignment.objects.filter(annotator=annotator).order_by("pk")
    return list(given.values_list("task__purpose", flat=True))


# --- chance ---------------------------------------------------------------------------------


def test_a_draw_follows_from_the_seed_and_from_what_it_is_for():
    one, other = Project(placement_seed=1), Project(placement_seed=2)
    assert chance(one, "a", 3) == chance(Project(placement_seed=1), "a", 3)
    assert len({chance(one, "a", 3), chance(one, "a", 4), chance(other, "a", 3)}) == 3


def test_draws_are_uniform():
    draws = [chance(Project(placement_seed=1), "a", n) for n in range(4000)]
    assert min(draws) >= 0
    assert max(draws) < 1
    for tenth in range(10):
        # 400 expected; the binomial's standard deviation is 19.
        assert sum(tenth <= 10 * draw < tenth + 1 for draw in draws) == pytest.approx(400, abs=80)


def test_seeds_differ_between_projects():
    assert Project().placement_seed != Project().placement_seed


# --- overlap --------------------------------------------------------------------------------


def test_a_share_of_the_tasks_is_judged_by_more_people():
    project = Project(placement_seed=1, overlap_share=0.3, overlap_people=4)
    wanted = [people_wanted(project, f"task {n}") for n in range(2000)]
    assert set(wanted) == {1, 4}
    # 600 expected; the binomial's standard deviation is 20.5.
    assert wanted.count(4) == pytest.approx(600, abs=80)


def test_overlap_never_takes_people_away():
    project = Project(placement_seed=1, overlap=5, overlap_share=1.0, overlap_people=2)
    assert people_wanted(project, "a task") == 5


def test_new_tasks_get_the_overlap_that_their_content_draws():
    cast = cast_with(overlap_share=0.5, overlap_people=3)
    wanted = [task.wanted for task in give_tasks(cast, 30)]
    assert set(wanted) == {1, 3}
    again = make_cast("waves", placement_seed=7, overlap_share=0.5, overlap_people=3)
    assert [task.wanted for task in give_tasks(again, 30)] == wanted


def test_a_task_that_says_how_many_it_wants_gets_them():
    cast = cast_with(overlap_share=1.0, overlap_people=3)
    assert give_task(cast.project, wanted=1).wanted == 1


# --- gold -----------------------------------------------------------------------------------


def test_gold_comes_at_random_among_the_rest_at_its_share():
    cast = cast_with(gold_share=0.25)
    for submission in ranked(cast, 30):
        make_gold(submission)
    give_tasks(cast, 60)
    for _ in range(60):
        answer(cast.judge)
    given = purposes(cast.judge)
    # 15 expected; the binomial's standard deviation is 3.4.
    assert given.count("gold") == pytest.approx(15, abs=10)
    assert len(set(given[:30])) == len(set(given[30:])) == 2


def test_the_same_seed_and_the_same_person_give_the_same_sequence():
    sequences = []
    for slug in ("tides", "waves"):
        cast = make_cast(slug, placement_seed=7, gold_share=0.3)
        for submission in ranked(cast, 5):
            make_gold(submission)
        person = Annotator.objects.create(project=cast.project, pseudonym="the same")
        give_tasks(cast, 30, wanted=9)
        for _ in range(20):
            answer(person)
        sequences.append(purposes(person))
    assert sequences[0] == sequences[1]
    assert len(set(sequences[0])) == 2


def test_each_gold_task_comes_once_to_each_person():
    cast = cast_with(gold_share=1.0)
    golds = [make_gold(submission) for submission in ranked(cast, 3)]
    first, second = make_judges_named(cast, "one", "two")
    assert {task.pk for task in answer_all(first)} == {gold.pk for gold in golds}
    assert {task.pk for task in answer_all(second)} == {gold.pk for gold in golds}


def make_judges_named(cast, *names):
    return [Annotator.objects.create(project=cast.project, pseudonym=name) for name in names]


def test_gold_does_not_come_to_those_who_ranked_it_before():
    cast = cast_with(gold_share=1.0)
    (submission,) = ranked(cast)
    make_gold(submission)
    assert claim(submission.annotator) == (None, False)


def test_gold_is_never_given_out_by_the_queue():
    cast = cast_with()
    (submission,) = ranked(cast)
    make_gold(submission)
    assert claim(cast.judge) == (None, False)


def test_a_gold_task_whose_lease_ran_out_may_come_again(clock):
    cast = cast_with(gold_share=1.0)
    (submission,) = ranked(cast)
    gold = make_gold(submission)
    first = held(cast.judge)
    clock.shift(3600)
    again = held(cast.judge)
    assert (first.pk, first.task) == (again.pk, gold)


def test_gold_is_made_once_of_one_ranking():
    (submission,) = ranked(cast_with())
    assert make_gold(submission) == make_gold(submission)


def test_only_a_ranking_that_counts_can_be_gold():
    cast = cast_with()
    (submission,) = ranked(cast)
    withdraw(submission, by=cast.manager, reason="wrong")
    with pytest.raises(Invalid, match="no ranking that counts"):
        make_gold(submission)


def test_gold_holds_the_completions_of_its_reference():
    (submission,) = ranked(cast_with())
    gold = make_gold(submission)
    assert set(gold.completions.all()) == set(submission.task.completions.all())
    assert (gold.reference, gold.kind, gold.k) == (submission, "rank", 4)


# --- repeats --------------------------------------------------------------------------------


def test_a_repeat_comes_to_the_same_person_in_another_order():
    cast = cast_with(repeat_share=0.5)
    give_tasks(cast, REPEAT_AFTER + 20)
    answer_all(cast.judge)
    repeats = list(Assignment.objects.filter(task__purpose=Purpose.REPEAT))
    assert len(repeats) >= 5
    for repeat in repeats:
        first = repeat.task.reference
        assert repeat.annotator == first.annotator == cast.judge
        assert set(repeat.order) == set(first.order or ())
        assert repeat.order != first.order


def test_a_repeat_comes_a_while_after_the_first():
    cast = cast_with(repeat_share=1.0)
    give_tasks(cast, 40)
    answer_all(cast.judge)
    given = purposes(cast.judge)
    assert given[:REPEAT_AFTER] == ["normal"] * REPEAT_AFTER
    answers = list(Submission.objects.filter(annotator=cast.judge).order_by("pk"))
    places = {submission.pk: place for place, submission in enumerate(answers)}
    for submission in answers:
        if submission.task.reference_id:
            assert places[submission.pk] - places[submission.task.reference_id] >= REPEAT_AFTER


def test_nothing_is_repeated_twice_and_no_repeat_is_repeated():
    cast = cast_with(repeat_share=1.0)
    give_tasks(cast, 40)
    answer_all(cast.judge)
    references = [task.reference for task in Task.objects.filter(purpose=Purpose.REPEAT)]
    assert len(references) == len(set(references)) > 10
    assert {reference.task.purpose for reference in references} == {"normal"}


def test_a_repeat_given_back_goes_to_nobody_else():
    cast = cast_with(repeat_share=1.0)
    give_tasks(cast, REPEAT_AFTER + 1)
    (other,) = make_judges(cast.project, 1)
    for _ in range(REPEAT_AFTER + 1):
        answer(cast.judge)
    repeat = held(cast.judge)
    assert repeat.task.purpose == Purpose.REPEAT
    release(repeat.pk, cast.judge)
    assert claim(other) == (None, False)


def test_a_repeat_whose_lease_ran_out_comes_back_to_its_person(clock):
    cast = cast_with(repeat_share=1.0)
    give_tasks(cast, REPEAT_AFTER + 1)
    for _ in range(REPEAT_AFTER + 1):
        answer(cast.judge)
    repeat = held(cast.judge)
    clock.shift(3600)
    Project.objects.update(repeat_share=0)
    assert held(cast.judge).pk == repeat.pk


# --- what follows ---------------------------------------------------------------------------


def test_neither_gold_nor_repeats_are_frozen_or_exported(tmp_path):
    cast = cast_with(gold_share=0.3, repeat_share=0.3)
    for submission in ranked(cast, 3):
        make_gold(submission)
    give_tasks(cast, 40)
    answer_all(cast.judge)
    given = purposes(cast.judge)
    assert len(set(given)) == 3
    normal = 3 + given.count("normal")
    assert snapshots.freeze(cast.project, "all").items.count() == normal
    manifest = exporting.export(cast.project, "rankings", tmp_path / "out.jsonl")
    assert manifest.rankings == normal


def test_progress_and_what_waits_leave_them_out():
    cast = cast_with()
    (submission,) = ranked(cast)
    make_gold(submission)
    found = selectors.progress(cast.project)
    assert (found.tasks, found.wanted, found.given) == (1, 1, 1)
    assert selectors.waiting_for(cast.project, cast.judge) == 0


# --- what the database refuses --------------------------------------------------------------


def refused(message):
    return pytest.raises(IntegrityError, match=message)


def test_the_database_refuses_gold_without_a_known_answer():
    cast = cast_with()
    with refused("task_reference"), transaction.atomic():
        give_task(cast.project, purpose=Purpose.GOLD)


def test_the_database_refuses_a_reference_over_other_completions():
    cast = cast_with()
    (submission,) = ranked(cast)
    other = give_task(cast.project, prompt="Another question?")
    with refused("of the same prompt"), transaction.atomic():
        Task.objects.create(
            project=cast.project,
            prompt=other.prompt,
            kind="rank",
            k=4,
            purpose=Purpose.GOLD,
            reference=submission,
        )


def test_the_database_refuses_to_add_a_completion_that_the_reference_does_not_rank():
    cast = cast_with()
    (submission,) = ranked(cast)
    gold = make_gold(submission)
    fifth = give_task(cast.project, "A fifth answer", "A sixth", prompt="Question 0?")
    with refused("does not rank"), transaction.atomic():
        gold.slots.create(completion=fifth.completions.all()[0], slot=4)


def test_the_database_refuses_a_repeat_for_somebody_else():
    cast = cast_with()
    (submission,) = ranked(cast)
    with refused("whoever ranked first"), transaction.atomic():
        Task.objects.create(
            project=cast.project,
            prompt=submission.task.prompt,
            kind="rank",
            k=4,
            purpose=Purpose.REPEAT,
            reference=submission,
            reserved_for=cast.judge,
        )


def test_the_database_refuses_to_assign_a_repeat_to_somebody_else():
    cast = cast_with(repeat_share=1.0)
    give_tasks(cast, REPEAT_AFTER + 1)
    for _ in range(REPEAT_AFTER + 1):
        answer(cast.judge)
    repeat = held(cast.judge)
    release(repeat.pk, cast.judge)
    (other,) = make_judges(cast.project, 1)
    with refused("reserved for another person"), transaction.atomic():
        Assignment.objects.create(
            task=repeat.task,
            annotator=other,
            order=repeat.order,
            claimed_at=repeat.claimed_at,
            expires_at=repeat.expires_at,
        )


def test_the_database_refuses_to_change_a_reference():
    cast = cast_with()
    first, second = ranked(cast, 2)
    gold = make_gold(first)
    with refused("never change"), transaction.atomic():
        Task.objects.filter(pk=gold.pk).update(reference=second)


@pytest.mark.parametrize(
    "shares",
    [{"overlap_share": 1.1}, {"gold_share": -0.1}, {"gold_share": 0.6, "repeat_share": 0.5}],
)
def test_the_database_refuses_shares_that_are_none(shares):
    with refused("project_"), transaction.atomic():
        Project.objects.create(slug="impossible", **shares)


def test_tasks_that_come_by_api_and_by_file_get_the_overlap_too(tmp_path):
    cast = cast_with(overlap_share=1.0, overlap_people=3)
    rows = [{"prompt": f"Why {n}?", "completions": [{"text": "a"}, {"text": "b"}]} for n in (1, 2)]
    add_many(cast.project, rows[:1], by=cast.manager)
    path = write(tmp_path / "in.jsonl", rows[1:])
    import_prompts(path, cast.project.slug, Options())
    assert list(Task.objects.values_list("wanted", flat=True)) == [3, 3]


def test_a_data_set_fixes_gold_answers_as_it_does_all_others():
    cast = cast_with(gold_share=0.5)
    for submission in ranked(cast, 3):
        make_gold(submission)
    give_tasks(cast, 8)
    answer_all(cast.judge)
    assert len(set(purposes(cast.judge))) == 2
    assert revisable(cast.judge).count() == len(purposes(cast.judge))
    snapshots.freeze(cast.project, "all")
    assert revisable(cast.judge).count() == 0
    answers = Submission.objects.filter(annotator=cast.judge)
    assert all("data set" in why_fixed(each) for each in answers)
