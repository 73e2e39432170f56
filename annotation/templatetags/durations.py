"""Time as people read it."""

from django import template
from django.utils.translation import gettext

register = template.Library()


@register.filter
def duration(seconds: float | None) -> str:
    """In words: "45 s", "3 min", "1 h 20 min"; a dash for what was not measured."""
    if seconds is None:
        return "–"
    if seconds < 100:
        return gettext("%(seconds)s s") % {"seconds": round(seconds)}
    minutes = round(seconds / 60)
    hours, rest = divmod(minutes, 60)
    return (
        gettext("%(minutes)s min") % {"minutes": minutes}
        if not hours
        else gettext("%(hours)s h %(rest)s min") % {"hours": hours, "rest": rest}
    )
