"""Which task a ranking goes to, and under which name.

A task gathers all rankings of one choice of completions, so that their agreement can be measured.
Nobody judges a task twice: a second ranking by one annotator goes to a second task over the same
completions, as any repeat does. Whom the file does not name is nameless on that task.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db.models import Count

from annotation.importing.rows import RankingRow
from annotation.importing.storing import Stored
from annotation.models import Annotator, Assignment, Import, Submission, Task
from annotation.nameless import NAMELESS, nameless

MAX_WANTED = 30_000  # the column holds no more than 32,767


@dataclass
class Judgement:
    """A ranking with what it is stored over; ``key`` stands for it in the database."""

    row: RankingRow
    key: str
    prompt: int
    completions: list[Stored]


@dataclass
class Seat:
    """A task that rankings go to: who judges it already, and how many more are about to."""

    key: str
    prompt: int
    completions: list[Stored]
    kind: str
    task: int = 0
    wanted: int = 0
    held: set[str] = field(default_factory=set)
    unnamed: int = 0
    added: int = 0

    def takes(self, annotator: str) -> bool:
        return annotator not in self.held and self.wanted + self.added < MAX_WANTED

    def give(self, annotator: str) -> str:
        """The pseudonym under which one more ranking is stored."""
        self.added += 1
        self.unnamed += not annotator
        pseudonym = annotator or nameless(self.unnamed)
        self.held.add(pseudonym)
        return pseudonym


@dataclass(frozen=True)
class Placed:
    """A judgement with its place."""

    judgement: Judgement
    seat: Seat
    pseudonym: str


def place(run: Import, judgements: Sequence[Judgement]) -> list[Placed]:
    """Those that are not stored yet, in their order."""
    places: dict[int, Placed] = {}
    waiting, number = list(enumerate(judgements)), 1
    while waiting:
        seats = _seats(run, [judgement for _, judgement in waiting], number)
        stored = _stored_keys(seats.values(), [judgement.key for _, judgement in waiting])
        later = []
        for index, judgement in waiting:
            seat, annotator = seats[judgement.row.choice], judgement.row.annotator
            if (seat.task, judgement.key) in stored:
                continue
            if seat.takes(annotator):
                places[index] = Placed(judgement, seat, seat.give(annotator))
            else:
                later.append((index, judgement))
        waiting, number = later, number + 1
    return [places[index] for index in sorted(places)]


def _seats(run: Import, judgements: Sequence[Judgement], number: int) -> dict[str, Seat]:
    """The ``number``-th task over each choice, stored or new, by choice."""
    seats: dict[str, Seat] = {}
    for judgement in judgements:
        choice = judgement.row.choice
        if choice not in seats:
            key = f"rankings:{choice}:{number}"
            seats[choice] = Seat(key, judgement.prompt, judgement.completions, judgement.row.kind)
    by_key = {seat.key: seat for seat in seats.values()}
    stored = Task.objects.filter(project_id=run.project_id, key__in=by_key)
    for name, task, wanted in stored.values_list("key", "pk", "wanted"):
        seat = by_key[str(name)]
        seat.task, seat.wanted = task, wanted
    _note_judges(seats.values(), {judgement.row.annotator for judgement in judgements})
    return seats


def _note_judges(seats: Iterable[Seat], names: set[str]) -> None:
    """Who of these has each stored task, and how many nameless ones."""
    by_task = {seat.task: seat for seat in seats if seat.task}
    if not by_task:
        return
    assignments = Assignment.objects.filter(task_id__in=by_task)
    held = assignments.filter(annotator__pseudonym__in=names)
    for task, name in held.values_list("task_id", "annotator__pseudonym"):
        by_task[task].held.add(name)
    unnamed = assignments.filter(
        annotator__kind=Annotator.Kind.IMPORTED, annotator__pseudonym__startswith=NAMELESS
    )
    counted = unnamed.values("task_id").annotate(count=Count("pk")).order_by()
    for task, count in counted.values_list("task_id", "count"):
        by_task[task].unnamed = count


def _stored_keys(seats: Iterable[Seat], keys: Sequence[str]) -> set[tuple[int, str]]:
    tasks = [seat.task for seat in seats if seat.task]
    if not tasks:
        return set()
    found = Submission.objects.filter(task_id__in=tasks, key__in=keys)
    return set(found.values_list("task_id", "key"))
