"""The single keys of each kind of task, and those that a person has changed.

``User.keys`` holds what differs from the usual ones: ``{"single": false}`` where no single key is
to act, and ``{"chosen": {"rank": {"tie": "t"}}}`` for the keys of a kind of task.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext, gettext_lazy

from annotation.answers import RATINGS
from annotation.errors import Invalid
from annotation.forms.answers import LETTERS
from annotation.models import TaskKind, User

Keys = dict[str, Any]


@dataclass(frozen=True)
class Command:
    """What one key does: the usual key, what its field is called, and the characters that mean
    something else on the same screen, whatever is chosen."""

    usual: str
    label: str | Promise
    fixed: str = ""


RESPONSES = LETTERS.lower() + "0123456789"  # letters pick them, and digits place them
HELP = Command("?", gettext_lazy("Key to show these keys"))
COMMANDS: Mapping[str, Mapping[str, Command]] = {
    TaskKind.RANK: {
        "tie": Command("=", gettext_lazy("Key to tie"), RESPONSES),
        "reject": Command("x", gettext_lazy("Key to call unacceptable"), RESPONSES),
        "stronger": Command(">", gettext_lazy("Key to say how much better"), RESPONSES),
        "undo": Command("u", gettext_lazy("Key to undo"), RESPONSES),
        "guideline": Command("o", gettext_lazy("Key to open the guideline"), RESPONSES),
        "help": Command(HELP.usual, HELP.label, RESPONSES),
        # While one response is shown by itself, nothing is picked or placed.
        **{
            f"rate-{rating}": Command(
                str(rating), format_lazy(gettext_lazy("Key to rate {rating}"), rating=rating)
            )
            for rating in RATINGS
        },
    },
    TaskKind.COMPARE: {
        "first": Command("1", gettext_lazy("Key to prefer A")),
        "second": Command("2", gettext_lazy("Key to prefer B")),
        "tie": Command("0", gettext_lazy("Key to call both equally good")),
        "bad": Command("b", gettext_lazy("Key to call both unacceptable")),
        "help": HELP,
    },
    TaskKind.THUMBS: {
        "good": Command("1", gettext_lazy("Key to call it good")),
        "bad": Command("0", gettext_lazy("Key to call it bad")),
        "help": HELP,
    },
}


def keep_keys(user: User, said: Any) -> Keys:
    """Keep what this person has chosen, in the place of what they chose before. Raises Invalid."""
    if not isinstance(said, dict) or not said.keys() <= {"single", "chosen"}:
        raise Invalid(gettext("keys: must be an object of single and chosen, nothing else."))
    single, chosen = said.get("single", True), said.get("chosen", {})
    if not isinstance(single, bool):
        raise Invalid(gettext("single: must be true or false."))
    if not isinstance(chosen, dict):
        raise Invalid(gettext("chosen: must be an object of keys by kind of task and command."))
    changed = {kind: _changed(kind, keys) for kind, keys in chosen.items()}
    kept: Keys = {} if single else {"single": False}
    if any(changed.values()):
        kept["chosen"] = {kind: keys for kind, keys in changed.items() if keys}
    User.objects.filter(pk=user.pk).update(keys=kept)
    user.keys = kept
    return kept


def _changed(kind: str, keys: Any) -> dict[str, str]:
    """Those that are not the usual ones."""
    commands = COMMANDS.get(kind)
    if commands is None or not isinstance(keys, dict) or not keys.keys() <= commands.keys():
        raise Invalid(gettext("chosen: names a kind of task or a command that has no key."))
    for name, key in keys.items():
        _check(key, commands[name])
    in_force = {name: command.usual for name, command in commands.items()} | keys
    if len(set(in_force.values())) < len(in_force):
        raise Invalid(gettext("One key stands for two commands. Choose another one for either."))
    return {name: key for name, key in keys.items() if key != commands[name].usual}


def _check(key: Any, command: Command) -> None:
    if not _is_single(key):
        raise Invalid(gettext("A key is one character that can be seen, and no capital."))
    if key in command.fixed:
        raise Invalid(gettext("This key has a meaning already. Choose another one."))


def _is_single(key: Any) -> bool:
    return (
        isinstance(key, str)
        and len(key) == 1
        and key.isprintable()
        and not key.isspace()
        and key == key.lower()
        and ord(key) <= 0xFFFF  # what one key of a keyboard sends, to a page as well
    )
