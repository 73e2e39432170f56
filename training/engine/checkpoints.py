"""Checkpoints: safetensors and JSON under one manifest, seen whole or not at all.

A checkpoint is a folder that never changes once it has its name. It is written under a temporary
name, flushed to the disk, and renamed; `manifest.json` holds the sha256 of every other file, so
the sha256 of the manifest stands for the whole. Nothing here ever unpickles.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save_file

from training.engine.errors import CheckpointDamaged, EngineError

MANIFEST = "manifest.json"
Tensors = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint in memory."""

    tensors: dict[str, dict[str, torch.Tensor]]  # by file name without ".safetensors", then key
    metadata: dict[str, Any]
    manifest_sha256: str


def save(
    folder: Path,
    tensors: Mapping[str, Tensors],
    metadata: Mapping[str, Any],
    documents: Mapping[str, Any] | None = None,
) -> str:
    """Write a checkpoint and return the sha256 of its manifest.

    `tensors` gives one safetensors file per name, `documents` one file per file name (for readers
    other than this engine): bytes as they are, anything else as JSON. `metadata` goes into the
    manifest.
    Raises EngineError when `folder` exists already or the disk is full; a failed save leaves
    nothing behind.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    discard_temporary(folder.parent, folder.name)
    scratch = folder.with_name(f"{folder.name}.tmp-{secrets.token_hex(4)}")
    try:
        scratch.mkdir()
        _write(scratch, tensors, metadata, documents or {})
        sync_tree(scratch)
        if folder.exists():
            raise EngineError(f"a checkpoint is never overwritten: {folder} exists")
        os.rename(scratch, folder)
        _sync(folder.parent)
    except BaseException as error:
        shutil.rmtree(scratch, ignore_errors=True)
        if _disk_is_full(error):
            raise EngineError(f"the disk is full while saving {folder}") from error
        raise
    return _sha256(folder / MANIFEST)


def verify(folder: Path) -> str:
    """Return the sha256 of the manifest after checking every file against it.

    Raises CheckpointDamaged, naming the file that is missing, foreign or changed.
    """
    manifest = _read_manifest(folder)
    for name, expected in manifest["files"].items():
        _read_file(folder, name, expected)
    return _sha256(folder / MANIFEST)


def load(folder: Path) -> Checkpoint:
    """Read a checkpoint, every byte checked before it is parsed.

    Raises CheckpointDamaged as `verify` does.
    """
    manifest = _read_manifest(folder)
    tensors = {}
    for name, expected in manifest["files"].items():
        data = _read_file(folder, name, expected)
        if name.endswith(".safetensors"):
            tensors[name.removesuffix(".safetensors")] = _parse(folder / name, data)
    return Checkpoint(tensors, manifest["metadata"], _sha256(folder / MANIFEST))


def holds(folder: Path, name: str) -> bool:
    """Tell whether a checkpoint has tensors under this name, without reading them.

    Raises CheckpointDamaged when there is no manifest.
    """
    return f"{name}.safetensors" in _read_manifest(folder)["files"]


def about(folder: Path) -> dict[str, Any]:
    """Return what a checkpoint says of itself; raises CheckpointDamaged."""
    return dict(_read_manifest(folder)["metadata"])


def discard_temporary(parent: Path, name: str = "") -> None:
    """Remove what saves that were killed left in `parent` (of the checkpoint `name` alone)."""
    for orphan in parent.glob(f"{name or '*'}.tmp-*"):
        shutil.rmtree(orphan, ignore_errors=True)


def sync_tree(folder: Path) -> None:
    """Flush a folder's files and then the folder itself to the disk."""
    for path in folder.iterdir():
        _sync(path)
    _sync(folder)


def _write(
    scratch: Path,
    tensors: Mapping[str, Tensors],
    metadata: Mapping[str, Any],
    documents: Mapping[str, Any],
) -> None:
    for name, group in tensors.items():
        contiguous = {key: value.detach().cpu().contiguous() for key, value in group.items()}
        save_file(contiguous, scratch / f"{name}.safetensors")
    for name, document in documents.items():
        if not isinstance(document, bytes):
            document = json.dumps(document, indent=1, sort_keys=True).encode()
        (scratch / name).write_bytes(document)
    files = {path.name: _sha256(path) for path in sorted(scratch.iterdir())}
    manifest = {"files": files, "metadata": metadata}
    (scratch / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True))


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
        names = [*manifest["files"], *manifest["metadata"]]
    except FileNotFoundError:
        raise CheckpointDamaged(f"{path} is missing") from None
    except (OSError, ValueError, TypeError, KeyError):
        raise CheckpointDamaged(f"{path} is not a manifest") from None
    if any("/" in name for name in manifest["files"]) or not all(map(str, names)):
        raise CheckpointDamaged(f"{path} names a file outside its folder")
    return manifest  # type: ignore[no-any-return]


def _read_file(folder: Path, name: str, expected: str) -> bytes:
    path = folder / name
    try:
        data = path.read_bytes()
    except OSError:
        raise CheckpointDamaged(f"{path} is missing") from None
    if hashlib.sha256(data).hexdigest() != expected:
        raise CheckpointDamaged(f"{path} has changed since it was saved")
    return data


def _parse(path: Path, data: bytes) -> dict[str, torch.Tensor]:
    try:
        return load_tensors(data)
    except SafetensorError:
        raise CheckpointDamaged(f"{path} is not a safetensors file") from None


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _disk_is_full(error: BaseException) -> bool:
    full = {errno.ENOSPC, errno.EDQUOT}
    if isinstance(error, OSError) and error.errno in full:
        return True
    # safetensors writes from Rust and tells the reason only in words.
    return isinstance(error, SafetensorError) and "No space left" in str(error)
