"""Tokens: what a program shows instead of a password. Only their hashes are stored."""

from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext
from knox.models import AuthToken

from annotation.audit import record
from annotation.errors import Conflict, Invalid
from annotation.models import Scope, TokenAccess, User

MAX_DAYS = 3650
MAX_TOKENS = 50  # of one person: more are forgotten, not used


def issue(
    user: User,
    *,
    days: int | None = None,
    scope: str = Scope.MANAGE,
    name: str = "",
    by: User | str | None = None,
) -> str:
    """A new token, to be shown once; good for ``days``, or until it is revoked.

    Raises Invalid for an unfit number of days or scope, Conflict for an account that is switched
    off or has MAX_TOKENS.
    """
    if days is not None and not 1 <= days <= MAX_DAYS:
        raise Invalid(gettext("days: must be from 1 to %(most)s.") % {"most": f"{MAX_DAYS:,}"})
    if scope not in Scope.values:
        raise Invalid(
            gettext("scope: %(scope)r is not known. Use one of: %(values)s.")
            % {"scope": scope, "values": ", ".join(Scope.values)}
        )
    if not user.is_active:
        raise Conflict(
            gettext("The account %(username)s is switched off. Switch it on first.")
            % {"username": user.username}
        )
    if AuthToken.objects.filter(user=user).count() >= MAX_TOKENS:
        raise Conflict(
            gettext("%(username)s has %(most)s tokens. Revoke one that is not used.")
            % {"username": user.username, "most": MAX_TOKENS}
        )
    with transaction.atomic():
        expiry = None if days is None else timedelta(days=days)
        made, token = AuthToken.objects.create(user, expiry=expiry)
        TokenAccess.objects.create(token=made, name=name, scope=scope)
        record("token.issued", user, by=by, data={"days": days, "scope": scope, "name": name})
    return str(token)


def tokens_of(user: User) -> QuerySet[TokenAccess]:
    """The newest first, expired ones too: one query."""
    mine = TokenAccess.objects.filter(token__user=user)
    return mine.select_related("token").order_by("-token__created", "-pk")


def revoke(access: TokenAccess, *, by: User) -> None:
    """It counts no more from now on."""
    with transaction.atomic():
        record("token.revoked", access.token.user, by=by, data={"name": access.name})
        access.token.delete()
