"""Who asks, found out at every request: the session in the database, and its person."""

from datetime import datetime
from typing import Any

from allauth.account.auth_backends import AuthenticationBackend as AllauthBackend
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.utils import timezone

from annotation.models import User
from annotation.prepared import prepared


class SessionStore(db.SessionStore):
    """Django's own, which reads by a prepared query."""

    def _get_session_from_db(self) -> Any:
        found = _session.first(self.session_key or "", timezone.now())
        if found is None:
            self._session_key = None
        return found


class AuthenticationBackend(AllauthBackend):
    """allauth's own, likewise."""

    def get_user(self, user_id: Any) -> User | None:
        found = _user.first(int(user_id))
        return found if self.user_can_authenticate(found) else None


@prepared
def _session(key: str, now: datetime) -> QuerySet[Session]:
    return Session.objects.filter(session_key=key, expire_date__gt=now)


@prepared
def _user(pk: int) -> QuerySet[User]:
    return User.objects.filter(pk=pk)
