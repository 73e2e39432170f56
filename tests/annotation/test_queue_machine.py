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
    rule,
    run_state_machine_as_test,
)

from annotation import leases, lineup, queue
from annotation.errors import Invalid, KeyReused, LeaseLost, Refused
from annotation.models import Assignment, Import, Pair, Submission, Task
from annotation.pairs import competition_ranks
from annotation.reserving import RESERVED_FOR
from annotation.submissions import Receipt, submit, withdraw
from tests.cast import Cast, give_task, make_cast, make_judges

PEOPLE = 3
people = st.integers(0, PEOPLE - 1)
priorities = st.sampled_from([-1.5, 0.0, 0.0, 2.0])
orders = st.lists(st.integers(1, 3), min_size=3, max_size=3).map(competition_ranks)
# How often what is done.
DOINGS = [
    *(["claim"] * 4 + ["claim_and_answer"] * 5 + ["claim_and_give_back"] * 4 + ["answer"]),
    *(["reserve"] * 4 + ["give_back", "heartbeat", "wait", "wait", "expire"]),
    *("new_task", "reorder", "open_or_close", "open_or_close", "stage", "publish"),
    *("forge", "send_again", "withdraw_an_answer"),
]
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@dataclass
class Question:
    """A task as the model knows it."""

    priority: float
    wanted: int
    batch: Import | None = None
    withdrawn: bool = False

    @property
    def hidden(self) -> bool:
        return self.withdrawn or (self.batch is not None and self.batch.published_at is None)


