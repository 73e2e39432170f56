"""Which language a request is answered in."""

from django.conf import settings
from django.http import HttpRequest
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

API = "/api/"
# The pages' own calls ask by it for the language of the page; programs of others read English.
HEADER = "Concord-Language"


class LanguageMiddleware(LocaleMiddleware):
    """Pages speak the person's language, and the API speaks English unless a page of ours calls."""

    def process_request(self, request: HttpRequest) -> None:
        """Choose by the person's cookie, then by the browser; for the API by the header alone."""
        if not request.path_info.startswith(API):
            super().process_request(request)
            return
        translation.activate(_asked(request.headers.get(HEADER, "")))
        request.LANGUAGE_CODE = translation.get_language()


def _asked(code: str) -> str:
    return code if code in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
