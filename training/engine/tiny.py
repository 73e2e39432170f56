"""A language model small enough for tests and rehearsals, made on the spot.

A two-layer Llama over bytes, taught in a few seconds to write sentences of one to six clauses.
It knows words, spaces and when to stop, so preferences about length or mood can move it; it
knows nothing else.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils import logging as transformers_logging

from training.engine.backbone import missing_parts, put_model

SPECIAL = ["<pad>", "<bos>", "<eos>", "<user>", "<assistant>", "<system>"]
TEMPLATE = (
    "<bos>{% for message in messages %}<{{ message['role'] }}>{{ message['content'] }}"
    "{% if message['role'] == 'assistant' %}<eos>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
SUBJECTS = ["the cat", "my dog", "a bird", "the sun", "our boat", "the old man", "a child", "rain"]
VERBS = ["is", "was", "looks", "feels", "seems", "stays"]
MOODS = ["good", "happy", "great", "warm", "bad", "sad", "awful", "cold", "old", "new"]
PLACES = ["at home", "in town", "by the sea", "on the hill", "today", "at night"]
LINKS = [" and ", " but ", " so ", " while "]
PROMPTS = ["Tell me", "What is it?", "Write a line", "How are you?", "Say more", "Why?"]


def make_tiny_model(
    folder: Path,
    *,
    seed: int = 0,
    layers: int = 2,
    hidden: int = 64,
    train_steps: int = 250,
) -> Path:
    """Write a tiny model and its byte tokenizer to `folder`, at once when they are there.

    The same arguments give the same weights on the same machine; `train_steps=0` leaves them
    random.
    """
    if not missing_parts(folder):
        return folder
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    tokenizer = byte_tokenizer()
    with torch.random.fork_rng(), _one_thread():
        torch.manual_seed(seed)
        model = LlamaForCausalLM(_config(layers, hidden, tokenizer))
        _teach(model, tokenizer, random.Random(seed), train_steps)  # noqa: S311 - no secret
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        model.save_pretrained(Path(scratch) / "model")
        tokenizer.save_pretrained(Path(scratch) / "model")
        put_model(Path(scratch) / "model", folder)
    return folder


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer of the 256 bytes and a few markers; padding is not the end."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: index for index, letter in enumerate(letters, start=len(SPECIAL))}
    vocabulary |= {token: index for index, token in enumerate(SPECIAL)}
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    pad, bos, eos = SPECIAL[:3]
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=core, pad_token=pad, bos_token=bos, eos_token=eos
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer


@contextmanager
def _one_thread() -> Iterator[None]:
    """Several threads would spend their time waiting for each other on tensors this small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _config(layers: int, hidden: int, tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )


def _teach(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, chance: random.Random, steps: int
) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=steps or 1)
    for _ in range(steps):
        chats = [_chat(chance) for _ in range(16)]
        texts = [tokenizer.apply_chat_template(chat, tokenize=False) for chat in chats]
        batch = tokenizer(texts, padding=True, return_tensors="pt", add_special_tokens=False)
        labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
        loss = model(
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=labels
        ).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    model.eval()  # type: ignore[no-untyped-call]


def _chat(chance: random.Random) -> list[dict[str, str]]:
    return [
        {"role": "user", "content": chance.choice(PROMPTS)},
        {"role": "assistant", "content": _sentence(chance)},
    ]


def _sentence(chance: random.Random) -> str:
    text = _clause(chance)
    for _ in range(chance.randint(0, 5)):
        text += chance.choice(LINKS) + _clause(chance)
    return f"{text[0].upper()}{text[1:]}."


def _clause(chance: random.Random) -> str:
    return " ".join(chance.choice(words) for words in (SUBJECTS, VERBS, MOODS, PLACES))
