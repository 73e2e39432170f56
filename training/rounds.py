"""The loop as a state machine: start, advance, stop, fail, promote, reject.

A round's work is a chain of jobs, one step after the other (``training.methods``); each job ends
by asking for the next in the transaction that writes its result (``advance``), so the chain can
neither break nor fork. What a step does is in ``training.steps``.
"""

import secrets
from dataclasses import replace
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Max
from django.utils import timezone
from django.utils.translation import gettext

from annotation.audit import record
from annotation.choosing import Choice
from annotation.errors import Conflict, Invalid
from annotation.models import Annotator, Project, User
from annotation.snapshots import freeze
from training import jobs, outcomes, policies
from training.configuration import RoundSettings, configuration_hash
from training.methods import METHODS, Method
from training.models import Job, Policy, Round, RoundPlan

State = Round.State


def start(
    project: Project,
    *,
    method: str,
    trigger: str,
    by: str,
    configuration: dict[str, Any] | None = None,
    seed: int | None = None,
) -> Round:
    """Freeze the rankings and ask for the first job.

    The project's plan gives what ``configuration`` leaves out. Raises Conflict while a round
    runs or waits for a decision; Invalid for an unknown method, a bad setting, or too few
    answers of the kinds that the method reads.
    """
    if method not in METHODS:
        raise Invalid(
            gettext("method: %(method)r is not known. Use one of: %(methods)s.")
            % {"method": method, "methods": ", ".join(METHODS)}
        )
    plan = RoundPlan.objects.filter(project=project).first()
    planned = plan.configuration if plan else {}
    said = with_fixed({**planned, **(configuration or {})}, METHODS[method])
    settings = RoundSettings.from_dict(_with_count(said, project))
    try:
        with transaction.atomic():
            return _start(project, METHODS[method], trigger, by, settings, seed)
    except IntegrityError:
        # Two starts at one moment: the constraint let one of them through.
        raise Conflict(_running_message(project)) from None


def _with_count(values: dict[str, Any], project: Project) -> dict[str, Any]:
    """New tasks hold as many completions as the project asks for, unless the round says more."""
    sampling = values.get("sampling", {})
    if not isinstance(sampling, dict):
        return values
    count = {"completions_per_prompt": project.completions_per_task}
    return {**values, "sampling": {**count, **sampling}}


def with_fixed(values: dict[str, Any], method: Method) -> dict[str, Any]:
    """The method is the loss, or the algorithm. Raises Invalid when settings ask for another."""
    section = values.get(method.section, {})
    if not method.fixed or not isinstance(section, dict):
        return values
    for name, value in method.fixed.items():
        if section.get(name, value) != value:
            raise Invalid(
                gettext(
                    "%(section)s: %(name)s is %(said)r, but the method is %(value)s. Leave "
                    "%(name)s out: it follows from the method."
                )
                % {
                    "section": method.section,
                    "name": name,
                    "said": section[name],
                    "value": value,
                }
            )
    return {**values, method.section: {**section, **method.fixed}}


def _start(
    project: Project,
    method: Method,
    trigger: str,
    by: str,
    settings: RoundSettings,
    seed: int | None,
) -> Round:
    Project.objects.select_for_update().get(pk=project.pk)
    if Round.objects.filter(project=project, state__in=(State.RUNNING, State.WAITING)).exists():
        raise Conflict(_running_message(project))
    base = policies.active(project)
    _check_depth(base, method, settings)
    policies.check_reference(project, settings.reference)
    number = 1 + (Round.objects.filter(project=project).aggregate(n=Max("number"))["n"] or 0)
    seed = secrets.randbelow(2**31) if seed is None else seed
    configuration = _seeded(settings, seed).as_dict()
    made = Round.objects.create(
        project=project,
        number=number,
        method=method.name,
        configuration=configuration,
        configuration_sha256=configuration_hash(configuration),
        seed=seed,
        trigger=trigger,
        started_by=by,
        snapshot=freeze(
            project,
            f"round-{number}",
            Choice(kinds=method.kinds),
            minimum=settings.minimum_of(method.name),
        ),
        base_policy=base,
        weights=_weights(project),
    )
    record("round.started", made, project=project, by=by, data={"method": method.name})
    _ask(made, method.steps[0], 1)
    return made


def _check_depth(base: Policy, method: Method, settings: RoundSettings) -> None:
    """Raise Invalid when an adapter is to be trained on a policy that is a whole model."""
    trains_policy = "evaluate" in method.steps
    if trains_policy and getattr(settings, method.section).depth == "lora" and _is_full(base):
        raise Invalid(
            gettext(
                "%(section)s.depth: policy %(policy)s is a full model, on which no adapter is "
                "trained. Set depth to full."
            )
            % {"section": method.section, "policy": base}
        )


def _is_full(policy: Policy) -> bool:
    """Whether all of the policy's weights were trained, as the round that made it was told."""
    made = Round.objects.filter(policy=policy).first()
    if made is None:
        return False
    section = made.configuration.get(METHODS[made.method].section, {})
    return bool(section.get("depth") == "full")


