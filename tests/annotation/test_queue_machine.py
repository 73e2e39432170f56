"""The queue and the submissions against a small model, through sequences nobody thought of.

The model knows no cursors, locks or triggers: it looks at all tasks each time.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations, count
from typing import Any

import pytest
import time_machine
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from annotation import queue
from annotation.errors import Invalid, KeyReused, LeaseLost, Refused
from annotation.models import Assignment, Pair, Submission, Task
from annotation.pairs import competition_ranks
from annotation.submissions import Receipt, submit, withdraw
from tests.cast import Cast, give_task, make_cast, make_judges

PEOPLE = 3
people = st.integers(0, PEOPLE - 1)
priorities = st.sampled_from([-1.5, 0.0, 0.0, 0.0, 2.0])
orders = st.lists(st.integers(1, 3), min_size=3, max_size=3).map(competition_ranks)
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@dataclass
class Question:
    """A task as the model knows it."""

    priority: float
    wanted: int
    withdrawn: bool = False


@dataclass
class Hold:
    """One person's assignment as the model knows it."""

    id: int
    state: str
    ends: dt.datetime


@dataclass
class Sent:
    """An answer that was accepted."""

    person: int
    assignment: int
    body: dict[str, Any]
    key: str
    receipt: Receipt


@dataclass
class Model:
    questions: dict[int, Question] = field(default_factory=dict)
    holds: dict[tuple[int, int], Hold] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)

    def taken(self, task: int) -> int:
        states = [hold.state for (of, _), hold in self.holds.items() if of == task]
        return states.count("open") + states.count("submitted")

    def held(self, person: int) -> tuple[int, Hold] | None:
        mine = ((task, hold) for (task, who), hold in self.holds.items() if who == person)
        return next(((task, hold) for task, hold in mine if hold.state == "open"), None)

    def next_for(self, person: int) -> int | None:
        """Priority first, then age, among what this person may have."""
        may = [
            (-question.priority, task)
            for task, question in self.questions.items()
            if not question.withdrawn
            and self.taken(task) < question.wanted
            and self.holds.get((task, person), Hold(0, "expired", START)).state == "expired"
        ]
        return min(may)[1] if may else None


