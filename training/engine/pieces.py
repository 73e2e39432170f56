"""One prompt's completions in several passes, where the memory of a GPU does not hold them in one.

The loss is one of all their scores, and their gradients wait for each other. So each piece runs
twice: first for its scores alone, which give the loss and its gradient with respect to every score;
then again with gradients, each score's share of that gradient going back through it (the gradient
cache of Gao et al. 2021, section 3.2). That is the gradient of the whole, for a third more work.

Dropout drops the same in a piece's two runs: the second begins with the random state of the first.
Another split draws another dropout, as another seed does.

Shapes: N completions of all prompts of a pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from training.engine.budget import Budget

Ids = Sequence[int]
Scores = Callable[[Sequence[Ids], Sequence[Sequence[Ids]]], Tensor]  # prompts, completions: [N]


def tokens_of(prompt: Ids, completions: Sequence[Ids]) -> int:
    """Return how many tokens a prompt with these completions puts into a pass, padding counted."""
    return len(prompt) + len(completions) * max(map(len, completions))


def pieces_of(prompt: Ids, completions: Sequence[Ids], room: int) -> list[list[Ids]]:
    """Split completions, in their order, into as few passes of at most `room` tokens as that takes.

    A completion that does not fit gets a pass of its own.
    """
    pieces: list[list[Ids]] = []
    for each in completions:
        if pieces and tokens_of(prompt, [*pieces[-1], each]) <= room:
            pieces[-1].append(each)
        else:
            pieces.append([each])
    return pieces


def backward(
    prompts: Sequence[Ids],
    completions: Sequence[Sequence[Ids]],
    scores_of: Scores,
    loss_of: Callable[[Tensor], Tensor],
    budget: Budget,
) -> None:
    """Add the gradient of `loss_of` the scores [N] of all completions, prompt by prompt.

    In one pass; where the budget splits and there is one prompt that is too large, in several.
    """
    if len(prompts) > 1:
        budget.alone = 0
        torch.autograd.backward(loss_of(scores_of(prompts, completions)))
        return
    (prompt,), (mine,) = prompts, completions
    pieces = pieces_of(prompt, mine, budget.tokens) if budget.splits else [list(mine)]

    def scored(piece: list[Ids]) -> Tensor:
        budget.alone = tokens_of(prompt, piece)
        return scores_of([prompt], [piece])

    if len(pieces) == 1:
        torch.autograd.backward(loss_of(scored(pieces[0])))
    else:
        _backward_twice(pieces, scored, loss_of)
    budget.alone = 0


def _backward_twice(
    pieces: Sequence[list[Ids]],
    scored: Callable[[list[Ids]], Tensor],
    loss_of: Callable[[Tensor], Tensor],
) -> None:
    states, found = [], []
    with torch.no_grad():
        for piece in pieces:
            states.append(_random_state())
            found.append(scored(piece))
    scores = torch.cat(found).requires_grad_()
    torch.autograd.backward(loss_of(scores))
    assert scores.grad is not None, "a loss of the scores"
    shares = torch.split(scores.grad, list(map(len, pieces)))
    for piece, state, share in zip(pieces, states, shares, strict=True):
        _restore_random(state)
        torch.autograd.backward(scored(piece), share)


def _random_state() -> tuple[Tensor, list[Tensor]]:
    """Return the random states that dropout draws from, on the CPU and on every GPU."""
    cards = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return torch.get_rng_state(), cards


def _restore_random(state: tuple[Tensor, list[Tensor]]) -> None:
    main, cards = state
    torch.set_rng_state(main)
    if cards:
        torch.cuda.set_rng_state_all(cards)
