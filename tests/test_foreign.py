"""No other project's rows, ever: one's own address with another project's ids finds nothing.

``tests/test_permissions.py`` tries addresses of the other project; here the address is one's own,
and what it names, asks for, or sends is the other's. Everything that the other project holds has
its name in it.
"""

import json
import re
from typing import Any
from urllib.parse import urlencode

from django.test import Client, TestCase

from annotation import exporting, guidelines
from annotation.exporting.downloads import download
from annotation.models import Annotator, Completion, Pair, Project, Submission
from tests.api import Api, description
from tests.cast import Cast, make_cast
from tests.test_permissions import IDENTITIES, ROWS, Row, World
from training.models import Round

THEIRS = "dunes"
# Numbers that each project counts for itself, and words: another project's are one's own as well.
COUNTED = {"rounds", "policies", "exports", "download", "quality"}
WORD = r"([\w-]+)/<\w+:(\w+)>"


def words(route: str, row: Row) -> list[str]:
    """What a route names besides the project, by the word before."""
    found = [row.at or word for word, name in re.findall(WORD, route) if name != "slug"]
    return [word for word in found if word not in COUNTED]


def allowed(row: Row) -> list[str]:
    """Who gets something there in their own project."""
    pairs = zip(IDENTITIES, row.own.split(), strict=True)
    return [who for who, status in pairs if status in ("200", "201", "204")]


class ForeignTests(TestCase):
    cast: Cast
    own: World
    other: World

    @classmethod
    def setUpTestData(cls):
        cls.cast = make_cast(overlap=3)
        dunes = Project.objects.create(name="Dunes", slug=THEIRS, overlap=3)
        guidelines.publish(dunes, "# Theirs, of the dunes", None)
        (stranger,) = Annotator.objects.bulk_create(
            [Annotator(project=dunes, pseudonym="stranger-of-dunes")]
        )
        cls.own = World(cls.cast.project, cls.cast.judge)
        cls.other = World(dunes, stranger)

    def ask(self, method: str, path: str, who: str, body: Any) -> tuple[int, str]:
        client = Client()
        client.force_login(getattr(self.cast, who))
        if path.startswith("/api/"):
            sent, kind = json.dumps(body), "application/json"
        else:
            sent, kind = urlencode(body or {}), "application/x-www-form-urlencoded"
        reply = client.generic(
            method, path, "" if method == "GET" else sent, kind, headers={"Idempotency-Key": "k"}
        )
        content = b"".join(reply) if reply.streaming else reply.content
        return reply.status_code, content.decode(errors="replace").lower()

    def rows(self):
        for key, row in ROWS.items():
            method, _, route = key.partition(" ")
            if "projects/<slug:slug>/" in route:
                yield method, route, row

    def test_an_id_of_another_project_finds_nothing_on_any_route(self):
        tried = 0
        for method, route, row in self.rows():
            for word in words(route, row):
                mixed = World.__new__(World)
                mixed.names = {**self.own.names, word: self.other.names[word]}
                Round.objects.update(state=row.state)
                for who in allowed(row):
                    with self.subTest(method=method, route=route, word=word, who=who):
                        path = mixed.address(route, row.at)
                        status, said = self.ask(method, path, who, row.body(self.own, who))
                        assert (status, THEIRS in said) == (404, False), said[:300]
                        tried += 1
        assert tried > 60

    def test_nothing_of_another_project_is_shown_on_any_route(self):
        for method, route, row in self.rows():
            if method == "GET":
                for who in allowed(row):
                    with self.subTest(route=route, who=who):
                        path = self.own.address(route, row.at)
                        _, said = self.ask(method, path, who, None)
                        assert THEIRS not in said

    def test_a_filter_by_an_id_of_another_project_finds_nothing(self):
        names, tried = self.other.names, 0
        known = {each.rstrip("s"): names[each] for each in names if each.endswith("s")}
        manager = Api(self.cast.manager, session=True)
        for path, methods in description()["paths"].items():
            if not path.endswith("{slug}/") and path.count("{") == 1 and "get" in methods:
                for each in methods["get"].get("parameters", []):
                    if each["in"] == "query" and each["name"] in known:
                        here = path.replace("{slug}", "tides")
                        reply = manager.get(here, **{each["name"]: known[each["name"]]})
                        if "results" in reply.json():  # others are figures
                            assert reply.json()["results"] == [], (path, each["name"])
                            tried += 1
                        assert THEIRS not in reply.content.decode().lower()
        assert tried >= 8

    def test_an_answer_takes_no_completion_of_another_project(self):
        theirs = [str(each) for each in self.other_uids()]
        mine = [str(each.uid) for each in self.own.held.task.completions.all()]
        annotator = Api(self.cast.annotator)
        for ranks in (
            dict.fromkeys(theirs, 1),
            dict.fromkeys([*mine[:-1], theirs[0]], 1),
            dict.fromkeys([*mine, theirs[0]], 1),
        ):
            reply = annotator.answer(self.own.held.pk, {"ranks": ranks})
            assert reply.status_code == 400
        assert annotator.answer(self.other.held.pk, {"ranks": {}}).status_code == 404
        assert not Submission.objects.filter(assignment=self.own.held).exists()

    def other_uids(self):
        found = Completion.objects.filter(prompt__project=self.other.project)
        return found.order_by("pk").values_list("uid", flat=True)[:4]

    def test_what_is_sent_names_nothing_of_another_project(self):
        names, manager = self.other.names, Api(self.cast.manager)
        before = Pair.objects.count()
        refused = [
            manager.post("projects/tides/items/", {"submission": names["submissions"]}),
            manager.post(
                "projects/tides/arena/matches/", {"first": 10**6, "second": 0, "prompts": 1}
            ),
        ]
        assert [each.status_code for each in refused] == [400, 404]
        here = f"projects/tides/dialogues/{self.own.names['dialogues']}/turns/"
        said = {"message": "And?", "number": 2, "chosen": str(self.other_uids()[0])}
        assert Api(self.cast.annotator).post(here, said).status_code == 409
        assert Pair.objects.count() == before

    def test_an_export_holds_nothing_of_another_project(self):
        terms = exporting.Terms(by=self.cast.manager)
        for format in exporting.NAMES:
            whole = b"".join(download(self.own.project, format, terms))
            assert THEIRS.encode() not in whole.lower(), format
