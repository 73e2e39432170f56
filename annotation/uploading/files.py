"""Where uploads lie on the disk, under names that nobody chooses."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from time import time
from uuid import UUID, uuid4

from django.conf import settings

from annotation.importing.archives import UNPACKING
from annotation.models import Upload

PART = ".part"
# By which the reader tells tables from JSON lines.
SUFFIXES = (".csv", ".parquet")
PLAIN = ".jsonl"


def folder() -> Path:
    made = Path(settings.UPLOADS_DIR)
    made.mkdir(parents=True, exist_ok=True)
    return made


def new_part() -> Path:
    """A name for a file that is still coming in."""
    return folder() / f"{uuid4().hex}{PART}"


def path_of(upload: Upload) -> Path:
    suffix = Path(upload.file_name).suffix.lower()
    return folder() / f"{upload.key.hex}{suffix if suffix in SUFFIXES else PLAIN}"


def keep(part: Path, upload: Upload) -> None:
    """The file that came in as that of the upload, safe from a power cut."""
    with part.open("rb") as stream:
        os.fsync(stream.fileno())
    part.replace(path_of(upload))


def remove(upload: Upload) -> None:
    with suppress(FileNotFoundError):
        path_of(upload).unlink()


def remove_strays(wanted: set[UUID], older_than: float) -> None:
    """Whatever belongs to none of these uploads and is older than so many seconds."""
    for path in _old(older_than):
        if path.is_dir():
            rmtree(path, ignore_errors=True)  # of a worker that died as it unpacked
        elif path.suffix == PART or path.stem not in {key.hex for key in wanted}:
            with suppress(OSError):
                path.unlink()


def _old(seconds: float) -> Iterator[Path]:
    before = time() - seconds
    for path in folder().iterdir():
        with suppress(OSError):  # gone meanwhile
            ours = path.is_file() or path.name.startswith(UNPACKING)
            if ours and path.stat().st_mtime < before:
                yield path
