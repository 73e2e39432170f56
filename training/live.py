"""The live head: a Bayesian Bradley-Terry head that learns within a second of each ranking.

Numpy alone; it reads stored features and never a model. Weights w over H standardised features
have a Gaussian prior N(0, 1/H), so that before any ranking a margin varies by about √2 whatever
the width. The posterior is its Laplace approximation: mean ŵ at the mode, precision
A = H·I + Σ p(1−p)ddᵀ over pairs with difference d. A pair is foretold by averaging over the
posterior (MacKay 1992): σ(κ ŵᵀd), κ = (1 + π dᵀA⁻¹d / 8)^−½.

Each ranking is foretold before it is learned, so the running accuracy is honest without any
held-out set (prequential; Dawid 1984). Held-out prompts are foretold and never learned.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.db import transaction
from django.utils import timezone
from numpy.typing import NDArray

from annotation.models import Project, RankedItem, Split, Submission
from annotation.pairs import strict_pairs
from annotation.reviews import note
from training.contradictions import contradictions
from training.embedding import read_features
from training.models import LiveHead, LivePrediction

WINDOW = 1000  # the newest rankings that the head is fitted to: keeps a refit below a second
NEWTON_STEPS = 25
TOLERANCE = 1e-6
LEARN_AT_ONCE = 20
LOOK_AT = 200
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Posterior:
    """Laplace posterior over the weights of standardised features."""

    mean: Array  # [H]
    precision: Array  # [H, H]

    def foretell(self, differences: Array) -> Array:
        """P(first wins), [P], of feature differences [P, H]."""
        spread = np.einsum("ph,hp->p", differences, np.linalg.solve(self.precision, differences.T))
        kappa = 1.0 / np.sqrt(1.0 + np.pi * spread / 8.0)
        return sigmoid(kappa * (differences @ self.mean))


def sigmoid(values: Array) -> Array:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * values)), dtype=np.float64)


def fit(
    differences: Array,
    start: Array | None = None,
    prior_precision: float | None = None,
    counts: Array | None = None,
) -> Posterior:
    """The posterior after pairs with differences (winner − loser) [P, H], by Newton's method.

    The prior precision is H unless given; ``counts`` [P] says as how much of a pair each counts,
    1 unless given. The objective is convex; steps are halved until it falls.
    """
    hidden = differences.shape[1]
    counts = np.ones(len(differences)) if counts is None else counts
    prior_precision = float(hidden) if prior_precision is None else prior_precision
    mean = np.zeros(hidden) if start is None else start.copy()
    value = _objective(mean, differences, prior_precision, counts)
    for _ in range(NEWTON_STEPS):
        gradient, precision = _derivatives(mean, differences, prior_precision, counts)
        step = np.linalg.solve(precision, gradient)
        size = 1.0
        while True:
            moved = mean - size * step
            new = _objective(moved, differences, prior_precision, counts)
            if new <= value or size < 1e-4:
                break
            size /= 2
        mean, fell, value = moved, value - new, new
        if fell < TOLERANCE * (1.0 + abs(value)):
            break
    return Posterior(mean, _derivatives(mean, differences, prior_precision, counts)[1])


def _objective(mean: Array, differences: Array, prior_precision: float, counts: Array) -> float:
    margins = differences @ mean
    return float(counts @ np.logaddexp(0.0, -margins) + 0.5 * prior_precision * mean @ mean)


def _derivatives(
    mean: Array, differences: Array, prior_precision: float, counts: Array
) -> tuple[Array, Array]:
    p = sigmoid(differences @ mean)
    gradient = prior_precision * mean - differences.T @ (counts * (1.0 - p))
    weighted = differences * (counts * p * (1.0 - p))[:, None]
    precision = weighted.T @ differences
    precision[np.diag_indices_from(precision)] += prior_precision
    return gradient, precision


# --- the head of a project ------------------------------------------------------------------


@dataclass(frozen=True)
class Judged:
    """A ranking with the features of its completions."""

    submission: Submission
    features: Array  # [K, H]
    ranks: list[int]

    def differences(self) -> Array:
        """Winner − loser for each strict pair, [P, H]."""
        pairs = list(strict_pairs(self.ranks))
        winners, losers = [w for w, _ in pairs], [loser for _, loser in pairs]
        return np.asarray(self.features[winners] - self.features[losers])

    def counts(self) -> Array:
        """As how much of a pair each of them counts, [P]."""
        return np.full(len(self.differences()), self.submission.annotator.weight)

    @property
    def teaches(self) -> bool:
        return self.submission.task.prompt.split == Split.TRAIN


def begin(project: Project, encoder: str) -> LiveHead:
    """The project's head; it starts anew when the encoder has changed."""
    head, created = LiveHead.objects.get_or_create(project=project, defaults={"encoder": encoder})
    if not created and head.encoder != encoder:
        head.encoder, head.state = encoder, b""
        head.read_to = head.learned_to = 0
        head.save(update_fields=["encoder", "state", "read_to", "learned_to"])
    return head


def unlearned(head: LiveHead) -> list[Submission]:
    """A few rankings that the head has not foretold yet and could, oldest first.

    Those whose completions are still to be read are passed over: what people rank now does not
    wait until a large import has been read.
    """
    waiting = (
        Submission.objects.new_judgements()
        .filter(project=head.project_id, pk__gt=head.learned_to)
        .filter(ranking__isnull=False, live_prediction__isnull=True)
        .select_related("task__prompt", "annotator")
    )
    # Both ends: an import is read from its start, and people's work comes in at the end.
    candidates = {
        each.pk: each for order in ("pk", "-pk") for each in waiting.order_by(order)[:LOOK_AT]
    }
    unread = set(
        RankedItem.objects.filter(ranking_id__in=list(candidates))
        .exclude(completion__features__encoder=head.encoder)
        .values_list("ranking_id", flat=True)
    )
    ready = sorted(pk for pk in candidates if pk not in unread)
    return [candidates[pk] for pk in ready[:LEARN_AT_ONCE]]


