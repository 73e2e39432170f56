"""What never changes once it is there: texts, guidelines, reports, entries, snapshots."""

from collections.abc import Iterator

from annotation.guards.guard import Guard, changed, json_changed, refuse


def immutable_guards() -> Iterator[Guard]:
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
        "guidelinequiz": ("version_id", "asked_at"),
        "dialogue": ("project_id", "annotator_id"),
        "turn": ("dialogue_id", "number", "prompt_id"),
        "upload": ("project_id", "kind", "file_name", "key", "size"),
    }
    for table, columns in frozen.items():
        yield refuse(
            f"{table}_fixed",
            f"annotation_{table}",
            "UPDATE",
            f"these never change in a {table}: {', '.join(columns)}".replace('"', ""),
            changed(*columns),
        )
    for column, table in (
        *(("messages", "prompt"), ("token_ids", "completion")),
        ("questions", "guidelinequiz"),
    ):
        yield refuse(
            f"{table}_{column}_fixed",
            f"annotation_{table}",
            "UPDATE",
            f"{column} never change",
            json_changed(column),
        )
    yield refuse(
        "import_published",
        "annotation_import",
        "UPDATE",
        "a published import stays published",
        "OLD.published_at IS NOT NULL AND NEW.published_at IS DISTINCT FROM OLD.published_at",
    )
    yield refuse(
        "upload_ended",
        "annotation_upload",
        "UPDATE",
        "an upload that has ended stays ended",
        f"OLD.ended_at IS NOT NULL AND ({changed('state', 'ended_at')})",
    )
    yield from _problem_guards()
    yield from _quiz_guards()
    for table in ("auditentry", "quiztry"):
        for event in ("UPDATE", "DELETE"):
            yield refuse(
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
                changed("project_id", "assignment_id", "reason", "comment", "created_at"),
                "what was reported never changes",
            ),
            (
                f"OLD.resolved_at IS NOT NULL AND ({changed('resolved_at', 'note')})",
                "a resolved report stays resolved",
            ),
        ),
    )
    yield refuse("problem_delete", table, "DELETE", "a report is never deleted")
    yield refuse(
        "problem_project",
        table,
        "INSERT",
        "a report is about a task of its own project",
        "NOT EXISTS (SELECT 1 FROM annotation_assignment a"
        " JOIN annotation_task t ON t.id = a.task_id"
        " WHERE a.id = NEW.assignment_id AND t.project_id = NEW.project_id)",
    )


def _quiz_guards() -> Iterator[Guard]:
    table = "annotation_guidelinequiz"
    yield refuse(
        "quiz_ended",
        table,
        "UPDATE",
        "a quiz that has ended stays ended",
        "OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at",
    )
    yield refuse(
        "quiz_published",
        table,
        "INSERT",
        "a quiz is about a published version",
        "NOT EXISTS (SELECT 1 FROM annotation_guidelineversion v"
        " WHERE v.id = NEW.version_id AND v.published_at IS NOT NULL)",
    )
    yield refuse(
        "quiztry_project",
        "annotation_quiztry",
        "INSERT",
        "a quiz is answered by people of its own project, as long as it is asked",
        "NOT EXISTS (SELECT 1 FROM annotation_guidelinequiz q"
        " JOIN annotation_guidelineversion v ON v.id = q.version_id"
        " JOIN annotation_annotator a ON a.project_id = v.project_id"
        " WHERE q.id = NEW.quiz_id AND q.ended_at IS NULL AND a.id = NEW.annotator_id)",
    )


def snapshot_guards() -> Iterator[Guard]:
    for event in ("UPDATE", "DELETE"):
        yield refuse(
            f"snapshot_frozen_{event.lower()}",
            "annotation_snapshot",
            event,
            "a frozen snapshot never changes",
            "OLD.frozen_at IS NOT NULL",
        )
    for table in ("snapshotitem", "snapshotconsensus"):
        yield from _written_once(table)
    yield Guard(
        "snapshotitem_insert",
        "annotation_snapshotitem",
        "INSERT",
        refuse=(
            (_frozen("NEW"), "a frozen snapshot takes nothing more"),
            (
                "NOT EXISTS (SELECT 1 FROM annotation_submission s JOIN annotation_snapshot h"
                " ON h.project_id = s.project_id WHERE h.id = NEW.snapshot_id"
                " AND s.id = NEW.submission_id AND s.sealed)",
                "a snapshot holds sealed submissions of its own project",
            ),
        ),
    )
    yield Guard(
        "snapshotconsensus_insert",
        "annotation_snapshotconsensus",
        "INSERT",
        refuse=(
            (_frozen("NEW"), "a frozen snapshot takes nothing more"),
            (
                "NOT EXISTS (SELECT 1 FROM annotation_task t JOIN annotation_snapshot h"
                " ON h.project_id = t.project_id WHERE h.id = NEW.snapshot_id"
                " AND t.id = NEW.task_id AND h.is_consensus)",
                "a consensus is on a task of its snapshot's project",
            ),
        ),
    )


def _written_once(table: str) -> Iterator[Guard]:
    """What was filled in and never frozen may go again, as a whole."""
    name = f"annotation_{table}"
    message = f"a row of {table} is written once"
    yield refuse(f"{table}_update", name, "UPDATE", message)
    yield refuse(f"{table}_delete", name, "DELETE", message, _frozen("OLD"))


def _frozen(row: str) -> str:
    return (
        f"EXISTS (SELECT 1 FROM annotation_snapshot s WHERE s.id = {row}.snapshot_id"
        " AND s.frozen_at IS NOT NULL)"
    )
