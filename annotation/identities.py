"""Names of models and vendors, by which a completion would tell who wrote it. Plain Python."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from django.core.exceptions import ValidationError
from django.utils.translation import gettext

from annotation.scripts import UNSPACED

MAX_NAMES, MAX_NAME = 300, 60

# Left out are names that everyday texts are full of, such as llama, falcon and bard: those are
# looked for where somebody says that they are one, or who made them.
_MAKERS = ("Google", "Meta", "Microsoft", "Mistral", "Alibaba", "Amazon")
DEFAULT_NAMES = (
    *("ChatGPT", "GPT-2", "GPT-3", "GPT-3.5", "GPT-4", "GPT-4o", "GPT-5", "OpenAI"),
    *("Claude", "Anthropic", "Gemini", "Google Bard", "DeepMind", "Gemma", "Meta AI"),
    *("Llama 2", "Llama 3", "Llama 4", "Mistral AI", "Mixtral", "Qwen", "Tongyi", "通义千问"),
    *("Alibaba Cloud", "DeepSeek", "深度求索", "SmolLM", "Hugging Face", "Phi-3", "Phi-4"),
    *("Grok", "xAI", "Cohere", "Microsoft Copilot", "Vicuna", "ChatGLM", "Zhipu", "Ernie Bot"),
    *("文心一言", "Moonshot AI", "Kimi", "StableLM", "Stability AI", "Perplexity AI", "YandexGPT"),
    *("GigaChat", "EleutherAI", "Open Assistant", "Llama by Meta", "Mistral 7B"),
    *(f"{made} by {maker}" for made in ("developed", "created", "trained") for maker in _MAKERS),
    *(f"{i} {name}" for i in ("I am", "I'm") for name in ("Bard", "Copilot", "Llama", "Mistral")),
)

# A name may stand right beside these: scripts that put no spaces between words, and Korean, which
# hangs its particles onto names.
_BESIDE = f"{UNSPACED}\uac00-\ud7af"
_LETTER = f"[^\\W{_BESIDE}]"
_LETTER_NOT_DIGIT = f"[^\\W\\d{_BESIDE}]"
# What may stand between the parts of a name, or not: ChatGPT, Chat GPT, Chat-GPT.
_BETWEEN = r"\s\-\u2010-\u2015\u2212"
_GAP, _GAP_OF_WORDS = f"[{_BETWEEN}]{{0,9}}", f"[{_BETWEEN},]{{0,9}}"
# GPT|4, Chat|GPT; but deep minds are not DeepMind.
_PART = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=[a-z]{2})(?=[A-Z]{2})")


def default_names() -> list[str]:
    return list(DEFAULT_NAMES)


def check_names(value: object) -> None:
    """Raises ValidationError for what is no list of short texts that hold a letter."""
    if not isinstance(value, list) or len(value) > MAX_NAMES:
        raise ValidationError(
            gettext("Give a list of at most %(most)s names.") % {"most": MAX_NAMES}
        )
    for name in value:
        if not isinstance(name, str) or not 0 < len(name.strip()) <= MAX_NAME:
            raise ValidationError(
                gettext("A name is a text of 1 to %(most)s characters.") % {"most": MAX_NAME}
            )
        if not any(map(str.isalnum, folded(name))):
            raise ValidationError(
                gettext("“%(name)s” holds no letter and no digit.") % {"name": name}
            )


def folded(text: str) -> str:
    """The text as it is compared: whatever its case, width and accents' spelling, and without
    characters that nobody sees."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    seen = "".join(each for each in plain if unicodedata.category(each) != "Cf")
    return seen.replace("\u2019", "'")


def _parts(name: str) -> tuple[str, ...]:
    """What a text must say one after the other to say this name."""
    words = re.split(f"[{_BETWEEN}]+", unicodedata.normalize("NFKC", name).strip())
    return tuple(folded(part) for word in words for part in _PART.split(word) if part)


def _pattern_of(parts: Sequence[str]) -> str:
    first, *others = parts
    pattern = re.escape(first)
    for part in others:
        # 3 llamas are no Llama 3, nor is "llamas, 3 of them".
        pattern += (_GAP if part[0].isdecimal() else _GAP_OF_WORDS) + re.escape(part)
    # A version may follow a name at once, and a longer number is another one.
    end = _LETTER if parts[-1][-1].isdecimal() else _LETTER_NOT_DIGIT
    return f"{pattern}(?!{end})"


class Screen:
    """Finds the first of some names in a text, as whole words; the parts of a name may stand apart,
    together, or with a hyphen between."""

    def __init__(self, names: Sequence[str]) -> None:
        said = {_parts(name): name for name in reversed(names)}
        longest_first = sorted(filter(None, said), key=lambda parts: -len("".join(parts)))
        self._names = [said[parts] for parts in longest_first]
        # A look for the longest parts alone is much faster than any pattern, and nearly always
        # ends it. One that holds another need not be looked for.
        looked = {max(parts, key=len) for parts in longest_first}
        self._looked = [each for each in looked if not any(one in each for one in looked - {each})]
        words = "|".join(f"({_pattern_of(parts)})" for parts in longest_first)
        self._pattern = re.compile(f"(?<!{_LETTER})(?:{words})") if words else None

    def find(self, text: str) -> str:
        """The name, as the list spells it; empty where there is none."""
        plain = folded(text)
        for part in self._looked:
            if part in plain:
                return self._look(plain)
        return ""

    def _look(self, plain: str) -> str:
        # A character of the list beside one of an unspaced script ends there.
        found = self._pattern.search(plain) if self._pattern else None
        return self._names[(found.lastindex or 1) - 1] if found else ""


@lru_cache(maxsize=64)
def _screen(names: tuple[str, ...]) -> Screen:
    return Screen(names)


def screen_of(names: Sequence[str]) -> Screen:
    return _screen(tuple(names))
