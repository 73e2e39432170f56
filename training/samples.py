"""Drawing completions from a policy, and storing them as completions of their prompts."""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from annotation.content import group_of
from annotation.models import Completion, Project, Prompt
from annotation.tasking import new_completion
from training import sampling_server
from training.backbones import backbone
from training.configuration import RoundSettings
from training.engine.config import SamplingSettings
from training.jobs import Lease
from training.models import Policy, RoundPlan
from training.policies import adapter_folder

if TYPE_CHECKING:
    from training.engine.sampling import Growth, Sample

PROMPTS_AT_ONCE = 32
REDRAWS = 2  # further seeds for a prompt whose samples came out nearly the same


def seed_of(
    policy: Policy, prompt: Prompt, purpose: str, settings: SamplingSettings, index: int
) -> int:
    """The seed of one sample: the same whenever the same sample is asked for again.

    Another way of drawing is another sample: what was drawn cooler is not taken for it.
    """
    drawing = replace(settings, completions_per_prompt=1, batch_rows=1)  # change no sample
    name = [policy.version, prompt.content_sha256, purpose, drawing.as_dict(), index]
    return int(sha256(json.dumps(name, sort_keys=True).encode()).hexdigest()[:15], 16)


def sampling_of(project: Project, given: dict[str, Any] | None = None) -> SamplingSettings:
    """How samples for the project's people are drawn: as given, or else as its rounds do."""
    plan = RoundPlan.objects.filter(project=project).first()
    planned = plan.configuration.get("sampling", {}) if plan else {}
    asked = {"completions_per_prompt": project.completions_per_task} | (given or planned)
    return RoundSettings.from_dict({"sampling": asked}).sampling


def nearly(text: str) -> str:
    """What near-duplicates have in common: words, without case, accents and punctuation."""
    return group_of([{"role": "assistant", "content": text}])


def draw(
    lease: Lease,
    policy: Policy,
    prompts: Sequence[Prompt],
    count: int,
    purpose: str,
    settings: SamplingSettings,
    *,
    distinct: bool = False,
    deadline: float = float("inf"),
    on_growth: "Growth | None" = None,
) -> bool:
    """Store ``count`` samples of the policy for each prompt; returns whether all is done.

    False when the deadline came first: asked again, it goes on. Seeds follow from policy, prompt,
    purpose and place, so that a second worker draws what the first would have drawn. With
    ``distinct``, prompts whose samples came out nearly the same get up to REDRAWS more.
    ``on_growth`` sees the tokens that are there so far, token by token; the model loaded here draws
    those samples, others a server where there is one (``training.sampling_server``).
    """
    for extra in range(1 + (REDRAWS if distinct else 0)):
        todo = _todo(policy, prompts, count, extra, purpose, settings)
        if not _draw_missing(lease, policy, todo, settings, deadline, on_growth):
            return False
    return True


def _draw_missing(
    lease: Lease,
    policy: Policy,
    todo: Sequence[tuple[Prompt, list[int]]],
    settings: SamplingSettings,
    deadline: float,
    on_growth: "Growth | None",
) -> bool:
    for start in range(0, len(todo), PROMPTS_AT_ONCE):
        if time.monotonic() > deadline:
            return False
        chunk = todo[start : start + PROMPTS_AT_ONCE]
        lease.beat(start, len(todo), f"sampling {policy}")
        _draw_chunk(lease, policy, chunk, settings, on_growth)
    lease.beat(len(todo), len(todo))
    return True


def _todo(
    policy: Policy,
    prompts: Sequence[Prompt],
    count: int,
    extra: int,
    purpose: str,
    settings: SamplingSettings,
) -> list[tuple[Prompt, list[int]]]:
    """Prompts with the seeds that are still to be drawn for them."""
    drawn = _drawn(policy, prompts)
    todo = []
    for prompt in prompts:
        wanted = [
            seed_of(policy, prompt, purpose, settings, index) for index in range(count + extra)
        ]
        have = drawn.get(prompt.pk, {})
        kinds = {nearly(have[seed]) for seed in wanted if seed in have}
        if extra and len(kinds) >= count:
            continue
        missing = [seed for seed in wanted if seed not in have]
        if missing:
            todo.append((prompt, missing))
    return todo


