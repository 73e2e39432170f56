"""What an export says of itself, and the signature by which the site knows it for its own."""

import json
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.signing import Signer

from annotation.content import SPLIT_RULE, SPLIT_SEED
from annotation.errors import Invalid

SALT = "concord.exports.manifest"
SOFTWARE = f"concord {settings.VERSION}"
SUFFIX = ".manifest.json"  # after the name of the file that it is beside


# How prompts were split, so that anybody can draw the same.
SPLIT = {"by": "prompt_group_id", "seed": SPLIT_SEED, "rule": SPLIT_RULE}


@dataclass
class File:
    """One file of an export; ``path`` is relative to the manifest."""

    path: str
    sha256: str
    bytes: int
    rows: int = 0


@dataclass
class Manifest:
    """What an export holds and where it comes from.

    ``sha256`` is that of the file, or of a folder's list of files as sha256sum prints it; ``part``
    is the split that went out alone, null where all did. ``signature`` is made with the site's
    secret key: it tells this site that the manifest is its own and unchanged (``check_export``);
    to anybody else the hashes are what counts. Of a snapshot ``made_at`` is when it was frozen,
    and only ``withdrawn`` and ``software`` may ever change.
    """

    file: str
    format: str
    project: str
    licence: str
    snapshot: str | None = None
    snapshot_sha256: str | None = None
    consensus: bool = False
    withdrawn: int = 0
    ties: str = "drop"
    part: str | None = None
    sha256: str = ""
    bytes: int = 0
    rows: int = 0
    rankings: int = 0
    judgements: int = 0
    pairs: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    split: dict[str, str] = field(default_factory=lambda: dict(SPLIT))
    files: list[File] = field(default_factory=list)
    software: str = SOFTWARE
    made_at: str = ""
    signature: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def complete(self, files: list[File]) -> None:
        """Take in what has been written, and sign."""
        self.files = files
        self.bytes = sum(file.bytes for file in files)
        self.sha256 = files[0].sha256 if len(files) == 1 else _hash_of_list(files)
        self.signature = _sign(self.as_dict())

    def as_json(self) -> str:
        return json.dumps(self.as_dict(), indent=2, ensure_ascii=False) + "\n"


def _hash_of_list(files: list[File]) -> str:
    return sha256("".join(f"{file.sha256}  {file.path}\n" for file in files).encode()).hexdigest()


def _sign(said: dict[str, Any]) -> str:
    said = {name: value for name, value in said.items() if name != "signature"}
    canonical = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return Signer(salt=SALT).signature(canonical)


def check_export(path: Path) -> dict[str, Any]:
    """The manifest at ``path``, when this site has signed it and all its files are as they were.

    Raises Invalid, naming the first file that is not.
    """
    try:
        said = json.loads(path.read_bytes())
        signature, files = said["signature"], said["files"]
        listed = [(each["path"], each["sha256"]) for each in files]
    except OSError as error:
        raise Invalid(f"{path}: {error.strerror}. Name a manifest.") from None
    except (ValueError, TypeError, LookupError):
        raise Invalid(f"{path} is no manifest of an export.") from None
    if signature != _sign(said):
        raise Invalid(f"{path}: the signature is not this site's, or the manifest was changed.")
    for name, digest in listed:
        _check_file(_beside(path, name, alone=len(listed) == 1), digest)
    return dict(said)


def _beside(manifest: Path, name: str, *, alone: bool) -> Path:
    """The file of this name. One that was given another, and its manifest the like, is found."""
    listed = manifest.parent / name
    if alone and not listed.exists() and manifest.name.endswith(SUFFIX):
        return manifest.with_name(manifest.name.removesuffix(SUFFIX))
    return listed


def _check_file(path: Path, digest: str) -> None:
    found = sha256()
    try:
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                found.update(block)
    except OSError as error:
        raise Invalid(f"{path}: {error.strerror}. The manifest lists it.") from None
    if found.hexdigest() != digest:
        raise Invalid(f"{path} was changed since it was exported.")
