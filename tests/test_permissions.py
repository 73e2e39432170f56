"""Who may do what: every route of the site, by every method, for every kind of person.

To add a route, add one line to ``ROWS``: the method and the route as Django writes it, then the
statuses that it answers with to each of ``IDENTITIES`` in their own project. In a project that
they have no part in, everyone gets what ``foreign`` says. Without its line, a route fails here.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth import get_user_model
from django.test import Client, TestCase
from django.urls import URLResolver, get_resolver
from django.views.generic.edit import ProcessFormView

from annotation import dialogues, guidelines, problems, queue, reviews
from annotation.models import (
    Annotator,
    Doubt,
    GuidelineNote,
    GuidelineQuiz,
    Pair,
    Project,
    QualificationItem,
    QuizQuestion,
    Review,
    Scope,
    Task,
    TokenAccess,
)
from annotation.snapshots import freeze
from annotation.submissions import submit
from annotation.tokens import issue
from tests.api import check_reply
from tests.cast import Cast, full_ranking, give_task, make_cast, make_judges
from training import rounds
from training.models import RewardModel, Round, RoundPlan
from training.policies import add_candidate

IDENTITIES = ("anonymous", "annotator", "reviewer", "manager", "researcher", "outsider")
FOREIGN_API = "401 404 404 404 404 404"
FOREIGN_PAGE = "302 404 404 404 404 404"
Body = Callable[["World", str], Any]


@dataclass(frozen=True)
class Row:
    """What each identity gets, in the order of ``IDENTITIES``.

    ``body`` makes what is sent; ``at`` names what the address ends with, where the word before it
    does not; ``state`` is that of the project's round beforehand.
    """

    own: str
    foreign: str = ""
    body: Body = lambda world, who: {}
    at: str = ""
    state: str = "done"
    scope: str = ""  # of the token that a call of the API needs: read for GET, else manage


def answer(world: "World", who: str) -> Any:
    return full_ranking(world.held.task)


EVERYONE = "200 200 200 200 200 200"
NOBODY = "405 405 405 405 405 405"
SIGNED_IN_405 = "302 405 405 405 405 405"
MEMBERS_READ = Row("401 200 200 200 200 404")
READERS_READ = Row("401 403 403 200 200 404")
MANAGERS_READ = Row("401 403 403 200 403 404")
RANKERS_READ = Row("401 200 200 403 403 404")
PAGE_FOR_ALL = Row("302 200 200 200 200 404")
PAGE_FOR_READERS = Row("302 403 403 200 200 404")
PAGE_FOR_MANAGERS = Row("302 403 403 200 403 404")
NO_POST = Row(SIGNED_IN_405, foreign=SIGNED_IN_405)
# An action that is fetched leads back to the page with its button, which then asks who you are.
BACK_TO_ITS_PAGE = Row("302 302 302 302 302 302", foreign="302 302 302 302 302 302")
PROJECT = "projects/<slug:slug>/"
ROUND = f"{PROJECT}rounds/<int:number>/"
POLICY = f"{PROJECT}policies/<int:version>/"
UPLOAD = f"{PROJECT}imports/<int:pk>/"
DIALOGUE = f"{PROJECT}converse/<int:pk>/"
API = f"api/v1/{PROJECT}"
WORK = "api/v1/assignments/<int:id>/"
REASON = {"reason": "It forgot its words."}
QUESTION = {"text": "What comes first?", "options": ["Harmless", "Helpful"], "right": 1}
PREFERENCE = {"prompt": "Why?", "chosen": "Salt.", "rejected": "Fish."}
MESSAGE = {"message": "And then?", "number": 2}

ROWS = {
    # --- the API, people's side ---
    "GET api/v1/schema/": Row(EVERYONE),
    "GET api/v1/docs/": Row(EVERYONE),
    "GET api/v1/keys/": Row("401 200 200 200 200 200"),
    "PUT api/v1/keys/": Row("401 200 200 200 200 200", scope="annotate"),
    "GET api/v1/projects/": Row("401 200 200 200 200 200"),
    f"GET {API}": MEMBERS_READ,
    f"GET {API}settings/": MANAGERS_READ,
    f"PATCH {API}settings/": Row("401 403 403 200 403 404"),
    f"GET {API}assignments/": MEMBERS_READ,
    f"POST {API}assignments/": Row("401 200 201 403 403 404", scope="annotate"),
    f"POST {WORK}submission/": Row("401 201 409 403 403 404", body=answer, scope="annotate"),
    f"POST {WORK}skip/": Row(
        "401 204 409 403 403 404", body=lambda *_: {"reason": "other"}, scope="annotate"
    ),
    f"POST {WORK}report/": Row(
        "401 204 409 403 403 404", body=lambda *_: {"reason": "prompt"}, scope="annotate"
    ),
    f"POST {WORK}heartbeat/": Row("401 200 409 403 403 404", scope="annotate"),
    f"GET {WORK}draft/": Row("401 200 404 403 403 404"),
    f"PUT {WORK}draft/": Row("401 200 409 403 403 404", scope="annotate"),
    f"GET {WORK}change/": Row("401 200 404 403 403 404"),
    f"PUT {WORK}change/": Row("401 409 409 403 403 404", scope="annotate"),
    f"GET {API}prompts/": READERS_READ,
    f"POST {API}prompts/": Row("401 403 403 201 403 404", body=lambda *_: [{"prompt": "Why?"}]),
    f"GET {API}prompts/<int:id>/": READERS_READ,
    f"GET {API}completions/": READERS_READ,
    f"GET {API}completions/<uuid:id>/": READERS_READ,
    f"GET {API}tasks/": READERS_READ,
    f"GET {API}tasks/<int:id>/": READERS_READ,
    f"POST {API}gold/": Row(
        "401 403 403 201 403 404", body=lambda world, _: {"submission": world.names["submissions"]}
    ),
    f"POST {API}rankings/": Row("401 403 403 201 403 404", body=lambda *_: [PREFERENCE]),
    f"POST {API}rankings/check/": Row("401 403 403 200 403 404", body=lambda *_: [PREFERENCE]),
    f"GET {API}submissions/": READERS_READ,
    f"GET {API}submissions/<int:id>/": READERS_READ,
    f"GET {API}pairs/": READERS_READ,
    f"GET {API}pairs/<int:id>/": READERS_READ,
    f"GET {API}guidelines/": MEMBERS_READ,
    f"POST {API}guidelines/": Row("401 403 403 201 403 404", body=lambda *_: {"body": "New."}),
    f"GET {API}guidelines/<int:id>/": MEMBERS_READ,
    f"POST {API}guidelines/<int:id>/acknowledge/": Row("401 204 204 403 403 404", scope="annotate"),
    f"GET {API}guidelines/again/": MANAGERS_READ,
    f"POST {API}guidelines/again/": Row("401 403 403 200 403 404", body=lambda *_: {"count": 1}),
    # Nobody is asked anything here: the quiz is about an old version.
    f"GET {API}guidelines/quiz/": RANKERS_READ,
    f"POST {API}guidelines/quiz/": Row(
        "401 409 409 403 403 404", body=lambda *_: {"answers": {}}, scope="annotate"
    ),
    f"GET {API}quizzes/": READERS_READ,
    f"POST {API}quizzes/": Row(
        "401 403 403 201 403 404",
        body=lambda world, _: {"questions": [world.names["questions"]]},
    ),
    f"GET {API}quizzes/<int:id>/": READERS_READ,
    f"POST {API}quizzes/<int:id>/end/": Row("401 403 403 200 403 404"),
    f"GET {API}notes/": Row("401 403 200 200 200 404"),
    f"POST {API}notes/<int:id>/close/": Row("401 403 403 200 403 404"),
    f"GET {API}problems/": MANAGERS_READ,
    f"GET {API}problems/<int:id>/": MANAGERS_READ,
    f"POST {API}problems/<int:id>/resolve/": Row(
        "401 403 403 200 403 404", body=lambda *_: {"note": "Mended."}
    ),
    f"GET {API}onboarding/": RANKERS_READ,
    # Nobody is to qualify here.
    f"POST {API}onboarding/": Row("401 409 409 403 403 404", scope="annotate"),
    f"POST {API}onboarding/quiz/": Row(
        "401 409 409 403 403 404", body=lambda *_: {"answers": {}}, scope="annotate"
    ),
    f"POST {API}onboarding/items/<int:id>/": Row("401 409 409 403 403 404", scope="annotate"),
    f"GET {API}questions/": MANAGERS_READ,
    f"POST {API}questions/": Row("401 403 403 201 403 404", body=lambda *_: QUESTION),
    f"POST {API}questions/<int:id>/retire/": Row("401 403 403 200 403 404"),
    f"GET {API}items/": MANAGERS_READ,
    f"POST {API}items/": Row(
        "401 403 403 400 403 404", body=lambda world, _: {"submission": world.names["submissions"]}
    ),
    f"POST {API}items/<int:id>/retire/": Row("401 403 403 200 403 404"),
    f"GET {API}qualifications/": MANAGERS_READ,
    f"POST {API}annotators/<int:id>/requalify/": Row("401 403 403 204 403 404"),
    f"GET {API}agreement/": READERS_READ,
    f"GET {API}annotators/": READERS_READ,
    f"GET {API}annotators/<int:id>/": READERS_READ,
    f"PUT {API}annotators/<int:id>/standing/": Row(
        "401 403 403 200 403 404", body=lambda *_: {"paused": True}
    ),
    f"POST {API}annotators/<int:id>/withdrawal/": Row(
        "401 403 403 200 403 404", body=lambda *_: {"reason": "They asked."}
    ),
    f"GET {API}tasks/<int:id>/consensus/": Row("401 403 409 200 200 404"),
    f"POST {API}tasks/<int:id>/review/": Row("401 403 201 403 403 404", scope="annotate"),
    f"GET {API}reviews/": Row("401 403 200 200 200 404"),
    f"GET {API}reviews/<int:id>/": Row("401 403 200 200 200 404"),
    f"POST {API}reviews/<int:id>/": Row(
        "401 403 409 409 403 404", body=lambda *_: {"cause": "model"}, scope="annotate"
    ),
    f"GET {API}doubts/": Row("401 403 200 200 200 404"),
    f"GET {API}snapshots/": READERS_READ,
    f"POST {API}snapshots/": Row("401 403 403 201 201 404", body=lambda _, who: {"name": who}),
    f"GET {API}snapshots/<int:id>/": READERS_READ,
    f"GET {API}snapshots/<int:id>/consensus/": READERS_READ,
    f"GET {API}snapshots/<int:id>/differences/<int:other>/": READERS_READ,
    f"GET {API}snapshots/<int:id>/exports/<slug:name>/": READERS_READ,
    f"GET {API}snapshots/<int:id>/exports/<slug:name>/manifest/": READERS_READ,
    f"GET {API}imports/": MANAGERS_READ,
    # Nothing but a form with a file in it is taken.
    f"POST {API}imports/": Row("401 403 403 415 403 404"),
    f"GET {API}imports/<int:id>/": MANAGERS_READ,
    f"POST {API}imports/<int:id>/start/": Row("401 403 403 200 403 404"),
    f"POST {API}imports/<int:id>/cancel/": Row("401 403 403 200 403 404"),
    # --- the API, models' side ---
    f"GET {API}rounds/": READERS_READ,
    f"POST {API}rounds/": Row("401 403 403 201 403 404", body=lambda *_: {"method": "reward"}),
    f"GET {API}rounds/<int:number>/": READERS_READ,
    f"POST {API}rounds/<int:number>/stop/": Row(
        "401 403 403 200 403 404", body=lambda *_: REASON, state="running"
    ),
    f"GET {API}reward-models/": READERS_READ,
    f"GET {API}reward-models/<int:id>/": READERS_READ,
    f"GET {API}reward-accuracy/": READERS_READ,
    f"GET {API}tasks/<int:id>/scores/": READERS_READ,
    f"POST {API}tasks/<int:id>/scores/": Row("401 403 403 202 202 404"),
    f"GET {API}policies/": READERS_READ,
    f"GET {API}policies/<int:version>/": READERS_READ,
    f"POST {API}policies/<int:version>/promote/": Row("401 403 403 200 403 404"),
    f"POST {API}policies/<int:version>/reject/": Row(
        "401 403 403 200 403 404", body=lambda *_: REASON
    ),
    f"GET {API}arena/": READERS_READ,
    f"GET {API}arena/matches/": READERS_READ,
    f"POST {API}arena/matches/": Row(
        "401 403 403 409 403 404",  # nothing is held out
        body=lambda *_: {"first": 0, "second": 1, "prompts": 1},
    ),
    f"GET {API}dialogues/": RANKERS_READ,
    f"POST {API}dialogues/": Row(
        "401 409 201 403 403 404", body=lambda *_: {"message": "How?"}, scope="annotate"
    ),
    # A conversation is its person's own.
    f"GET {API}dialogues/<int:id>/": Row("401 200 404 403 403 404"),
    f"POST {API}dialogues/<int:id>/turns/": Row(
        "401 409 404 403 403 404", body=lambda *_: MESSAGE, scope="annotate"
    ),
    f"POST {API}dialogues/<int:id>/rank/": Row("401 409 404 403 403 404", scope="annotate"),
    f"POST {API}dialogues/<int:id>/again/": Row("401 200 404 403 403 404", scope="annotate"),
    f"POST {API}dialogues/<int:id>/end/": Row("401 200 404 403 403 404", scope="annotate"),
    # --- pages, people's side ---
    f"GET {PROJECT}rank/": Row("302 302 200 403 403 404"),
    f"POST {PROJECT}rank/": Row("302 302 302 403 403 404"),
    f"GET {PROJECT}rank/following/": BACK_TO_ITS_PAGE,
    f"POST {PROJECT}rank/following/": Row("302 204 204 403 403 404"),
    f"GET {PROJECT}guideline/": PAGE_FOR_ALL,
    f"POST {PROJECT}guideline/": Row("302 403 403 302 403 404", body=lambda *_: {"body": "New."}),
    f"GET {PROJECT}guideline/<int:pk>/": PAGE_FOR_ALL,
    f"POST {PROJECT}guideline/<int:pk>/": NO_POST,
    f"GET {PROJECT}guideline/news/": Row("302 302 302 403 403 404"),
    f"POST {PROJECT}guideline/news/": Row("302 302 302 403 403 404"),
    f"GET {PROJECT}guideline/<int:pk>/to/<int:other>/": PAGE_FOR_ALL,
    f"POST {PROJECT}guideline/<int:pk>/to/<int:other>/": NO_POST,
    f"GET {PROJECT}guideline/again/": BACK_TO_ITS_PAGE,
    f"POST {PROJECT}guideline/again/": Row("302 403 403 302 403 404"),
    f"GET {PROJECT}guideline/quiz/": BACK_TO_ITS_PAGE,
    f"POST {PROJECT}guideline/quiz/": Row("302 403 403 302 403 404"),
    f"GET {PROJECT}quizzes/<int:pk>/end/": BACK_TO_ITS_PAGE,
    f"POST {PROJECT}quizzes/<int:pk>/end/": Row("302 403 403 302 403 404"),
    f"GET {PROJECT}begin/": Row("302 200 200 403 403 404"),
    f"POST {PROJECT}begin/": Row("302 302 302 403 403 404"),
    f"GET {PROJECT}about-me/": Row("302 200 200 403 403 404"),
    f"POST {PROJECT}about-me/": Row("302 302 302 403 403 404"),
    f"GET {PROJECT}newcomers/": Row("302 403 403 200 403 404"),
    f"POST {PROJECT}newcomers/": Row("302 403 403 200 403 404"),
    f"GET {PROJECT}questions/<int:pk>/retire/": BACK_TO_ITS_PAGE,
    f"POST {PROJECT}questions/<int:pk>/retire/": Row("302 403 403 302 403 404"),
    f"GET {PROJECT}items/<int:pk>/retire/": BACK_TO_ITS_PAGE,
    f"POST {PROJECT}items/<int:pk>/retire/": Row("302 403 403 302 403 404"),
    f"GET {PROJECT}annotators/<int:pk>/requalify/": BACK_TO_ITS_PAGE,
    f"POST {PROJECT}annotators/<int:pk>/requalify/": Row("302 403 403 302 403 404"),
    f"GET {PROJECT}settings/": Row("302 403 403 200 403 404"),
    f"POST {PROJECT}settings/": Row("302 403 403 400 403 404"),
    f"GET {PROJECT}problems/": Row("302 403 403 200 403 404"),
    f"POST {PROJECT}problems/": NO_POST,
    f"GET {PROJECT}problems/<int:pk>/": BACK_TO_ITS_PAGE,
    f"POST {PROJECT}problems/<int:pk>/": Row(
        "302 403 403 302 403 404", body=lambda *_: {"note": "Looked at."}
    ),
    f"GET {PROJECT}held/<uuid:uid>/": replace(BACK_TO_ITS_PAGE, at="completions"),
    f"POST {PROJECT}held/<uuid:uid>/": Row(
        "302 403 403 302 403 404", at="completions", body=lambda *_: {"allow": ""}
    ),
    f"GET {PROJECT}quality/": PAGE_FOR_READERS,
    f"POST {PROJECT}quality/": NO_POST,
    f"GET {PROJECT}explore/": PAGE_FOR_READERS,
    f"POST {PROJECT}explore/": NO_POST,
    f"GET {PROJECT}data/": PAGE_FOR_READERS,
    f"POST {PROJECT}data/": Row("302 403 403 302 302 404", body=lambda _, who: {"name": who}),
    f"GET {PROJECT}data/<int:pk>/": PAGE_FOR_READERS,
    f"POST {PROJECT}data/<int:pk>/": NO_POST,
    f"GET {PROJECT}data/<int:pk>/against/<int:other>/": PAGE_FOR_READERS,
    f"POST {PROJECT}data/<int:pk>/against/<int:other>/": NO_POST,
    f"GET {PROJECT}data/<int:pk>/download/<slug:format>/": PAGE_FOR_READERS,
    f"POST {PROJECT}data/<int:pk>/download/<slug:format>/": NO_POST,
    f"GET {PROJECT}data/<int:pk>/download/<slug:format>/manifest/": PAGE_FOR_READERS,
    f"POST {PROJECT}data/<int:pk>/download/<slug:format>/manifest/": NO_POST,
    f"GET {PROJECT}quality/<slug:name>.csv": PAGE_FOR_READERS,
    f"POST {PROJECT}quality/<slug:name>.csv": NO_POST,
    f"GET {PROJECT}annotators/<int:pk>/": PAGE_FOR_READERS,
    f"POST {PROJECT}annotators/<int:pk>/": NO_POST,
    f"GET {PROJECT}annotators/<int:pk>/withdrawal/": BACK_TO_ITS_PAGE,
    f"POST {PROJECT}annotators/<int:pk>/withdrawal/": Row("302 403 403 302 403 404"),
    f"GET {PROJECT}annotators/<int:pk>/standing/": BACK_TO_ITS_PAGE,
    f"POST {PROJECT}annotators/<int:pk>/standing/": Row(
        "302 403 403 302 403 404", body=lambda *_: {"action": "pause"}
    ),
    f"GET {PROJECT}tasks/<int:pk>/": Row("302 403 200 200 200 404"),
    f"POST {PROJECT}tasks/<int:pk>/": NO_POST,
    f"GET {PROJECT}tasks/<int:pk>/gold/": BACK_TO_ITS_PAGE,
    f"POST {PROJECT}tasks/<int:pk>/gold/": Row("302 403 403 302 403 404"),
    f"GET {PROJECT}tasks/<int:pk>/review/": BACK_TO_ITS_PAGE,
    f"POST {PROJECT}tasks/<int:pk>/review/": Row("302 403 302 403 403 404"),
    f"GET {PROJECT}review/": Row("302 403 200 200 200 404"),
    f"POST {PROJECT}review/": NO_POST,
    f"GET {PROJECT}review/look/": BACK_TO_ITS_PAGE,
    f"POST {PROJECT}review/look/": Row("302 403 302 302 403 404"),
    f"GET {PROJECT}review/<int:pk>/": Row("302 403 302 302 302 404"),
    f"POST {PROJECT}review/<int:pk>/": Row("302 403 302 302 403 404"),
    f"GET {PROJECT}notes/<int:pk>/close/": BACK_TO_ITS_PAGE,
    f"POST {PROJECT}notes/<int:pk>/close/": Row("302 403 403 302 403 404"),
    f"GET {PROJECT}mine/": Row("302 200 200 403 403 404"),
    f"POST {PROJECT}mine/": Row("302 405 405 405 405 405", foreign=SIGNED_IN_405),
    "GET answers/<int:pk>/": Row("302 404 404 404 404 404", at="submissions"),
    "POST answers/<int:pk>/": Row("302 404 404 404 404 404", at="submissions"),
    "GET tasks/<int:pk>/": Row("302 200 404 404 404 404", at="assignments"),
    "POST tasks/<int:pk>/": Row("302 400 404 404 404 404", at="assignments"),
    "GET tasks/<int:pk>/preview/": BACK_TO_ITS_PAGE,
    # The task in hand asks for a ranking: nothing is written there.
    "POST tasks/<int:pk>/preview/": Row("302 404 404 404 404 404", at="assignments"),
    "GET tasks/<int:pk>/report/": BACK_TO_ITS_PAGE,
    "POST tasks/<int:pk>/report/": Row(
        "302 302 404 404 404 404", at="assignments", body=lambda *_: {"report-reason": "prompt"}
    ),
    "GET tasks/<int:pk>/skip/": BACK_TO_ITS_PAGE,
    "POST tasks/<int:pk>/skip/": Row(
        "302 302 404 404 404 404", at="assignments", body=lambda *_: {"skip-reason": "other"}
    ),
    f"GET {PROJECT}imports/": PAGE_FOR_MANAGERS,
    # No file came with it.
    f"POST {PROJECT}imports/": Row("302 403 403 400 403 404"),
    f"GET {UPLOAD}": PAGE_FOR_MANAGERS,
    f"POST {UPLOAD}": NO_POST,
    f"GET {UPLOAD}progress/": PAGE_FOR_MANAGERS,
    f"POST {UPLOAD}progress/": NO_POST,
    f"GET {UPLOAD}columns/": BACK_TO_ITS_PAGE,
    f"POST {UPLOAD}columns/": Row("302 403 403 400 403 404"),
    f"GET {UPLOAD}start/": BACK_TO_ITS_PAGE,
    f"POST {UPLOAD}start/": Row("302 403 403 302 403 404"),
    f"GET {UPLOAD}cancel/": BACK_TO_ITS_PAGE,
    f"POST {UPLOAD}cancel/": Row("302 403 403 302 403 404"),
    # --- pages, models' side ---
    "GET ": Row("302 200 200 200 200 200"),
    "POST ": Row(SIGNED_IN_405),
    f"GET {PROJECT}": PAGE_FOR_READERS,
    f"POST {PROJECT}": NO_POST,
    f"GET {PROJECT}live/": PAGE_FOR_READERS,
    f"POST {PROJECT}live/": NO_POST,
    f"GET {PROJECT}rounds/": BACK_TO_ITS_PAGE,
    f"POST {PROJECT}rounds/": Row("302 403 403 302 403 404", body=lambda *_: {"method": "reward"}),
    f"GET {PROJECT}rounds/ceiling.csv": PAGE_FOR_READERS,
    f"POST {PROJECT}rounds/ceiling.csv": NO_POST,
    f"GET {ROUND}": PAGE_FOR_READERS,
    f"POST {ROUND}": NO_POST,
    f"GET {ROUND}progress/": PAGE_FOR_READERS,
    f"POST {ROUND}progress/": NO_POST,
    f"GET {ROUND}stop/": BACK_TO_ITS_PAGE,
    f"POST {ROUND}stop/": Row("302 403 403 302 403 404", body=lambda *_: REASON, state="running"),
    f"GET {POLICY}promote/": BACK_TO_ITS_PAGE,
    f"POST {POLICY}promote/": Row("302 403 403 302 403 404"),
    f"GET {POLICY}reject/": BACK_TO_ITS_PAGE,
    f"POST {POLICY}reject/": Row("302 403 403 302 403 404", body=lambda *_: REASON),
    f"GET {PROJECT}converse/": Row("302 200 200 403 403 404"),
    f"POST {PROJECT}converse/": Row(
        "302 400 302 403 403 404", body=lambda *_: {"message": "How?", "number": 1}
    ),
    # A conversation is its person's own.
    f"GET {DIALOGUE}": Row("302 200 404 403 403 404"),
    f"POST {DIALOGUE}": Row("302 400 404 403 403 404"),
    f"GET {DIALOGUE}waiting/": Row("302 200 404 403 403 404"),
    f"POST {DIALOGUE}waiting/": NO_POST,
    f"GET {DIALOGUE}rank/": BACK_TO_ITS_PAGE,
    f"POST {DIALOGUE}rank/": Row("302 302 404 403 403 404"),
    f"GET {DIALOGUE}again/": BACK_TO_ITS_PAGE,
    f"POST {DIALOGUE}again/": Row("302 302 404 403 403 404"),
    f"GET {DIALOGUE}end/": BACK_TO_ITS_PAGE,
    f"POST {DIALOGUE}end/": Row("302 302 404 403 403 404"),
    f"GET {PROJECT}tasks/<int:pk>/scores/": BACK_TO_ITS_PAGE,
    f"POST {PROJECT}tasks/<int:pk>/scores/": Row("302 403 403 302 302 404"),
    f"GET {PROJECT}arena/": PAGE_FOR_READERS,
    f"POST {PROJECT}arena/": Row("302 403 403 400 403 404"),
    f"GET {PROJECT}arena/matches/": PAGE_FOR_READERS,
    f"POST {PROJECT}arena/matches/": NO_POST,
    f"GET {PROJECT}arena/tallies/": PAGE_FOR_READERS,
    f"POST {PROJECT}arena/tallies/": NO_POST,
    f"GET {PROJECT}arena/scoreboard/": PAGE_FOR_READERS,
    f"POST {PROJECT}arena/scoreboard/": NO_POST,
    # --- accounts ---
    "GET accounts/tokens/": Row("302 200 200 200 200 200"),
    "POST accounts/tokens/": Row(
        "302 200 200 200 200 200", body=lambda *_: {"name": "x", "scope": "read", "days": "7"}
    ),
    "GET accounts/tokens/<int:pk>/revoke/": BACK_TO_ITS_PAGE,
    "POST accounts/tokens/<int:pk>/revoke/": Row(
        "302 404 404 404 404 404", foreign="302 404 404 404 404 404"
    ),
    "GET language": BACK_TO_ITS_PAGE,
    "POST language": BACK_TO_ITS_PAGE,
    "GET accounts/login/": Row("200 302 302 302 302 302"),
    "POST accounts/login/": Row("200 302 302 302 302 302"),
    "GET accounts/logout/": Row("302 200 200 200 200 200"),
    "POST accounts/logout/": Row("302 302 302 302 302 302"),
    "GET accounts/signup/": Row("200 302 302 302 302 302"),
    "POST accounts/signup/": Row("200 302 302 302 302 302"),
    "GET accounts/inactive/": Row(EVERYONE),
    "GET accounts/reauthenticate/": Row("302 200 200 200 200 200"),
    "POST accounts/reauthenticate/": Row("302 200 200 200 200 200"),
    "GET accounts/password/change/": Row("302 200 200 200 200 200"),
    "POST accounts/password/change/": Row("302 200 200 200 200 200"),
    "GET accounts/password/set/": Row("302 302 302 302 302 302"),
    "POST accounts/password/set/": Row("302 302 302 302 302 302"),
    # --- for supervisors ---
    "GET healthz": Row(EVERYONE),
    "POST healthz": Row(NOBODY),
    "GET readyz": Row(EVERYONE),
    "POST readyz": Row(NOBODY),
}


class World:
    """A project with one of everything, a task in ``holder``'s hands, and all their names."""

    def __init__(self, project: Project, holder: Annotator):
        self.project = project
        task = give_task(project, prompt=f"Why {project.slug}?")
        (judge,) = make_judges(project, 1)
        done, _ = queue.claim(judge)
        submission = submit(done.pk, judge, full_ranking(task), key="k", origin="api").id
        self.held, _ = queue.claim(holder)
        self.names: dict[str, Any] = {
            "slug": project.slug,
            "assignments": self.held.pk,
            "prompts": task.prompt_id,
            "completions": task.completions.first().uid,
            "tasks": task.pk,
            "submissions": submission,
            "annotators": judge.pk,
            "quality": "agreement",
            **self.doubt(task),
            **self.ask_newcomers(submission),
            **self.converse(holder),
            "pairs": Pair.objects.filter(ranking_id=submission).first().pk,
            "guidelines": guidelines.in_force(project).pk,
            "guideline": guidelines.in_force(project).pk,
            "to": guidelines.in_force(project).pk,
            "problems": problems.report(self.held.pk, holder, "display", "").pk,
            "exports": "rankings",
            "download": "rankings",
            "tokens": self.hand_out(),
            "imports": self.send_file(),
            **self.freeze(),
            **self.train(),
        }

    def hand_out(self) -> int:
        """A token of somebody else's."""
        owner = get_user_model().objects.create(username=f"owner of {self.project.slug}")
        issue(owner)
        return TokenAccess.objects.get(token__user=owner).pk

    def send_file(self) -> int:
        found = {"rows": 1, "bad": 0, "problems": [], "columns": [{"name": "prompt", "first": "?"}]}
        made = self.project.uploads.create(
            kind="prompts", file_name="a.csv", size=1, state="ready", found=found
        )
        return int(made.pk)

    def freeze(self) -> dict[str, int]:
        first, second = freeze(self.project, "first").pk, freeze(self.project, "second").pk
        return {"snapshots": first, "data": first, "differences": second, "against": second}

    def ask_newcomers(self, submission: int) -> dict[str, int]:
        question = QuizQuestion.objects.create(
            project=self.project, text="Why?", options=["Yes", "No"], right=0
        )
        item = QualificationItem.objects.create(project=self.project, reference_id=submission)
        # About a version that is not in force any more: nobody owes it.
        version = self.project.guidelines.latest("pk")
        quiz = GuidelineQuiz.objects.create(version=version, questions=[question.pk])
        guidelines.publish(self.project, f"# Anew in {self.project.slug}", None)
        return {"questions": question.pk, "items": item.pk, "quizzes": quiz.pk}

    def converse(self, holder: Annotator) -> dict[str, int]:
        begun = dialogues.begin(holder, f"Who, {self.project.slug}?").dialogue_id
        return {"converse": begun, "dialogues": begun}

    def doubt(self, task: Task) -> dict[str, int]:
        """One task that waits for a review, another whose reviewer has yet to rank."""
        other = give_task(self.project, prompt=f"How {self.project.slug}?", withdrawn=True)
        reviews.note(
            Doubt(task=each, reason="disagreement", strength=0.5, said="They disagree.")
            for each in (task, other)
        )
        (reviewer,) = Annotator.objects.bulk_create(
            [Annotator(project=self.project, pseudonym="re-viewer")]
        )
        reviews.begin(other, reviewer)
        review = Review.objects.get(task=other).pk
        note = GuidelineNote.objects.create(project=self.project, text="It leaves this open.").pk
        return {"reviews": review, "review": review, "notes": note}

    def train(self) -> dict[str, int]:
        RoundPlan.objects.create(project=self.project, configuration={"minimum_rankings": 1})
        made = rounds.start(self.project, method="dpo", trigger="hand", by="a test")
        reward_model = RewardModel.objects.create(
            project=self.project, snapshot=made.snapshot, depth="head"
        )
        candidate = add_candidate(
            made.base_policy, artefact="nowhere", manifest_sha256="0" * 64, metrics={}
        )
        Round.objects.filter(pk=made.pk).update(policy=candidate, reward_model=reward_model)
        return {
            "rounds": made.number,
            "policies": candidate.version,
            "reward-models": reward_model.pk,
        }

    def address(self, route: str, at: str) -> str:
        """The route with this world's names in it; ``at`` where the word before is no name."""

        def fill(match: re.Match[str]) -> str:
            before, name = match.groups()
            return f"{before}/{self.names['slug' if name == 'slug' else at or before]}"

        return "/" + re.sub(r"([\w-]+)/<\w+:(\w+)>", fill, route)