def is_behind(head: LiveHead) -> bool:
    """Whether somebody's rankings have begun to count more or less since it was fitted."""
    return head.standing_epoch != head.project.standing_epoch


def learn(project: Project) -> int:
    """Foretell, then learn, the rankings that are new; returns how many they were.

    Fits the head anew, too, when somebody's rankings count more or less than before. Safe to run
    from many places: a prediction is unique per ranking, and whoever comes second adds nothing.
    """
    head = LiveHead.objects.select_related("project").filter(project=project).first()
    if head is None:
        return 0
    behind = is_behind(head)
    if behind:
        head.learned_to = 0  # whoever was excluded may have rankings that are to be foretold yet
    fresh = unlearned(head)
    if not fresh and not behind:
        return 0
    new = _judged(fresh, head.encoder)
    known = _judged(_window(project), head.encoder)
    if not new and not known:
        return _store(head, [], None)
    scale = _scale([*known, *new])
    taught = _Taught.by([each for each in known if each.teaches], scale)
    posterior = taught.fit(_start(head, scale))
    predictions = []
    for each in new:
        predictions.append(_foretell(posterior, each, scale))
        if each.teaches:
            taught = taught.and_by(each, scale)
            posterior = taught.fit(posterior.mean)
    return _store(head, predictions, posterior.mean / scale)


@dataclass(frozen=True)
class _Taught:
    """What a head is fitted to."""

    differences: Array  # [P, H]
    counts: Array  # [P]

    @classmethod
    def by(cls, judged: Sequence[Judged], scale: Array) -> "_Taught":
        nothing = cls(np.zeros((0, len(scale))), np.zeros(0))
        if not judged:
            return nothing
        return cls(
            np.concatenate([each.differences() for each in judged]) / scale,
            np.concatenate([each.counts() for each in judged]),
        )

    def and_by(self, judged: Judged, scale: Array) -> "_Taught":
        return _Taught(
            np.concatenate([self.differences, judged.differences() / scale]),
            np.concatenate([self.counts, judged.counts()]),
        )

    def fit(self, start: Array | None) -> Posterior:
        return fit(self.differences, start, counts=self.counts)


def _window(project: Project) -> list[Submission]:
    """The newest rankings that were foretold already, oldest first."""
    newest = (
        Submission.objects.new_judgements()
        .filter(project=project, live_prediction__isnull=False)
        .select_related("task__prompt", "annotator")
        .order_by("-pk")[:WINDOW]
    )
    return list(newest)[::-1]


def _judged(submissions: Sequence[Submission], encoder: str) -> list[Judged]:
    items: dict[int, list[tuple[int, int]]] = {}
    rows = RankedItem.objects.filter(ranking_id__in=[each.pk for each in submissions])
    for ranking, completion, rank in rows.order_by("pk").values_list(
        "ranking_id", "completion_id", "rank"
    ):
        items.setdefault(ranking, []).append((completion, rank))
    features = read_features({pk for some in items.values() for pk, _ in some}, encoder)
    return [
        Judged(
            submission=each,
            features=np.stack([features[pk] for pk, _ in items[each.pk]]).astype(np.float64),
            ranks=[rank for _, rank in items[each.pk]],
        )
        for each in submissions
        if all(pk in features for pk, _ in items[each.pk])
    ]


def _scale(judged: Sequence[Judged]) -> Array:
    spread = np.concatenate([each.features for each in judged]).std(axis=0)
    return np.where(spread > 1e-8, spread, 1.0)


def _start(head: LiveHead, scale: Array) -> Array | None:
    """The last mode, in today's scale, to begin from."""
    weights = np.frombuffer(bytes(head.state), dtype="<f8")
    return weights * scale if len(weights) == len(scale) else None


def _foretell(posterior: Posterior, judged: Judged, scale: Array) -> LivePrediction:
    """What the head says of each pair; a ranking of nothing but ties has none."""
    differences = judged.differences() / scale
    p = posterior.foretell(differences)
    return LivePrediction(
        submission=judged.submission,
        project_id=judged.submission.project_id,
        pairs=len(p),
        correct=float(np.where(np.isclose(p, 0.5, atol=1e-12), 0.5, p > 0.5).sum()),
        logloss=float(-np.log(np.clip(p, 1e-12, 1.0)).mean()) if len(p) else 0.0,
    )


def _store(head: LiveHead, predictions: list[LivePrediction], weights: Array | None) -> int:
    """Without weights, nothing is left to learn from, and the head is as at first."""
    with transaction.atomic():
        locked = LiveHead.objects.select_for_update().get(pk=head.pk)
        known = set(
            LivePrediction.objects.filter(
                submission__in=[each.submission_id for each in predictions]
            ).values_list("pk", flat=True)
        )
        new = [each for each in predictions if each.submission_id not in known]
        LivePrediction.objects.bulk_create(new)
        note(contradictions(new))
        locked.learned_rankings += len(new)
        locked.learned_pairs += sum(each.pairs for each in new)
        epoch = head.project.standing_epoch
        # Not when another has been fitted meanwhile to what counts now.
        if epoch >= locked.standing_epoch:
            locked.state = b"" if weights is None else weights.astype("<f8").tobytes()
        if epoch > locked.standing_epoch:
            locked.standing_epoch, locked.learned_to = epoch, 0
        locked.fitted_at = timezone.now()
        locked.save()
    return len(new)