def _weights(project: Project) -> dict[str, float]:
    """How much a ranking of those counts who do not count whole, by annotator id."""
    lighter = Annotator.objects.filter(project=project, excluded=False, weight__lt=1)
    return {str(pk): weight for pk, weight in lighter.values_list("pk", "weight")}


def _seeded(settings: RoundSettings, seed: int) -> RoundSettings:
    """All chance in a round follows from its one seed."""
    return replace(
        settings,
        reward=replace(settings.reward, seed=seed),
        preference=replace(settings.preference, seed=seed),
        ppo=replace(settings.ppo, seed=seed),
        sft=replace(settings.sft, seed=seed),
    )


def _running_message(project: Project) -> str:
    current = Round.objects.filter(
        project=project, state__in=(State.RUNNING, State.WAITING)
    ).first()
    if current is not None and current.state == State.WAITING:
        return gettext(
            "Round %(number)s of %(name)s waits for a decision. Promote or reject its policy first."
        ) % {"number": current.number, "name": project.name}
    return gettext("A round of %(name)s is running. Wait until it has ended.") % {
        "name": project.name
    }


def _ask(round: Round, step: str, part: int) -> Job:
    return jobs.ask(step, f"round:{round.pk}:{step}:{part}", round=round, payload={"part": part})


def again(lease: jobs.Lease) -> None:
    """Ask for the next part of a step that paused; inside ``lease.finishing``."""
    job = lease.job
    assert job.round is not None
    _ask(job.round, job.kind, job.payload["part"] + 1)


def advance(lease: jobs.Lease) -> None:
    """Ask for the step after this one, or end the round; inside ``lease.finishing``."""
    job = lease.job
    assert job.round is not None
    steps = METHODS[job.round.method].steps
    place = steps.index(job.kind) + 1
    if place < len(steps):
        _ask(job.round, steps[place], 1)
    else:
        end(job.round, State.DONE)


def end(round: Round, state: str, outcome: str = "") -> bool:
    """End a running round; False when it had ended before."""
    values: dict[str, Any] = {"state": state, "finished_at": timezone.now()}
    if outcome:
        values["outcome"] = outcome
    return bool(Round.objects.filter(pk=round.pk, state=State.RUNNING).update(**values))


def fail(round: Round, error: str) -> None:
    """A step failed for good. The active policy stays; a half-made candidate is rejected."""
    with transaction.atomic():
        if end(round, State.FAILED, error):
            _reject_candidate(round, error)
            record("round.failed", round, project=round.project, data={"error": error})


def stop(round: Round, *, by: User | str, reason: str) -> None:
    """End a running round early; what waits in its chain is cancelled. Raises Conflict."""
    with transaction.atomic():
        if not end(round, State.STOPPED, reason):
            raise Conflict(
                gettext("Round %(number)s has ended already.") % {"number": round.number}
            )
        waiting = round.jobs.filter(state__in=(Job.State.PENDING, Job.State.RUNNING))
        waiting.update(state=Job.State.CANCELLED, fence=F("fence") + 1, finished_at=timezone.now())
        _reject_candidate(round, reason)
        record("round.stopped", round, project=round.project, by=by, data={"reason": reason})


def _reject_candidate(round: Round, reason: str) -> None:
    Policy.objects.filter(round=round, state=Policy.State.CANDIDATE).update(
        state=Policy.State.REJECTED, rejected_because=reason
    )


def promotes_automatically(project: Project) -> bool:
    plan = RoundPlan.objects.filter(project=project).first()
    return plan is None or plan.promote_automatically


def promote(policy: Policy, *, by: User | str) -> None:
    """Make a candidate the one active policy of its project. Raises Conflict.

    Only from the policy it was trained from: when another has become active meanwhile, people's
    blind judgements were not of this change.
    """
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=policy.project_id)
        policies_here = Policy.objects.filter(project_id=policy.project_id)
        retired = policies_here.filter(successors=policy, state=Policy.State.ACTIVE)
        candidate = policies_here.filter(pk=policy.pk, state=Policy.State.CANDIDATE)
        if not (candidate.exists() and retired.update(state=Policy.State.RETIRED)):
            raise Conflict(
                gettext("Policy %(policy)s is no longer a candidate for the active one's place.")
                % {"policy": policy}
            )
        candidate.update(state=Policy.State.ACTIVE)
        _settle(policy, gettext("Policy %(policy)s is active.") % {"policy": policy})
        record("policy.promoted", policy, project=policy.project, by=by)


def reject(policy: Policy, *, by: User | str, reason: str) -> None:
    """Set a candidate aside for good; the active policy stays. Raises Conflict."""
    with transaction.atomic():
        if not Policy.objects.filter(pk=policy.pk, state=Policy.State.CANDIDATE).update(
            state=Policy.State.REJECTED, rejected_because=reason
        ):
            raise Conflict(gettext("Policy %(policy)s is not a candidate.") % {"policy": policy})
        _settle(policy, outcomes.REJECTED % {"policy": policy, "reason": reason})
        record("policy.rejected", policy, project=policy.project, by=by, data={"reason": reason})


def _settle(policy: Policy, outcome: str) -> None:
    Round.objects.filter(policy=policy, state__in=(State.RUNNING, State.WAITING)).update(
        state=State.DONE, outcome=outcome, finished_at=timezone.now()
    )
