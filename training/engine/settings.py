"""What all settings share: a sentence for each field, checks when built, and a plain JSON form."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any, Self, get_args, get_type_hints


def setting(default: Any, help: str, only: tuple[str, ...] = ()) -> Any:
    """Declare a field of settings.

    `help` is what a person reads of it, on a page and on the command line; `only` names the
    methods that read it, where not all do. Further settings stand in a field as their class.
    """
    about = {"help": help, "only": only}
    if isinstance(default, type):
        return field(default_factory=default, metadata=about)
    return field(default=default, metadata=about)


def require(condition: bool, message: str) -> None:
    """Raise ValueError unless it holds."""
    if not condition:
        raise ValueError(message)


# What is taken for each type, and how a person is told of it.
KINDS: dict[Any, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "true or false"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    str: ((str,), "a string"),
}


class Settings:
    """Shared behaviour of every frozen dataclass of settings."""

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, nested settings included, ready for JSON."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build from `as_dict`'s form; absent fields take their defaults.

        Raises ValueError for an unknown field, and for a value of another type or out of range.
        """
        known = {each.name: each for each in fields(cls)}  # type: ignore[arg-type]
        unknown = sorted(set(values) - set(known))
        require(not unknown, f"{cls.__name__} has no field {', '.join(unknown)}")
        hints = get_type_hints(cls)
        return cls(**{name: _read(name, value, hints[name]) for name, value in values.items()})


def _read(name: str, value: Any, hint: Any) -> Any:
    """Return a field's value as its type has it; raises ValueError for one of another type."""
    if is_dataclass(hint):
        require(isinstance(value, dict), _wrong(name, value, "an object of settings"))
        inner: Any = hint
        return inner.from_dict(value)
    kind = str if get_args(hint) else hint
    types, words = KINDS[kind]
    # For Python, true and false are numbers too.
    fits = isinstance(value, types) and (kind is bool or not isinstance(value, bool))
    require(fits, _wrong(name, value, words))
    return value


def _wrong(name: str, value: Any, words: str) -> str:
    return f"{name} is {json.dumps(value, default=str)}, and must be {words}"


@dataclass(frozen=True)
class Explained:
    """One field of settings, as forms and the command line offer it."""

    path: tuple[str, ...]  # its name, after that of the settings it is nested in
    kind: type  # bool, int, float or str
    choices: tuple[str, ...]  # of a str; empty when any will do
    default: Any
    help: str
    only: tuple[str, ...]  # the methods that read it; empty for all


def explained(
    kind: Any, outer: tuple[str, ...] = (), only: tuple[str, ...] = ()
) -> list[Explained]:
    """Return every field of a class of settings, nested ones in their place."""
    return list(_explained(kind, outer, only))


def _explained(kind: Any, outer: tuple[str, ...], only: tuple[str, ...]) -> Iterator[Explained]:
    hints = get_type_hints(kind)
    for each in fields(kind):
        readers = each.metadata["only"] or only
        path, hint = (*outer, each.name), hints[each.name]
        if is_dataclass(hint):
            yield from _explained(hint, path, readers)
        else:
            choices = get_args(hint)
            yield Explained(
                path, str if choices else hint, choices, each.default, each.metadata["help"],
                readers,
            )  # fmt: skip
