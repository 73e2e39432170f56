"""Figures of quality as people read them."""

from django import template
from django.utils.translation import get_language_bidi, gettext

from annotation.quality.figures import Figure
from annotation.quality.reliability import SHARES

register = template.Library()
NONE, MINUS = "–", "−"
# From right to left a sign would go behind its number, but for a mark that the number goes on.
MARK = "\u200e"


@register.filter
def share(figure: Figure) -> str:
    """0.726 → 73 %."""
    return NONE if figure.value is None else f"{100 * figure.value:.0f} %"


@register.filter
def percentage(part: float) -> str:
    """0.726 → 73 %; what is little is not called nothing."""
    return "<1 %" if 0 < part < 0.01 else f"{100 * part:.0f} %"


@register.filter
def signed(number: float) -> str:
    """0.726 → +0.73."""
    return _marked(f"{number:+.2f}")


@register.filter
def plainly(figure: Figure) -> str:
    """0.726 → 0.73; whole seconds and such from ten up."""
    if figure.value is None:
        return NONE
    written = f"{figure.value:.0f}" if figure.value >= 10 else f"{figure.value:.2f}"
    return _marked(written)


@register.filter
def share_span(figure: Figure) -> str:
    """The interval of a share: 69 to 77 %."""
    if figure.low is None or figure.high is None:
        return ""
    ends = {"low": f"{100 * figure.low:.0f}", "high": f"{100 * figure.high:.0f}"}
    return gettext("%(low)s to %(high)s %%") % ends


@register.filter
def span(figure: Figure) -> str:
    if figure.low is None or figure.high is None:
        return ""
    ends = {"low": _marked(f"{figure.low:.2f}"), "high": _marked(f"{figure.high:.2f}")}
    return gettext("%(low)s to %(high)s") % ends


@register.filter
def as_told(figure: Figure, name: str) -> str:
    """One of ``PERSON_FIGURES`` in its unit: shares in per cent, times in seconds."""
    if name == "seconds" and figure.value is not None:
        return gettext("%(seconds)s s") % {"seconds": f"{figure.value:.1f}"}
    return share(figure) if name in SHARES else plainly(figure)


@register.filter
def span_as_told(figure: Figure, name: str) -> str:
    """The interval of the same."""
    if name == "seconds" and figure.low is not None and figure.high is not None:
        ends = {"low": f"{figure.low:.1f}", "high": f"{figure.high:.1f}"}
        return gettext("%(low)s to %(high)s s") % ends
    return share_span(figure) if name in SHARES else span(figure)


def _marked(number: str) -> str:
    signed = number.startswith(("-", "+"))
    return (MARK if signed and get_language_bidi() else "") + number.replace("-", MINUS)
