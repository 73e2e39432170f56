"""One site, as one person sees it."""

from collections.abc import Iterator
from types import TracebackType
from typing import Self

import httpx

from concord_client.projects import Project
from concord_client.rows import ProjectRow
from concord_client.transport import Retries, Transport

VERSION = "1.0.0"


class Concord:
    """A Concord site at ``url``, entered with a token from its page Tokens.

    Nothing is sent until something is asked for. ``timeout`` is in seconds, of one read;
    ``progress`` shows bars: None where there is a terminal, else always or never.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout: float = 120.0,
        retries: Retries | None = None,
        progress: bool | None = None,
        http: httpx.Client | None = None,
    ) -> None:
        self._http = http or httpx.Client(timeout=timeout)
        self._http.base_url = httpx.URL(url.rstrip("/"))
        self._http.headers.update(
            {
                "Authorization": f"Token {token.strip()}",
                "Accept": "application/json, */*",
                "User-Agent": f"concord-client/{VERSION}",
            }
        )
        self._transport = Transport(self._http, retries or Retries())
        self._progress = progress

    def projects(self) -> Iterator[ProjectRow]:
        """The projects that this person has a part in."""
        return self._transport.rows("projects/")

    def project(self, slug: str) -> Project:
        """A project by the name in its address; whether it is there, its first request says."""
        return Project(self._transport, slug, self._progress)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
