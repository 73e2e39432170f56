"""Read the snapshot's completions with the trunk: features and reference log-probabilities."""

from annotation.models import Split
from training.backbones import backbone, note_trunk
from training.embedding import embed
from training.jobs import Lease
from training.models import Policy
from training.rounds import advance, again
from training.steps.context import rankings_of, round_of, settings_of, slice_end, thumbs_of


def run(lease: Lease) -> None:
    round = round_of(lease)
    rankings = rankings_of(round, Split.values)
    thumbs = thumbs_of(round, Split.values)
    completions = {each.pk: each for ranking in rankings for each in ranking.completions}
    completions |= {each.completion.pk: each.completion for each in thumbs}
    done = embed(lease, list(completions.values()), settings_of(round).reward, slice_end())
    with lease.finishing():
        if not done:
            again(lease)
            return
        for policy in Policy.objects.filter(project=round.project, trunk_sha256=""):
            note_trunk(policy, backbone())
        advance(lease)
