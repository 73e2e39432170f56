"""Points in time, as commands are given them."""

from datetime import datetime, time

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from annotation.errors import Invalid


def moment(name: str, text: str | None) -> datetime | None:
    """A date begins at midnight, here. Raises Invalid."""
    if not text:
        return None
    try:
        day = parse_date(text)
        found = datetime.combine(day, time.min) if day else parse_datetime(text)
    except ValueError:
        found = None
    if found is None:
        raise Invalid(f"{name}: {text!r} is no date. Write it as 2026-01-31 or 2026-01-31T12:00Z.")
    return found if timezone.is_aware(found) else timezone.make_aware(found)
