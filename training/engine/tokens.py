"""Log-probability and entropy of each token, without ever keeping its logits.

Shapes: n tokens, H hidden width, V vocabulary. Nats.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from training.engine.decoder import head_logits

HEAD_TOKENS = 128  # per slice of the output head; a slice holds HEAD_TOKENS x V floats


def token_logprobs(model: Any, hidden: Tensor, targets: Tensor, temperature: float = 1.0) -> Tensor:
    """Return log-probabilities [n] of tokens [n] after states [n, H].

    At `temperature`, which divides the logits; float64 in float64, else float32. Gradients reach
    `hidden`, and the head where it learns.
    """
    return _terms(model, hidden, targets, temperature, spread=False)[0]


def token_terms(
    model: Any, hidden: Tensor, targets: Tensor, temperature: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Return what `token_logprobs` does, and the entropies [n] of the same distributions.

    Gradients flow through both.
    """
    logprobs, entropies = _terms(model, hidden, targets, temperature, spread=True)
    return logprobs, entropies


def _terms(
    model: Any, hidden: Tensor, targets: Tensor, temperature: float, spread: bool
) -> tuple[Tensor, ...]:
    if _head_learns(model):
        return _learned(model, hidden, targets, temperature, spread)
    found: tuple[Tensor, ...] = _TokenTerms.apply(hidden, targets, model, temperature, spread)  # type: ignore[no-untyped-call]
    return found


def _head_learns(model: Any) -> bool:
    """Tell whether gradients are to reach the output head."""
    weights = model.get_output_embeddings().parameters()
    return torch.is_grad_enabled() and any(each.requires_grad for each in weights)


def _learned(
    model: Any, hidden: Tensor, targets: Tensor, temperature: float, spread: bool
) -> tuple[Tensor, ...]:
    """Return the terms of a head that learns.

    How far each token moves the head is known only on the way back: a slice's logits are dropped,
    and computed again there.
    """

    def terms(part: Tensor, target: Tensor) -> tuple[Tensor, ...]:
        return _values(log_softmax(head_logits(model, part), temperature), target, spread)

    slices = [
        checkpoint(terms, part, target, use_reentrant=False, preserve_rng_state=False)
        for part, target in zip(
            torch.split(hidden, HEAD_TOKENS), torch.split(targets, HEAD_TOKENS), strict=True
        )
    ]
    return tuple(torch.cat(each) for each in zip(*slices, strict=True))


class _TokenTerms(torch.autograd.Function):
    """Slices of HEAD_TOKENS rows are computed, differentiated and dropped.

    Each token depends on its own state alone, so its gradient is known in the forward pass.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, targets: Tensor, model: Any, temperature: float, spread: bool
    ) -> tuple[Tensor, ...]:
        wanted = ctx.needs_input_grad[0]
        slices = [
            _slice(part, target, model, temperature, wanted, spread)
            for part, target in zip(
                torch.split(hidden, HEAD_TOKENS), torch.split(targets, HEAD_TOKENS), strict=True
            )
        ]
        whole = tuple(torch.cat(each) for each in zip(*slices, strict=True))
        count = 2 if spread else 1
        ctx.save_for_backward(*whole[count:])
        return whole[:count]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None, None]:
        total = sum(
            stored * grad[:, None].to(stored.dtype)
            for stored, grad in zip(ctx.saved_tensors, grads, strict=True)
        )
        return torch.as_tensor(total), None, None, None, None


def _slice(
    part: Tensor, target: Tensor, model: Any, temperature: float, wanted: bool, spread: bool
) -> tuple[Tensor, ...]:
    """Return the slice's terms [n] and, where wanted, the gradient [n, H] of each."""
    with torch.set_grad_enabled(wanted):
        part = part.detach().requires_grad_(wanted)
        logits = head_logits(model, part)
    logprobs = log_softmax(logits.detach(), temperature)
    values = _values(logprobs, target, spread)
    if not wanted:
        return values
    gradients = [
        torch.autograd.grad(logits, part, slope.to(logits.dtype), retain_graph=True)[0]
        / temperature
        for slope in _slopes(logprobs, target, *values[1:])
    ]
    return *values, *gradients


def wide(logits: Tensor) -> Tensor:
    """Return logits in the precision in which they are compared: float64 in float64, or float32."""
    return logits if logits.dtype == torch.float64 else logits.float()


def log_softmax(logits: Tensor, temperature: float) -> Tensor:
    """Return log-probabilities [n, V] of logits [n, V], in the precision of `wide`."""
    logits = wide(logits)
    return (logits if temperature == 1 else logits / temperature).log_softmax(dim=-1)


def entropy(logprobs: Tensor) -> Tensor:
    """Return the entropies [n] in nats of distributions [n, V]."""
    return -(logprobs.exp() * logprobs).sum(dim=-1)


def _values(logprobs: Tensor, target: Tensor, spread: bool) -> tuple[Tensor, ...]:
    """Return the targets' log-probabilities [n] and, where asked for, the entropies [n]."""
    chosen = logprobs.gather(1, target[:, None])[:, 0]
    return (chosen, entropy(logprobs)) if spread else (chosen,)


def _slopes(logprobs: Tensor, target: Tensor, *entropies: Tensor) -> list[Tensor]:
    """Return how the terms move with the scaled logits z, [n, V] each.

    d log p_c / dz = onehot(c) - p and, of the entropy H, dH / dz = -p (log p + H).
    """
    p = logprobs.exp()
    spread = [-p * (logprobs + each[:, None]) for each in entropies]
    slope = p.neg_()
    slope[torch.arange(len(target), device=target.device), target] += 1
    return [slope, *spread]
