"""The client at a live server."""

import httpx
import pytest

from annotation.tokens import issue
from concord_client import Concord, Retries
from tests.cast import make_cast


@pytest.fixture
def cast(transactional_db):
    return make_cast()


class Losing(httpx.HTTPTransport):
    """Loses the replies to the first ``count`` requests of a method: the site has answered."""

    def __init__(self, method, count):
        super().__init__()
        self.method, self.left, self.keys = method, count, []

    def handle_request(self, request):
        reply = super().handle_request(request)
        if request.method == self.method:
            self.keys.append(request.headers.get("Idempotency-Key"))
            if self.left:
                self.left -= 1
                reply.close()
                raise httpx.ReadError("connection reset")
        return reply


@pytest.fixture
def enter(live_server):
    """A client with a fresh token of this person; it never really waits."""
    opened = []

    def run(user, transport=None, **terms):
        client = Concord(
            live_server.url,
            issue(user, **terms),
            retries=Retries(tries=3, sleep=lambda seconds: None),
            http=httpx.Client(transport=transport, timeout=60),
            progress=False,
        )
        opened.append(client)
        return client

    yield run
    for client in opened:
        client.close()
