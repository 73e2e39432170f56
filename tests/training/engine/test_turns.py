"""Completions end as the model's template ends a turn, not as its tokenizer ends a text."""

from __future__ import annotations

import json

import pytest

from training.engine import sampling
from training.engine.backbone import load_backbone
from training.engine.config import SamplingSettings
from training.engine.sampling import sample
from training.engine.sequences import encode_completion, encode_prompt
from training.engine.tiny import TEMPLATE, byte_tokenizer, make_tiny_model
from training.engine.turns import end_of_turn

CHAT = [{"role": "user", "content": "Why?"}]
EOS, END = 2, 5  # of the tiny tokenizer: the end of a text, and a marker that ends turns here


def ending_with(marker: str):
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = TEMPLATE.replace("<eos>", marker)
    return tokenizer


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model whose template ends a turn with another marker than texts, as Phi's and Gemma's."""
    folder = make_tiny_model(tmp_path_factory.mktemp("models") / "turns", train_steps=0)
    ending_with("<system>").save_pretrained(folder)
    generation = folder / "generation_config.json"
    said = json.loads(generation.read_text())
    generation.write_text(json.dumps({**said, "eos_token_id": [EOS, 9]}))
    return folder


@pytest.mark.parametrize(
    ("marker", "expected"),
    [("<eos>", EOS), ("<system>", END), ("<system>\n", END), (" <system><eos>", END), ("", EOS)],
)
def test_it_is_the_first_marker_after_the_text(marker, expected):
    assert end_of_turn(ending_with(marker)) == expected


def test_a_template_that_refuses_the_chat_leaves_the_end_of_a_text():
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = "{{ raise_exception('only one turn') }}"
    assert end_of_turn(tokenizer) == EOS


def test_completions_are_taught_the_end_that_the_template_writes(folder):
    tokenizer = load_backbone(folder).tokenizer
    whole = tokenizer.apply_chat_template([*CHAT, {"role": "assistant", "content": "So."}])
    ids = encode_prompt(tokenizer, CHAT) + encode_completion(tokenizer, "So.", ended=True)
    assert ids == list(whole["input_ids"])
    assert ids[-1] == END


@pytest.mark.parametrize("end", [EOS, END, 9])
def test_drawing_stops_at_any_end(folder, end, monkeypatch):
    backbone = load_backbone(folder)
    drawn = iter([20, 21, end])
    real = sampling.draw

    def draw(logits, chance, settings, known=None):
        tokens, logprobs = real(logits, chance, settings, known)
        return tokens.fill_(next(drawn)), logprobs

    monkeypatch.setattr("training.engine.sampling.draw", draw)
    prompt = encode_prompt(backbone.tokenizer, CHAT)
    (found,) = sample(backbone, [prompt], [[0]], SamplingSettings(max_new_tokens=8))
    assert found.token_ids == [20, 21, end]
    assert found.finish_reason == "stop"


def test_padding_is_no_end(folder):
    backbone = load_backbone(folder)
    assert backbone.ends == {EOS, END, 9}
    assert backbone.pad_id not in backbone.ends
