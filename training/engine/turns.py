"""Where an assistant's turn ends: models differ in the token that says so."""

from __future__ import annotations

from typing import Any

from jinja2 import TemplateError

ANSWER = "qzq"  # stands for a turn's text; no template writes it by itself


def end_of_turn(tokenizer: Any) -> int:
    """Return the token that the chat template ends an assistant's turn with.

    It is the first marker after the text; where the template has none, or takes no such chat, it
    is the end-of-sequence token.
    """
    chat = [{"role": "user", "content": "?"}, {"role": "assistant", "content": ANSWER}]
    try:
        written = tokenizer.apply_chat_template(chat, tokenize=False)
    except (TemplateError, TypeError, ValueError):
        return int(tokenizer.eos_token_id)
    _, said, after = written.rpartition(ANSWER)
    markers = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
    ids = tokenizer(after, add_special_tokens=False)["input_ids"] if said else []
    return next((int(each) for each in ids if each in markers), int(tokenizer.eos_token_id))


def ends_of(tokenizer: Any, model: Any) -> frozenset[int]:
    """Return all tokens at which a completion ends: of its turn, and those that its model names."""
    named = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    others = named if isinstance(named, (list, tuple)) else [named]
    ends = {end_of_turn(tokenizer), tokenizer.eos_token_id, *others}
    return frozenset(int(each) for each in ends if each is not None)
