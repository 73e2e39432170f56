"""The guideline texts that an exported folder brings along."""

import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.utils import timezone

from annotation import guidelines
from annotation.audit import record
from annotation.content import check_storable
from annotation.errors import Invalid
from annotation.exporting.folder import LABELS
from annotation.models import GuidelineVersion, Import, Project, User

# What lies beside the rows under this name and has at most so many bytes; None for nothing.
Beside = Callable[[str, int], bytes | None]

MAX_LABEL, MAX_TEXTS = 200, 1_000
MAX_BYTES = 4 * guidelines.MAX_CHARACTERS  # of a text in UTF-8


def read_texts(beside: Beside) -> dict[str, str]:
    """The texts by label; none, where the data set has no list of them. Raises Invalid for a list
    that is none, and for a text that cannot be read or stored."""
    try:
        listed = beside(LABELS, MAX_BYTES)
        named = {} if listed is None else json.loads(listed)
        return {label: _text(beside, file, label) for file, label in _pairs(named)}
    except (OSError, ValueError):  # what is no JSON, and what is no UTF-8, too
        raise Invalid(
            f"{LABELS}: it is no list of guideline texts. Remove it, or mend it."
        ) from None


def read_beside(folder: Path, name: str, most: int) -> bytes | None:
    """A file of the folder; None where it has none of this name. Raises OSError, ValueError for
    one that is longer, or lies elsewhere."""
    path = folder / name
    if not path.exists():
        return None
    if path.is_symlink() or path.stat().st_size > most:
        raise ValueError(name)
    return path.read_bytes()


def _pairs(named: Any) -> list[tuple[str, str]]:
    """Files and labels. Raises ValueError."""
    if not isinstance(named, dict) or len(named) > MAX_TEXTS:
        raise ValueError
    if not all(isinstance(label, str) and 0 < len(label) <= MAX_LABEL for label in named.values()):
        raise ValueError
    if len(set(named.values())) < len(named) or any(Path(file).name != file for file in named):
        raise ValueError
    return list(named.items())


def _text(beside: Beside, file: str, label: str) -> str:
    """Raises Invalid, OSError, ValueError."""
    text = (beside(f"{LABELS.rpartition('/')[0]}/{file}", MAX_BYTES) or b"").decode()
    if not text or len(text) > guidelines.MAX_CHARACTERS:
        raise ValueError(file)
    check_storable("guideline:", label)
    check_storable("guideline:", text)
    return text


def bring(run: Import, texts: Mapping[str, str]) -> None:
    """Store those of which the project has no version, unpublished: nobody sees them yet."""
    made = [
        GuidelineVersion(
            project_id=run.project_id,
            label=label,
            body=text,
            sha256=sha256(text.encode()).hexdigest(),
        )
        for label, text in sorted(texts.items())
    ]
    GuidelineVersion.objects.bulk_create(made, ignore_conflicts=True)


def publish_brought(project: Project, by: User | None) -> None:
    """Where no guideline is in force, those that imports brought are published; elsewhere they
    stay what somebody else was told, and take nothing over. The caller holds the project."""
    if guidelines.in_force(project) is not None:
        return
    brought = GuidelineVersion.objects.filter(project=project, published_at=None).exclude(body="")
    for version in brought.order_by("pk"):
        version.published_at = timezone.now()
        version.save(update_fields=["published_at"])
        record("guideline.published", version, project=project, by=by)