class QueueMachine(RuleBasedStateMachine):
    cast: Cast

    def __init__(self) -> None:
        super().__init__()
        self.rollback = transaction.atomic()
        # As Django's own tests do, so that a durable block may be tested inside.
        self.rollback._from_testcase = True  # type: ignore[attr-defined]
        self.rollback.__enter__()
        self.travel = time_machine.travel(START, tick=False)
        self.clock = self.travel.start()
        self.model = Model()
        self.judges = make_judges(self.cast.project, PEOPLE)
        self.number = count()
        self.lease = dt.timedelta(seconds=self.cast.project.lease_seconds)

    def teardown(self) -> None:
        self.travel.stop()
        transaction.set_rollback(True)
        self.rollback.__exit__(None, None, None)

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    def refused(self, refusal: type[Refused], verb: Callable[..., Any], *args: Any) -> None:
        with pytest.raises(refusal):
            verb(*args)

    def submit(self, person: int, assignment: int, body: Any, key: str) -> Receipt:
        return submit(assignment, self.judges[person], body, key=key, origin="api")

    def body(self, task: int, ranks: list[int]) -> dict[str, Any]:
        slots = Task.objects.get(pk=task).slots.select_related("completion")
        uids = [str(slot.completion.uid) for slot in slots]
        return {"ranks": dict(zip(uids, ranks, strict=True))}

    # --- what there is to do ------------------------------------------------------------------

    @initialize(wanted=st.lists(st.integers(1, 3), min_size=2, max_size=6))
    def begin(self, wanted: list[int]) -> None:
        for each in wanted:
            self.new_task(each, 0.0)

    @rule(wanted=st.integers(1, 3), priority=priorities)
    def new_task(self, wanted: int, priority: float) -> None:
        texts = ("Salt.", "Rivers.", "Rain.")
        task = give_task(
            self.cast.project,
            *texts,
            prompt=f"Question {next(self.number)}?",
            wanted=wanted,
            priority=priority,
        )
        self.model.questions[task.pk] = Question(priority, wanted)

    @rule(data=st.data(), priority=priorities)
    def reorder(self, data: st.DataObject, priority: float) -> None:
        chosen = data.draw(st.sets(st.sampled_from(sorted(self.model.questions)), min_size=1))
        queue.reorder(self.cast.project, dict.fromkeys(chosen, priority))
        for task in chosen:
            self.model.questions[task].priority = priority

    @rule(data=st.data(), more=st.booleans())
    def open_or_close(self, data: st.DataObject, more: bool) -> None:
        """As a manager does: want one more, withdraw, bring back."""
        task = data.draw(st.sampled_from(sorted(self.model.questions)))
        question = self.model.questions[task]
        if more:
            question.wanted += 1
        else:
            question.withdrawn = not question.withdrawn
        Task.objects.filter(pk=task).update(wanted=question.wanted, withdrawn=question.withdrawn)

    # --- who works on it ----------------------------------------------------------------------

    @rule(
        person=people,
        ranks=orders,
        then=st.sampled_from(["answer", "answer", "skip", "release", "hold", "forge"]),
    )
    def work(self, person: int, ranks: list[int], then: str) -> None:
        self.claim(person)
        match then:
            case "answer":
                self.answer(person, ranks)
            case "skip" | "release":
                self.give_back(person, then)
            case "forge":
                self.forge(person)

    def claim(self, person: int) -> None:
        got, new = queue.claim(self.judges[person])
        held = self.model.held(person)
        if held and held[1].ends > self.now():
            assert got is not None
            assert (got.pk, new) == (held[1].id, False)
            held[1].ends = self.now() + self.lease
            return
        if held:
            held[1].state = "expired"
        expected = self.model.next_for(person)
        assert (got.task_id if got else None) == expected
        if got and expected is not None:
            again = self.model.holds.get((expected, person))
            assert new
            assert again is None or again.id == got.pk
            self.model.holds[expected, person] = Hold(got.pk, "open", self.now() + self.lease)

    def act(self, person: int, verb: Callable[..., Any], *args: Any) -> Hold | None:
        """Do something to all this person ever held; only the live one lets it be done."""
        live = None
        for (_, who), hold in self.model.holds.items():
            if who != person:
                continue
            if hold.state == "open" and hold.ends > self.now():
                verb(hold.id, self.judges[person], *args)
                live = hold
            else:
                self.refused(LeaseLost, verb, hold.id, self.judges[person], *args)
        return live

    @rule(person=people)
    def heartbeat(self, person: int) -> None:
        live = self.act(person, queue.heartbeat)
        if live:
            live.ends = self.now() + self.lease

    @rule(person=people, how=st.sampled_from(["skip", "release"]))
    def give_back(self, person: int, how: str) -> None:
        if how == "skip":
            live = self.act(person, queue.skip, "unclear")
        else:
            live = self.act(person, queue.release)
        if live:
            live.state = "skipped" if how == "skip" else "released"

    @rule(seconds=st.sampled_from([1, 899, 900, 901]), swept=st.booleans())
    def wait(self, seconds: int, swept: bool) -> None:
        self.clock.shift(seconds)
        if swept:
            self.expire()

    def expire(self) -> None:
        late = [
            hold
            for hold in self.model.holds.values()
            if hold.state == "open" and hold.ends <= self.now()
        ]
        assert queue.expire() == len(late)
        for hold in late:
            hold.state = "expired"

    # --- what they answer ---------------------------------------------------------------------

    def answer(self, person: int, ranks: list[int]) -> None:
        held = self.model.held(person)
        if held is None:
            return
        task, hold = held
        body, key = self.body(task, ranks), f"key {next(self.number)}"
        if hold.ends <= self.now():
            self.refused(LeaseLost, self.submit, person, hold.id, body, key)
            assert Assignment.objects.get(pk=hold.id).draft == body
            return
        receipt = self.submit(person, hold.id, body, key)
        assert receipt.pairs == sum(one != other for one, other in combinations(ranks, 2))
        hold.state = "submitted"
        self.model.sent.append(Sent(person, hold.id, body, key, receipt))

    def forge(self, person: int) -> None:
        """Try what must be refused: a gap, a missing completion, another person's task."""
        held = self.model.held(person)
        if held is None or held[1].ends <= self.now():
            return
        task, hold = held
        body = self.body(task, [1, 2, 3])
        stranger = (person + 1) % PEOPLE
        self.refused(LeaseLost, queue.heartbeat, hold.id, self.judges[stranger])
        self.refused(LeaseLost, self.submit, stranger, hold.id, body, "a stranger's")
        self.refused(Invalid, self.submit, person, hold.id, self.body(task, [1, 2, 4]), "a gap")
        del body["ranks"][next(iter(body["ranks"]))]
        self.refused(Invalid, self.submit, person, hold.id, body, "a short one")

    @precondition(lambda self: self.model.sent)
    @rule(data=st.data())
    def send_again_or_withdraw(self, data: st.DataObject) -> None:
        sent = data.draw(st.sampled_from(self.model.sent))
        assert self.submit(sent.person, sent.assignment, sent.body, sent.key) == sent.receipt
        other = {**sent.body, "comment": "Another answer."}
        self.refused(KeyReused, self.submit, sent.person, sent.assignment, other, sent.key)
        self.refused(LeaseLost, self.submit, sent.person, sent.assignment, other, "another key")
        held = self.model.held(sent.person)
        if held:
            self.refused(KeyReused, self.submit, sent.person, held[1].id, sent.body, sent.key)
        stored = Submission.objects.get(pk=sent.receipt.id)
        withdraw(stored, by=self.cast.manager, reason="asked to")

    # --- what always holds --------------------------------------------------------------------

    @invariant()
    def places_are_counted_and_never_too_many(self) -> None:
        for task, wanted, taken in Task.objects.values_list("pk", "wanted", "taken"):
            assert taken == self.model.taken(task) <= wanted

    @invariant()
    def each_accepted_answer_is_stored_once_and_whole(self) -> None:
        stored = Submission.objects.filter(sealed=True).values_list("pk", "annotator", "key")
        accepted = {
            (sent.receipt.id, self.judges[sent.person].pk, sent.key) for sent in self.model.sent
        }
        assert set(stored) == accepted
        assert Submission.objects.count() == len(accepted)
        assert Pair.objects.count() == sum(sent.receipt.pairs for sent in self.model.sent)

    @invariant()
    def nobody_answers_a_task_twice(self) -> None:
        pairs = list(Submission.objects.values_list("task", "annotator"))
        assert len(pairs) == len(set(pairs))


def run(cast: Cast, **limits: int) -> None:
    QueueMachine.cast = cast
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
    run_state_machine_as_test(
        QueueMachine,
        settings=settings(deadline=None, suppress_health_check=checks, **limits),
    )


@pytest.mark.timeout(900)  # finding the shortest sequence that fails takes minutes
@pytest.mark.django_db
def test_the_queue_does_as_its_model_does():
    run(make_cast(), max_examples=80, stateful_step_count=50)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.django_db
def test_the_queue_does_as_its_model_does_for_long():
    run(make_cast(), max_examples=5000, stateful_step_count=50)
