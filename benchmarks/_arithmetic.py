"""How much arithmetic and memory traffic a decoder's work takes, and what a card has to give.

A multiplication and its addition are two operations (FLOPs). Counted is what the work asks for:
matrix products of layers and head, and attention over the keys that a token may see. Norms,
activations, adapters (a few per cent) and whatever is computed twice to spare memory are left out,
as usual for the share of a card's arithmetic that a training uses (MFU; Chowdhery et al. 2022,
appendix B).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# Dense bfloat16 FLOPs and bytes of memory traffic a second by the maker's data sheets; the first
# name that the card's has in it. T4 has no bfloat16: its figure is float16's.
CARDS = {
    "H200": (989e12, 4.8e12), "H100 PCIe": (756e12, 2.0e12), "H100": (989e12, 3.35e12),
    "A100-SXM4-80GB": (312e12, 2.04e12), "A100": (312e12, 1.56e12), "L40S": (362e12, 0.864e12),
    "A10": (125e12, 0.6e12), "L4": (121e12, 0.3e12), "RTX 4090": (165e12, 1.01e12),
    "RTX 3090": (71e12, 0.936e12), "T4": (65e12, 0.32e12),
}  # fmt: skip


@dataclass(frozen=True)
class Sizes:
    """What of a model its work depends on."""

    linear: int  # weights of all linear layers of all decoder layers
    head: int  # weights of the output head
    layers: int
    queries: int  # width of all query heads together
    keys: int  # width of all key heads together, which the values' is as well


def sizes_of(model: Any) -> Sizes:
    """Return the sizes of a transformers decoder without adapters."""
    config = model.config.get_text_config()
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    linear = sum(
        each.weight.numel()
        for name, each in model.get_decoder().named_modules()
        if name.startswith("layers.") and getattr(each, "in_features", None)
    )
    return Sizes(
        linear, model.get_output_embeddings().weight.numel(), config.num_hidden_layers,
        config.num_attention_heads * width, config.num_key_value_heads * width,
    )  # fmt: skip


def forward_flops(sizes: Sizes, tokens: int, seen: int, head_tokens: int) -> int:
    """Return the FLOPs of a forward pass.

    `tokens` run through the layers, `head_tokens` of them through the head; `seen` counts the pairs
    of a token and a key that it looks at, one layer's.
    """
    attention = 4 * seen * sizes.queries * sizes.layers  # scores, and the mean of the values
    return 2 * sizes.linear * tokens + attention + 2 * sizes.head * head_tokens


def training_flops(sizes: Sizes, tokens: int, seen: int, head_tokens: int, full: bool) -> int:
    """Return the FLOPs of forward and backward.

    Backward, each linear layer gives the gradient of what went in, and that of its weights where
    these learn (`full`): once or twice the forward pass. Attention, which has two products of two
    inputs each, always takes twice.
    """
    attention = forward_flops(sizes, 0, seen, 0)
    linear = forward_flops(sizes, tokens, 0, head_tokens)
    return linear * (3 if full else 2) + attention * 3


def pairs_seen(prompt: int, completions: Sequence[int]) -> int:
    """Return how many pairs of a token and a key one prompt with its completions has.

    The prompt runs once; each completion sees it and itself.
    """
    own = sum(length * (length + 1) // 2 for length in (prompt, *completions))
    return own + sum(prompt * length for length in completions)


def decode_bytes(sizes: Sizes, rows: int, context: int, width: int = 2) -> int:
    """Return the bytes that one token for each of `rows` has to read, of `width` bytes a number.

    All weights once, and each row's keys and values so far, `context` columns.
    """
    cache = 2 * sizes.keys * sizes.layers * rows * context
    return width * (sizes.linear + sizes.head + cache)


def card_of(name: str) -> tuple[float, float] | None:
    """Return a card's FLOPs and bytes a second, or None for one that is not known."""
    return next((figures for each, figures in CARDS.items() if each in name), None)
