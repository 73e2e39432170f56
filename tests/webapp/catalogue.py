"""The words of the pages, gathered from the source: ``python -m tests.webapp.catalogue``.

Updates locale/*/LC_MESSAGES from what templates, Python and scripts say, and compiles it. A word
that is new is left empty, and one that nothing says any more goes; a test then names the gaps.
"""

import ast
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize

from training.engine.config import PreferenceSettings, RewardSettings, SftSettings
from training.engine.ppo.config import PpoSettings
from training.engine.settings import explained

ROOT = Path(__file__).resolve().parents[2]
DOMAINS = ("django", "djangojs")
# What stands where in a call: the message, or its singular and plural.
CALLS = {
    **dict.fromkeys(("gettext", "gettext_lazy", "gettext_noop", "storable"), None),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
}
# Whose fields a page explains.
SETTINGS = (PreferenceSettings, PpoSettings, RewardSettings, SftSettings)
_TEXT = r"""u?(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")"""
IN_TEMPLATE = re.compile(rf"(?:\b(n?p?gettext)|(?<=\s)_)\(((?:{_TEXT})(?:\s*,\s*{_TEXT})*)")
Said = tuple[str | tuple[str, ...], str | None]  # the message, and its context


def messages_of(domain: str) -> Iterator[Said]:
    """All that the source of this domain says, each as often as it is said."""
    if domain == "djangojs":
        for path in sorted((ROOT / "webapp/static/js").glob("*.js")):
            yield from _called(path, "javascript")
        return
    for path in sorted((ROOT / "templates").rglob("*.html")):
        yield from _of_template(path)
    for folder in ("annotation", "training", "webapp"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield from _called(path, "python")
    for kind in SETTINGS:
        yield from ((each.help, None) for each in explained(kind))


def _called(path: Path, language: str) -> Iterator[Said]:
    for _, said, _, context in extract(language, io.BytesIO(path.read_bytes()), CALLS):
        yield said, context


def _of_template(path: Path) -> Iterator[Said]:
    for call, given in IN_TEMPLATE.findall(templatize(path.read_text(), origin=str(path))):
        texts = list(ast.literal_eval(f"[{given}]"))
        context = texts.pop(0) if "p" in call.removeprefix("n").removesuffix("gettext") else None
        yield (texts[0], texts[1]) if call.startswith("n") else texts[0], context


def template_of(domain: str) -> Catalog:
    """A catalogue of the messages without any translation."""
    found = Catalog(fuzzy=False)
    for said, context in messages_of(domain):
        found.add(said, context=context)
    return found


def folder_of(language: str) -> Path:
    return ROOT / "locale" / language / "LC_MESSAGES"


def read(language: str, domain: str) -> Catalog:
    path = folder_of(language) / f"{domain}.po"
    return read_po(io.BytesIO(path.read_bytes()), locale=language)


def compiled(catalogue: Catalog) -> bytes:
    out = io.BytesIO()
    write_mo(out, catalogue)
    return out.getvalue()


def languages() -> list[str]:
    return [code for code, _ in settings.LANGUAGES if code != settings.LANGUAGE_CODE]


def is_told(message: Message) -> bool:
    """Whether every form of it is translated."""
    forms = forms_of(message)
    return bool(forms) and all(forms) and not message.fuzzy


def forms_of(message: Message) -> list[str]:
    """Its translation; of a message with a plural one for each form."""
    said = message.string
    return [said] if isinstance(said, str) else [str(form) for form in said or ()]


def update(language: str, domain: str) -> Catalog:
    path = folder_of(language) / f"{domain}.po"
    known = read(language, domain) if path.exists() else Catalog(locale=language, fuzzy=False)
    made = known.creation_date
    known.update(template_of(domain), no_fuzzy_matching=True)
    known.obsolete.clear()
    known.creation_date = made  # else every run would be a change
    return known


def main() -> None:
    for language in languages():
        folder_of(language).mkdir(parents=True, exist_ok=True)
        for domain in DOMAINS:
            catalogue = update(language, domain)
            path = folder_of(language) / f"{domain}.po"
            with path.open("wb") as out:
                write_po(out, catalogue, no_location=True, sort_output=True, omit_header=False)
            path.with_suffix(".mo").write_bytes(compiled(read(language, domain)))
            empty = [each.id for each in read(language, domain) if each.id and not is_told(each)]
            told = f"{len(catalogue)} messages, {len(empty)} to translate"
            sys.stdout.write(f"{path.relative_to(ROOT)}: {told}\n")


if __name__ == "__main__":
    main()
