"""The demonstration's accounts: one for each role, and their passwords in a private file."""

import json
import os
import secrets
from pathlib import Path

from django.conf import settings
from django.db import transaction
from knox.crypto import hash_token
from knox.models import AuthToken

from annotation.errors import Conflict
from annotation.models import Membership, Project, Role, User
from annotation.tokens import issue

ADMIN = "admin"
NAMES = (*Role.values, ADMIN)
# Tells accounts that the demonstration made from those of people who have the same name.
MARK = "demo.invalid"
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that looks like another

Credentials = dict[str, str]


def ensure_people(project: Project, known: dict[str, Credentials]) -> dict[str, Credentials]:
    """An account for each role of the project, and one for the admin site.

    What stands in ``known`` and still holds is kept; the rest is made. Raises Conflict when an
    account of one of these names belongs to somebody else.
    """
    with transaction.atomic():
        return {name: _ensure_person(project, name, known.get(name)) for name in NAMES}


def _ensure_person(project: Project, name: str, known: Credentials | None) -> Credentials:
    user = User.objects.filter(username=name).first()
    if user is not None and user.email != _address(name):
        raise Conflict(
            f"This database has an account named {name} that the demo did not make. "
            "Give the demo a database of its own: unset DATABASE_URL, or set VAR_DIR to a new "
            "folder."
        )
    password = known["password"] if known else new_password()
    if user is None:
        user = _create(project, name, password)
    elif known is None:
        user.set_password(password)
        user.save(update_fields=["password"])
    token = known["token"] if known and _holds(user, known["token"]) else _issue(user)
    return {"username": name, "password": password, "token": token}


def _create(project: Project, name: str, password: str) -> User:
    if name == ADMIN:
        return User.objects.create_superuser(name, _address(name), password)
    user = User.objects.create_user(name, _address(name), password)
    Membership.objects.create(project=project, user=user, role=name)
    return user


def _address(name: str) -> str:
    return f"{name}@{MARK}"


def _holds(user: User, token: str) -> bool:
    return bool(AuthToken.objects.filter(user=user, digest=hash_token(token)).exists())


def _issue(user: User) -> str:
    return issue(user, name="Demonstration", by="demo_setup")


def new_password() -> str:
    """Twelve letters and digits in groups of four: some 59 bits, and easy to type."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(3))


def users_file() -> Path:
    return Path(settings.VAR_DIR) / "demo-users.json"


def read_people(path: Path) -> dict[str, Credentials]:
    """What the file holds; nothing when it is absent or damaged, as it can be made again."""
    try:
        people = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    if not isinstance(people, dict):
        return {}
    return {name: each for name, each in people.items() if _is_whole(each)}


def _is_whole(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(value.get(name), str) for name in ("username", "password", "token")
    )


def write_people(path: Path, people: dict[str, Credentials]) -> None:
    """Keep them where only this account can read them; the file is never seen half written."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        json.dump(people, stream, indent=2)
        stream.write("\n")
    os.replace(scratch, path)
