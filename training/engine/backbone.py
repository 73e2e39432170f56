"""The frozen trunk: a causal language model, its tokenizer, and the adapters that steer it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from training.engine import adapters, checkpoints
from training.engine.checkpoints import sync_tree, verify
from training.engine.decoder import blocks, head_is_plain
from training.engine.errors import BackboneError, EngineError
from training.engine.norms import fuse_norms
from training.engine.products import fuse_linears
from training.engine.rotary import fuse_rotary
from training.engine.turns import end_of_turn, ends_of
from training.engine.ways import FAILURES, can_hand, is_causal, way_of

FINGERPRINT = ".fingerprint.json"
CACHED_ADAPTERS = 4  # a policy, its predecessor, and two more; each is about 2 % of the trunk
MODEL = "model"  # a full policy's weights in its checkpoint, as transformers names them


@dataclass
class Backbone:
    """A loaded trunk. Its weights are never written to; adapters come and go around them.

    A policy may also be a full model, which then stands in the trunk's place for a while.
    """

    folder: Path
    model: Any  # a transformers causal LM in eval mode, every weight frozen
    tokenizer: Any
    trunk_sha256: str
    tokenizer_sha256: str
    pad_id: int
    eos_id: int  # what a completion is ended with
    ends: frozenset[int]  # at any of these a drawn one ends
    layers: int
    hidden: int
    _cached: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._trunk = self.model
        self._kept: tuple[str, Any] | None = None  # a full policy by its manifest; one at a time

    @cached_property
    def known(self) -> int:
        """How many tokens the tokenizer has a text for; a model may have room to spare above."""
        return 1 + max(map(int, self.tokenizer.get_vocab().values()))

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.device  # type: ignore[no-any-return]

    def layer_index(self, fraction: float) -> int:
        """Return which hidden state a fraction of the depth means; 0 is the embedding."""
        return round(fraction * self.layers)

    def encoder_name(self, layer: float, pooling: str) -> str:
        """Return the key under which features of this trunk are stored."""
        return f"{self.trunk_sha256[:16]}:L{self.layer_index(layer)}:{pooling}"

    @contextmanager
    def adapter(self, folder: Path | None) -> Iterator[Any]:
        """Yield the model of the policy saved in `folder`, or the trunk alone for None.

        That is the trunk with an adapter on, or a full model; either is `self.model` meanwhile.
        Adapters stay in memory by the sha256 of their manifest, and so does the last full model.
        Raises CheckpointDamaged, and EngineError for a policy of another trunk.
        """
        if folder is not None and checkpoints.holds(folder, MODEL):
            with self._standing_in(self._full(folder)):
                yield self.model
            return
        with self._standing_in(self._trunk):
            name = None if folder is None else self._remember(folder)
            with adapters.active(self.model, name):
                yield self.model

    @contextmanager
    def _standing_in(self, model: Any) -> Iterator[None]:
        before, self.model = self.model, model
        try:
            yield
        finally:
            self.model = before

    def renew(self) -> None:
        """Read the trunk again, whatever was made of the one in memory."""
        dtype = self._trunk.dtype
        self.model = self._trunk = _read(self.folder, dtype, self.device)
        self._cached = []

    def _full(self, folder: Path) -> Any:
        name = hashlib.sha256((folder / checkpoints.MANIFEST).read_bytes()).hexdigest()
        if self._kept is None or self._kept[0] != name:
            self._kept = None  # there is not always room for two
            self._kept = name, self.read_full(folder, self._trunk.dtype)
        return self._kept[1]

    def read_full(self, folder: Path, dtype: torch.dtype) -> Any:
        """Return the full policy saved in `folder`, frozen, every byte checked.

        Raises CheckpointDamaged, and EngineError when it was trained from another trunk.
        """
        verify(folder)
        if checkpoints.about(folder).get("trunk_sha256") != self.trunk_sha256:
            raise EngineError(f"the policy in {folder} was trained from another model")
        return _read(folder, dtype, self.device)

    def _remember(self, folder: Path) -> str:
        name = f"kept_{verify(folder)[:16]}"
        if name in self._cached:
            self._cached.remove(name)
        else:
            adapters.read(self.model, name, folder)
        self._cached.append(name)
        while len(self._cached) > CACHED_ADAPTERS:
            adapters.remove(self.model, self._cached.pop(0))
        return name


def load_backbone(folder: Path, device: str | None = None) -> Backbone:
    """Load the trunk in `folder` onto `device` (a CUDA device if there is one, else the CPU).

    float32 on a CPU, bfloat16 on a GPU. Raises BackboneError in one line when the folder lacks a
    part, when there is no such device, or when no way of running the model is exact for it.
    """
    missing = missing_parts(folder)
    if missing:
        raise BackboneError(f"the model folder {folder} {missing}")
    place = _place(device)
    dtype = torch.bfloat16 if place.type == "cuda" else torch.float32
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = _read(folder, dtype, place)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        line = str(error).strip().splitlines()[0]
        raise BackboneError(f"the model folder {folder} cannot be loaded: {line}") from error
    _check_kind(folder, model)
    return _assemble(folder, model, tokenizer)


def _place(device: str | None) -> torch.device:
    """Return the device of that name; raises BackboneError where there is none."""
    cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    try:
        place = torch.device(device or ("cuda" if cards else "cpu"))
    except RuntimeError:
        place = torch.device("meta")
    if place.type not in ("cpu", "cuda"):
        raise BackboneError(f"the device {device} is not known: it can be cpu or cuda")
    if place.type == "cuda" and (place.index or 0) >= cards:
        raise BackboneError(f"there is no device {device}: PyTorch sees {cards} CUDA devices here")
    return place


def _check_kind(folder: Path, model: Any) -> None:
    """Raise BackboneError for a model that no way of running it is exact for."""
    try:
        layers, plain = len(blocks(model)), head_is_plain(model)
    except FAILURES as error:
        line = str(error).strip().splitlines()[0]
        raise BackboneError(f"the model in {folder} is of an unknown kind: {line}") from error
    if not layers or not plain:
        raise BackboneError(f"the model in {folder} computes its logits in a way not supported")
    # Tried out while nobody waits for a pass.
    if way_of(model) == "apart" and not is_causal(model):
        raise BackboneError(f"the model in {folder} does not read from left to right alone")
    can_hand(model)


def _read(folder: Path, dtype: torch.dtype, place: torch.device) -> Any:
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
    model = model.to(place).eval().requires_grad_(False)
    fuse_norms(model)
    fuse_linears(model)
    fuse_rotary(model)
    return model


def missing_parts(folder: Path) -> str:
    """Return what a model folder lacks, in words, or "" when it looks complete."""
    if not folder.is_dir():
        return "does not exist"
    names = {path.name for path in folder.iterdir()}
    if "config.json" not in names:
        return "has no config.json"
    if not any(name.endswith(".safetensors") for name in names):
        return "has no weights (*.safetensors)"
    if not names & {"tokenizer.json", "tokenizer.model", "vocab.json"}:
        return "has no tokenizer"
    return ""


def put_model(finished: Path, folder: Path) -> None:
    """Move a finished model to `folder` in one rename, unless a complete one is already there.

    Two processes may make the same model side by side: the first one's stays.
    """
    sync_tree(finished)
    try:
        os.replace(finished, folder)
    except OSError:
        if not folder.is_dir():
            raise
        if missing_parts(folder):  # left incomplete by something else
            shutil.rmtree(folder)
            os.replace(finished, folder)


def _assemble(folder: Path, model: Any, tokenizer: Any) -> Backbone:
    if tokenizer.eos_token_id is None:
        raise BackboneError(f"the tokenizer in {folder} has no end-of-sequence token")
    if not tokenizer.chat_template:
        raise BackboneError(f"the tokenizer in {folder} has no chat template")
    known, room = len(tokenizer), model.get_input_embeddings().num_embeddings
    # A model may have room to spare, which makes its matrices quick to multiply.
    if known > room:
        raise BackboneError(
            f"the tokenizer in {folder} has {known} tokens and the model's vocabulary {room}: "
            "they do not belong together"
        )
    ends, eos_id = ends_of(tokenizer, model), end_of_turn(tokenizer)
    tokenizer.eos_token = tokenizer.convert_ids_to_tokens(eos_id)  # for all who encode with it
    config = model.config.get_text_config()
    return Backbone(
        folder=folder,
        model=model,
        tokenizer=tokenizer,
        trunk_sha256=_trunk_sha256(folder),
        tokenizer_sha256=_tokenizer_sha256(tokenizer),
        pad_id=_pad_id(tokenizer, ends),
        eos_id=eos_id,
        ends=ends,
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
    )


def _pad_id(tokenizer: Any, ends: frozenset[int]) -> int:
    """Return a padding id that is no end of a sequence.

    Where the two are one, masks built from padding hide real ends and a model never learns to
    stop. Attention is masked by length here, so any other id serves.
    """
    for candidate in (tokenizer.pad_token_id, tokenizer.unk_token_id, tokenizer.bos_token_id):
        if candidate is not None and candidate not in ends:
            return int(candidate)
    return next(each for each in range(len(ends) + 1) if each not in ends)


def _trunk_sha256(folder: Path) -> str:
    """Return the hash over configuration and weights, remembered beside them.

    Reading half a gigabyte at every start would be felt; sizes and times of the files tell
    whether the remembered hash still holds. A folder that cannot be written is hashed each time.
    """
    files = sorted([folder / "config.json", *folder.glob("*.safetensors")])
    stamp = [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in files]
    remembered = _remembered(folder)
    if remembered.get("stamp") == stamp:
        return str(remembered["sha256"])
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as stream:
            digest.update(path.name.encode() + hashlib.file_digest(stream, "sha256").digest())
    _store(folder, {"stamp": stamp, "sha256": digest.hexdigest()})
    return digest.hexdigest()


def _remembered(folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / FINGERPRINT).read_text()))
    except (OSError, ValueError, TypeError):
        return {}


def _store(folder: Path, document: dict[str, Any]) -> None:
    scratch = folder / f"{FINGERPRINT}.{os.getpid()}"
    try:
        scratch.write_text(json.dumps(document))
        os.replace(scratch, folder / FINGERPRINT)
    except OSError:
        scratch.unlink(missing_ok=True)


def _tokenizer_sha256(tokenizer: Any) -> str:
    """Return the hash over vocabulary and chat template: what gives stored token ids a meaning."""
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: (item[1], item[0]))
    document = json.dumps([vocabulary, tokenizer.chat_template])
    return hashlib.sha256(document.encode()).hexdigest()
