"""A task's page, fetched ahead of its time.

Such pages differ in little but their texts. So each kind is drawn once with marks in the place of
all that differs, and these are filled in: a template takes ten times as long.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from secrets import randbelow
from typing import Any

from django.db.models import QuerySet
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.utils.translation import get_language

from annotation.forms import ReportForm, SkipForm, answer_form, form_over
from annotation.forms.answers import new_key
from annotation.models import Assignment, Completion, Prompt, Task, TaskKind, User
from annotation.prepared import prepared
from annotation.rendering import render, render_once
from annotation.selectors import shown_completions
from annotation.views.access import PersonRequest, is_guideline_open
from annotation.views.page import page_context, time_left

# What else differs in the other kinds': how the models stand, the text that is to be improved.
OUTLINED = (TaskKind.RANK, TaskKind.THUMBS)
OUTLINES_KEPT = 64  # of some 30 kB each
Values = Mapping[str, str]
TIMES = ("now", "seconds_left", "minutes_left")


def fetched_as(assignment: Assignment) -> str:
    """Names what a page says beside its texts: a page that was fetched under this name is still
    the one that would be drawn now."""
    said = json.dumps([assignment.pk, assignment.guideline_id, *_said_of_project(assignment)])
    return sha256(said.encode()).hexdigest()[:32]


def _said_of_project(assignment: Assignment) -> list[Any]:
    project = assignment.annotator.project
    return [project.name, project.labels, project.rate_first, project.lease_seconds]


def fetched_page(request: PersonRequest, assignment: Assignment) -> str:
    """The task's part of its page, which tells no more than the page itself would."""
    shown = shown_completions(assignment)
    task, texts = assignment.task, [each.text for each in shown]
    if assignment.task.kind not in OUTLINED or len(set(texts)) < len(texts):
        # Of responses with one text the page says which they are.
        return drawn_page(request, assignment)
    task.prompt = _prompt.get(task.prompt_id)
    outline = _outline(_surroundings(request, assignment, len(shown)))
    turns = task.prompt.messages
    return outline.filled(
        {
            "assignment": str(assignment.pk),
            "person": str(request.user.pk),
            "key": new_key(),
            "token": get_token(request),
            **{name: str(told) for name, told in time_left(assignment).items()},
            **_numbered("turn", [render(turn["content"]) for turn in turns]),
            **_numbered("uid", [str(each.uid) for each in shown]),
            **_numbered("text", [render(text) for text in texts]),
        }
    )


@prepared
def _prompt(pk: int) -> QuerySet[Prompt]:
    return Prompt.objects.filter(pk=pk)


def drawn_page(request: PersonRequest, assignment: Assignment) -> str:
    """The same, drawn by its template."""
    context = page_context(assignment, answer_form(assignment), is_guideline_open(request))
    return _draw(context, request)


def _draw(context: dict[str, Any], request: PersonRequest | None = None) -> str:
    context |= {"skip_form": SkipForm(), "report_form": ReportForm()}
    # Messages are for the page that the person sees now.
    context |= {"frame": "tasks/alone.html", "messages": ()}
    return render_to_string(f"tasks/{context['task'].kind}.html", context, request)


@dataclass(frozen=True)
class Surroundings:
    """What a page says beside what it is filled with."""

    kind: str
    purpose: str
    roles: tuple[str, ...]  # of the prompt's turns
    responses: int
    project: int
    project_slug: str
    said_of_project: str
    guideline: int | None
    guideline_open: bool
    language: str | None
    assignment: Assignment = field(compare=False)  # one of those that have all this


def _surroundings(request: PersonRequest, assignment: Assignment, responses: int) -> Surroundings:
    task = assignment.task
    return Surroundings(
        kind=task.kind,
        purpose=task.purpose,
        roles=tuple(turn["role"] for turn in task.prompt.messages),
        responses=responses,
        project=task.project_id,
        project_slug=task.project.slug,
        said_of_project=json.dumps(_said_of_project(assignment)),
        guideline=assignment.guideline_id,
        guideline_open=is_guideline_open(request),
        language=get_language(),
        assignment=assignment,
    )


class Outline:
    """A page that was drawn with a mark in the place of each of these names' values."""

    def __init__(self, page: str, marks: Values) -> None:
        names = {mark: name for name, mark in marks.items()}
        # A part of the page, and a name whose value follows it, in turns.
        self._parts = re.split(f"({'|'.join(map(re.escape, names))})", page)
        self._parts[1::2] = [names[mark] for mark in self._parts[1::2]]

    def filled(self, values: Values) -> str:
        parts = self._parts.copy()
        parts[1::2] = [values[name] for name in parts[1::2]]
        return "".join(parts)


@lru_cache(maxsize=OUTLINES_KEPT)
def _outline(around: Surroundings) -> Outline:
    said = {name: _mark() for name in ("assignment", "person", "key", "token", *TIMES)}
    turns = [_mark() for _ in around.roles]
    uids = [_mark() for _ in range(around.responses)]
    texts = [_mark() for _ in range(around.responses)]
    page = _draw(_marked(around, said, turns, list(zip(uids, texts, strict=True))))
    written = {name: str(mark) for name, mark in {**said, **_numbered("uid", uids)}.items()}
    drawn = {**_numbered("turn", turns), **_numbered("text", texts)}
    return Outline(page, written | {name: render_once(str(mark)) for name, mark in drawn.items()})


def _marked(
    around: Surroundings, said: dict[str, int], turns: list[int], responses: list[tuple[int, int]]
) -> dict[str, Any]:
    """The context of a page of marks."""
    one = around.assignment
    messages = [
        {"role": role, "content": str(mark)} for role, mark in zip(around.roles, turns, strict=True)
    ]
    prompt = Prompt(messages=messages)
    task = Task(
        kind=one.task.kind, purpose=one.task.purpose, project=one.task.project, prompt=prompt
    )
    assignment = Assignment(
        pk=said["assignment"], task=task, guideline=one.guideline, expires_at=one.expires_at
    )
    form = form_over(task, [Completion(uid=str(uid), text=str(text)) for uid, text in responses])
    form.initial["key"] = said["key"]
    return {
        **page_context(assignment, form, around.guideline_open),
        **{name: said[name] for name in TIMES},
        "user": User(pk=said["person"]),
        "csrf_token": said["token"],
    }


def _numbered(name: str, values: Sequence[Any]) -> dict[str, Any]:
    return {f"{name} {number}": value for number, value in enumerate(values)}


def _mark() -> int:
    """What nobody can have written into a page."""
    return 10**17 + randbelow(10**17)
