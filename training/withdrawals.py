"""Which models contain what was withdrawn since: a reward model by its snapshot, a policy by the
snapshots of the rounds that it and the policies it was trained from came of."""

from collections.abc import Iterable

from annotation.models import Project, Snapshot
from annotation.snapshots import marked_in, withdrawn_from, withdrawn_in_any
from training.models import Policy, RewardModel

Made = dict[int, tuple[int | None, int | None]]  # parent and snapshot of each policy


def of_reward_models(models: Iterable[RewardModel]) -> dict[int, int]:
    """How many of the answers that each was trained on; those with none are not listed."""
    by_snapshot = {each.pk: each.snapshot_id for each in models}
    found = withdrawn_from(Snapshot.objects.filter(pk__in=set(by_snapshot.values())))
    return {pk: found[snapshot] for pk, snapshot in by_snapshot.items() if snapshot in found}


def of_policies(project: Project, policies: Iterable[Policy]) -> dict[int, int]:
    """The same of policies of one project. Where nothing was withdrawn, one query."""
    marked = marked_in(project)
    if not marked:
        return {}
    rows = Policy.objects.filter(project=project).values_list("pk", "parent", "round__snapshot")
    made: Made = {pk: (parent, snapshot) for pk, parent, snapshot in rows}
    found = {}
    for each in policies:
        behind = _behind(made, each.pk) & marked
        if behind:
            found[each.pk] = withdrawn_in_any(behind)
    return found


def _behind(made: Made, pk: int | None) -> set[int]:
    """The snapshots of a policy and of those it was trained from."""
    found: set[int] = set()
    while pk is not None:
        pk, snapshot = made[pk]
        found |= {snapshot} if snapshot else set()
    return found
