"""The words that our scripts say, brought along by the page that they say them on."""

import json
from functools import cache

from django import template
from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation.trans_real import DjangoTranslation
from django.views.i18n import JavaScriptCatalog

register = template.Library()
# Above it a language looks at the last two digits only.
COUNTED = 200


@register.simple_tag
def catalogue() -> SafeString:
    """A block of data, no script: nothing for English, whose words the scripts hold."""
    language = get_language()
    if language == settings.LANGUAGE_CODE:
        return SafeString("")
    return _block(language)


@cache
def _block(language: str) -> SafeString:
    view = JavaScriptCatalog()
    spoken = DjangoTranslation(
        language, domain="djangojs", localedirs=[str(path) for path in settings.LOCALE_PATHS]
    )
    view.translation = spoken
    words = {name: said for name, said in view.get_catalog().items() if name}
    plurals = [spoken.plural(number) for number in range(COUNTED)]
    data = json.dumps(
        {"words": words, "plurals": plurals}, ensure_ascii=False, separators=(",", ":")
    )
    return format_html(
        '<script id="catalogue" type="application/json">{}</script>',
        mark_safe(data.replace("<", "\\u003c")),  # noqa: S308 - no tag is left in it
    )
