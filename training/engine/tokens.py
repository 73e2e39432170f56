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


def token_terms(
    model: Any, hidden: Tensor, targets: Tensor, temperature: float = 1.0, bonus: bool = False
) -> tuple[Tensor, Tensor]:
    """Return log-probabilities and entropies, [n] each, of tokens [n] after states [n, H].

    Both at `temperature`, which divides the logits; float64 in float64, else float32. Gradients
    reach `hidden`, and the head where it learns, through the first, and with `bonus` through the
    second too.
    """
    if head_learns(model):
        return learned_terms(model, hidden, targets, temperature, bonus)
    found: tuple[Tensor, Tensor] = _TokenTerms.apply(hidden, targets, model, temperature, bonus)  # type: ignore[no-untyped-call]
    return found


def head_learns(model: Any) -> bool:
    """Tell whether gradients are to reach the output head."""
    weights = model.get_output_embeddings().parameters()
    return torch.is_grad_enabled() and any(each.requires_grad for each in weights)


def learned_terms(
    model: Any, hidden: Tensor, targets: Tensor, temperature: float = 1.0, bonus: bool = False
) -> tuple[Tensor, Tensor]:
    """Return what `token_terms` does, of a head that learns.

    How far each token moves the head is known only on the way back: a slice's logits are dropped,
    and computed again there.
    """

    def terms(part: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        logits = wide(head_logits(model, part)) / temperature
        chosen = logits.gather(1, target[:, None])[:, 0] - logits.logsumexp(dim=1)
        with torch.set_grad_enabled(bonus and torch.is_grad_enabled()):
            return chosen, entropy(logits)

    slices = [
        checkpoint(terms, part, target, use_reentrant=False, preserve_rng_state=False)
        for part, target in zip(
            torch.split(hidden, HEAD_TOKENS), torch.split(targets, HEAD_TOKENS), strict=True
        )
    ]
    logprobs, entropies = (torch.cat(each) for each in zip(*slices, strict=True))
    return logprobs, entropies


def wide(logits: Tensor) -> Tensor:
    """Return logits in the precision in which they are compared: float64 in float64, or float32."""
    return logits if logits.dtype == torch.float64 else logits.float()


class _TokenTerms(torch.autograd.Function):
    """Slices of HEAD_TOKENS rows are computed, differentiated and dropped.

    Each token depends on its own state alone, so its gradient is known in the forward pass.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, targets: Tensor, model: Any, temperature: float, bonus: bool
    ) -> tuple[Tensor, Tensor]:
        wanted = ctx.needs_input_grad[0]
        slices = [
            _slice(part, target, model, temperature, wanted, bonus)
            for part, target in zip(
                torch.split(hidden, HEAD_TOKENS), torch.split(targets, HEAD_TOKENS), strict=True
            )
        ]
        logprobs, entropies, *gradients = (torch.cat(each) for each in zip(*slices, strict=True))
        ctx.save_for_backward(*gradients)
        if not bonus:
            ctx.mark_non_differentiable(entropies)
        return logprobs, entropies

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None, None]:
        total = sum(
            stored * grad[:, None].to(stored.dtype)
            for stored, grad in zip(ctx.saved_tensors, grads, strict=False)
        )
        return torch.as_tensor(total), None, None, None, None


def _slice(
    part: Tensor, target: Tensor, model: Any, temperature: float, wanted: bool, bonus: bool
) -> list[Tensor]:
    """Return log-probabilities, entropies, and the gradients of each that are wanted."""
    with torch.set_grad_enabled(wanted):
        part = part.detach().requires_grad_(wanted)
        logits = head_logits(model, part)
        logits = wide(logits) / temperature
        chosen = logits.gather(1, target[:, None])[:, 0] - logits.logsumexp(dim=1)
        with torch.set_grad_enabled(wanted and bonus):
            spread = entropy(logits)
        gradients: list[Tensor] = []
        if wanted:
            gradients += torch.autograd.grad(chosen.sum(), part, retain_graph=bonus)
            if bonus:
                gradients += torch.autograd.grad(spread.sum(), part)
    return [chosen.detach(), spread.detach(), *gradients]


def entropy(logits: Tensor) -> Tensor:
    """Return the entropy [...] in nats of the distributions of logits [..., V]."""
    logprobs = logits.log_softmax(dim=-1)
    return -(logprobs.exp() * logprobs).sum(dim=-1)