def _drawn(policy: Policy, prompts: Sequence[Prompt]) -> dict[int, dict[int, str]]:
    rows = Completion.objects.filter(
        source_id=policy.source_id, prompt__in=prompts, seed__isnull=False
    )
    drawn: dict[int, dict[int, str]] = {}
    for prompt_id, seed, text in rows.values_list("prompt_id", "seed", "text"):
        drawn.setdefault(prompt_id, {})[seed or 0] = text
    return drawn


def _draw_chunk(
    lease: Lease,
    policy: Policy,
    chunk: Sequence[tuple[Prompt, list[int]]],
    settings: SamplingSettings,
    on_growth: "Growth | None",
) -> None:
    from training.engine.sampling import sample
    from training.engine.sequences import encode_prompt

    loaded = backbone()
    prompts = [encode_prompt(loaded.tokenizer, prompt.messages) for prompt, _ in chunk]
    seeds = [wanted for _, wanted in chunk]

    def still_ours() -> bool:
        lease.beat()
        return False

    there: list[Sample] = []
    with loaded.adapter(adapter_folder(policy)):
        # Whoever watches a text grow sees each token, which a server sends at the end only.
        if on_growth is None and sampling_server.is_there():
            there = sampling_server.draw_there(
                lease, policy, loaded, prompts, seeds, settings, still_ours
            )
        left = _without(seeds, there)
        here = list(sample(loaded, prompts, left, settings, None, still_ours, on_growth))
    with lease.guarded():
        Completion.objects.bulk_create(
            (
                _completion(policy, chunk[each.prompt_index][0], each, about)
                for some, about in (
                    (here, settings.as_dict()),
                    (there, {**settings.as_dict(), "engine": "server"}),
                )
                for each in some
            ),
            ignore_conflicts=True,
        )


def _without(seeds: Sequence[Sequence[int]], drawn: "Sequence[Sample]") -> list[list[int]]:
    """The seeds of each prompt of which no sample is there yet."""
    done = {(each.prompt_index, each.seed) for each in drawn}
    return [
        [seed for seed in mine if (place, seed) not in done] for place, mine in enumerate(seeds)
    ]


def _completion(
    policy: Policy, prompt: Prompt, drawn: "Sample", settings: dict[str, Any]
) -> Completion:
    # Not every string of tokens is a text that every database stores.
    text = drawn.text.replace("\x00", "\N{SYMBOL FOR NULL}")
    return new_completion(
        prompt,
        policy.source,
        text,
        settings=settings,
        seed=drawn.seed,
        finish_reason=drawn.finish_reason,
        token_ids=drawn.token_ids,
        tokenizer_sha256=backbone().tokenizer_sha256,
        logprob=drawn.logprob,
    )


def stored(
    policy: Policy,
    prompts: Sequence[Prompt],
    count: int,
    purpose: str,
    settings: SamplingSettings,
) -> dict[int, list[Completion]]:
    """The samples drawn for a purpose, by prompt id, distinct ones first, at most ``count``."""
    seeds = {
        (prompt.pk, seed_of(policy, prompt, purpose, settings, index)): index
        for prompt in prompts
        for index in range(count + REDRAWS)
    }
    rows = Completion.objects.filter(source_id=policy.source_id, prompt__in=prompts)
    found: dict[int, list[tuple[int, Completion]]] = {}
    for completion in rows.select_related("prompt"):
        index = seeds.get((completion.prompt_id, completion.seed or 0))
        if index is not None:
            found.setdefault(completion.prompt_id, []).append((index, completion))
    return {
        prompt_id: _distinct_first([each for _, each in sorted(some, key=lambda one: one[0])])[
            :count
        ]
        for prompt_id, some in found.items()
    }


def _distinct_first(completions: Sequence[Completion]) -> list[Completion]:
    seen: set[str] = set()
    fresh: list[Completion] = []
    again: list[Completion] = []
    for completion in completions:
        name = nearly(completion.text)
        (again if name in seen else fresh).append(completion)
        seen.add(name)
    return fresh + again
