"""All guards."""

from annotation.guards.dialogues import dialogue_guards
from annotation.guards.frozen import immutable_guards, snapshot_guards
from annotation.guards.guard import Guard
from annotation.guards.seal import seal_guards
from annotation.guards.tasks import task_guards

GUARDS: tuple[Guard, ...] = (
    *seal_guards(),
    *immutable_guards(),
    *snapshot_guards(),
    *task_guards(),
    *dialogue_guards(),
)

# PostgreSQL's TRUNCATE fires no row trigger.
NEVER_TRUNCATED = (
    *("submission", "ranking", "rankeditem", "pair", "thumb", "demonstration"),
    *("snapshot", "snapshotitem", "snapshotconsensus", "guidelineversion", "auditentry"),
)
