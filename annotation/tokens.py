"""Tokens: what a program shows instead of a password. Only their hashes are stored."""

from datetime import timedelta

from knox.models import AuthToken

from annotation.audit import record
from annotation.errors import Conflict, Invalid
from annotation.models import User

MAX_DAYS = 3650


def issue(user: User, *, days: int | None = None, by: User | str | None = None) -> str:
    """A new token, to be shown once; good for ``days``, or until it is deleted.

    Raises Invalid for an unfit number of days, Conflict for an account that is switched off.
    """
    if days is not None and not 1 <= days <= MAX_DAYS:
        raise Invalid(f"days: must be from 1 to {MAX_DAYS:,}.")
    if not user.is_active:
        raise Conflict(f"The account {user.username} is switched off. Switch it on first.")
    _, token = AuthToken.objects.create(user, expiry=None if days is None else timedelta(days=days))
    record("token.issued", user, by=by, data={"days": days})
    return str(token)
