"""Who may be given which task, and how many."""

from collections.abc import Iterator

from annotation.guards.guard import Guard, refuse

# An assignment is given: made, or taken up again after it had ended.
_OPENING = (
    ("INSERT", "NEW.state IN ('reserved', 'open')"),
    ("UPDATE", "NEW.state = 'open' AND OLD.state <> 'open'"),
)
_ASSIGNED = "EXISTS (SELECT 1 FROM annotation_assignment a WHERE a.task_id = {row}.task_id)"


def task_guards() -> Iterator[Guard]:
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
        yield refuse(
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
    yield refuse(
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
    yield refuse(
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
    """``task.taken`` counts reserved, open and submitted assignments; nobody else writes it."""
    table = "annotation_assignment"
    taken = "{row}.state IN ('reserved', 'open', 'submitted')"
    give_back = "UPDATE annotation_task SET taken = taken - 1 WHERE id = OLD.task_id"
    take = "UPDATE annotation_task SET taken = taken + 1 WHERE id = NEW.task_id"
    new, old = taken.format(row="NEW"), taken.format(row="OLD")
    yield Guard("place_taken", table, "AFTER INSERT", action=take, when=new)
    yield Guard("place_retaken", table, "AFTER UPDATE", action=take, when=f"{new} AND NOT ({old})")
    yield Guard(
        "place_returned", table, "AFTER UPDATE", action=give_back, when=f"{old} AND NOT ({new})"
    )
    yield Guard("place_removed", table, "AFTER DELETE", action=give_back, when=old)
    given = "UPDATE annotation_annotator SET given = given + 1 WHERE id = NEW.annotator_id"
    yield Guard("annotator_given", table, "AFTER INSERT", action=given, when="NEW.state = 'open'")
    yield from _reservation_guards(given)
    # Cursors pass a task only once nobody can have it (annotation.cursors).
    yield Guard(
        "task_reopened",
        "annotation_task",
        "AFTER UPDATE",
        action="UPDATE annotation_task SET returned = (1 = 1) WHERE id = NEW.id",
        when="(OLD.withdrawn OR OLD.held OR OLD.taken >= OLD.wanted) AND NOT NEW.withdrawn"
        " AND NOT NEW.held AND NEW.taken < NEW.wanted AND NOT NEW.returned",
    )
    yield refuse(
        "assignment_submitted_stays",
        table,
        "UPDATE",
        "a submitted assignment stays submitted",
        "OLD.state = 'submitted' AND NEW.state <> 'submitted'",
    )


def _reservation_guards(given: str) -> Iterator[Guard]:
    """A reservation is made anew, and opened or deleted: it has no other life."""
    table, opened = "annotation_assignment", "OLD.state = 'reserved' AND NEW.state = 'open'"
    yield Guard("annotator_given_reserved", table, "AFTER UPDATE", action=given, when=opened)
    yield refuse(
        "assignment_reserved_once",
        table,
        "UPDATE",
        "a reservation is opened or deleted, and nothing turns into one",
        "NEW.state <> OLD.state AND (NEW.state = 'reserved'"
        " OR (OLD.state = 'reserved' AND NEW.state <> 'open'))",
    )
