"""What a person did and could not send, in words: to be read again, and copied."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from annotation.cursors import begun_by
from annotation.models import Annotator, Assignment, Completion

LETTERS = "ABCDEFGHI"
SHOWN = 20


@dataclass(frozen=True)
class Unsent:
    """A draft as its person would tell it; ``returns``: their next task is this one again."""

    assignment: Assignment
    order: str  # "C › A = B ✕ D"
    labels: str  # "A: harmful"
    text: str
    comment: str
    returns: bool = False

    @property
    def says_something(self) -> bool:
        return bool(self.order or self.labels or self.text.strip() or self.comment.strip())


def unsent_of(annotator: Annotator) -> list[Unsent]:
    """What this person did before their time was up, newest first."""
    drafts = list(begun_by(annotator).select_related("task__prompt").order_by("-draft_saved_at"))
    return [each for each in in_words(drafts) if each.says_something][:SHOWN]


def in_words(assignments: Sequence[Assignment]) -> Iterable[Unsent]:
    shown = {pk for each in assignments for pk in each.order}
    uids = {pk: str(each.uid) for pk, each in Completion.objects.only("uid").in_bulk(shown).items()}
    for each in assignments:
        letters = {uids[pk]: letter for pk, letter in zip(each.order, LETTERS, strict=False)}
        yield _words_of(each, letters)


def _words_of(assignment: Assignment, letters: Mapping[str, str]) -> Unsent:
    draft, task = assignment.draft or {}, assignment.task
    return Unsent(
        assignment,
        _order(draft, letters),
        _labels(draft, letters),
        _text(draft, "text"),
        _text(draft, "comment"),
        returns=not task.withdrawn and not task.held and task.taken < task.wanted,
    )


# A draft may be anything that a program has sent.


def _text(draft: Mapping[str, Any], name: str) -> str:
    return value if isinstance(value := draft.get(name), str) else ""


def _order(draft: Mapping[str, Any], letters: Mapping[str, str]) -> str:
    ranks, out = draft.get("ranks"), draft.get("unacceptable")
    aside = sorted(letters[uid] for uid in out if uid in letters) if isinstance(out, list) else []
    tiers: dict[int, list[str]] = {}
    for uid, rank in ranks.items() if isinstance(ranks, dict) else ():
        letter = letters.get(uid)
        if letter and letter not in aside and type(rank) is int:
            tiers.setdefault(rank, []).append(letter)
    ranked = " › ".join(" = ".join(sorted(tiers[rank])) for rank in sorted(tiers))
    return " ".join(part for part in (ranked, f"✕ {' '.join(aside)}" if aside else "") if part)


def _labels(draft: Mapping[str, Any], letters: Mapping[str, str]) -> str:
    labels = draft.get("labels")
    marked = labels.items() if isinstance(labels, dict) else ()
    said = [
        f"{letters[uid]}: {', '.join(map(str, names))}"
        for uid, names in marked
        if uid in letters and isinstance(names, list) and names
    ]
    return "; ".join(sorted(said))
