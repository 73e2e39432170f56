"""Keys on the pages of tasks: as they usually are. A script puts those of the person in place."""

import json

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from annotation.keys import COMMANDS
from annotation.models import User

register = template.Library()


@register.simple_tag
def own_keys(user: User) -> SafeString | str:
    """What this person has changed, for the page's script; most have changed nothing."""
    return format_html(' data-keys="{}"', json.dumps(user.keys)) if user.keys else ""


@register.simple_tag
def key(kind: str, command: str) -> SafeString:
    """A key within a sentence."""
    return format_html('<kbd data-key="{}">{}</kbd>', command, COMMANDS[kind][command].usual)


@register.simple_tag
def key_field(kind: str, command: str) -> SafeString:
    """The field in which it is changed."""
    said = COMMANDS[kind][command]
    return format_html(
        '<input type="text" class="key" maxlength="2" autocapitalize="none" data-command="{}"'
        ' data-usual="{}" data-fixed="{}" aria-label="{}">',
        *(command, said.usual, said.fixed, said.label),
    )
