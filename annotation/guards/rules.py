"""What the guards guard, in SQL that both engines understand.

A condition names what is *wrong*.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Guard:
    """A trigger: on ``event`` of ``table``, refuse each (condition, message), or run ``action``."""

    name: str
    table: str
    event: str
    refuse: tuple[tuple[str, str], ...] = ()
    action: str = ""
    when: str = ""


def _refuse(name: str, table: str, event: str, message: str, condition: str = "1 = 1") -> Guard:
    return Guard(name, table, event, refuse=((condition, message),))


def _changed(*columns: str) -> str:
    return " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in columns)


# --- the seal -------------------------------------------------------------------------------

_ITEMS = "SELECT COUNT(*) FROM annotation_rankeditem i WHERE i.ranking_id = NEW.id"
_PAIRS = "SELECT COUNT(*) FROM annotation_pair p WHERE p.ranking_id = NEW.id"
_TASK = "SELECT 1 FROM annotation_task t WHERE t.id = NEW.task_id"
# EXISTS, not IN: SQLite would read every task for each seal.
_RANKS = f"EXISTS ({_TASK} AND t.kind IN ('rank', 'compare'))"
_HAS = {
    table: f"EXISTS (SELECT 1 FROM annotation_{table} d WHERE d.submission_id = NEW.id)"
    for table in ("ranking", "thumb", "demonstration")
}

_SEAL_CONDITIONS = (
    (
        "NOT EXISTS (SELECT 1 FROM annotation_assignment a"
        " JOIN annotation_task t ON t.id = a.task_id"
        " JOIN annotation_annotator w ON w.id = a.annotator_id"
        " WHERE a.id = NEW.assignment_id AND a.task_id = NEW.task_id"
        " AND a.annotator_id = NEW.annotator_id AND t.project_id = NEW.project_id"
        " AND w.project_id = NEW.project_id)",
        "the submission is not that of its assignment",
    ),
    (
        "NOT EXISTS (SELECT 1 FROM annotation_assignment a"
        " WHERE a.id = NEW.assignment_id AND a.state = 'submitted')",
        "the assignment is not marked as submitted",
    ),
    (
        "NEW.supersedes_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM annotation_submission s"
        " WHERE s.id = NEW.supersedes_id AND s.assignment_id = NEW.assignment_id"
        " AND s.revision = NEW.revision - 1 AND s.sealed AND NOT s.current)",
        "a revision must supersede the one before it",
    ),
    (
        f"({_RANKS} AND NOT ({_HAS['ranking']} AND NOT {_HAS['thumb']}"
        f" AND NOT {_HAS['demonstration']}))"
        f" OR (EXISTS ({_TASK} AND t.kind = 'thumbs') AND NOT ({_HAS['thumb']}"
        f" AND NOT {_HAS['ranking']} AND NOT {_HAS['demonstration']}))"
        f" OR (EXISTS ({_TASK} AND t.kind = 'write') AND NOT ({_HAS['demonstration']}"
        f" AND NOT {_HAS['ranking']} AND NOT {_HAS['thumb']}))",
        "the submission must hold the one answer that its task asks for",
    ),
    (
        f"{_RANKS} AND (({_ITEMS}) <> (SELECT t.k FROM annotation_task t WHERE t.id = NEW.task_id)"
        f" OR ({_ITEMS}) <> (SELECT COUNT(*) FROM annotation_taskcompletion c"
        "  WHERE c.task_id = NEW.task_id))",
        "not all K completions are ranked",
    ),
    (
        "EXISTS (SELECT 1 FROM annotation_rankeditem i WHERE i.ranking_id = NEW.id"
        " AND NOT EXISTS (SELECT 1 FROM annotation_taskcompletion c"
        " WHERE c.task_id = NEW.task_id AND c.completion_id = i.completion_id))"
        " OR EXISTS (SELECT 1 FROM annotation_thumb d WHERE d.submission_id = NEW.id"
        " AND NOT EXISTS (SELECT 1 FROM annotation_taskcompletion c"
        " WHERE c.task_id = NEW.task_id AND c.completion_id = d.completion_id))",
        "a completion of another task is judged",
    ),
    (
        "EXISTS (SELECT 1 FROM annotation_rankeditem x JOIN annotation_rankeditem y"
        " ON y.ranking_id = x.ranking_id WHERE x.ranking_id = NEW.id"
        " AND x.rating IS NULL AND y.rating IS NOT NULL)",
        "some completions are rated and others are not",
    ),
    (
        "EXISTS (SELECT 1 FROM annotation_demonstration d WHERE d.submission_id = NEW.id"
        " AND d.edited_id IS DISTINCT FROM (SELECT c.completion_id"
        " FROM annotation_taskcompletion c WHERE c.task_id = NEW.task_id))",
        "an edit is one of the response that its task gives",
    ),
    (
        "EXISTS (SELECT 1 FROM annotation_demonstration d"
        " JOIN annotation_completion c ON c.id = d.edited_id"
        " WHERE d.submission_id = NEW.id AND c.text = d.text)",
        "an edit changes something",
    ),
    (
        "EXISTS (SELECT 1 FROM annotation_rankeditem x WHERE x.ranking_id = NEW.id AND x.rank <>"
        " 1 + (SELECT COUNT(*) FROM annotation_rankeditem y"
        " WHERE y.ranking_id = NEW.id AND y.rank < x.rank))",
        "the ranks are not a weak order in competition form",
    ),
    (
        "EXISTS (SELECT 1 FROM annotation_rankeditem x JOIN annotation_rankeditem y"
        " ON y.ranking_id = x.ranking_id AND y.rank < x.rank"
        " JOIN annotation_completion cx ON cx.id = x.completion_id"
        " JOIN annotation_completion cy ON cy.id = y.completion_id"
        " WHERE x.ranking_id = NEW.id AND cx.text_sha256 = cy.text_sha256)",
        "identical completions are ranked apart",
    ),
    (
        f"({_PAIRS}) <> (SELECT COUNT(*) FROM annotation_rankeditem x"
        " JOIN annotation_rankeditem y ON y.ranking_id = x.ranking_id AND x.rank < y.rank"
        " WHERE x.ranking_id = NEW.id)",
        "the number of pairs does not follow from the ranks",
    ),
    (
        "EXISTS (SELECT 1 FROM annotation_pair p WHERE p.ranking_id = NEW.id AND NOT EXISTS"
        " (SELECT 1 FROM annotation_rankeditem x JOIN annotation_rankeditem y"
        " ON y.ranking_id = x.ranking_id WHERE x.ranking_id = NEW.id"
        " AND x.completion_id = p.winner_id AND y.completion_id = p.loser_id"
        " AND x.rank < y.rank))",
        "a pair contradicts the ranks",
    ),
)

_SEALED_COLUMNS = (
    *("id", "project_id", "task_id", "assignment_id", "annotator_id", "guideline_id", "seconds"),
    *("origin", "key", "body_sha256", "external_id", "revision", "supersedes_id", "sealed"),
    *("comment", "batch_id", "created_at"),
)


def _seal_guards() -> Iterator[Guard]:
    table = "annotation_submission"
    yield _refuse(
        "submission_born_unsealed", table, "INSERT", "a submission is sealed last", "NEW.sealed"
    )
    yield Guard(
        "submission_seal",
        table,
        "UPDATE",
        refuse=_SEAL_CONDITIONS,
        when="NEW.sealed AND NOT OLD.sealed",
    )
    yield Guard(
        "submission_sealed_change",
        table,
        "UPDATE",
        when="OLD.sealed",
        refuse=(
            (_changed(*_SEALED_COLUMNS), "a sealed submission never changes"),
            (
                f"{_json_changed('order')} OR {_json_changed('labels')}",
                "a sealed submission never changes",
            ),
            ("NEW.current AND NOT OLD.current", "a superseded submission stays superseded"),
            (
                "OLD.withdrawn_at IS NOT NULL AND NEW.withdrawn_at IS DISTINCT FROM"
                " OLD.withdrawn_at",
                "a withdrawn submission stays withdrawn",
            ),
        ),
    )
    yield _refuse(
        "submission_sealed_delete",
        table,
        "DELETE",
        "a sealed submission is never deleted",
        "OLD.sealed",
    )
    yield from _sealed_details()


def _json_changed(column: str) -> str:
    """JSON is text on SQLite and jsonb on PostgreSQL; both compare as text once cast."""
    return f'CAST(NEW."{column}" AS TEXT) IS DISTINCT FROM CAST(OLD."{column}" AS TEXT)'


def _sealed_details() -> Iterator[Guard]:
    """Nothing is added to, changed in or taken from what a seal covers."""
    owners = {
        "ranking": "submission_id",
        "thumb": "submission_id",
        "demonstration": "submission_id",
        "rankeditem": "ranking_id",
        "pair": "ranking_id",
    }
    for table, owner in owners.items():
        for event, row in (("INSERT", "NEW"), ("UPDATE", "OLD"), ("DELETE", "OLD")):
            yield _refuse(
                f"{table}_sealed_{event.lower()}",
                f"annotation_{table}",
                event,
                "what is sealed never changes",
                "EXISTS (SELECT 1 FROM annotation_submission s"
                f" WHERE s.id = {row}.{owner} AND s.sealed)",
            )


# --- everything else ------------------------------------------------------------------------


def _immutable_guards() -> Iterator[Guard]:
    frozen = {
        "prompt": ("project_id", "content_sha256", "split", '"group"', "parent_id"),
        "completion": ("uid", "prompt_id", "source_id", "text", "text_sha256", "seed"),
        "guidelineversion": ("project_id", "label", "body", "sha256"),
        "task": (
            *("project_id", "prompt_id", "kind", "k", "purpose", "reference_id"),
            "reserved_for_id",
        ),
        "assignment": ("task_id", "annotator_id"),
        "annotator": ("project_id", "pseudonym", "kind"),
        "dialogue": ("project_id", "annotator_id"),
        "turn": ("dialogue_id", "number", "prompt_id"),
    }
    for table, columns in frozen.items():
        yield _refuse(
            f"{table}_fixed",
            f"annotation_{table}",
            "UPDATE",
            f"these never change in a {table}: {', '.join(columns)}".replace('"', ""),
            _changed(*columns),
        )
    for column, table in (("messages", "prompt"), ("token_ids", "completion")):
        yield _refuse(
            f"{table}_{column}_fixed",
            f"annotation_{table}",
            "UPDATE",
            f"{column} never change",
            _json_changed(column),
        )
    yield _refuse(
        "import_published",
        "annotation_import",
        "UPDATE",
        "a published import stays published",
        "OLD.published_at IS NOT NULL AND NEW.published_at IS DISTINCT FROM OLD.published_at",
    )
    yield from _problem_guards()
    for table in ("auditentry", "snapshotitem"):
        for event in ("UPDATE", "DELETE"):
            yield _refuse(
                f"{table}_{event.lower()}",
                f"annotation_{table}",
                event,
                f"a row of {table} is written once",
            )


def _problem_guards() -> Iterator[Guard]:
    table = "annotation_problemreport"
    yield Guard(
        "problem_fixed",
        table,
        "UPDATE",
        refuse=(
            (
                _changed("project_id", "assignment_id", "reason", "comment", "created_at"),
                "what was reported never changes",
            ),
            (
                f"OLD.resolved_at IS NOT NULL AND ({_changed('resolved_at', 'note')})",
                "a resolved report stays resolved",
            ),
        ),
    )
    yield _refuse("problem_delete", table, "DELETE", "a report is never deleted")
    yield _refuse(
        "problem_project",
        table,
        "INSERT",
        "a report is about a task of its own project",
        "NOT EXISTS (SELECT 1 FROM annotation_assignment a"
        " JOIN annotation_task t ON t.id = a.task_id"
        " WHERE a.id = NEW.assignment_id AND t.project_id = NEW.project_id)",
    )


def _snapshot_guards() -> Iterator[Guard]:
    for event in ("UPDATE", "DELETE"):
        yield _refuse(
            f"snapshot_frozen_{event.lower()}",
            "annotation_snapshot",
            event,
            "a frozen snapshot never changes",
            "OLD.frozen_at IS NOT NULL",
        )
    yield Guard(
        "snapshotitem_insert",
        "annotation_snapshotitem",
        "INSERT",
        refuse=(
            (
                "EXISTS (SELECT 1 FROM annotation_snapshot s WHERE s.id = NEW.snapshot_id"
                " AND s.frozen_at IS NOT NULL)",
                "a frozen snapshot takes nothing more",
            ),
            (
                "NOT EXISTS (SELECT 1 FROM annotation_submission s JOIN annotation_snapshot h"
                " ON h.project_id = s.project_id WHERE h.id = NEW.snapshot_id"
                " AND s.id = NEW.submission_id AND s.sealed)",
                "a snapshot holds sealed submissions of its own project",
            ),
        ),
    )


# An assignment is given: made, or taken up again after it had ended.
_OPENING = (
    ("INSERT", "NEW.state = 'open'"),
    ("UPDATE", "NEW.state = 'open' AND OLD.state <> 'open'"),
)
_ASSIGNED = "EXISTS (SELECT 1 FROM annotation_assignment a WHERE a.task_id = {row}.task_id)"


def _task_guards() -> Iterator[Guard]:
    slots = "annotation_taskcompletion"
    yield Guard(
        "slot_insert",
        slots,
        "INSERT",
        refuse=(
            (
                "NOT EXISTS (SELECT 1 FROM annotation_task t JOIN annotation_completion c"
                " ON c.prompt_id = t.prompt_id"
                " WHERE t.id = NEW.task_id AND c.id = NEW.completion_id)",
                "the completion answers another prompt than the task's",
            ),
            (_ASSIGNED.format(row="NEW"), "a task is frozen once someone holds it"),
            (
                "EXISTS (SELECT 1 FROM annotation_task t WHERE t.id = NEW.task_id"
                " AND t.reference_id IS NOT NULL AND NOT EXISTS"
                " (SELECT 1 FROM annotation_rankeditem i WHERE i.ranking_id = t.reference_id"
                " AND i.completion_id = NEW.completion_id))",
                "the reference does not rank this completion",
            ),
        ),
    )
    for event in ("UPDATE", "DELETE"):
        yield _refuse(
            f"slot_{event.lower()}",
            slots,
            event,
            "a task is frozen once someone holds it",
            _ASSIGNED.format(row="OLD"),
        )
    yield from _reference_guards()
    yield from _hold_guards()
    yield from _place_guards()


def _reference_guards() -> Iterator[Guard]:
    """Gold and repeats: what they are held against, and for whom a repeat is."""
    yield Guard(
        "task_reference",
        "annotation_task",
        "INSERT",
        when="NEW.reference_id IS NOT NULL",
        refuse=(
            (
                "NOT EXISTS (SELECT 1 FROM annotation_submission s"
                " JOIN annotation_task t ON t.id = s.task_id"
                " WHERE s.id = NEW.reference_id AND s.sealed AND s.project_id = NEW.project_id"
                " AND t.prompt_id = NEW.prompt_id AND t.k = NEW.k AND t.kind = NEW.kind"
                " AND t.kind IN ('rank', 'compare'))",
                "a reference is a sealed ranking of as many completions of the same prompt",
            ),
            (
                "NEW.reserved_for_id IS NOT NULL AND NOT EXISTS"
                " (SELECT 1 FROM annotation_submission s WHERE s.id = NEW.reference_id"
                " AND s.annotator_id = NEW.reserved_for_id)",
                "a repeat is for whoever ranked first",
            ),
        ),
    )
    yield _refuse(
        "assignment_reserved",
        "annotation_assignment",
        "INSERT",
        "the task is reserved for another person",
        "EXISTS (SELECT 1 FROM annotation_task t WHERE t.id = NEW.task_id"
        " AND t.reserved_for_id IS NOT NULL AND t.reserved_for_id <> NEW.annotator_id)",
    )
    judged = (
        "EXISTS (SELECT 1 FROM annotation_review r JOIN annotation_task t ON t.id = r.task_id"
        " LEFT JOIN annotation_submission f ON f.id = t.reference_id"
        " JOIN annotation_assignment a ON a.task_id = t.id OR a.task_id = f.task_id"
        " WHERE r.answer_task_id = NEW.task_id"
        " AND a.annotator_id = NEW.annotator_id AND a.state = 'submitted')"
    )
    for event, when in (("INSERT", ""), _OPENING[1]):
        yield Guard(
            f"assignment_review_{event.lower()}",
            "annotation_assignment",
            event,
            refuse=((judged, "a review is by somebody who has not judged the task"),),
            when=when,
        )
    yield _refuse(
        "review_closed",
        "annotation_review",
        "UPDATE",
        "a closed review stays as it is",
        "OLD.closed_at IS NOT NULL",
    )


def _hold_guards() -> Iterator[Guard]:
    """A task is held while one of its completions is, and then nobody is given it."""
    is_held = (
        "EXISTS (SELECT 1 FROM annotation_taskcompletion s"
        " JOIN annotation_completion c ON c.id = s.completion_id"
        " WHERE s.task_id = {task} AND c.hold IN ('held', 'refused'))"
    )
    yield Guard(
        "slot_held",
        "annotation_taskcompletion",
        "AFTER INSERT",
        action="UPDATE annotation_task SET held = (1 = 1) WHERE id = NEW.task_id AND NOT held"
        " AND EXISTS (SELECT 1 FROM annotation_completion c"
        " WHERE c.id = NEW.completion_id AND c.hold IN ('held', 'refused'))",
    )
    yield Guard(
        "completion_decided",
        "annotation_completion",
        "AFTER UPDATE",
        action="UPDATE annotation_task SET held = "
        + is_held.format(task="annotation_task.id")
        + " WHERE id IN (SELECT s.task_id FROM annotation_taskcompletion s"
        " WHERE s.completion_id = NEW.id)",
        when="NEW.hold <> OLD.hold",
    )
    yield Guard(
        "completion_hold",
        "annotation_completion",
        "UPDATE",
        when="NEW.hold <> OLD.hold",
        refuse=(
            (
                "OLD.hold IN ('allowed', 'refused')"
                " OR (OLD.hold = 'held' AND NEW.hold NOT IN ('allowed', 'refused'))",
                "what is decided about a response stays decided",
            ),
        ),
    )
    yield Guard(
        "task_held",
        "annotation_task",
        "UPDATE",
        when="NEW.held <> OLD.held",
        refuse=(
            (
                "NEW.held <> " + is_held.format(task="NEW.id"),
                "a task is held while one of its responses is",
            ),
        ),
    )
    held = "EXISTS (SELECT 1 FROM annotation_task t WHERE t.id = NEW.task_id AND t.held)"
    message = "a task with a response that is held back is given to nobody"
    for event, when in _OPENING:
        yield Guard(
            f"assignment_held_{event.lower()}",
            "annotation_assignment",
            event,
            refuse=((held, message),),
            when=when,
        )


def _place_guards() -> Iterator[Guard]:
    """``task.taken`` counts open and submitted assignments; nobody else writes it."""
    table = "annotation_assignment"
    taken = "{row}.state IN ('open', 'submitted')"
    give_back = "UPDATE annotation_task SET taken = taken - 1 WHERE id = OLD.task_id"
    take = "UPDATE annotation_task SET taken = taken + 1 WHERE id = NEW.task_id"
    new, old = taken.format(row="NEW"), taken.format(row="OLD")
    yield Guard("place_taken", table, "AFTER INSERT", action=take, when=new)
    yield Guard("place_retaken", table, "AFTER UPDATE", action=take, when=f"{new} AND NOT ({old})")
    yield Guard(
        "place_returned", table, "AFTER UPDATE", action=give_back, when=f"{old} AND NOT ({new})"
    )
    yield Guard("place_removed", table, "AFTER DELETE", action=give_back, when=old)
    yield Guard(
        "annotator_given",
        table,
        "AFTER INSERT",
        action="UPDATE annotation_annotator SET given = given + 1 WHERE id = NEW.annotator_id",
        when="NEW.state = 'open'",
    )
    # Cursors pass a task only once nobody can have it (annotation.cursors).
    yield Guard(
        "task_reopened",
        "annotation_task",
        "AFTER UPDATE",
        action="UPDATE annotation_task SET returned = (1 = 1) WHERE id = NEW.id",
        when="(OLD.withdrawn OR OLD.held OR OLD.taken >= OLD.wanted) AND NOT NEW.withdrawn"
        " AND NOT NEW.held AND NEW.taken < NEW.wanted AND NOT NEW.returned",
    )
    yield _refuse(
        "assignment_submitted_stays",
        table,
        "UPDATE",
        "a submitted assignment stays submitted",
        "OLD.state = 'submitted' AND NEW.state <> 'submitted'",
    )


def _dialogue_guards() -> Iterator[Guard]:
    """Whose turn it is, what it may go on with, and that what is over stays over."""
    yield _refuse(
        "dialogue_ended",
        "annotation_dialogue",
        "UPDATE",
        "a dialogue that has ended stays ended",
        f"OLD.ended_at IS NOT NULL AND ({_changed('ended_at')})",
    )
    yield _refuse(
        "dialogue_project",
        "annotation_dialogue",
        "INSERT",
        "a dialogue is a person's of its own project",
        "NOT EXISTS (SELECT 1 FROM annotation_annotator a"
        " WHERE a.id = NEW.annotator_id AND a.project_id = NEW.project_id)",
    )
    yield _refuse(
        "turn_after_end",
        "annotation_turn",
        "INSERT",
        "a dialogue that has ended takes no turn",
        "EXISTS (SELECT 1 FROM annotation_dialogue d"
        " WHERE d.id = NEW.dialogue_id AND d.ended_at IS NOT NULL)",
    )
    yield _refuse(
        "turn_chosen_fixed",
        "annotation_turn",
        "UPDATE",
        "what a conversation went on with stays",
        f"OLD.chosen_id IS NOT NULL AND ({_changed('chosen_id', 'task_id')})",
    )
    for event in ("INSERT", "UPDATE"):
        yield _refuse(
            f"turn_task_{event.lower()}",
            "annotation_turn",
            event,
            "a turn asks the person of its dialogue",
            "NEW.task_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM annotation_task t"
            " JOIN annotation_dialogue d ON d.annotator_id = t.reserved_for_id"
            " WHERE t.id = NEW.task_id AND d.id = NEW.dialogue_id"
            " AND t.prompt_id = NEW.prompt_id AND t.purpose = 'dialogue')",
        )
        yield _refuse(
            f"turn_chosen_{event.lower()}",
            "annotation_turn",
            event,
            "a conversation goes on with one of the turn's responses",
            "NEW.chosen_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM annotation_taskcompletion s"
            " WHERE s.task_id = NEW.task_id AND s.completion_id = NEW.chosen_id)",
        )


GUARDS: tuple[Guard, ...] = (
    *_seal_guards(),
    *_immutable_guards(),
    *_snapshot_guards(),
    *_task_guards(),
    *_dialogue_guards(),
)

# PostgreSQL's TRUNCATE fires no row trigger.
NEVER_TRUNCATED = (
    *("submission", "ranking", "rankeditem", "pair", "thumb", "demonstration"),
    *("snapshot", "snapshotitem", "guidelineversion", "auditentry"),
)
