"""Training the trunk's own weights: those of a copy, in float32, since the trunk never changes."""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import replace

import torch
from torch import Tensor

from training.engine.backbone import Backbone
from training.engine.checkpoints import Tensors
from training.engine.errors import CheckpointDamaged

TRUNK = "trunk"  # the tensors' name in a checkpoint


def copy_of(backbone: Backbone) -> Backbone:
    """Return a float32 copy of the trunk, which takes as much memory again; no adapter is on."""
    with backbone.adapter(None):
        return replace(backbone, model=deepcopy(backbone.model).float(), _cached=[])


def weights_below(backbone: Backbone, layer: int) -> dict[str, torch.nn.Parameter]:
    """Return the decoder's own parameters that hidden state `layer` depends on, by name."""
    found = {}
    for name, parameter in backbone.model.get_decoder().named_parameters():
        number = re.search(r"layers\.(\d+)\.", name)
        above = int(number[1]) >= layer if number else "norm" in name and layer < backbone.layers
        if not above and ".lora_" not in name:
            found[name.replace(".base_layer.", ".")] = parameter
    return found


def restore(backbone: Backbone, tensors: Tensors, layer: int) -> None:
    """Put saved weights into a copy. Raises CheckpointDamaged when they do not fit."""
    weights = weights_below(backbone, layer)
    shapes: list[dict[str, torch.Size]] = [
        {name: each.shape for name, each in group.items()} for group in (weights, tensors)
    ]
    if shapes[0] != shapes[1]:
        raise CheckpointDamaged("the weights were saved of another model")
    with torch.no_grad():
        for name, parameter in weights.items():
            value: Tensor = tensors[name]
            parameter.copy_(value)
