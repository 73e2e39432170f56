"""All figures of agreement, of rankings and of labels, each with its interval."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from annotation.quality.alpha import METRICS, alpha, coincidences
from annotation.quality.concordance import tau_terms, w_terms
from annotation.quality.figures import Array, Figure, ratio, undefined
from annotation.quality.kappa import fleiss, fleiss_terms
from annotation.quality.pairwise import pairwise_terms
from annotation.quality.rankings import Block, Rankings, mid_ranks
from annotation.quality.resampling import Resamples
from annotation.telling import storable

NONE_SHARED = storable("Nobody's work can be compared: no question was judged by two people.")
ALL_THE_SAME = storable(
    "All gave the same value throughout, so that agreement cannot be told from chance."
)
ALL_TIED = storable("All is tied in every ranking, so that there is no order to compare.")
NONE_DECIDED = storable("No two people both preferred one completion of the same two.")
FIGURES = {
    "pairwise": storable(
        "Share of pairs that two people decided in the same way, of those both decided."
    ),
    "pairwise_with_ties": storable("Share of pairs with the same verdict: better, worse or tied."),
    "tau_b": storable("Mean Kendall tau-b over pairs of people."),
    "kendall_w": storable(
        "Mean Kendall W over questions, corrected for ties; m people give 1/m by chance."
    ),
    "alpha_nominal_ranks": storable("Krippendorff's alpha of places, same or different."),
    "alpha_ordinal_ranks": storable("Krippendorff's alpha of places, by their order."),
    "alpha_interval_ranks": storable("Krippendorff's alpha of places, by their distance."),
    "alpha_nominal_pairs": storable("Krippendorff's alpha of pairs, same or different verdict."),
    "alpha_ordinal_pairs": storable(
        "Krippendorff's alpha of pairs, worse before tied before better."
    ),
    "alpha_interval_pairs": storable("Krippendorff's alpha of pairs, a tie half-way."),
}
LABEL_FIGURES = {
    "fleiss_kappa": storable("Fleiss' kappa."),
    "alpha": storable("Krippendorff's nominal alpha."),
    "same": storable("Share of pairs of people with the same label."),
}
VERDICTS = np.array([-1.0, 0.0, 1.0])


@dataclass(frozen=True)
class Labels:
    """Labels as long rows: ``unit`` [N] got ``value`` [N] from one person each, and belongs to
    ``question`` [N]; all are numbers from 0, and ``values`` says how many values there are."""

    unit: Array
    value: Array
    question: Array
    values: int


def agreement(
    rankings: Rankings, *, seed: int = 0, place: Callable[[Array], Array] | None = None
) -> dict[str, Figure]:
    """The figures of these rankings by name, as ``FIGURES`` describes them.

    Only questions that two people or more have judged count; n is their number. ``place`` says of
    some questions [Q], by their numbers, in which order resamples take them, so that intervals need
    not depend on how they are numbered.
    """
    shared = rankings.shared()
    if not shared.blocks:
        return {name: undefined(NONE_SHARED) for name in FIGURES}
    asked = np.concatenate([block.asked for block in shared.blocks])
    number = np.zeros(rankings.questions, np.int64)
    number[asked] = np.arange(len(asked)) if place is None else place(asked)
    resamples = Resamples(len(asked), seed)
    return {
        **_plain(shared, resamples, number),
        **_alphas("ranks", *_ranks(shared, resamples, number), resamples),
        **_alphas("pairs", *_pairs(shared, resamples, number), resamples),
    }


def pairwise_agreement(rankings: Rankings, *, seed: int = 0) -> Figure:
    """``pairwise`` of ``FIGURES`` alone."""
    shared = rankings.shared()
    if not shared.blocks:
        return undefined(NONE_SHARED)
    asked = np.concatenate([block.asked for block in shared.blocks])
    number = np.zeros(rankings.questions, np.int64)
    number[asked] = np.arange(len(asked))
    resamples = Resamples(len(asked), seed)
    totals = [
        resamples.totals(number[block.asked], pairwise_terms(block)[:, :2])
        for block in shared.blocks
    ]
    return resamples.share(np.sum(totals, axis=0), resamples.questions, NONE_DECIDED)


def _plain(shared: Rankings, resamples: Resamples, number: Array) -> dict[str, Figure]:
    def totals(terms: Callable[[Block], Array]) -> Array:
        by_block = [resamples.totals(number[block.asked], terms(block)) for block in shared.blocks]
        found: Array = np.sum(by_block, axis=0)
        return found

    n, pairs = resamples.questions, totals(pairwise_terms)
    taus, ws = resamples.sums(totals(tau_terms)), resamples.sums(totals(w_terms))
    return {
        "pairwise": resamples.share(pairs[:, :2], n, NONE_DECIDED),
        "pairwise_with_ties": resamples.share(pairs[:, 2:], n, NONE_SHARED),
        "tau_b": resamples.figure(ratio(taus[:, 0], taus[:, 1]), n, ALL_TIED),
        "kendall_w": resamples.figure(ratio(ws[:, 0], ws[:, 1]), n, ALL_TIED),
    }


def _alphas(of: str, values: Array, totals: Array, resamples: Resamples) -> dict[str, Figure]:
    met = resamples.sums(totals)
    return {
        f"alpha_{metric}_{of}": resamples.figure(
            alpha(met, values, metric), resamples.questions, ALL_THE_SAME
        )
        for metric in METRICS
    }


def _ranks(shared: Rankings, resamples: Resamples, number: Array) -> tuple[Array, Array]:
    """Values and coincidences of places: mid-ranks from 0 (best) to 1 (worst), so that questions
    with different K share a scale. A unit is a completion."""
    steps = {block.k: np.arange(2 * block.k - 1) / (2 * block.k - 2) for block in shared.blocks}
    values = np.unique(np.concatenate(list(steps.values())))
    totals = np.zeros((resamples.bags, len(values), len(values)))
    for block in shared.blocks:
        half_steps = np.rint(2 * mid_ranks(block.rank) - 2).astype(np.int64)
        given = [
            block.by_question((half_steps == step).astype(np.int32))
            for step in range(2 * block.k - 1)
        ]
        counts = np.stack(given, axis=-1).reshape(-1, 2 * block.k - 1)
        bag = np.repeat(resamples.bag[number[block.asked]], block.k)
        at = np.searchsorted(values, steps[block.k])
        totals[:, at[:, None], at] += coincidences(counts, bag, resamples.bags)
    return values, totals


def _pairs(shared: Rankings, resamples: Resamples, number: Array) -> tuple[Array, Array]:
    """Values and coincidences of verdicts; a unit is a pair of completions. Each counts half in
    either direction, so that it does not matter which of the two is called the first."""
    totals = np.zeros((resamples.bags, 3, 3))
    for block in shared.blocks:
        bag = np.repeat(resamples.bag[number[block.asked]], len(block.first))
        met = coincidences(block.verdicts.reshape(-1, 3), bag, resamples.bags)
        totals += (met + met[:, ::-1, ::-1]) / 2
    return VERDICTS, totals


def label_agreement(labels: Labels, *, seed: int = 0) -> dict[str, Figure]:
    """Fleiss' kappa and nominal alpha of labels, and the share of pairs of people who agree."""
    counts = np.bincount(
        labels.unit * labels.values + labels.value,
        minlength=labels.values * (int(labels.unit.max(initial=-1)) + 1),
    ).reshape(-1, labels.values)
    question = np.zeros(len(counts), np.int64)
    question[labels.unit] = labels.question
    shared = counts.sum(axis=1) > 1
    if not shared.any():
        return {name: undefined(NONE_SHARED) for name in LABEL_FIGURES}
    counts = counts[shared]
    asked, question = np.unique(question[shared], return_inverse=True)
    resamples = Resamples(len(asked), seed)
    totals = resamples.totals(question, fleiss_terms(counts))
    met = resamples.sums(coincidences(counts, resamples.bag[question], resamples.bags))
    kinds = np.arange(labels.values)
    n = resamples.questions
    return {
        "fleiss_kappa": resamples.figure(fleiss(resamples.sums(totals)), n, ALL_THE_SAME),
        "alpha": resamples.figure(alpha(met, kinds, "nominal"), n, ALL_THE_SAME),
        "same": resamples.share(totals[:, :2], n, ALL_THE_SAME),
    }
