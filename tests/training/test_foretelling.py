"""How far a reward model is right, by guideline version and by group."""

import pytest

from annotation import snapshots
from annotation.guidelines import publish
from annotation.models import Submission
from annotation.quality.groups import OTHERS
from annotation.standing import Standing, change_standing
from annotation.submissions import submit
from annotation.traits import tell
from tests.annotation.working import give_tasks, held
from tests.api import Api
from tests.cast import full_ranking, make_cast, make_judges
from training.foretelling import accuracy_of, measure
from training.models import Foretold, RewardModel, Round
from training.policies import ensure_base

pytestmark = pytest.mark.django_db
TRAITS = {"First language": ["English", "German", "Another"]}


@pytest.fixture
def cast():
    return make_cast(overlap=9, traits=TRAITS)


def judge_all(cast, *languages, tasks=12):
    """Everybody ranks everything; who speaks German the other way round."""
    judges = make_judges(cast.project, len(languages))
    give_tasks(cast, tasks)
    for judge, language in zip(judges, languages, strict=True):
        tell(judge, {"First language": language}, agreed=True)
        for _ in range(tasks):
            say(judge, *((4, 3, 2, 1) if language == "German" else (1, 2, 3, 4)))
    return judges


def say(judge, *ranks):
    assignment = held(judge)
    body = full_ranking(assignment.task, *ranks)
    submit(assignment.pk, judge, body, key=f"{assignment.pk}", origin="api")


def foretell(cast, right):
    """A reward model that foretold ``right(submission)`` of the six pairs of each ranking."""
    project = cast.project
    snapshot = snapshots.freeze(project, f"of {Round.objects.count()}")
    model = RewardModel.objects.create(project=project, snapshot=snapshot, depth="head")
    Round.objects.create(
        project=project,
        number=Round.objects.count() + 1,
        method="reward",
        seed=1,
        state="done",
        snapshot=snapshot,
        base_policy=ensure_base(project),
        reward_model=model,
    )
    rows = list(Submission.objects.filter(snapshots=snapshot).order_by("pk"))
    return Foretold.objects.create(
        reward_model=model,
        submissions=[each.pk for each in rows],
        right=[right(each) for each in rows],
        pairs=[6] * len(rows),
    )


def language_of(submission):
    return submission.annotator.traits.get("First language", "")


def told(cast):
    """Measured anew: what is kept may be shown for a while after something has changed."""
    return measure(cast.project, Foretold.objects.latest("pk").pk)


def by_group(cast):
    return {each.name: (each.people, each.accuracy.value) for each in told(cast).groups}


def test_before_the_first_reward_model_nothing_is_known(cast):
    assert accuracy_of(cast.project) is None
    body = Api(cast.manager).get("projects/tides/reward-accuracy/").json()
    assert (body["round"], body["accuracy"]["value"]) == (None, None)
    assert "no reward model yet" in body["accuracy"]["why"]


def test_one_model_is_held_against_each_guideline_version(cast):
    (judge,) = make_judges(cast.project, 1)
    give_tasks(cast, 8)
    for _ in range(4):
        say(judge)
    new = publish(cast.project, "# Anew", cast.manager)
    for _ in range(4):
        say(judge)
    foretell(cast, lambda each: 6.0 if each.guideline_id == new.pk else 3.0)

    found = accuracy_of(cast.project)
    assert found is not None
    told = {each.guideline: each for each in found.versions}
    old = cast.project.guidelines.earliest("pk")
    assert (told[old.pk].accuracy.value, told[old.pk].rankings) == (0.5, 4)
    assert (told[new.pk].accuracy.value, told[new.pk].accuracy.n) == (1.0, 4)
    assert (told[new.pk].accuracy.low or 1) < 1
    assert found.all.value == 0.75

    body = Api(cast.researcher).get("projects/tides/reward-accuracy/").json()
    assert [(each["guideline"], each["accuracy"]["value"]) for each in body["versions"]] == [
        *(("v1", 0.5), ("v2", 1.0))
    ]


