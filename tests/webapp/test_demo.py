"""The demonstration: what ships with it, its project and its people."""

import gzip
import json
import os
import re
import stat
from pathlib import Path

import pytest

from annotation.errors import Conflict, Invalid
from annotation.guidelines import in_force, publish
from annotation.models import Completion, Membership, Source, Task, User
from training.policies import ensure_base
from webapp.demo.completions import SHIPPED, Sampled, Shipped
from webapp.demo.people import ensure_people, new_password, read_people, write_people
from webapp.demo.project import ensure_project, fill

ROOT = Path(__file__).resolve().parents[2]
HASH = re.compile("[0-9a-f]{64}")


def some_answers(prompts=12, k=4):
    return Shipped(
        model="a-small-model",
        model_sha256="a" * 64,
        tokenizer_sha256="b" * 64,
        settings={"temperature": 0.8},
        answers=[
            (
                f"Question number {number}?",
                [Sampled(f"Answer {n}.", number * 10 + n, "stop", [5, 6], -2.5) for n in range(k)],
            )
            for number in range(prompts)
        ],
    )


# --- what ships -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped():
    return Shipped.read()


def test_the_shipped_file_is_small():
    assert SHIPPED.stat().st_size < 300_000


def test_the_shipped_file_says_what_sampled_it(shipped):
    assert HASH.fullmatch(shipped.model_sha256)
    assert HASH.fullmatch(shipped.tokenizer_sha256)
    assert shipped.settings["max_new_tokens"] > 0


def test_every_prompt_that_ships_has_four_completions_with_their_seeds(shipped):
    lines = (ROOT / "training/data/prompts.jsonl").read_text().splitlines()

    assert len(shipped.answers) >= 60
    assert [prompt for prompt, _ in shipped.answers] == [
        json.loads(each)["prompt"] for each in lines[: len(shipped.answers)]
    ]
    for _, sampled in shipped.answers:
        assert len(sampled) == 4
        assert len({each.seed for each in sampled}) == 4
        assert all(each.token_ids and each.logprob < 0 for each in sampled)
        assert {each.finish_reason for each in sampled} <= {"stop", "length"}


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (["{"], "line 1"),
        (['{"model": "m"}'], "line 1.*tokenizer_sha256"),
        (['{"model": "m", "model_sha256": "", "tokenizer_sha256": "", "settings": {}}', "x"], "2"),
        (
            [
                '{"model": "m", "model_sha256": "", "tokenizer_sha256": "", "settings": {}}',
                '{"prompt": "p", "completions": [{"text": "t"}]}',
            ],
            "line 2.*seed",
        ),
    ],
)
def test_a_damaged_file_is_refused_with_the_line(tmp_path, lines, complaint):
    damaged = tmp_path / "completions.jsonl.gz"
    damaged.write_bytes(gzip.compress("\n".join(lines).encode()))

    with pytest.raises(Invalid, match=complaint):
        Shipped.read(damaged)


# --- the project ----------------------------------------------------------------------------


@pytest.mark.django_db
class TestProject:
    def test_tasks_hold_what_was_sampled(self):
        project = ensure_project()

        assert fill(project, some_answers()) == 12
        completion = Completion.objects.get(
            text="Answer 3.", prompt__tasks__key__startswith="demo:", seed=73
        )
        assert completion.settings == {"temperature": 0.8}
        assert completion.token_ids == [5, 6]
        assert completion.tokenizer_sha256 == "b" * 64
        assert completion.finish_reason == Completion.Finish.STOP
        assert set(Task.objects.values_list("k", flat=True)) == {4}

    def test_each_tenth_task_is_put_to_two_people(self):
        fill(ensure_project(), some_answers())

        assert [task.wanted for task in Task.objects.order_by("pk")] == [2] + [1] * 9 + [2, 1]

    def test_a_second_time_adds_nothing(self):
        project = ensure_project()
        fill(project, some_answers())

        assert fill(ensure_project(), some_answers()) == 0
        assert Completion.objects.count() == 48

    def test_what_a_manager_changed_stays(self):
        project = ensure_project()
        publish(project, "Only brevity counts.", by=None)

        ensure_project()

        assert in_force(project).body == "Only brevity counts."

    def test_the_completions_are_those_of_the_base_policy(self, settings):
        settings.BASE_MODEL = str(settings.BUNDLED_MODEL)
        project = ensure_project()

        fill(project, some_answers(1))

        assert Completion.objects.first().source == ensure_base(project).source

    def test_with_a_model_of_ones_own_they_are_those_of_an_outside_model(self, settings, tmp_path):
        settings.BASE_MODEL = str(tmp_path)
        project = ensure_project()

        fill(project, some_answers(1))

        source = Completion.objects.first().source
        assert (source.kind, source.name) == (Source.Kind.MODEL, "a-small-model")


