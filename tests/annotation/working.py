"""People at work, in a few words."""

from annotation.models import Annotator, Assignment, Task
from annotation.queue import claim
from annotation.submissions import submit
from tests.cast import Cast, full_ranking, give_task


def give_tasks(cast: Cast, count: int, **fields) -> list[Task]:
    return [give_task(cast.project, prompt=f"Question {n}?", **fields) for n in range(count)]


def held(judge: Annotator) -> Assignment:
    """What the person is given, which must be something."""
    assignment, _ = claim(judge)
    assert assignment is not None
    return assignment


def answer(judge: Annotator) -> Task:
    """Claim the next task and answer it."""
    assignment = held(judge)
    body = full_ranking(assignment.task)
    submit(assignment.pk, judge, body, key=f"{assignment.pk}", origin="api")
    return assignment.task


def answer_all(judge: Annotator) -> list[Task]:
    done = []
    while claim(judge)[0] is not None:
        done.append(answer(judge))
    return done
