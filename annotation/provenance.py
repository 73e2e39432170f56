"""On what terms data came in."""

from annotation.licences import UNKNOWN
from annotation.models import Import, Project, Submission


def licence_of(project: Project) -> str:
    """The licence under which all answers of the project came in; unknown where they came under
    several, or some were given here."""
    given = Submission.objects.new_judgements().filter(project=project)
    if given.exclude(origin=Submission.Origin.IMPORT).exists():
        return UNKNOWN
    runs = Import.objects.filter(
        project=project, kind=Import.Kind.RANKINGS, published_at__isnull=False
    )
    named = set(runs.values_list("licence", flat=True))
    return named.pop() if len(named) == 1 else UNKNOWN
