"""A client of the API that holds every reply against the API's own description."""

import json
import re
from functools import cache
from typing import Any

from django.core.signals import request_finished
from django.db import close_old_connections
from django.test import Client
from django.urls import resolve
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator

from annotation.models import User
from annotation.tokens import issue

API = "/api/v1"


@cache
def description():
    return SchemaGenerator().get_schema(request=None, public=True)


def documented_responses(path: str, method: str) -> Any:
    route = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", resolve(path).route)
    return description()["paths"][f"/{route}"][method.lower()]["responses"]


def check_reply(path: str, method: str, reply) -> None:
    """Fails unless this status is described for the route and the body fits, to the last field."""
    responses = documented_responses(path, method)
    assert str(reply.status_code) in responses, (reply.status_code, reply.content)
    content = responses[str(reply.status_code)].get("content")
    if content is None:
        assert reply.content == b""
        return
    if reply.status_code == 200 and "application/octet-stream" in content:
        whole = reply.getvalue()  # a file
        assert whole
        reply.streaming_content = [whole]  # to be read once more
        return
    schema = content["application/json"]["schema"] | {"components": description()["components"]}
    Draft202012Validator(schema).validate(reply.json())


class Api:
    """One person's requests, by token unless ``session``."""

    def __init__(self, user: User | None = None, *, session: bool = False):
        self.client = Client(enforce_csrf_checks=not session)
        self.headers = {}
        if user is not None and session:
            self.client.force_login(user)
        elif user is not None:
            self.headers["Authorization"] = f"Token {issue(user)}"

    def get(self, path: str, **filters):
        return self.send("GET", path, query_params=filters)

    def post(self, path: str, body=None, **headers):
        return self.send("POST", path, body, headers=headers)

    def put(self, path: str, body=None, **headers):
        return self.send("PUT", path, body, headers=headers)

    def send(self, method: str, path: str, body=None, *, headers=None, query_params=None):
        """``body`` is sent as JSON, but bytes as they are."""
        path = path if path.startswith(API) else f"{API}/{path}"
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body)
        reply = self.client.generic(
            method,
            path,
            body or b"",
            "application/json",
            headers=self.headers | (headers or {}),
            query_params=query_params,
        )
        check_reply(path.partition("?")[0], method, reply)
        return reply

    def answer(self, assignment: int, body, key: str = "key-1"):
        return self.post(f"assignments/{assignment}/submission/", body, **{"Idempotency-Key": key})


def hang_up(reply):
    """End a reply as a server does whose client has gone; the test keeps its database."""
    request_finished.disconnect(close_old_connections)
    try:
        reply.close()
    finally:
        request_finished.connect(close_old_connections)
