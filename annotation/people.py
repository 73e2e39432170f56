"""Who may do what where."""

from django.db.models import QuerySet
from django.utils.translation import gettext, gettext_lazy

from annotation.errors import NoLongerRanks, NotAllowed
from annotation.models import Annotator, Membership, Project, Role, User
from annotation.prepared import prepared

RANKERS = (Role.ANNOTATOR, Role.REVIEWER)
REMOVED = gettext_lazy("You are no longer part of this project; what you wrote is kept.")


def roles(user: User, project: Project) -> set[str]:
    """The person's roles in this project, read anew each time: a removal acts at once."""
    if not user.is_active:
        return set()
    return {each.role for each in _memberships.all(user.pk, project.pk)}


@prepared
def _memberships(user: int, project: int) -> QuerySet[Membership]:
    return Membership.objects.filter(user=user, project=project)


def has_role(user: User, project: Project, *wanted: str) -> bool:
    return user.is_active and (user.is_superuser or bool(roles(user, project) & set(wanted)))


def require_role(user: User, project: Project, *wanted: str) -> None:
    """Raises NotAllowed unless the person has one of these roles."""
    if not has_role(user, project, *wanted):
        needed = " or ".join(wanted)
        raise NotAllowed(
            gettext("You need the role %(needed)s in %(name)s. Ask a manager.")
            % {"needed": needed, "name": project.name}
        )


def require_still_ranks(user: User, project: Project) -> None:
    """For somebody who was given a task there. Raises NoLongerRanks unless they may go on."""
    try:
        require_role(user, project, *RANKERS)
    except NotAllowed as refusal:
        raise NoLongerRanks(refusal if roles(user, project) else REMOVED) from None


def projects_of(user: User) -> QuerySet[Project]:
    """The projects that this person may know of."""
    if user.is_superuser:
        return Project.objects.all()
    return Project.objects.filter(memberships__user=user).distinct()


def project_of(user: User, slug: str) -> Project | None:
    """The one of ``projects_of`` that is called so."""
    return _called.first(slug) if user.is_superuser else _known.first(user.pk, slug)


@prepared
def _called(slug: str) -> QuerySet[Project]:
    return Project.objects.filter(slug=slug)


@prepared
def _known(user: int, slug: str) -> QuerySet[Project]:
    return Project.objects.filter(memberships__user=user, slug=slug)[:1]


def knows_of(user: User, project: Project) -> bool:
    """Whether it is one of ``projects_of``."""
    return user.is_superuser or bool(_memberships.all(user.pk, project.pk))


def annotator_for(user: User, project: Project) -> Annotator:
    """The person's pseudonym in this project, made on first use. Raises NotAllowed."""
    require_role(user, project, *RANKERS)
    return judge_of(user, project)


def judge_of(user: User, project: Project) -> Annotator:
    """The same for somebody who is known to rank there."""
    annotator = _judge.first(user.pk, project.pk)
    if annotator is None:
        annotator, _ = Annotator.objects.get_or_create(project=project, user=user)
    annotator.project = project  # not to be fetched again
    return annotator


@prepared
def _judge(user: int, project: int) -> QuerySet[Annotator]:
    return Annotator.objects.filter(user=user, project=project)
