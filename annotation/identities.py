"""Names of models and vendors, by which a completion would tell who wrote it. Plain Python."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from django.core.exceptions import ValidationError
from django.utils.translation import gettext

MAX_NAMES, MAX_NAME = 300, 60

# Left out are names that everyday texts are full of, such as llama, falcon and bard.
DEFAULT_NAMES = (
    *("ChatGPT", "GPT-2", "GPT-3", "GPT-3.5", "GPT-4", "GPT-4o", "GPT-5", "OpenAI"),
    *("Claude", "Anthropic", "Gemini", "Google Bard", "DeepMind", "Gemma", "Meta AI"),
    *("Llama 2", "Llama 3", "Llama 4", "Mistral AI", "Mixtral", "Qwen", "Tongyi", "通义千问"),
    *("Alibaba Cloud", "DeepSeek", "深度求索", "SmolLM", "SmolLM2", "HuggingFace", "Hugging Face"),
    *("Grok", "xAI", "Cohere", "Microsoft Copilot", "Vicuna", "ChatGLM", "Zhipu", "Ernie Bot"),
    *("文心一言", "Moonshot AI", "Kimi", "StableLM", "Stability AI", "Perplexity AI", "YandexGPT"),
    *("GigaChat", "EleutherAI", "OpenAssistant", "Open Assistant"),
)

# Scripts that put no spaces between words: a name may stand right beside them.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff"
)
_LETTER = f"[^\\W{UNSPACED}]"


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
    return "".join(each for each in plain if unicodedata.category(each) != "Cf")


class Screen:
    """Finds the first of some names in a text, as whole words."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = {" ".join(folded(name).split()): name for name in names}
        # A look for the first words alone is much faster than any pattern, and nearly always ends
        # it. One that holds another need not be looked for.
        starts = {name.split()[0] for name in self._names if name}
        self._starts = [each for each in starts if not any(one in each for one in starts - {each})]
        longest_first = sorted(filter(None, self._names), key=len, reverse=True)
        words = "|".join(r"\s+".join(map(re.escape, name.split())) for name in longest_first)
        self._pattern = re.compile(f"(?<!{_LETTER})(?:{words})(?!{_LETTER})") if words else None

    def find(self, text: str) -> str:
        """The name, as the list spells it; empty where there is none."""
        plain = folded(text)
        for start in self._starts:
            if start in plain:
                return self._look(plain)
        return ""

    def _look(self, plain: str) -> str:
        # A character of the list beside one of an unspaced script ends there.
        found = self._pattern.search(plain) if self._pattern else None
        return self._names[" ".join(found.group().split())] if found else ""


@lru_cache(maxsize=64)
def _screen(names: tuple[str, ...]) -> Screen:
    return Screen(names)


def screen_of(names: Sequence[str]) -> Screen:
    return _screen(tuple(names))
