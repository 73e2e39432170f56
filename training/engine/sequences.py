"""Token sequences: how prompts and completions become padded tensors.

Shapes: B rows, T columns. A row is a prompt followed by a completion; `completion` marks the
positions that hold completion tokens, `attention` those that hold any token at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Encoded:
    """Token ids of one completion and of the prompt it answers."""

    prompt: list[int]
    completion: list[int]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.completion)


@dataclass(frozen=True)
class Padded:
    """A batch of rows; every tensor is [B, T]."""

    ids: Tensor  # int64
    attention: Tensor  # int64, 1 on tokens
    positions: Tensor  # int64, counted from 0 at each row's first token


def encode_prompt(tokenizer: Any, messages: Sequence[dict[str, str]]) -> list[int]:
    """Return the ids of chat messages, ready for the assistant's turn.

    The template writes its own markers, so nothing is added around it: a second BOS would shift
    every score.
    """
    encoded = tokenizer.apply_chat_template(
        list(messages), add_generation_prompt=True, tokenize=True, return_dict=True
    )
    return list(encoded["input_ids"])


def encode_completion(tokenizer: Any, text: str, ended: bool) -> list[int]:
    """Return the ids of a completion; `ended` appends the end-of-sequence token.

    Markers spelled out in the text stay text. Where a model wrote the completion, its stored ids
    are the truth and this function is not needed: decoded text does not restore them.
    """
    ids = list(tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"])
    return [*ids, tokenizer.eos_token_id] if ended else ids


def decode_completion(tokenizer: Any, ids: Sequence[int]) -> str:
    """Return the text of completion tokens, special ones left out, spaces as they were drawn."""
    text: str = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return text


def truncate(encoded: Encoded, max_tokens: int) -> Encoded:
    """Return `encoded` cut to `max_tokens`, at least 2; cutting again changes nothing.

    The prompt keeps its end, which is what the completion answers, up to half of the room; the
    completion keeps its beginning. The prompt's cut
    does not depend on the completion, so that the K completions of a prompt go on sharing it.
    Neither is ever left empty, for a loss divides by tokens.
    """
    if not encoded.prompt or not encoded.completion:
        raise ValueError("a prompt and a completion need at least one token each")
    prompt = encoded.prompt[-(max_tokens // 2) :]
    return Encoded(prompt, encoded.completion[: max_tokens - len(prompt)])


def left_pad(prompts: Sequence[Sequence[int]], pad_id: int) -> Padded:
    """Pad on the left: what sampling continues, since all rows then end in the same column."""
    width = max(len(row) for row in prompts)
    ids = torch.full((len(prompts), width), pad_id)
    attention = torch.zeros_like(ids)
    for index, row in enumerate(prompts):
        ids[index, width - len(row) :] = torch.tensor(row)
        attention[index, width - len(row) :] = 1
    positions = (attention.cumsum(dim=1) - 1).clamp(min=0)
    return Padded(ids, attention, positions)


def length_buckets(lengths: Sequence[int], max_rows: int, max_tokens: int) -> list[list[int]]:
    """Group indices of similar lengths, each group within `max_rows` and `max_tokens` padded.

    Every index appears once; longest first, so that memory peaks at the start. An index longer
    than `max_tokens` gets a group of its own.
    """
    groups: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda each: (-lengths[each], each)):
        group = groups[-1] if groups else []
        widest = lengths[group[0]] if group else 0
        if group and len(group) < max_rows and widest * (len(group) + 1) <= max_tokens:
            group.append(index)
        else:
            groups.append([index])
    return groups
