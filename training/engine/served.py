"""Adapters on a server that draws: loaded while it runs, as vLLM does it, and taken off again.

vLLM has to be started with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True; an adapter is
then a model of its own name. The server reads the adapter's folder itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from dataclasses import replace

from training.engine.endpoint import Endpoint, parsed
from training.engine.errors import EndpointRefusal, EngineError

MISSING = 404


def with_adapter(endpoint: Endpoint, name: str, folder: str) -> Endpoint:
    """Return the endpoint that draws from an adapter, which the server loads unless it has it.

    `name` must follow from the adapter's weights: one that is known there is not read again.
    Raises EngineError.
    """
    try:
        endpoint.call("load_lora_adapter", {"lora_name": name, "lora_path": folder})
    except EndpointRefusal as refusal:
        if "already been loaded" not in refusal.said:
            raise _explained(endpoint, folder, refusal) from None
    return replace(endpoint, model=name)


def take_off(endpoint: Endpoint, prefix: str, but: Collection[str]) -> None:
    """Take the adapters whose names begin with `prefix` off the server, but for these.

    One that has gone already is no error. Raises EngineError.
    """
    for name in sorted(_models(endpoint)):
        if name.startswith(prefix) and name not in but:
            with contextlib.suppress(EndpointRefusal):
                endpoint.call("unload_lora_adapter", {"lora_name": name})


def _models(endpoint: Endpoint) -> list[str]:
    """Return the names that the server has models under."""
    listed = parsed(endpoint.call("models"), endpoint.url).get("data")
    found = [each.get("id") for each in listed or [] if isinstance(each, dict)]
    return [each for each in found if isinstance(each, str)]


def _explained(endpoint: Endpoint, folder: str, refusal: EndpointRefusal) -> EngineError:
    if (
        refusal.code == MISSING
        and "not found" in refusal.said.lower()
        and "adapter" not in refusal.said.lower()
    ):
        return EngineError(
            f"the endpoint {endpoint.url} loads no adapters while it runs: start vLLM with "
            "--enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True"
        )
    return EngineError(f"the endpoint {endpoint.url} does not load {folder}: {refusal.said}")
