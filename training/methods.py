"""The methods of a round: what each reads, which steps it takes, what a manager may set.

Plain Python: the web process reads it to explain and to check a form.
"""

from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from annotation.choosing import RANKINGS
from annotation.models import TaskKind
from training.engine.config import PreferenceSettings, RewardSettings, SftSettings
from training.engine.ppo.config import PpoSettings
from training.engine.settings import Explained, explained

STEP_NAMES = {
    "embed": gettext_lazy("Read the answers"),
    "reward": gettext_lazy("Fit the reward model"),
    "sft": gettext_lazy("Train the policy"),
    "policy": gettext_lazy("Train the policy"),
    "ppo": gettext_lazy("Train the policy"),
    "evaluate": gettext_lazy("Answer held-out prompts"),
    "publish": gettext_lazy("Put new answers into the queue"),
}


@dataclass(frozen=True)
class Method:
    """One way to run a round."""

    name: str
    title: str | Promise
    says: str | Promise  # one sentence for people
    section: str  # of the round's settings, which its training reads
    settings: Any  # the class of that section
    steps: tuple[str, ...]
    main: tuple[str, ...]  # fields that the page's form offers
    fixed: dict[str, str] = field(default_factory=dict)  # fields that the name decides
    kinds: tuple[str, ...] = RANKINGS  # of tasks, whose answers the snapshot freezes

    def fields(self) -> list[Explained]:
        """Every field of the section that this method reads, with its explanation."""
        return [each for each in explained(self.settings) if self._reads(each)]

    def main_fields(self) -> list[Explained]:
        """Those that the form offers, in its order."""
        known = {".".join(each.path): each for each in self.fields()}
        return [known[name] for name in self.main]

    def _reads(self, each: Explained) -> bool:
        if each.path[-1] in ("seed", "shard") or each.path[0] in self.fixed:
            return False  # the round decides, which has one process
        return not each.only or self.name in each.only or not set(each.only) & set(METHODS)


TAUGHT = ("embed", "reward", "policy", "evaluate", "publish")
EARNED = ("embed", "reward", "ppo", "evaluate", "publish")
STEADY = ("learning_rate", "epochs", "prompts_per_step")


def _direct(name: str, title: str, says: str | Promise, *main: str, **more: Any) -> Method:
    return Method(
        name, title, says, "preference", PreferenceSettings, TAUGHT,
        (*main, *STEADY, "lora.rank"), {"loss": name}, **more,
    )  # fmt: skip


def _rollouts(name: str, title: str, says: str | Promise, *main: str) -> Method:
    offered = ("beta", *STEADY, "samples_per_prompt", *main, "max_new_tokens", "lora.rank")
    return Method(name, title, says, "ppo", PpoSettings, EARNED, offered, {"algorithm": name})


METHODS = {
    each.name: each
    for each in (
        _direct(
            "dpo",
            "DPO",
            gettext_lazy(
                "Fit a reward model, then move the policy towards the preferred answers directly."
            ),
            "beta",
            "label_smoothing",
            "margin",
        ),
        _direct(
            "ipo",
            "IPO",
            gettext_lazy("Fit a reward model, then move the policy up to a lead that is enough."),
            "beta",
        ),
        _direct(
            "hinge",
            "SLiC hinge",
            gettext_lazy(
                "Fit a reward model, then move the policy where a pair is not "
                "clear yet: clear pairs rest."
            ),
            "beta",
            "margin",
        ),
        _direct(
            "kto",
            "KTO",
            gettext_lazy(
                "Fit a reward model where there are rankings, then move the policy: what "
                "won or got a thumb up is good, what lost or got a thumb down is bad."
            ),
            "beta",
            "desirable_weight",
            "undesirable_weight",
            kinds=(*RANKINGS, TaskKind.THUMBS.value),
        ),
        _direct(
            "orpo",
            "ORPO",
            gettext_lazy(
                "Fit a reward model, then teach the policy the best answers and their odds."
            ),
            "orpo_lambda",
        ),
        _direct(
            "simpo",
            "SimPO",
            gettext_lazy(
                "Fit a reward model, then move the policy, whatever the length of an answer."
            ),
            "simpo_beta",
            "simpo_gamma",
        ),
        _rollouts(
            "ppo",
            "PPO",
            gettext_lazy(
                "Fit a reward model, then let the policy earn its scores, held to the base."
            ),
            "batch_epochs",
            "minibatch",
        ),
        _rollouts(
            "rloo",
            "RLOO",
            gettext_lazy(
                "As PPO, without a value head: an answer is held against the prompt's other ones."
            ),
        ),
        _rollouts(
            "reinforce",
            "REINFORCE",
            gettext_lazy(
                "As PPO, without a value head: an answer is held "
                "against the mean of all. The plainest, to compare with."
            ),
        ),
        Method(
            "sft",
            "SFT",
            gettext_lazy(
                "Teach the policy what people wrote or edited themselves. No rankings are read."
            ),
            "sft",
            SftSettings,
            ("embed", "sft", "evaluate", "publish"),
            (*STEADY, "lora.rank"),
            kinds=(TaskKind.WRITE.value,),
        ),
        Method(
            "reward",
            gettext_lazy("Reward model only"),
            gettext_lazy("Fit a reward model; the policy stays as it is."),
            "reward",
            RewardSettings,
            ("embed", "reward"),
            ("depth", "layer", "l2", "learning_rate", "epochs"),
        ),
    )
}
