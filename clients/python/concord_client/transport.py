"""Requests that are sent again when the network or the site fails, and never done twice."""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from concord_client.errors import ConcordError, NotSignedIn, Unreachable, error_of

API = "/api/v1/"
PAGE = 200
BUSY = {429, 500, 502, 503, 504}


@dataclass(frozen=True)
class Retries:
    """How often a request is sent, and how long to wait in between: ``first`` seconds, doubled
    each time up to ``longest``, less a random part so that many clients do not come at once; or
    as long as the site asks for."""

    tries: int = 6
    first: float = 0.5
    longest: float = 30.0
    sleep: Callable[[float], None] = time.sleep

    def wait(self, number: int, reply: httpx.Response | None = None) -> None:
        asked = reply.headers.get("Retry-After", "") if reply is not None else ""
        if asked.isdigit():
            self.sleep(min(float(asked), 10 * self.longest))
            return
        longest = min(self.longest, self.first * 2**number)
        self.sleep(longest * random.uniform(0.5, 1.0))  # noqa: S311 - no secret


class Transport:
    """One site, one token."""

    def __init__(self, http: httpx.Client, retries: Retries) -> None:
        self.http, self.retries = http, retries

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        key: str | None = None,
        again: bool = True,
    ) -> httpx.Response:
        """The reply to a request, of which the path follows ``/api/v1/``.

        Sent again, with the same key and body, after a failure of the network and after 429 and
        5xx; with ``again`` false only where the site cannot have done it: it never got there, or
        was refused by 429 or 503. Raises ConcordError.
        """
        headers = {} if key is None else {"Idempotency-Key": key}
        for number in range(self.retries.tries):
            last = number + 1 == self.retries.tries
            reply = None
            try:
                reply = self.http.request(
                    method, API + path, json=body, params=_given(query), headers=headers
                )
            except httpx.ConnectError as error:
                if last:
                    raise _unreachable(error) from error
            except httpx.TransportError as error:
                if last or not again:
                    raise _unreachable(error) from error
            else:
                if reply.is_success:
                    return reply
                done_perhaps = not again and reply.status_code not in (429, 503)
                if last or done_perhaps or reply.status_code not in BUSY:
                    raise error_of(reply)
            self.retries.wait(number, reply)
        raise AssertionError("unreachable")

    def json(self, method: str, path: str, **options: Any) -> Any:
        return self.send(method, path, **options).json()

    def rows(self, path: str, query: Mapping[str, Any] | None = None) -> Iterator[Any]:
        """All rows of a list, page after page. Raises ConcordError; a token that ends on the way
        is told with how many rows had come."""
        asked: dict[str, Any] = {"page_size": PAGE, **(query or {})}
        came = 0
        while True:
            try:
                page = self.json("GET", path, query=asked)
            except NotSignedIn as error:
                raise (_after(error, f"{came:,} rows") if came else error) from None
            yield from page["results"]
            came += len(page["results"])
            if not page["next"]:
                return
            # Of the address only the query is taken: the token goes to this site alone.
            asked = dict(httpx.URL(page["next"]).params)

    @contextmanager
    def stream(self, path: str, query: Mapping[str, Any] | None = None) -> Iterator[httpx.Response]:
        """A download's reply, its body yet to be read; tried once. Raises ConcordError."""
        try:
            # As it is: length and digest are those of the file.
            plain = {"Accept-Encoding": "identity"}
            asked = _given(query)
            with self.http.stream("GET", API + path, params=asked, headers=plain) as reply:
                if not reply.is_success:
                    reply.read()
                    raise error_of(reply)
                yield reply
        except httpx.TransportError as error:
            raise _unreachable(error) from error


def _given(query: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (query or {}).items() if value is not None}


def _unreachable(error: httpx.TransportError) -> Unreachable:
    return Unreachable(f"The site does not answer ({type(error).__name__}: {error}). Try later.")


def _after(error: ConcordError, came: str) -> ConcordError:
    sentence = f"After {came}: {error}"
    return type(error)(sentence, status=error.status, code=error.code)
