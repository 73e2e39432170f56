"""Who may do what where."""

import pytest

from annotation.errors import NotAllowed
from annotation.models import Annotator, Membership, Project
from annotation.people import annotator_for, has_role, projects_of, require_role, roles
from tests.cast import make_cast

pytestmark = pytest.mark.django_db


def test_a_role_is_held_in_one_project_only(cast):
    other = make_cast("other").project
    Membership.objects.filter(project=other, user=cast.manager).delete()
    assert roles(cast.manager, cast.project) == {"manager"}
    assert roles(cast.manager, other) == set()


def test_a_person_may_hold_several_roles(cast):
    Membership.objects.create(project=cast.project, user=cast.annotator, role="manager")
    assert roles(cast.annotator, cast.project) == {"annotator", "manager"}
    assert has_role(cast.annotator, cast.project, "reviewer", "manager")


def test_a_role_taken_away_is_gone_at_once(cast):
    Membership.objects.filter(user=cast.manager).delete()
    assert not has_role(cast.manager, cast.project, "manager")


def test_who_is_switched_off_may_do_nothing(cast):
    cast.manager.is_active = False
    cast.manager.is_superuser = True
    assert roles(cast.manager, cast.project) == set()
    assert not has_role(cast.manager, cast.project, "manager")


def test_a_superuser_may_do_everything_and_sees_everything(cast):
    make_cast("other")
    cast.outsider.is_superuser = True
    assert has_role(cast.outsider, cast.project, "manager")
    assert projects_of(cast.outsider).count() == 2


def test_a_missing_role_is_named(cast):
    with pytest.raises(NotAllowed, match="You need the role reviewer or manager in Tides"):
        require_role(cast.annotator, cast.project, "reviewer", "manager")
    require_role(cast.manager, cast.project, "reviewer", "manager")


def test_people_know_of_their_own_projects_each_once(cast):
    Project.objects.create(name="Secret", slug="secret")
    Membership.objects.create(project=cast.project, user=cast.annotator, role="manager")
    assert list(projects_of(cast.annotator)) == [cast.project]
    assert list(projects_of(cast.outsider)) == []


def test_a_person_judges_under_one_pseudonym_a_project(cast):
    mine = annotator_for(cast.annotator, cast.project)
    assert annotator_for(cast.annotator, cast.project) == mine
    assert annotator_for(cast.annotator, make_cast("other").project).pseudonym != mine.pseudonym
    assert cast.annotator.username not in mine.pseudonym


@pytest.mark.parametrize("who", ["manager", "researcher", "outsider"])
def test_who_may_not_rank_gets_no_pseudonym(cast, who):
    with pytest.raises(NotAllowed):
        annotator_for(getattr(cast, who), cast.project)
    assert not Annotator.objects.exists()


def test_a_forgotten_account_leaves_its_pseudonym(cast):
    mine = annotator_for(cast.annotator, cast.project)
    cast.annotator.delete()
    mine.refresh_from_db()
    assert mine.user is None
