"""When the client sends again, and when it must not."""

import httpx
import pytest

from concord_client import Concord, ConcordError, Incomplete, NotSignedIn, Retries, Unreachable


class Site:
    """Answers what it was told to, one after the other; the last one for ever."""

    def __init__(self, *answers):
        self.answers, self.requests, self.waits = list(answers), [], []

    def handle(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def enter(self, tries=4):
        http = httpx.Client(transport=httpx.MockTransport(self.handle))
        retries = Retries(tries=tries, sleep=self.waits.append)
        return Concord("https://x.example/", "t", retries=retries, http=http, progress=False)


def reply(status, body=None, **headers):
    return httpx.Response(status, json=body or {}, headers=headers)


ABOUT = {"slug": "tides"}
PAGE: dict[str, object] = {"results": [], "next": None, "previous": None}


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_site_is_asked_again(status):
    site = Site(reply(status), reply(status), reply(200, ABOUT))
    assert site.enter().project("tides").about() == ABOUT
    assert len(site.waits) == 2


def test_pauses_grow():
    site = Site(reply(503))
    with pytest.raises(ConcordError):
        site.enter(tries=5).project("tides").about()
    assert len(site.waits) == 4
    assert site.waits[3] > site.waits[0]


def test_the_site_may_say_how_long_to_wait():
    site = Site(httpx.Response(429, headers={"Retry-After": "7"}), reply(200, ABOUT))
    site.enter().project("tides").about()
    assert site.waits == [7.0]


def test_a_token_that_never_counted_is_not_said_to_have_ended_on_the_way():
    site = Site(reply(401, {"detail": "This token is not known."}))
    with pytest.raises(NotSignedIn, match=r"^This token is not known\."):
        list(site.enter().project("tides").prompts())


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
def test_a_refusal_is_not_asked_again(status):
    site = Site(reply(status, {"detail": "No, because.", "code": "no"}))
    with pytest.raises(ConcordError, match=r"No, because\.") as caught:
        site.enter().project("tides").about()
    assert (caught.value.status, caught.value.code, len(site.requests)) == (status, "no", 1)


def test_a_site_that_never_answers_is_unreachable():
    site = Site(httpx.ConnectError("refused"))
    with pytest.raises(Unreachable, match="does not answer"):
        site.enter(tries=3).project("tides").about()
    assert len(site.requests) == 3


def test_what_might_be_done_twice_is_not_sent_twice():
    site = Site(httpx.ReadError("reset"))
    with pytest.raises(Unreachable):
        site.enter().project("tides").freeze("v1")
    assert len(site.requests) == 1


def test_the_token_goes_to_no_other_site():
    there = "https://evil.example/api/v1/projects/?cursor=abc"
    site = Site(reply(200, PAGE | {"next": there}), reply(200, PAGE))
    list(site.enter().projects())
    assert [each.url.host for each in site.requests] == ["x.example"] * 2
    assert site.requests[1].url.params["cursor"] == "abc"


def test_a_redirect_is_told_and_not_followed():
    site = Site(httpx.Response(301, headers={"Location": "https://y.example/"}))
    with pytest.raises(ConcordError, match=r"redirect to https://y\.example/"):
        site.enter().project("tides").about()


def test_a_reply_that_is_no_json_is_told_plainly():
    site = Site(httpx.Response(404, text="<h1>nginx</h1>"))
    with pytest.raises(ConcordError, match="answered 404 Not Found without saying why"):
        site.enter().project("tides").about()


def test_a_file_with_another_digest_is_not_kept(tmp_path):
    row = {"id": 1, "name": "v1", "submissions": 1, "sha256": "", "filters": {}, "frozen_at": ""}
    wrong = "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:"
    site = Site(
        reply(200, PAGE | {"results": [row]}),
        httpx.Response(200, content=b"rows", headers={"Repr-Digest": wrong}),
    )
    snapshot = site.enter(tries=2).project("tides").snapshot("v1")
    with pytest.raises(Incomplete, match="digest"):
        snapshot.export("trl", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