# --- the people -----------------------------------------------------------------------------


@pytest.mark.django_db
class TestPeople:
    def test_there_is_one_for_each_role_and_one_for_the_admin_site(self):
        project = ensure_project()

        people = ensure_people(project, {})

        assert tuple(people) == ("annotator", "reviewer", "manager", "researcher", "admin")
        for name, each in people.items():
            user = User.objects.get(username=each["username"])
            assert user.check_password(each["password"])
            roles = Membership.objects.filter(user=user, project=project)
            assert [one.role for one in roles] == ([] if name == "admin" else [name])
            assert user.is_superuser == (name == "admin")

    def test_their_tokens_open_the_api(self, client):
        people = ensure_people(ensure_project(), {})

        for each in people.values():
            reply = client.get(
                "/api/v1/projects/", headers={"Authorization": f"Token {each['token']}"}
            )
            assert reply.status_code == 200
            assert "demo" in reply.content.decode()

    def test_a_second_time_changes_nothing(self):
        project = ensure_project()
        people = ensure_people(project, {})

        assert ensure_people(project, people) == people

    def test_a_password_that_a_person_changed_stays(self):
        project = ensure_project()
        people = ensure_people(project, {})
        user = User.objects.get(username="manager")
        user.set_password("chosen by the manager")
        user.save()

        ensure_people(project, people)

        user.refresh_from_db()
        assert user.check_password("chosen by the manager")

    def test_a_role_that_was_taken_away_stays_away(self):
        project = ensure_project()
        people = ensure_people(project, {})
        Membership.objects.filter(user__username="reviewer").delete()

        ensure_people(project, people)

        assert not Membership.objects.filter(user__username="reviewer").exists()

    def test_an_emptied_database_gets_the_passwords_that_are_known(self):
        project = ensure_project()
        people = ensure_people(project, {})
        User.objects.all().delete()

        again = ensure_people(project, people)

        assert {name: each["password"] for name, each in again.items()} == {
            name: each["password"] for name, each in people.items()
        }
        assert again["manager"]["token"] != people["manager"]["token"]
        assert User.objects.get(username="manager").check_password(people["manager"]["password"])

    def test_a_lost_file_gets_new_passwords(self):
        project = ensure_project()
        ensure_people(project, {})

        again = ensure_people(project, {})

        assert User.objects.get(username="annotator").check_password(again["annotator"]["password"])

    def test_an_account_of_somebody_else_is_never_touched(self):
        User.objects.create_superuser("admin", "admin@example.org", "their own")

        with pytest.raises(Conflict, match="account named admin that the demo did not make"):
            ensure_people(ensure_project(), {})

        assert User.objects.get(username="admin").check_password("their own")
        assert User.objects.count() == 1


def test_the_file_is_private_and_reads_back(tmp_path):
    path = tmp_path / "demo-users.json"
    path.write_text("open to all")
    path.chmod(0o644)
    people = {"annotator": {"username": "annotator", "password": "p", "token": "t"}}

    write_people(path, people)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_people(path) == people
    assert os.listdir(tmp_path) == ["demo-users.json"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"annotator": {"username": "annotator"}}'])
def test_a_damaged_file_counts_as_lost(tmp_path, content):
    path = tmp_path / "demo-users.json"
    path.write_text(content)

    assert read_people(path) == {}


def test_passwords_are_long_and_never_the_same():
    made = {new_password() for _ in range(200)}

    assert len(made) == 200
    assert all(re.fullmatch("[a-z2-9]{4}(-[a-z2-9]{4}){2}", each) for each in made)
