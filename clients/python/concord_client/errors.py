"""What can go wrong. ``str()`` of each is one sentence, the server's own where it gave one."""

import httpx


class ConcordError(Exception):
    """Base of all. ``status`` is the reply's, 0 where there was none; ``code`` its one word."""

    def __init__(self, sentence: str, *, status: int = 0, code: str = "") -> None:
        super().__init__(sentence)
        self.status, self.code = status, code


class Invalid(ConcordError):
    """What was sent does not fit what was asked for."""


class NotSignedIn(ConcordError):
    """The token expired, was revoked, or never counted."""


class NotAllowed(ConcordError):
    """The person lacks the role, or the token its scope."""


class NotFound(ConcordError):
    """There is nothing of this name that this person has a part in."""


class Conflict(ConcordError):
    """The state of things forbids it just now: a lease is lost, a name is taken."""


class KeyReused(ConcordError):
    """An idempotency key came before with another body."""


class Unreachable(ConcordError):
    """The site did not answer, however often it was asked."""


class Incomplete(ConcordError):
    """A download broke off, or is not what the site said that it would be."""


KINDS: dict[int, type[ConcordError]] = {
    400: Invalid,
    401: NotSignedIn,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    422: KeyReused,
}


def error_of(reply: httpx.Response) -> ConcordError:
    """The refusal that a reply is; its body must have been read."""
    try:
        body = reply.json()
    except ValueError:
        body = None
    said = body if isinstance(body, dict) else {}
    sentence = str(said.get("detail") or _sentence(reply))
    kind = KINDS.get(reply.status_code, ConcordError)
    return kind(sentence, status=reply.status_code, code=str(said.get("code", "")))


def _sentence(reply: httpx.Response) -> str:
    if reply.is_redirect:
        there = reply.headers.get("Location", "elsewhere")
        return f"The site answered with a redirect to {there}. Use that address."
    return f"The site answered {reply.status_code} {reply.reason_phrase} without saying why."
