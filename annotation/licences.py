"""The licence under which data goes out, by its SPDX identifier (https://spdx.org/licenses/)."""

import re

from django.utils.translation import gettext
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from annotation.errors import Invalid

UNKNOWN = "unknown"
MAX_LICENCE = 100
OWN = "LicenseRef-"  # begins what SPDX has no identifier for
ALONE = re.compile(r"[A-Za-z0-9.+-]+")


def check_licence(said: str) -> str:
    """The identifier, or an expression of several, as SPDX writes it; ``unknown``, if it is empty.
    Raises Invalid."""
    said = said.strip()
    if said.lower() in ("", UNKNOWN):
        return UNKNOWN
    try:
        found = str(canonicalize_license_expression(said[: MAX_LICENCE + 1]))
    except InvalidLicenseExpression:
        found = ""
    if not found or len(found) > MAX_LICENCE:
        raise Invalid(
            gettext(
                "licence: SPDX knows no such identifier. Give one like CC-BY-4.0, or unknown; for "
                "terms of your own, LicenseRef- and a name."
            )
        )
    return found


def is_listed(licence: str) -> bool:
    """Whether it is one licence of SPDX's list."""
    return licence != UNKNOWN and not licence.startswith(OWN) and bool(ALONE.fullmatch(licence))


def address_of(licence: str) -> str:
    """Where its text is; itself, where SPDX has no page of it."""
    return f"https://spdx.org/licenses/{licence}" if is_listed(licence) else licence
