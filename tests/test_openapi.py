"""The API describes itself, wholly and truly."""

import re
from io import StringIO

import pytest
from django.core.management import call_command
from jsonschema import Draft202012Validator

from annotation.api.examples import ANSWERS, RECEIPT, WORK
from tests.api import description

FREE = {"metadata", "metrics", "configuration", "draft", "settings", "filters", "labels"}


def operations():
    return [
        (path, method, operation)
        for path, methods in description()["paths"].items()
        for method, operation in methods.items()
    ]


def test_the_description_validates_without_a_warning():
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=StringIO())


def test_every_operation_has_a_name_of_its_own_and_a_summary():
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[a-z]+(_[a-z]+)+", name) for name in names)
    assert all(operation["summary"] for _, _, operation in operations())


def test_every_operation_tells_its_refusals():
    for path, method, operation in operations():
        refusals = {status for status in operation["responses"] if status >= "400"}
        if "/schema/" not in path:
            assert "401" in refusals, (method, path)
        if "{" in path:
            assert "404" in refusals, (method, path)
        if method in ("post", "put"):
            assert refusals >= {"400", "403", "413", "415"}, (method, path)


def test_every_object_is_closed():
    for name, schema in description()["components"]["schemas"].items():
        if schema.get("type") == "object":
            assert schema["additionalProperties"] is False, name


def test_only_what_is_meant_to_be_free_is_free():
    for name, schema in description()["components"]["schemas"].items():
        for field, value in schema.get("properties", {}).items():
            assert value.keys() & {"type", "$ref", "oneOf", "allOf"} or field in FREE, (name, field)


def schema_named(name):
    components = description()["components"]
    return {"$ref": f"#/components/schemas/{name}", "components": components}


@pytest.mark.parametrize("example", ANSWERS, ids=lambda example: example.name)
def test_the_examples_of_answers_fit_the_description(example):
    Draft202012Validator(schema_named("AnswerRequest")).validate(example.value)


@pytest.mark.parametrize(("name", "example"), [("Work", WORK), ("Receipt", RECEIPT)])
def test_the_examples_of_replies_fit_the_description(name, example):
    Draft202012Validator(schema_named(name)).validate(example.value)


def test_an_answer_needs_its_idempotency_key():
    operation = description()["paths"]["/api/v1/assignments/{id}/submission/"]["post"]
    (key,) = [each for each in operation["parameters"] if each["in"] == "header"]
    assert (key["name"], key["required"]) == ("Idempotency-Key", True)
    assert operation["responses"].keys() >= {"201", "400", "409", "422"}


def test_a_lease_tells_no_more_than_it_should():
    def fields(name):
        return set(description()["components"]["schemas"][name]["properties"])

    assert fields("Work") == {"id", "expires_at", "guideline_version", "task"}
    assert fields("Question") == {"id", "kind", "prompt", "completions"}
    assert fields("Shown") == {"id", "text"}


@pytest.mark.django_db
def test_the_documentation_page_has_nothing_inline(client):
    page = client.get("/api/v1/docs/").content.decode()
    assert not re.search(r"<style|style=|<script(?![^>]*src=)|\son\w+=", page)
    script = client.get("/api/v1/docs/?script=")
    assert script.headers["Content-Type"].startswith("application/javascript")
