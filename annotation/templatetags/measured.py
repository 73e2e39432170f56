"""Figures of quality as people read them."""

from django import template

from annotation.quality.figures import Figure

register = template.Library()
NONE, MINUS = "–", "−"


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
    return f"{number:+.2f}".replace("-", MINUS)


@register.filter
def plainly(figure: Figure) -> str:
    """0.726 → 0.73; whole seconds and such from ten up."""
    if figure.value is None:
        return NONE
    written = f"{figure.value:.0f}" if figure.value >= 10 else f"{figure.value:.2f}"
    return written.replace("-", MINUS)


@register.filter
def share_span(figure: Figure) -> str:
    """The interval of a share: 69 to 77 %."""
    if figure.low is None or figure.high is None:
        return ""
    return f"{100 * figure.low:.0f} to {100 * figure.high:.0f} %"


@register.filter
def span(figure: Figure) -> str:
    if figure.low is None or figure.high is None:
        return ""
    return f"{figure.low:.2f} to {figure.high:.2f}".replace("-", MINUS)
