"""A task in this person's hands."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, cast

from concord_client.errors import Conflict, Unreachable
from concord_client.rows import Message, Receipt, Shown, WorkRow
from concord_client.transport import Transport


class Work:
    """What to judge, and how to answer. ``key`` names this answer: whatever is sent again carries
    it, so that an answer is stored once however often it was sent."""

    def __init__(self, transport: Transport, row: WorkRow) -> None:
        self._transport, self.row = transport, row
        self.key = str(uuid.uuid4())
        self._path = f"assignments/{row['id']}/"

    @property
    def kind(self) -> str:
        return self.row["task"]["kind"]

    @property
    def prompt(self) -> list[Message]:
        return self.row["task"]["prompt"]

    @property
    def completions(self) -> list[Shown]:
        """In the order in which to show them."""
        return self.row["task"]["completions"]

    def rank(self, ranks: Sequence[int] | Mapping[str, int], **said: Any) -> Receipt:
        """Rank the completions: 1 the best, in the order shown or by id; tied ones share a rank
        (1, 2, 2, 4). ``said`` may hold unacceptable, strengths, labels, comment, seconds."""
        if not isinstance(ranks, Mapping):
            shown = [each["id"] for each in self.completions]
            ranks = dict(zip(shown, ranks, strict=True))
        return self.submit({"ranks": dict(ranks), **said})

    def judge(self, verdict: str, **said: Any) -> Receipt:
        """Say ``good`` or ``bad``."""
        return self.submit({"verdict": verdict, **said})

    def write(self, text: str, **said: Any) -> Receipt:
        return self.submit({"text": text, **said})

    def submit(self, answer: Mapping[str, Any]) -> Receipt:
        """Stored for good when this returns. Raises Invalid, Conflict, KeyReused."""
        path = f"{self._path}submission/"
        return cast(Receipt, self._transport.json("POST", path, body=dict(answer), key=self.key))

    def skip(self, reason: str = "other", comment: str = "") -> None:
        """Give the task back. Where a reply was lost, one that is no longer held was given back."""
        body = {"reason": reason, "comment": comment}
        try:
            self._transport.send("POST", f"{self._path}skip/", body=body, again=False)
        except Unreachable:
            try:
                self._transport.send("POST", f"{self._path}skip/", body=body)
            except Conflict:
                return

    def renew(self) -> str:
        """Say that you are still at it; until when it is yours now."""
        return str(self._transport.json("POST", f"{self._path}heartbeat/")["expires_at"])
