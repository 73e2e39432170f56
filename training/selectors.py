"""Reads for the pages of the models' side. Their query counts are pinned by tests."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from django.db.models import Count, F, FloatField, QuerySet, Sum
from django.db.models.expressions import CombinedExpression
from django.utils.translation import gettext_lazy

from annotation.models import Annotator, Membership, Project, Role, Submission, User
from training.methods import METHODS, STEP_NAMES
from training.models import Job, LivePrediction, Policy, Round

ROUNDS_SHOWN = 20
POLICIES_SHOWN = 20
TREND_SHOWN = 300
TREND_WINDOW = 25
Z_95 = 1.959964


# --- the live head --------------------------------------------------------------------------


@dataclass(frozen=True)
class LiveAccuracy:
    """How often the live head foretold people's preferences, with a 95 % interval."""

    accuracy: float
    low: float
    high: float
    rankings: int
    pairs: int
    logloss: float


def live_accuracy(project: Project) -> LiveAccuracy | None:
    """Prequential accuracy over all rankings that hold a pair; None before the first."""
    sums = _predictions(project).aggregate(
        rankings=Count("pk"),
        p=Sum("pairs"),
        c=Sum("correct"),
        pp=_sum(F("pairs") * F("pairs")),
        cc=_sum(F("correct") * F("correct")),
        cp=_sum(F("correct") * F("pairs")),
        loss=_sum(F("logloss") * F("pairs")),
    )
    if not sums["rankings"]:
        return None
    pairs, rankings = sums["p"], sums["rankings"]
    accuracy = sums["c"] / pairs
    scatter = sums["cc"] - 2 * accuracy * sums["cp"] + accuracy**2 * sums["pp"]
    low, high = wilson(accuracy, _effective_pairs(accuracy, scatter, rankings, pairs))
    return LiveAccuracy(accuracy, low, high, rankings, pairs, sums["loss"] / pairs)


def _predictions(project: Project) -> QuerySet[LivePrediction]:
    """Those of rankings with a pair; of excluded annotators, none."""
    excluded = Annotator.objects.filter(project=project, excluded=True)
    return LivePrediction.objects.filter(project=project, pairs__gt=0).exclude(
        submission__in=Submission.objects.filter(annotator__in=excluded)
    )


def _sum(product: CombinedExpression) -> Sum:
    return Sum(product, output_field=FloatField())


def _effective_pairs(accuracy: float, scatter: float, rankings: int, pairs: int) -> float:
    """How many independent pairs would be known as well as these.

    Pairs of one ranking hang together, so the variance of the ratio Σcorrect/Σpairs is taken
    between rankings (the cluster-robust estimator). Without any scatter each ranking counts one.
    """
    if rankings < 2 or scatter <= 0:
        return float(rankings)
    variance = rankings / (rankings - 1) * scatter / pairs**2
    return min(max(accuracy * (1 - accuracy) / variance, 1.0), float(pairs))


def wilson(share: float, count: float) -> tuple[float, float]:
    """Wilson's 95 % interval of a share seen ``count`` times."""
    spread = Z_95**2 / count
    middle = (share + spread / 2) / (1 + spread)
    half = Z_95 * sqrt(share * (1 - share) / count + spread / (4 * count)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def live_trend(project: Project) -> list[float]:
    """Accuracy over a sliding window of the newest rankings, oldest first."""
    newest = _predictions(project).order_by("-at", "-pk")
    rows = list(newest.values_list("correct", "pairs")[:TREND_SHOWN])[::-1]
    ends = range(max(1, min(TREND_WINDOW, len(rows))), len(rows) + 1)
    return [_share(rows[max(0, end - TREND_WINDOW) : end]) for end in ends]


def _share(rows: Sequence[tuple[float, int]]) -> float:
    pairs = sum(each for _, each in rows)
    return sum(correct for correct, _ in rows) / pairs if pairs else 0.5


# --- rounds ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One step of a round as people see it: all parts of its job together."""

    name: str
    state: str
    done: int = 0
    total: int = 0
    note: str = ""
    error: str = ""
    warning: str = ""  # of any part

    @property
    def percent(self) -> int:
        return int(100 * min(self.done, self.total) / self.total) if self.total else 0


def steps_of(round: Round) -> list[Step]:
    """The steps of the round's method in order; those without a job are to come. Reads ``jobs``."""
    latest: dict[str, Job] = {}
    warnings: dict[str, str] = {}
    for job in sorted(round.jobs.all(), key=lambda job: job.pk):
        latest[job.kind] = job
        warnings[job.kind] = job.warning or warnings.get(job.kind, "")
    known = METHODS[round.method].steps if round.method in METHODS else ()
    kinds = [*known, *(kind for kind in latest if kind not in known)]
    missing = "to come" if round.state == Round.State.RUNNING else "not reached"
    return [_step(kind, latest.get(kind), missing, warnings.get(kind, "")) for kind in kinds]


def _step(kind: str, job: Job | None, missing: str, warning: str) -> Step:
    name = str(STEP_NAMES.get(kind, kind))
    if job is None:
        return Step(name, missing)
    return Step(name, job.state, job.done, job.total, job.note, job.error, warning)


def rounds_of(project: Project) -> QuerySet[Round]:
    return (
        Round.objects.filter(project=project)
        .select_related("base_policy", "policy", "reward_model")
        .order_by("-number")
    )


# What is drawn beside each other, as the metrics of a reward model name it.
CEILING = {
    "accuracy": gettext_lazy("Reward model"),
    "human_agreement": gettext_lazy("Two people on the same"),
    "self_agreement": gettext_lazy("One person, asked again"),
    "best_possible": gettext_lazy("Possible at most"),
}
Ends = tuple[float | None, float | None, float | None]  # value, low, high


@dataclass(frozen=True)
class RoundCeiling:
    """A round's reward model beside people, on the same items, by the names of ``CEILING``."""

    number: int
    figures: dict[str, Ends]


def ceiling_of(rounds: Sequence[Round]) -> list[RoundCeiling]:
    """Of the rounds that have a reward model, oldest first."""
    found = []
    for each in sorted(rounds, key=lambda one: one.number):
        metrics = each.reward_model.metrics if each.reward_model else {}
        if isinstance(metrics.get("accuracy"), float):
            figures = {
                name: (metrics.get(name), metrics.get(f"{name}_low"), metrics.get(f"{name}_high"))
                for name in CEILING
            }
            found.append(RoundCeiling(each.number, figures))
    return found


def current_round(rounds: Sequence[Round]) -> Round | None:
    """The one that runs or waits for a decision."""
    unsettled = (Round.State.RUNNING, Round.State.WAITING)
    return next((each for each in rounds if each.state in unsettled), None)


def policies_of(project: Project) -> QuerySet[Policy]:
    return (
        Policy.objects.filter(project=project)
        .select_related("round__reward_model")
        .order_by("-version")
    )


def decisions_for(user: User) -> QuerySet[Round]:
    """Rounds that wait for this person's word, in the projects that they manage."""
    managed = Membership.objects.filter(user=user, role=Role.MANAGER).values("project")
    return (
        Round.objects.filter(state=Round.State.WAITING, project__in=managed)
        .select_related("project", "policy")
        .order_by("finished_at", "pk")
    )
