"""Whatever is sent, the reply is a described one and never a 5xx."""

import json
import uuid

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.cast import full_ranking, give_task

CLAIM = "projects/tides/assignments/"
SENT = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(10**30), max_value=10**30)
    | st.floats()
    | TEXTS
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=12,
)
RAW = (
    b"",
    b"{",
    b"nul",
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b"NaN",
    b'{"seconds": NaN}',
    b'{"seconds": Infinity}',
    b'{"seconds": 1e999}',
    b'[{"prompt": "a", "metadata": {"x": -1e999}}]',
    b'{"ranks": {}, "ranks": {}}',
    b"[" * 100_000,
    b"[" * 40 + b"]" * 40,
    b'{"a":' * 400 + b"1" + b"}" * 400,
    b"9" * 5000,
    b'{"comment": "\\u0000"}',
    b'{"comment": "\\ud800"}',
    b'{"\\ud800": 1}',
    b'[{"prompt": "\\ud800"}]',
    b'[{"prompt": "a", "metadata": {"\\u0000": 1}}]',
)


@pytest.fixture
def task(cast):
    return give_task(cast.project)


@pytest.fixture
def held(task, annotator):
    return annotator.post(CLAIM).json()["id"]


def send(api, method, path, body):
    reply = api.send(method, path, body, headers={"Idempotency-Key": str(uuid.uuid4())})
    assert reply.status_code < 500
    return reply


@SENT
@given(body=ANYTHING)
def test_any_json_as_an_answer(annotator, held, body):
    send(annotator, "POST", f"assignments/{held}/submission/", json.dumps(body).encode())


def in_hand(cast, annotator):
    """The task that the annotator holds, a new one when the last was answered."""
    reply = annotator.post(CLAIM)
    if reply.status_code == 204:
        give_task(cast.project, prompt=f"Question {uuid.uuid4()}?")
        reply = annotator.post(CLAIM)
    return reply.json()


@SENT
@given(data=st.data())
def test_almost_an_answer(cast, annotator, data):
    """One field of a good answer is replaced, or one is added."""
    work = in_hand(cast, annotator)
    uids = [shown["id"] for shown in work["task"]["completions"]]
    body = {"ranks": {uid: rank for rank, uid in enumerate(uids, start=1)}, "placed": uids}
    names = [*body, "unacceptable", "strengths", "labels", "comment", "seconds"]
    inner = ANYTHING | st.dictionaries(st.sampled_from(uids), ANYTHING, max_size=4)
    body[data.draw(st.sampled_from(names) | TEXTS)] = data.draw(inner)
    send(annotator, "POST", f"assignments/{work['id']}/submission/", json.dumps(body).encode())


@SENT
@given(rows=ANYTHING | st.lists(ANYTHING, max_size=4))
def test_any_json_as_prompts(manager, rows):
    send(manager, "POST", "projects/tides/prompts/", json.dumps(rows).encode())


@SENT
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {"prompt": TEXTS | ANYTHING},
            optional={
                "completions": st.lists(
                    st.fixed_dictionaries({"text": TEXTS}, optional={"model": TEXTS | ANYTHING}),
                    max_size=10,
                ),
                "metadata": ANYTHING,
            },
        ),
        max_size=3,
    )
)
@example(rows=[{"prompt": "a", "completions": [{"text": "b"}, {"text": "b"}]}])
def test_almost_prompts(manager, rows):
    send(manager, "POST", "projects/tides/prompts/", json.dumps(rows).encode())


@SENT
@given(draft=st.dictionaries(TEXTS, ANYTHING, max_size=5))
def test_any_draft(annotator, held, draft):
    send(annotator, "PUT", f"assignments/{held}/draft/", json.dumps(draft).encode())


@pytest.mark.parametrize("raw", RAW, ids=lambda raw: repr(raw[:24]))
def test_what_is_hardly_json(annotator, manager, held, raw):
    for api, method, path in (
        (annotator, "POST", f"assignments/{held}/submission/"),
        (annotator, "POST", f"assignments/{held}/skip/"),
        (annotator, "PUT", f"assignments/{held}/draft/"),
        (manager, "POST", "projects/tides/prompts/"),
        (manager, "POST", "projects/tides/guidelines/"),
        (manager, "POST", "projects/tides/snapshots/"),
        (manager, "POST", "projects/tides/rounds/"),
    ):
        assert send(api, method, path, raw).status_code in (400, 200 if raw == b"" else 400)


@pytest.mark.parametrize("key", ["x" * 201, "\x00", "\ud800", "é", " "])
def test_any_key(annotator, held, task, key):
    reply = annotator.answer(held, full_ranking(task), key=key)
    assert reply.status_code in (201, 400)