@dataclass
class Hold:
    """One person's assignment as the model knows it."""

    id: int
    state: str
    ends: dt.datetime
    begun: dt.datetime | None = None  # when a draft was kept


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
        return sum(state in ("reserved", "open", "submitted") for state in states)

    def held(self, person: int, state: str = "open") -> tuple[int, Hold] | None:
        mine = ((task, hold) for (task, who), hold in self.holds.items() if who == person)
        return next(((task, hold) for task, hold in mine if hold.state == state), None)

    def is_live(self, task: int, hold: Hold, now: dt.datetime) -> bool:
        is_withdrawn = self.questions[task].withdrawn
        return hold.state == "open" and hold.ends > now and not is_withdrawn

    def kept(self, person: int, now: dt.datetime) -> tuple[int, Hold] | None:
        """The reservation of this person that stands; one that does not is forgotten."""
        kept = self.held(person, "reserved")
        if kept and (kept[1].ends <= now or self.questions[kept[0]].hidden):
            del self.holds[kept[0], person]
            return None
        return kept

    def may_have(self, person: int, task: int) -> bool:
        hold = self.holds.get((task, person))
        return not self.questions[task].hidden and (hold is None or hold.state == "expired")

    def begun_by(self, person: int) -> int | None:
        """What this person began last and may go on with."""
        may = [
            (hold.begun, hold.id, task)
            for (task, who), hold in self.holds.items()
            if (who, hold.state) == (person, "expired")
            and hold.begun
            and self.taken(task) < self.questions[task].wanted
            and self.may_have(person, task)
        ]
        return max(may)[-1] if may else None

    def give_way(self, person: int) -> bool:
        """Whether the oldest reservation of a task that this person may have was forgotten."""
        kept = [
            (hold.id, key)
            for key, hold in self.holds.items()
            if hold.state == "reserved" and self.may_have(person, key[0])
        ]
        if kept:
            del self.holds[min(kept)[1]]
        return bool(kept)

    def next_for(self, person: int) -> int | None:
        """Priority first, then age, among what this person may have."""
        may = [
            (-question.priority, task)
            for task, question in self.questions.items()
            if self.taken(task) < question.wanted and self.may_have(person, task)
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
        self.batches = [Import(published_at=START)]
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
            self.add_task(each, 0.0)

    # One rule, because Hypothesis leaves most of many rules out of most sequences, and without
    # claims little happens.
    @rule(what=st.sampled_from(DOINGS), person=people, data=st.data())
    def do(self, what: str, person: int, data: st.DataObject) -> None:
        getattr(self, what)(person, data)

    def add_task(self, wanted: int, priority: float, batch: Import | None = None) -> None:
        task = give_task(
            *(self.cast.project, "Salt.", "Rivers.", "Rain."),
            prompt=f"Question {next(self.number)}?",
            wanted=wanted,
            priority=priority,
            batch=batch,
        )
        self.model.questions[task.pk] = Question(priority, wanted, batch)

    def new_task(self, _: int, data: st.DataObject) -> None:
        self.add_task(data.draw(st.integers(1, 3)), data.draw(priorities))

    def stage(self, *_: Any) -> None:
        """As an import does, which another call publishes."""
        batch = self.batches[-1]
        if batch.published_at is not None:
            batch = Import.objects.create(
                project=self.cast.project,
                kind="prompts",
                file_name="a file",
                file_sha256=str(next(self.number)),
                rows_total=0,
            )
            self.batches.append(batch)
        self.add_task(1, 0.0, batch)

    def publish(self, *_: Any) -> None:
        batch = self.batches[-1]
        if batch.published_at is None:
            batch.published_at = self.now()
            batch.save()
            lineup.restart_cursors(self.cast.project)

    def a_task(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from(sorted(self.model.questions)))

    def reorder(self, _: int, data: st.DataObject) -> None:
        chosen, priority = {self.a_task(data), self.a_task(data)}, data.draw(priorities)
        lineup.reorder(self.cast.project, dict.fromkeys(chosen, priority))
        for task in chosen:
            self.model.questions[task].priority = priority

    def open_or_close(self, _: int, data: st.DataObject) -> None:
        """As a manager does: want one more, withdraw, bring back."""
        task = self.a_task(data)
        question = self.model.questions[task]
        if data.draw(st.booleans()):
            question.withdrawn = not question.withdrawn
        else:
            question.wanted += 1
        Task.objects.filter(pk=task).update(wanted=question.wanted, withdrawn=question.withdrawn)

    # --- who works on it ----------------------------------------------------------------------

    def claim(self, person: int, data: st.DataObject) -> None:
        got, new = queue.claim(self.judges[person])
        held = self.model.held(person)
        if held and self.model.is_live(*held, self.now()):
            assert got is not None
            assert (got.pk, new) == (held[1].id, False)
            held[1].ends = self.now() + self.lease
            return
        if held:
            held[1].state = "expired"
        begun = self.model.begun_by(person)
        kept = None if begun else self.model.kept(person, self.now())
        if kept:
            assert got is not None
            assert (got.pk, new) == (kept[1].id, True)
            kept[1].state, kept[1].ends = "open", self.now() + self.lease
            return
        expected = begun or self.model.next_for(person)
        if expected is None and self.model.give_way(person):
            expected = self.model.next_for(person)
        assert (got.task_id if got else None) == expected
        if got and expected is not None:
            again = self.model.holds.get((expected, person))
            assert new
            assert again is None or again.id == got.pk
            ends = self.now() + self.lease
            self.model.holds[expected, person] = Hold(
                got.pk, "open", ends, again.begun if again else None
            )

    def reserve(self, person: int, _: st.DataObject) -> None:
        got = queue.reserve(self.judges[person])
        held = self.model.held(person)
        if held is None or not self.model.is_live(*held, self.now()):
            assert got is None
            return
        kept = self.model.kept(person, self.now())
        expected = kept[0] if kept else self.model.next_for(person)
        if expected is None or (kept is None and (expected, person) in self.model.holds):
            assert got is None
            return
        assert got is not None
        assert (got.task_id, got.state) == (expected, "reserved")
        assert kept is None or got.pk == kept[1].id
        ends = self.now() + RESERVED_FOR
        self.model.holds[expected, person] = Hold(got.pk, "reserved", ends)

    def act(self, person: int, verb: Callable[..., Any], *args: Any) -> Hold | None:
        """Do something to all this person ever held; only the live one lets it be done."""
        live = None
        for (task, who), hold in self.model.holds.items():
            if who != person:
                continue
            if self.model.is_live(task, hold, self.now()):
                verb(hold.id, self.judges[person], *args)
                live = hold
            else:
                self.refused(LeaseLost, verb, hold.id, self.judges[person], *args)
        return live

    def heartbeat(self, person: int, _: st.DataObject) -> None:
        live = self.act(person, leases.heartbeat)
        if live:
            live.ends = self.now() + self.lease

    def give_back(self, person: int, data: st.DataObject) -> None:
        if data.draw(st.booleans()):
            live, state = self.act(person, leases.skip, "unclear"), "skipped"
        else:
            live, state = self.act(person, leases.release), "released"
        if live:
            live.state = state

    def claim_and_give_back(self, person: int, data: st.DataObject) -> None:
        self.claim(person, data)
        self.give_back(person, data)

    def wait(self, _: int, data: st.DataObject) -> None:
        self.clock.shift(data.draw(st.sampled_from([1, 119, 120, 121, 899, 900, 901])))

    def expire(self, *_: Any) -> None:
        late = [
            (key, hold)
            for key, hold in self.model.holds.items()
            if hold.state in ("reserved", "open") and hold.ends <= self.now()
        ]
        assert leases.expire() == len(late)
        for key, hold in late:
            if hold.state == "reserved":
                del self.model.holds[key]
            hold.state = "expired"

    # --- what they answer ---------------------------------------------------------------------

    def answer(self, person: int, data: st.DataObject) -> None:
        held = self.model.held(person)
        if held is None:
            return
        task, hold = held
        ranks = data.draw(orders)
        body, key = self.body(task, ranks), f"key {next(self.number)}"
        if not self.model.is_live(task, hold, self.now()):
            self.refused(LeaseLost, self.submit, person, hold.id, body, key)
            assert Assignment.objects.get(pk=hold.id).draft == body
            hold.begun = self.now()
            return
        receipt = self.submit(person, hold.id, body, key)
        assert receipt.pairs == sum(one != other for one, other in combinations(ranks, 2))
        hold.state = "submitted"
        self.model.sent.append(Sent(person, hold.id, body, key, receipt))

    def claim_and_answer(self, person: int, data: st.DataObject) -> None:
        self.claim(person, data)
        self.answer(person, data)

    def forge(self, person: int, _: st.DataObject) -> None:
        """Try what must be refused: a gap, a missing completion, another person's task."""
        held = self.model.held(person)
        if held is None or not self.model.is_live(*held, self.now()):
            return
        task, hold = held
        body = self.body(task, [1, 2, 3])
        stranger = (person + 1) % PEOPLE
        self.refused(LeaseLost, leases.heartbeat, hold.id, self.judges[stranger])
        self.refused(LeaseLost, self.submit, stranger, hold.id, body, "a stranger's")
        self.refused(Invalid, self.submit, person, hold.id, self.body(task, [1, 2, 4]), "a gap")
        del body["ranks"][next(iter(body["ranks"]))]
        self.refused(Invalid, self.submit, person, hold.id, body, "a short one")

    def send_again(self, _: int, data: st.DataObject) -> None:
        if not self.model.sent:
            return
        sent = data.draw(st.sampled_from(self.model.sent))
        assert self.submit(sent.person, sent.assignment, sent.body, sent.key) == sent.receipt
        other = {**sent.body, "comment": "Another answer."}
        self.refused(KeyReused, self.submit, sent.person, sent.assignment, other, sent.key)
        self.refused(LeaseLost, self.submit, sent.person, sent.assignment, other, "another key")
        held = self.model.held(sent.person)
        if held:
            self.refused(KeyReused, self.submit, sent.person, held[1].id, sent.body, sent.key)

    def withdraw_an_answer(self, _: int, data: st.DataObject) -> None:
        if self.model.sent:
            sent = data.draw(st.sampled_from(self.model.sent))
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


def run(cast: Cast, examples: int, steps: int) -> None:
    QueueMachine.cast = cast
    run_state_machine_as_test(
        QueueMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )


@pytest.mark.timeout(900)  # finding the shortest sequence that fails takes minutes
@pytest.mark.django_db
def test_the_queue_does_as_its_model_does():
    run(make_cast(), examples=60, steps=50)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.django_db
def test_the_queue_does_as_its_model_does_for_long():
    run(make_cast(), examples=5000, steps=50)
