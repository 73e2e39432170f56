"""Writing an export: whole or not at all, with a manifest beside it."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any, BinaryIO

from django.conf import settings
from django.utils import timezone

from annotation.audit import record
from annotation.errors import Invalid
from annotation.exporting.formats import FORMATS
from annotation.exporting.reading import counted, read
from annotation.models import Project, User
from annotation.pairs import strict_pairs
from annotation.progress import Report, silent


@dataclass
class Manifest:
    """What a file holds and where it comes from."""

    file: str
    format: str
    project: str
    sha256: str = ""
    bytes: int = 0
    rows: int = 0
    rankings: int = 0
    pairs: int = 0
    software: str = f"concord {settings.VERSION}"
    made_at: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def export(
    project: Project,
    format: str,
    out: Path,
    *,
    by: User | str = "export_preferences",
    report: Report = silent,
) -> Manifest:
    """Write all rankings that count to ``out``, and PATH.manifest.json beside it.

    Raises Invalid for an unknown format, a project without rankings, a file that cannot be
    written; then ``out`` is as it was.
    """
    if format not in FORMATS:
        raise Invalid(f"format: {format!r} is not known. Use one of: {', '.join(FORMATS)}.")
    total = counted(project).count()
    if not total:
        raise Invalid(f"project: {project.slug} has no rankings yet. Rank or import some first.")
    manifest = Manifest(out.name, format, project.slug, made_at=timezone.now().isoformat())
    with _replacing(out) as file:
        for ranked in read(project):
            _write(file, FORMATS[format]().rows(ranked), manifest)
            manifest.pairs += sum(1 for _ in strict_pairs(ranked.ranks))
            manifest.rankings += 1
            report("Exporting", manifest.rankings, max(total, manifest.rankings))
        manifest.sha256 = file.digest.hexdigest()
    with _replacing(out.with_name(f"{out.name}.manifest.json")) as file:
        file.write(json.dumps(manifest.as_dict(), indent=2) + "\n")
    record("preferences.exported", project, project=project, by=by, data=manifest.as_dict())
    return manifest


def _write(file: "Hashed", rows: Iterator[dict[str, Any]], manifest: Manifest) -> None:
    for row in rows:
        manifest.bytes += file.write(json.dumps(row, ensure_ascii=False) + "\n")
        manifest.rows += 1


class Hashed:
    """A file that hashes what is written to it."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream, self.digest = stream, sha256()

    def write(self, text: str) -> int:
        data = text.encode()
        self.digest.update(data)
        return self.stream.write(data)


@contextmanager
def _replacing(out: Path) -> Iterator[Hashed]:
    """A file that takes the place of ``out`` once it is complete and safe on the disk."""
    beside = out.with_name(f".{out.name}.{token_hex(6)}.part")
    try:
        with beside.open("xb") as stream:
            yield Hashed(stream)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(out)
    except OSError as error:
        raise Invalid(
            f"{out}: {error.strerror}. Name a file that can be written, on a disk with room."
        ) from None
    finally:
        with suppress(OSError):
            beside.unlink()
