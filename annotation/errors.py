"""Refusals that people read. Each says what is wrong, where, and how to mend it."""

from typing import Any

from annotation.telling import Sentence


class Refused(Exception):
    """Base of all refusals; ``str()`` is one clear sentence. Edges turn it into a reply."""

    status = 400
    code = "refused"


class Invalid(Refused):
    """What was sent does not fit what was asked for.

    With ``values``, ``words`` is a template: the ``sentence`` can be stored, and be told in another
    language.
    """

    code = "invalid"

    def __init__(self, words: str | Sentence, **values: Any) -> None:
        self.sentence = words if isinstance(words, Sentence) else Sentence(str(words), values)
        super().__init__(str(self.sentence))


class NotAllowed(Refused):
    """The person lacks the role."""

    status = 403
    code = "not_allowed"


class NoLongerRanks(NotAllowed):
    """The person lost the role in the middle of a task; what they did is kept."""


class LeaseLost(Refused):
    """The task is not, or no longer, held by this person."""

    status = 409
    code = "lease_lost"


class KeyReused(Refused):
    """An idempotency key came again with another body."""

    status = 422
    code = "key_reused"


class Conflict(Refused):
    """The state of things forbids it just now."""

    status = 409
    code = "conflict"


class Busy(Refused):
    """Too much is asked for at once; what was asked for comes later, asked again."""

    status = 429
    code = "busy"
    seconds = 30  # after which


class DraftChanged(Conflict):
    """Another tab has kept a later draft."""

    code = "draft_changed"


class QuizOwed(Conflict):
    """Questions about the guideline come first."""

    code = "quiz_owed"


class OutOfScope(Refused):
    """The token does not reach that far, whatever its owner may do."""

    status = 403
    code = "scope"
