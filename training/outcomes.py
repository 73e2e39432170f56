"""What came of a round, in the sentences that are stored with it."""

from annotation.telling import storable

NO_PROMPTS = storable("Not published: the project has no held-out prompts to judge it on.")
LIMIT_BROKEN = storable("Not published: policy %(policy)s breaks a limit: %(reason)s.")
REJECTED = storable("Policy %(policy)s was rejected: %(reason)s")
QUEUED = storable("%(tasks)s new tasks are in the queue.")
NOTHING_QUEUED = storable("No new tasks were asked for.")
ACTIVE = storable("Policy %(policy)s is within all limits and active. %(queued)s")
WAITING = storable("Policy %(policy)s is within all limits. %(queued)s Promote or reject it.")
FITTED = storable("The reward model foretells %(share)s of unseen pairs.")
DEEPENED = storable(
    "The head that the reward model was deepened from foretells %(share)s of unseen pairs. Too few "
    "rankings of validation prompts to judge the deeper model itself."
)
GATE = storable(
    "Stopped at the gate: on prompts it had not seen, the reward model foretold %(share)s of "
    "%(pairs)s pairs (95 %% interval %(low)s to %(high)s), which does not exclude guessing. Rank "
    "more tasks, or look at how far annotators agree."
)

MOVED = storable("it has moved %(kl)s nats from its reference (at most %(allowed)s)")
SURPRISING = storable(
    "its text is %(ratio)s times as surprising to the base model as the base's own (at most "
    "%(allowed)s)"
)
UNVARIED = storable("its word pairs are %(share)s as varied as the base's (at least %(allowed)s)")
REPEATING = storable("%(share)s of its phrases repeat (at most %(allowed)s)")
LENGTH = storable(
    "its answers are %(ratio)s times as long as the base's (within %(allowed)s times)"
)
SEVERAL = storable("%(first)s; %(others)s")
SURPRISED = storable("The live head gave what was said %(share)s a pair.")

STATES = [
    storable("done"),
    storable("pending"),
    storable("running"),
    storable("failed"),
    storable("cancelled"),
    storable("to come"),
    storable("not reached"),
]
