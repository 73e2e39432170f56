"""Encoding, truncation and padding."""

from __future__ import annotations

import pytest
import torch

from training.engine.backbone import Backbone
from training.engine.sequences import (
    Encoded,
    encode_completion,
    encode_prompt,
    left_pad,
    length_buckets,
    truncate,
)

CHAT = [{"role": "user", "content": "Hi"}]


def test_a_prompt_begins_with_exactly_one_bos(backbone: Backbone):
    ids = encode_prompt(backbone.tokenizer, CHAT)
    assert ids.count(backbone.tokenizer.bos_token_id) == 1
    assert ids[0] == backbone.tokenizer.bos_token_id


def test_a_prompt_ends_where_the_assistant_begins(backbone: Backbone):
    assert backbone.tokenizer.decode(encode_prompt(backbone.tokenizer, CHAT)).endswith(
        "<assistant>"
    )


def test_an_ended_completion_has_one_eos_at_its_end(backbone: Backbone):
    ids = encode_completion(backbone.tokenizer, "Fine.", ended=True)
    assert ids[-1] == backbone.eos_id
    assert ids.count(backbone.eos_id) == 1


def test_a_cut_completion_has_no_eos(backbone: Backbone):
    assert backbone.eos_id not in encode_completion(backbone.tokenizer, "Fine", ended=False)


def test_a_marker_spelled_out_in_a_completion_stays_text(backbone: Backbone):
    ids = encode_completion(backbone.tokenizer, "a<eos>b", ended=False)
    assert backbone.eos_id not in ids
    assert backbone.tokenizer.decode(ids) == "a<eos>b"


def test_truncation_keeps_the_end_of_the_prompt_and_the_start_of_the_completion():
    cut = truncate(Encoded(list(range(10)), list(range(100, 110))), max_tokens=8)
    assert cut == Encoded([6, 7, 8, 9], [100, 101, 102, 103])


def test_truncation_gives_a_short_prompts_room_to_the_completion():
    cut = truncate(Encoded([1, 2], list(range(10))), max_tokens=8)
    assert cut == Encoded([1, 2], [0, 1, 2, 3, 4, 5])


@pytest.mark.parametrize("max_tokens", [2, 3, 7, 50])
def test_truncation_never_leaves_nothing_and_changes_nothing_twice(max_tokens):
    cut = truncate(Encoded(list(range(9)), list(range(12))), max_tokens)
    assert min(len(cut.prompt), len(cut.completion)) > 0
    assert len(cut) <= max_tokens
    assert truncate(cut, max_tokens) == cut


def test_an_empty_completion_is_refused():
    with pytest.raises(ValueError, match="at least one token"):
        truncate(Encoded([1], []), 8)


def test_left_padding_matches_its_literal_tensors():
    padded = left_pad([[5, 6, 7], [8]], pad_id=0)
    assert padded.ids.tolist() == [[5, 6, 7], [0, 0, 8]]
    assert padded.attention.tolist() == [[1, 1, 1], [0, 0, 1]]
    assert padded.positions.tolist() == [[0, 1, 2], [0, 0, 0]]


def test_buckets_hold_every_index_once_within_their_limits():
    lengths = torch.randint(1, 90, (200,), generator=torch.Generator().manual_seed(1)).tolist()
    groups = length_buckets(lengths, max_rows=16, max_tokens=400)
    assert sorted(index for group in groups for index in group) == list(range(200))
    for group in groups:
        assert len(group) <= 16
        assert len(group) * max(lengths[index] for index in group) <= 400


def test_buckets_waste_little_on_padding():
    lengths = list(range(10, 210))
    groups = length_buckets(lengths, max_rows=16, max_tokens=4096)
    padded = sum(len(group) * max(lengths[index] for index in group) for group in groups)
    assert padded < 1.1 * sum(lengths)


def test_an_item_longer_than_the_limit_stands_alone():
    assert length_buckets([500, 3, 4], max_rows=8, max_tokens=100) == [[0], [2, 1]]
