"""Pseudonyms of judges that a file did not name: one for each of them on a task, left out again
when their rankings are exported."""

import re

NAMELESS = "unnamed-"
_FORM = re.compile(f"{NAMELESS}[1-9][0-9]*")


def nameless(number: int) -> str:
    """The pseudonym of the ``number``-th unnamed judge of a task."""
    return f"{NAMELESS}{number}"


def is_nameless(pseudonym: str) -> bool:
    return _FORM.fullmatch(pseudonym) is not None
