"""A server that draws samples in place of the model loaded here, where the settings name one.

Each policy has a name there: the base model's, that of an adapter which the server is told to load,
or one that follows from the setting SAMPLING_SERVER_POLICIES. Log-probabilities are computed here.
Whatever goes wrong costs no work: what the server left undone is drawn here, the job says so where
people read it, and the server is left alone for a while.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from annotation.telling import storable
from training.engine.config import SamplingSettings
from training.jobs import Lease
from training.models import Policy
from training.policies import adapter_folder

if TYPE_CHECKING:
    from training.engine.backbone import Backbone
    from training.engine.endpoint import Endpoint
    from training.engine.sampling import Sample

LOAD = "load"  # SAMPLING_SERVER_POLICIES: adapters are loaded while the server runs
PLACE = "{policy}"  # in SAMPLING_SERVER_POLICIES otherwise
PATIENCE = 300.0  # seconds for which a server that failed is left alone
RETRIES = 2
FELL_BACK = storable(
    "The sampling server could not be used, so samples were drawn here: %(reason)s"
)
WHOLE = storable("policy %(policy)s is a whole model, which the server cannot load while it runs")
log = logging.getLogger(__name__)


class _Failure:
    """The last one, in this process."""

    reason = ""
    until = 0.0  # on time.monotonic


def is_there() -> bool:
    """Whether the settings name a server."""
    return bool(settings.SAMPLING_SERVER_URL)


def draw_there(
    lease: Lease,
    policy: Policy,
    loaded: "Backbone",
    prompts: Sequence[Sequence[int]],
    seeds: Sequence[Sequence[int]],
    sampling: SamplingSettings,
    should_stop: Callable[[], bool],
) -> "list[Sample]":
    """What the server draws of this, which is all, or less where it fails; the job then says why.

    The policy has to be switched on in ``loaded``, which gives the log-probabilities.
    """
    from training.engine.endpoint import sample_from
    from training.engine.errors import EngineError

    if time.monotonic() < _Failure.until:
        lease.warn(FELL_BACK % {"reason": _Failure.reason})
        return []
    if (reason := _unfit(policy)) is not None:
        lease.warn(FELL_BACK % {"reason": reason})
        return []
    drawn: list[Sample] = []
    try:
        server = _serving(policy)
        for each in sample_from(server, loaded, prompts, seeds, sampling, None, should_stop):
            drawn.append(each)
    except (EngineError, OSError, ValueError) as error:
        _Failure.reason, _Failure.until = str(error), time.monotonic() + PATIENCE
        log.warning("The sampling server is left alone for %d s: %s", PATIENCE, error)
        lease.warn(FELL_BACK % {"reason": error})
    return drawn


def _unfit(policy: Policy) -> str | None:
    """Why the server cannot have this policy, or None."""
    from training.engine import checkpoints
    from training.engine.backbone import MODEL

    folder = adapter_folder(policy)
    loads = settings.SAMPLING_SERVER_POLICIES == LOAD
    if folder is not None and loads and checkpoints.holds(folder, MODEL):
        return WHOLE % {"policy": policy}
    return None


def _serving(policy: Policy) -> "Endpoint":
    """The server, asked for this policy. Raises EngineError."""
    from training.engine.endpoint import Endpoint

    base = settings.SAMPLING_SERVER_MODEL or Path(settings.BASE_MODEL).name
    server = Endpoint(
        settings.SAMPLING_SERVER_URL,
        base,
        settings.SAMPLING_SERVER_KEY,
        settings.SAMPLING_SERVER_SECONDS,
        RETRIES,
    )
    if not policy.artefact:
        return server
    if settings.SAMPLING_SERVER_POLICIES == LOAD:
        return _loading(server, policy)
    name = f"{policy.project.slug}-v{policy.version}"
    return replace(server, model=settings.SAMPLING_SERVER_POLICIES.replace(PLACE, name))


def _loading(server: "Endpoint", policy: Policy) -> "Endpoint":
    """Have the adapter loaded; those of policies that nobody samples any more leave."""
    from training.engine.served import take_off, with_adapter

    folder = Path(settings.SAMPLING_SERVER_FOLDER or settings.ARTEFACTS_DIR) / policy.artefact
    ready = with_adapter(server, _name(policy), str(folder))
    sampled = (Policy.State.CANDIDATE, Policy.State.ACTIVE)
    wanted = Policy.objects.filter(project=policy.project, state__in=sampled)
    take_off(server, _prefix(policy), {_name(policy), *map(_name, wanted)})
    return ready


def _prefix(policy: Policy) -> str:
    return f"concord-{policy.project.slug}-v"


def _name(policy: Policy) -> str:
    """It follows from the weights: another adapter is never taken for this one."""
    return f"{_prefix(policy)}{policy.version}-{policy.manifest_sha256[:16]}"