def test_rankings_of_one_prompt_are_one_draw(cast):
    judge_all(cast, *["English"] * 5, tasks=4)
    foretell(cast, lambda each: 4.0)
    assert told(cast).all.n == 4


def test_groups_are_told_apart(cast):
    judge_all(cast, *["English"] * 3, *["German"] * 3, *[""] * 3)
    foretell(cast, lambda each: 1.5 if language_of(each) == "German" else 6.0)
    assert by_group(cast) == {"English": (3, 1.0), "German": (3, 0.25), OTHERS: (3, 1.0)}


def test_groups_of_too_few_are_not_shown_nor_told_by_subtraction(cast):
    judge_all(cast, *["English"] * 4, *["German"] * 3, "Another")
    foretell(cast, lambda each: 0.0 if language_of(each) == "Another" else 6.0)
    found = by_group(cast)
    assert set(found) == {"English", OTHERS}
    assert found[OTHERS] == (4, 0.75)


def test_who_tied_everything_hides_nobody(cast):
    """Four of a group, of whom two never decide: the figure would be that of the other two."""
    judges = judge_all(cast, *["English"] * 3, *["German"] * 4)
    made = foretell(cast, lambda each: 6.0)
    tied = set(Submission.objects.filter(annotator__in=judges[5:]).values_list("pk", flat=True))
    made.pairs = [0 if pk in tied else 6 for pk in made.submissions]
    made.right = [float(pairs) for pairs in made.pairs]
    made.save()
    assert by_group(cast) == {}


def test_who_takes_it_back_is_in_no_group_any_more(cast):
    judges = judge_all(cast, *["English"] * 3, *["German"] * 3)
    foretell(cast, lambda each: 6.0)
    assert set(by_group(cast)) == {"English", "German"}
    tell(judges[0], {}, agreed=False)
    assert set(by_group(cast)) == {"German", OTHERS}


def test_what_no_longer_counts_is_left_out(cast):
    judges = judge_all(cast, "English", "German", tasks=4)
    foretell(cast, lambda each: 0.0 if language_of(each) == "German" else 6.0)
    assert told(cast).all.value == 0.5
    change_standing(judges[1], Standing(excluded=True), by=cast.manager)
    assert told(cast).all.value == 1


def test_the_newest_model_is_told_of(cast):
    judge_all(cast, "English", tasks=3)
    foretell(cast, lambda each: 0.0)
    foretell(cast, lambda each: 6.0)
    found = accuracy_of(cast.project)
    assert (found.round, found.all.value) == (2, 1.0)


def test_only_managers_are_told_by_group(cast, client):
    """As those who said something of themselves agreed to (templates/about_me.html)."""
    judge_all(cast, *["English"] * 3, *["German"] * 3)
    foretell(cast, lambda each: 6.0)
    shown = {}
    for user in (cast.manager, cast.researcher):
        groups = Api(user).get("projects/tides/reward-accuracy/").json()["groups"]
        client.force_login(user)
        page = client.get("/projects/tides/quality/").text
        shown[user] = (groups and len(groups), "For whom the reward model is right" in page)
    assert shown == {cast.manager: (2, True), cast.researcher: (None, False)}


@pytest.fixture
def reader(client, cast):
    client.force_login(cast.researcher)
    return client


def test_the_pages_show_it_beside_agreement(reader, cast):
    judge_all(cast, *["English"] * 3, *["German"] * 3)
    old, new = cast.project.guidelines.get(), publish(cast.project, "# Anew", cast.manager)
    foretell(cast, lambda each: 3.0)
    assert "Reward model right" in reader.get("/projects/tides/guideline/").text
    changes = f"/projects/tides/guideline/{old.pk}/to/{new.pk}/"
    assert "Reward model right" in reader.get(changes).text
    reader.force_login(cast.annotator)
    assert "Reward model right" not in reader.get(changes).text