def routes(patterns: Any = None, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every route of the site with what answers it."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        else:
            yield route, pattern.callback


def methods(view: Any) -> list[str]:
    """What a class answers; a function might answer both GET and POST, and has a line for each."""
    cls = getattr(view, "view_class", None) or getattr(view, "cls", None)
    if cls is None:
        return ["GET", "POST"]
    names = ["get", "post", "put", "patch", "delete"]
    if issubclass(cls, ProcessFormView):
        names.remove("put")  # Django lets it do what POST does
    return [name.upper() for name in names if hasattr(cls, name)]


def test_every_route_has_a_row_and_every_row_a_route():
    found = {
        f"{method} {route}"
        for route, view in routes()
        if not route.startswith("admin/")
        for method in methods(view)
    }
    assert sorted(found - ROWS.keys()) == [], "routes without a row"
    assert sorted(ROWS.keys() - found) == [], "rows without a route"


class PermissionTests(TestCase):
    cast: Cast
    own: World
    other: World

    @classmethod
    def setUpTestData(cls):
        cls.cast = make_cast(overlap=3)
        other = Project.objects.create(name="Dunes", slug="dunes", overlap=3)
        guidelines.publish(other, "# Theirs", None)
        (stranger,) = Annotator.objects.bulk_create([Annotator(project=other, pseudonym="other")])
        cls.own = World(cls.cast.project, cls.cast.judge)
        cls.other = World(other, stranger)

    def status(self, method: str, path: str, who: str, body: Any = None) -> int:
        client = Client(raise_request_exception=True)
        if who != "anonymous":
            client.force_login(getattr(self.cast, who))
        if path.startswith("/api/"):
            body, kind = json.dumps(body), "application/json"
        else:
            body, kind = urlencode(body or {}), "application/x-www-form-urlencoded"
        reply = client.generic(
            method, path, "" if method == "GET" else body, kind, headers={"Idempotency-Key": who}
        )
        described = ("/api/v1/projects", "/api/v1/assignments", "/api/v1/keys")
        if path.startswith(described) and reply.status_code != 405:
            check_reply(path, method, reply)
        return reply.status_code

    def check(self, method: str, route: str, row: Row, world: World, expected: str) -> None:
        Round.objects.update(state=row.state)
        path = world.address(route, row.at)
        found = {who: self.status(method, path, who, row.body(world, who)) for who in IDENTITIES}
        assert found == dict(zip(IDENTITIES, map(int, expected.split()), strict=True))

    def reaches(self, method: str, path: str, token: str, body: Any) -> bool:
        """Whether the token is let through to what its owner may do."""
        headers = {"Idempotency-Key": token, "Authorization": f"Token {token}"}
        sent = "" if method == "GET" else json.dumps(body)
        reply = Client().generic(method, path, sent, "application/json", headers=headers)
        check_reply(path, method, reply)
        return not (reply.status_code == 403 and reply.json()["code"] == "scope")

    @pytest.mark.timeout(1200)  # some five hundred requests, on a busy machine
    def test_a_token_reaches_as_far_as_its_scope_route_by_route(self):
        order = list(Scope)
        tokens = {
            (who, scope): issue(getattr(self.cast, who), scope=scope)
            for who in ("annotator", "manager")
            for scope in order
        }
        for key, row in ROWS.items():
            method, _, route = key.partition(" ")
            if not route.startswith(("api/v1/projects", "api/v1/assignments", "api/v1/keys")):
                continue
            needed = order.index(Scope(row.scope or ("read" if method == "GET" else "manage")))
            path = self.own.address(route, row.at)
            for (who, scope), token in tokens.items():
                with self.subTest(key=key, who=who, scope=scope):
                    found = self.reaches(method, path, token, row.body(self.own, who))
                    assert found == (order.index(scope) >= needed)

    def test_nobody_of_the_cast_gets_into_the_admin_site(self):
        for route, _ in routes():
            if route.startswith("admin/"):
                path = "/" + re.sub(r"<[^>]+>", "1", route.partition("^")[0])
                for who in IDENTITIES:
                    for method in ("GET", "POST"):
                        assert self.status(method, path, who) in (302, 403, 404), path

    def test_a_superuser_does(self):
        admin = get_user_model().objects.create_superuser("root")
        client = Client()
        client.force_login(admin)
        assert client.get("/admin/").status_code == 200

    def test_the_api_answers_no_other_method(self):
        for route, view in routes():
            if route.startswith("api/"):
                for method in {"POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - set(methods(view)):
                    path = self.own.address(route, "")
                    who = "annotator" if "assignments" in route else "manager"
                    assert self.status(method, path, who) == 405, (method, path)


def _add_test(key: str, row: Row) -> None:
    method, _, route = key.partition(" ")

    def test(self: PermissionTests) -> None:
        self.check(method, route, row, self.own, row.own)
        if "<" in route:
            foreign = row.foreign or (FOREIGN_API if route.startswith("api/") else FOREIGN_PAGE)
            self.check(method, route, row, self.other, foreign)

    name = re.sub(r"\W+", "_", key).strip("_").lower()
    setattr(PermissionTests, f"test_{name}", test)


for _key, _row in ROWS.items():
    _add_test(_key, _row)
