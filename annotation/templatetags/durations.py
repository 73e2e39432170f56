"""Time as people read it."""

from django import template

register = template.Library()


@register.filter
def duration(seconds: float | None) -> str:
    """In words: "45 s", "3 min", "1 h 20 min"; a dash for what was not measured."""
    if seconds is None:
        return "–"
    if seconds < 100:
        return f"{round(seconds)} s"
    minutes = round(seconds / 60)
    hours, rest = divmod(minutes, 60)
    return f"{minutes} min" if not hours else f"{hours} h {rest} min"
