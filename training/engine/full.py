"""Training a model's own weights: those of a copy, kept in float32; the trunk never changes."""

from __future__ import annotations

import json
import re
import tempfile
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.engine import adapters, checkpoints, precision
from training.engine.backbone import MODEL, Backbone
from training.engine.checkpoints import Tensors
from training.engine.decoder import BLOCKS
from training.engine.errors import CheckpointDamaged

TRUNK = "trunk"  # a reward model's tensors in a checkpoint
MERGING = "merging"  # the adapter's name while it goes into the weights


def twin_of(backbone: Backbone) -> Backbone:
    """Return a copy of the trunk, which takes as much memory again; it has no adapter."""
    with backbone.adapter(None):
        model = deepcopy(backbone.model)
    adapters.strip(model)
    return replace(backbone, model=model, _cached=[])


def copy_of(backbone: Backbone, start: Path | None = None) -> Backbone:
    """Return a copy of the trunk, or of the policy saved in `start`, whose weights can learn.

    They are kept in float32 at least, and multiplied as the trunk's are. An adapter is merged into
    them. Raises CheckpointDamaged and EngineError.
    """
    dtype = backbone.model.dtype
    if start is not None and checkpoints.holds(start, MODEL):
        model = backbone.read_full(start, precision.kept(dtype))
        precision.keep(model, dtype)
        return replace(backbone, model=model, _cached=[])
    copy = twin_of(backbone)
    precision.keep(copy.model, dtype)
    if start is not None:
        adapters.read(copy.model, MERGING, start)
        adapters.merge(copy.model, MERGING)
    return copy


def weights_of(model: Any) -> dict[str, torch.nn.Parameter]:
    """Return all parameters by the names that transformers gives them, tied ones once."""
    return dict(sorted(model.named_parameters()))


def write(
    backbone: Backbone,
    folder: Path,
    metadata: dict[str, Any],
    others: dict[str, dict[str, Tensor]] | None = None,
) -> str:
    """Save a full policy as a checkpoint that is a model's folder too: transformers opens it.

    `others` are further groups of tensors to keep with it. Returns its manifest's sha256.
    """
    model = backbone.model
    documents = {"config.json": json.loads(model.config.to_json_string(use_diff=False))}
    return checkpoints.save(
        folder,
        {MODEL: weights_of(model), **(others or {})},
        metadata,
        {**documents, **_tokenizer_files(backbone.tokenizer)},
    )


def weights_below(backbone: Backbone, layer: int) -> dict[str, torch.nn.Parameter]:
    """Return the decoder's own parameters that hidden state `layer` depends on, by name."""
    found = {}
    for name, parameter in backbone.model.get_decoder().named_parameters():
        number = re.match(rf"(?:{'|'.join(BLOCKS)})\.(\d+)\.", name)
        last = re.match(r"(final_|ln_f|norm)", name) is not None  # what follows all layers
        above = int(number[1]) >= layer if number else last and layer < backbone.layers
        if not above:
            found[name] = parameter
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


def _tokenizer_files(tokenizer: Any) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as scratch:
        tokenizer.save_pretrained(scratch)
        return {each.name: each.read_bytes() for each in Path(scratch).iterdir() if each.is_file()}
