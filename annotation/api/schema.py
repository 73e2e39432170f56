"""How the API describes itself (OpenAPI)."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework.permissions import AllowAny

from annotation.api.permissions import HoldsWork, InProject
from annotation.api.serializers import RefusalSerializer

REFUSALS = {
    "400": "Something is wrong with what was sent.",
    "401": "Nobody is signed in, or the token does not count.",
    "403": "You lack the role, or the token its scope.",
    "404": "There is nothing of this name that you have a part in.",
    "406": "The request accepts no JSON.",
    "411": "The body came without its length.",
    "413": "The body is too large.",
    "415": "The body is not JSON.",
}
BAD_REQUEST = OpenApiResponse(RefusalSerializer, REFUSALS["400"])
CONFLICT = OpenApiResponse(RefusalSerializer, "The state of things forbids it just now.")
KEY_REUSED = OpenApiResponse(RefusalSerializer, "The key came before with another body.")


def describes(operation_id: str, summary: str, description: str = "") -> Any:
    """Names the GET of a view whose method is written elsewhere."""
    described = extend_schema(
        operation_id=operation_id, summary=summary, description=description or None
    )
    return extend_schema_view(get=described)


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How a token is sent."""

    target_class = "annotation.api.authentication.ScopedTokens"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "The word Token, a space, and the token.",
        }


class ApiSchema(AutoSchema):
    """Adds to each operation the refusals that its kind of route can answer with."""

    def get_tags(self) -> list[str]:
        return [getattr(self.view, "noun", "description")]

    def _is_list_view(self, serializer: Any = None) -> bool:
        # What is sent to a list, and what comes back, is no page of it.
        return self.method == "GET" and super()._is_list_view(serializer)

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies = super()._get_response_bodies(direction)
        for status in self._refusals():
            refusal = OpenApiResponse(RefusalSerializer, REFUSALS[status])
            bodies[status] = self._get_response_for_code(  # type: ignore[no-untyped-call]
                refusal, status, direction=direction
            )
        return dict(sorted(bodies.items()))

    def _refusals(self) -> set[str]:
        permissions = {type(permission) for permission in self.view.get_permissions()}
        if AllowAny in permissions:
            return set()
        statuses = {"401", "406"}
        if permissions & {InProject, HoldsWork}:
            statuses |= {"403", "404"}
        if "{" in self.path:
            statuses |= {"404"}
        if self._is_list_view():
            statuses |= {"400"}
        if self.method in ("POST", "PUT", "PATCH"):
            statuses |= {"400", "403", "411", "413", "415"}
        return statuses


def close_objects(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Say of every object that it has no further fields, and of what is sent out that it has all.

    What is described is sent, and nothing else.
    """
    for name, schema in result.get("components", {}).get("schemas", {}).items():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
            if not name.endswith("Request"):
                schema["required"] = sorted(schema["properties"])
    return result
