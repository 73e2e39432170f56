"""Signing in by token, and how far a token reaches."""

from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.utils import timezone
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from knox.models import AuthToken
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from annotation.errors import OutOfScope
from annotation.models import Scope, User

REACH = list(Scope)
UNKNOWN = "This token is not known here: it was revoked, or never given."
MEND = "Make a new one on the page Tokens."


class ScopedTokens(TokenAuthentication):
    """A token counts until it expires or is revoked, for what its scope covers.

    Reading asks for the scope ``read``; writing for what the view names as ``writes``, and for
    ``manage`` where it names nothing. Raises AuthenticationFailed, OutOfScope.
    """

    def authenticate(self, request: Request) -> tuple[User, AuthToken] | None:
        found: tuple[User, AuthToken] | None = super().authenticate(request)
        if found is not None:
            _require(scope_of(found[1]), _needed(request))
        return found

    def authenticate_credentials(self, token: bytes) -> tuple[User, AuthToken]:
        digest = hash_token(token.decode("ascii", "replace"))
        tokens = AuthToken.objects.select_related("user", "access")
        found = tokens.filter(digest=digest).first()
        if found is None:
            raise AuthenticationFailed(f"{UNKNOWN} {MEND}")
        if found.expiry is not None and found.expiry <= timezone.now():
            ended = f"{found.expiry:%Y-%m-%d %H:%M} UTC"
            raise AuthenticationFailed(f"This token expired on {ended}. {MEND}")
        if not found.user.is_active:
            raise AuthenticationFailed("The account of this token is switched off. Ask a manager.")
        return found.user, found


def scope_of(token: AuthToken) -> Scope:
    try:
        return Scope(token.access.scope)
    except ObjectDoesNotExist:
        return Scope.READ


def _needed(request: Request) -> Scope:
    if request.method in SAFE_METHODS:
        return Scope.READ
    view: Any = request.parser_context["view"]
    return getattr(view, "writes", Scope.MANAGE)


def _require(held: Scope, needed: Scope) -> None:
    if REACH.index(held) < REACH.index(needed):
        raise OutOfScope(
            f"This token's scope is {held.value}; this needs {needed.value}. "
            "Make a token of that scope on the page Tokens."
        )
