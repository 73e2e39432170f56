"""LoRA adapters on a frozen model, by peft: added, switched, read, written, removed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import (
    LoraConfig,
    get_peft_model_state_dict,
    inject_adapter_in_model,
    set_peft_model_state_dict,
)
from peft.tuners.tuners_utils import BaseTunerLayer

from training.engine import checkpoints
from training.engine import lora as fused
from training.engine.config import LoraSettings
from training.engine.errors import CheckpointDamaged
from training.engine.precision import kept

TENSORS = "adapter_model"  # with adapter_config.json, the names that peft itself looks for
# Families whose kernels read the weights of some layers and pass the layers by; peft refuses those.
MAMBAS = ("falcon_h1", "falcon_mamba", "mamba", "mamba2", "nemotron_h")
PREFIX = "base_model.model."  # peft's wrapper, which the engine does without


def add(model: Any, name: str, settings: LoraSettings, seed: int) -> dict[str, torch.nn.Parameter]:
    """Add a fresh adapter, drawn from `seed`, and return its parameters by peft's names.

    They are float32 at least, whatever the model is. What is switched on stays on, and nothing
    else.
    """
    before = _current(_layers(model))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        with warnings.catch_warnings():
            # peft points out a second adapter of the same model; here that is the normal case.
            warnings.simplefilter("ignore")
            inject_adapter_in_model(_lora_config(settings, model), model, adapter_name=name)
    _switch(_layers(model), before)  # peft leaves what it adds switched on
    for layer in _layers(model):
        fused.fuse(layer)
    for owner, dropout in _dropouts(model):
        if owner == name:
            dropout.eval()
    found = parameters(model, name)
    for each in found.values():
        each.data = each.data.to(kept(each.dtype))
    return found


def parameters(model: Any, name: str) -> dict[str, torch.nn.Parameter]:
    """Return an adapter's parameters, keyed as in its checkpoint and in a fixed order."""
    wanted = f".{name}."
    found = {
        key.replace(wanted, "."): value
        for key, value in model.named_parameters()
        if wanted in key and ".lora_" in key
    }
    return dict(sorted(found.items()))


@contextmanager
def active(model: Any, name: str | None) -> Iterator[None]:
    """Run with one adapter switched on, or with none, and then switch back."""
    layers = _layers(model)
    before = _current(layers)
    _switch(layers, name)
    try:
        yield
    finally:
        _switch(_layers(model), before)


@contextmanager
def dropping(model: Any, name: str | None) -> Iterator[None]:
    """Switch on the dropout of one adapter alone, or none for None, and then switch back.

    The trunk's own stays off: a policy that drops would be compared with a reference that does not.
    """
    dropouts = _dropouts(model)
    before = [each.training for _, each in dropouts]
    for owner, each in dropouts:
        each.train(owner == name)
    try:
        yield
    finally:
        for (_, each), was in zip(dropouts, before, strict=True):
            each.train(was)


def write(
    model: Any,
    name: str,
    folder: Path,
    lora: LoraSettings,
    metadata: dict[str, Any],
    others: dict[str, dict[str, torch.Tensor]] | None = None,
) -> str:
    """Save an adapter as a checkpoint that peft can open too; return its manifest's sha256.

    `others` are further groups of tensors to keep with it, such as a head.
    """
    whole: dict[str, Any] = _lora_config(lora, model).to_dict()  # type: ignore[no-untyped-call]
    config = {key: sorted(each) if isinstance(each, set) else each for key, each in whole.items()}
    return checkpoints.save(
        folder,
        {TENSORS: state(model, name), **(others or {})},
        {**metadata, "lora": lora.as_dict()},
        {"adapter_config.json": config},
    )


def read(model: Any, name: str, folder: Path) -> LoraSettings:
    """Add the adapter saved in `folder` under `name`; raises CheckpointDamaged."""
    checkpoint = checkpoints.load(folder)
    try:
        lora = LoraSettings.from_dict(checkpoint.metadata["lora"])
        tensors = checkpoint.tensors[TENSORS]
    except (KeyError, ValueError, TypeError):
        raise CheckpointDamaged(f"{folder} holds no adapter") from None
    add(model, name, lora, seed=0)
    try:
        restore(model, name, tensors)
    except CheckpointDamaged:
        remove(model, name)
        raise
    return lora


def state(model: Any, name: str) -> dict[str, torch.Tensor]:
    """Return an adapter's tensors under the names that peft gives them in a file."""
    tensors = get_peft_model_state_dict(model, adapter_name=name)
    return {f"{PREFIX}{key}": value for key, value in tensors.items()}


def restore(model: Any, name: str, tensors: dict[str, torch.Tensor]) -> None:
    """Put saved tensors into an adapter; raises CheckpointDamaged when they do not fit."""
    expected = state(model, name)
    fits = {key: value.shape for key, value in expected.items()}
    if fits != {key: value.shape for key, value in tensors.items()}:
        raise CheckpointDamaged("the adapter was made for another model")
    bare = {key.removeprefix(PREFIX): value for key, value in tensors.items()}
    set_peft_model_state_dict(model, bare, adapter_name=name)


def remove(model: Any, name: str) -> None:
    """Forget an adapter."""
    for layer in _layers(model):
        with warnings.catch_warnings():
            # peft chooses another to be active and says so; nothing here relies on its choice.
            warnings.simplefilter("ignore", UserWarning)
            layer.delete_adapter(name)


def merge(model: Any, name: str) -> None:
    """Add an adapter to the weights below it; all adapters are gone then."""
    for layer in _layers(model):
        layer.merge(adapter_names=[name])
    strip(model)


def strip(model: Any) -> None:
    """Take off every trace of adapters: layers are what they were before the first."""
    for name, module in list(model.named_modules()):
        if isinstance(module, BaseTunerLayer):
            parent, _, child = name.rpartition(".")
            setattr(model.get_submodule(parent), child, module.get_base_layer())


def _layers(model: Any) -> list[BaseTunerLayer]:
    return [module for module in model.modules() if isinstance(module, BaseTunerLayer)]


def _dropouts(model: Any) -> list[tuple[str, Any]]:
    """Return (adapter's name, its dropout) of every layer."""
    layers: list[Any] = list(_layers(model))
    return [each for layer in layers for each in layer.lora_dropout.items()]


def _current(layers: list[BaseTunerLayer]) -> str | None:
    """Return the adapter that is switched on, or None."""
    if not layers or layers[0].disable_adapters:
        return None
    return str(layers[0].active_adapters[0])


def _switch(layers: list[BaseTunerLayer], name: str | None) -> None:
    for layer in layers:
        if name is not None:
            layer.set_adapter(name)
        layer.enable_adapters(name is not None)


def _lora_config(settings: LoraSettings, model: Any) -> LoraConfig:
    fused = getattr(model.config, "model_type", None) in MAMBAS
    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,  # type: ignore[arg-type]  # peft scales by any number
        lora_dropout=settings.dropout,
        target_modules="all-linear",
        exclude_modules=["out_proj"] if fused else None,
        task_type="CAUSAL_LM",
    )
