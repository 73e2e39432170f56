"""A submission is whole when it is sealed, and never changes from then on."""

from collections.abc import Iterator

from annotation.guards.guard import Guard, changed, json_changed, refuse

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


def seal_guards() -> Iterator[Guard]:
    table = "annotation_submission"
    yield refuse(
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
            (changed(*_SEALED_COLUMNS), "a sealed submission never changes"),
            (
                f"{json_changed('order')} OR {json_changed('labels')}",
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
    yield refuse(
        "submission_sealed_delete",
        table,
        "DELETE",
        "a sealed submission is never deleted",
        "OLD.sealed",
    )
    yield from _sealed_details()


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
            yield refuse(
                f"{table}_sealed_{event.lower()}",
                f"annotation_{table}",
                event,
                "what is sealed never changes",
                "EXISTS (SELECT 1 FROM annotation_submission s"
                f" WHERE s.id = {row}.{owner} AND s.sealed)",
            )
