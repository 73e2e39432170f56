"""The cast of every test: four people of one project, and one who has no part in it."""

from dataclasses import dataclass

from annotation.guidelines import publish
from annotation.models import Annotator, Completion, Membership, Project, Role, Task, User
from annotation.people import annotator_for
from annotation.tasking import add_prompt, make_task, new_completion, outside_source

PASSWORD = "correct horse battery staple"
GUIDELINE = "# What to look for\n\n1. Harmless\n2. Honest\n3. Helpful"

NOTHING_PLACED = {"overlap_share": 0.0, "gold_share": 0.0, "repeat_share": 0.0}


@dataclass
class Cast:
    project: Project
    annotator: User
    reviewer: User
    manager: User
    researcher: User
    outsider: User

    @property
    def judge(self) -> Annotator:
        """The annotator's pseudonym in the project."""
        return annotator_for(self.annotator, self.project)


def make_cast(slug: str = "tides", **fields) -> Cast:
    """A project with a guideline and its people. Names and passwords are the same everywhere.

    Nothing is placed by chance unless asked for, so that everybody gets what a test gave them.
    """
    project = Project.objects.create(name=slug.title(), slug=slug, **NOTHING_PLACED | fields)
    people = {}
    for role in Role.values:
        people[role] = make_user(role)
        Membership.objects.create(project=project, user=people[role], role=role)
    publish(project, GUIDELINE, people["manager"])
    return Cast(project=project, outsider=make_user("outsider"), **people)


def make_user(name: str) -> User:
    user, created = User.objects.get_or_create(username=name)
    if created:
        user.set_password(PASSWORD)
        user.save()
    return user


def make_judges(project: Project, count: int) -> list[Annotator]:
    return Annotator.objects.bulk_create(
        Annotator(project=project, pseudonym=f"judge-{number:03}") for number in range(count)
    )


def give_task(
    project: Project, *texts: str, prompt: str = "Why is the sea salty?", **fields
) -> Task:
    """A task over completions with these texts, four different ones unless given."""
    made, _ = add_prompt(project, prompt)
    source = outside_source(project, "an-outside-model")
    texts = texts or tuple(f"Answer number {n} to: {prompt}" for n in range(1, 5))
    completions = [new_completion(made, source, text) for text in texts]
    Completion.objects.bulk_create(completions)
    return make_task(made, completions, **fields)


def full_ranking(task: Task, *ranks: int) -> dict:
    """A body that ranks the task's completions in slot order; 1, 2, 3, … unless given."""
    uids = [str(slot.completion.uid) for slot in task.slots.select_related("completion")]
    ranks = ranks or tuple(range(1, len(uids) + 1))
    return {"ranks": dict(zip(uids, ranks, strict=True)), "placed": uids}
