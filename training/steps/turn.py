"""Let the active policy reply to a turn of a dialogue; its person waits for it."""

from functools import partial

from annotation.dialogues import answer
from annotation.models import Turn
from training.backbones import backbone
from training.growing import Growing
from training.jobs import Lease
from training.policies import active
from training.samples import draw, sampling_of, stored


def run(lease: Lease) -> None:
    """Payload: ``turn`` (id) and ``attempt``. What nobody waits for any more is not drawn."""
    from training.engine.sequences import decode_completion

    payload = lease.job.payload
    turn = (
        Turn.objects.select_related("prompt__project")
        .filter(pk=payload["turn"], attempt=payload["attempt"], task=None, dialogue__ended_at=None)
        .first()
    )
    if turn is None:
        with lease.finishing():
            return
    prompt, policy = turn.prompt, active(turn.prompt.project)
    settings = sampling_of(prompt.project)
    count = settings.completions_per_prompt
    # Two people with the same words, or one who asks again, get replies of their own.
    purpose = f"turn-{turn.pk}-{turn.attempt}"
    shown = Growing(turn, partial(decode_completion, backbone().tokenizer))
    draw(lease, policy, [prompt], count, purpose, settings, distinct=True, on_growth=shown)
    found = stored(policy, [prompt], count, purpose, settings)
    with lease.finishing():
        answer(turn.pk, turn.attempt, found[prompt.pk])
