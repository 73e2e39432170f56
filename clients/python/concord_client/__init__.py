"""A client of Concord's API: ``Concord(url, token).project("x").snapshot("v1").to_dataset()``."""

from concord_client.client import Concord
from concord_client.errors import (
    ConcordError,
    Conflict,
    Incomplete,
    Invalid,
    KeyReused,
    NotAllowed,
    NotFound,
    NotSignedIn,
    Unreachable,
)
from concord_client.projects import Project
from concord_client.snapshots import Snapshot
from concord_client.transport import Retries
from concord_client.work import Work

__all__ = [
    "Concord",
    "ConcordError",
    "Conflict",
    "Incomplete",
    "Invalid",
    "KeyReused",
    "NotAllowed",
    "NotFound",
    "NotSignedIn",
    "Project",
    "Retries",
    "Snapshot",
    "Unreachable",
    "Work",
]
