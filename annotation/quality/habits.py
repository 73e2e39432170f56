"""How annotators go about it: by place on the screen, by length, with ties, at what speed."""

from collections.abc import Callable

import numpy as np

from annotation.quality.figures import Array, ratio
from annotation.quality.rankings import Block, Rankings
from annotation.quality.work import Work


def slot_bias(work: Work, rankings: Rankings) -> Array:
    """Of each ranking [R], tau between place on the screen and place in the ranking: 1 where what
    was shown first is best throughout, NaN where nobody knows what was shown. Chance gives 0."""
    return _taus(work, rankings, -work.slot.astype(float), known=work.slot >= 0)


def length_bias(work: Work, rankings: Rankings) -> Array:
    """Of each ranking [R], tau between length and place in the ranking: 1 where the longer one is
    better throughout, NaN where all are as long."""
    return _taus(work, rankings, work.length.astype(float), known=work.length >= 0)


def _taus(work: Work, rankings: Rankings, trait: Array, *, known: Array) -> Array:
    """tau-a over the pairs whose trait differs; ties in the ranking pull towards 0."""
    found = np.full(len(work), np.nan)
    for block in rankings.blocks:
        at = trait[block.place]
        sign = np.sign(at[:, block.first] - at[:, block.second])
        taus = ratio((sign * block.signs).sum(axis=1), (sign != 0).sum(axis=1).astype(float))
        found[block.row] = np.where(known[block.place].all(axis=1), taus, np.nan)
    return found


def ties(work: Work, rankings: Rankings) -> Array:
    """Of each ranking, the share of its pairs that are tied: [R]."""
    return _by_row(work, rankings, lambda block: (block.signs == 0).mean(axis=1))


def same_as_known(work: Work, rankings: Rankings) -> tuple[Array, Array]:
    """Of each ranking [R], how many of the pairs that ``known`` decides it decides too and in the
    same way, a tie counting half; and how many pairs ``known`` decides."""

    def right(block: Block) -> Array:
        signs = _known_signs(work, block)
        share: Array = ((1 + signs * block.signs) / 2 * (signs != 0)).sum(axis=1)
        return share

    return (
        _by_row(work, rankings, right),
        _by_row(work, rankings, lambda block: (_known_signs(work, block) != 0).sum(axis=1)),
    )


def decided_as_known(work: Work, rankings: Rankings) -> tuple[Array, Array]:
    """Of each ranking [R], over the pairs that both it and ``known`` decide: how many in the same
    way, and how many there are."""

    def same(block: Block) -> Array:
        alike: Array = (_known_signs(work, block) * block.signs > 0).sum(axis=1)
        return alike

    def decided(block: Block) -> Array:
        both: Array = (_known_signs(work, block) * block.signs != 0).sum(axis=1)
        return both

    return _by_row(work, rankings, same), _by_row(work, rankings, decided)


def _known_signs(work: Work, block: Block) -> Array:
    known = work.known[block.place]
    signs: Array = np.sign(known[:, block.second] - known[:, block.first])
    return signs


def same_as_others(work: Work, rankings: Rankings) -> tuple[Array, Array]:
    """Of each ranking [R], over the others of its question and over pairs that both decided: how
    often they preferred the same one, and out of how many."""

    def decided(block: Block) -> Array:
        worse, _, better = np.moveaxis(block.verdicts, -1, 0)
        others = (worse + better)[block.group] - 1
        pairs: Array = (others * (block.signs != 0)).sum(axis=1)
        return pairs

    def same(block: Block) -> Array:
        worse, _, better = np.moveaxis(block.verdicts, -1, 0)
        alike = np.where(block.signs > 0, better[block.group], worse[block.group]) - 1
        pairs: Array = (alike * (block.signs != 0)).sum(axis=1)
        return pairs

    return _by_row(work, rankings, same), _by_row(work, rankings, decided)


def same_as_consensus(work: Work, rankings: Rankings, logit: Array) -> tuple[Array, Array]:
    """As ``same_as_others``, but against what the others say together, each vote weighed by the
    annotator's ``logit`` [A]; own votes are left out."""

    def others(block: Block) -> Array:
        votes = logit[block.annotator][:, None] * block.signs
        rest = block.by_question(votes)[block.group] - votes
        return np.where(np.abs(rest) > 1e-9, np.sign(rest), 0) * block.signs

    return (
        _by_row(work, rankings, lambda block: (others(block) > 0).sum(axis=1)),
        _by_row(work, rankings, lambda block: (others(block) != 0).sum(axis=1)),
    )


def echoes(work: Work, rankings: Rankings) -> tuple[Array, Array]:
    """Of each ranking [R], whether somebody had given the very same one to its question before,
    and whether anybody had answered it before at all."""
    same, asked = np.zeros(len(work)), np.zeros(len(work))
    for block in rankings.blocks:
        code = (block.rank * 10 ** np.arange(block.k)).sum(axis=1)
        order = np.lexsort((work.at[block.row], block.question))
        question, at = block.question[order], work.at[block.row][order]
        new = np.flatnonzero(np.diff(question, prepend=-1))
        start = np.repeat(at[new], np.diff(new, append=len(question)))
        asked[block.row[order]] = at > start
        by_code = np.lexsort((work.at[block.row], code, block.question))
        alike = (np.diff(block.question[by_code], prepend=-1) == 0) & (
            np.diff(code[by_code], prepend=-1) == 0
        )
        first = np.maximum.accumulate(np.where(alike, 0, np.arange(len(alike))))
        when = work.at[block.row][by_code]
        same[block.row[by_code]] = when > when[first]
    return same, asked


def _by_row(work: Work, rankings: Rankings, value: Callable[[Block], Array]) -> Array:
    found = np.zeros(len(work))
    for block in rankings.blocks:
        found[block.row] = value(block)
    return found
