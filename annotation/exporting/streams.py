"""An export that goes out while it is made: in constant memory, from its first row on. A folder
goes out as a zip.

Whatever can be refused is refused before the first byte. Length and digest are announced where they
are known from the last time (``annotation.exporting.known``); they are noted at the last byte.
"""

import io
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace

from annotation.audit import record
from annotation.exporting.exports import Terms, begin, write_rows
from annotation.exporting.files import Hashed
from annotation.exporting.folder import FIRST, write_folder
from annotation.exporting.formats import ALIASES, FOLDER, FORMATS
from annotation.exporting.known import Sent, forget, keep_sent, recall, recall_sent
from annotation.exporting.manifest import Manifest
from annotation.exporting.reading import CHUNK, Selection
from annotation.exporting.targets import Archive
from annotation.models import Project

BLOCK = 1 << 16


class Otherwise(RuntimeError):
    """A file that came out otherwise than it was announced; what was known of it is forgotten."""


@dataclass(frozen=True)
class Stream:
    """``announced`` is what will have been sent, where it is known before it is made."""

    blocks: Generator[bytes]
    announced: Sent | None


def stream(project: Project, format: str, name: str, terms: Terms) -> Stream:
    """A file of this name, or a zip of a folder of this name. Raises Invalid as ``export`` does."""
    manifest = begin(project, format, name, terms)
    selection = Selection(project, terms.snapshot, terms.split)
    known = _known(manifest, terms)
    if known is None:
        _check(selection, format, terms)
    announced = recall_sent(terms.as_frozen, known) if known and terms.as_frozen else None
    blocks = _as_announced(selection, manifest, announced, terms)
    first = next(blocks, b"")
    said = (known or manifest).as_dict()
    record("preferences.exported", project, project=project, by=terms.by, data=said)
    return Stream(_from(first, blocks), announced)


def manifest_of(project: Project, format: str, name: str, terms: Terms) -> Manifest:
    """The complete manifest of what ``stream`` sends; unless it is known, all of that is made, and
    thrown away. Raises Invalid as ``export`` does."""
    manifest = begin(project, format, name, terms)
    known = _known(manifest, terms)
    if known is not None:
        return known
    selection = Selection(project, terms.snapshot, terms.split)
    for _ in _as_announced(selection, manifest, None, terms):
        pass
    return manifest


def _from(first: bytes, rest: Generator[bytes]) -> Generator[bytes]:
    """Unlike a chain it can be closed, and closes what it holds."""
    with closing(rest):
        yield first
        yield from rest


def _known(manifest: Manifest, terms: Terms) -> Manifest | None:
    known = replace(manifest)
    is_known = terms.as_frozen is not None and recall(terms.as_frozen, known)
    return known if is_known else None


def _check(selection: Selection, format: str, terms: Terms) -> None:
    """Raises Invalid for what the format cannot hold: to be told before anything goes out."""
    if format == FOLDER or not (layout := FORMATS[ALIASES.get(format, format)]).rows.is_choosy:
        return
    rows = layout.rows(terms.policy)
    asked = selection.submissions(layout.rows.kinds).order_by()
    for messages in asked.values_list("task__prompt__messages", flat=True).iterator(CHUNK):
        rows.check(messages)


def _steps(selection: Selection, manifest: Manifest, terms: Terms, file: Hashed) -> Generator[None]:
    """Write to ``file``, a little at each step. The manifest is complete after the last."""
    if manifest.format == FOLDER:
        with Archive(file, manifest.file, FIRST) as archive:
            yield from write_folder(archive, selection, terms.policy, manifest, terms.report)
    else:
        layout = FORMATS[ALIASES.get(manifest.format, manifest.format)]
        yield from write_rows(selection, layout, manifest, terms, file)


def _as_announced(
    selection: Selection, manifest: Manifest, announced: Sent | None, terms: Terms
) -> Generator[bytes]:
    """The blocks; the last is noted before it goes out. Raises Otherwise, so that the reply breaks
    off: sent again, the file is what it is."""
    waiting = io.BytesIO()
    file = Hashed(waiting)
    with closing(_steps(selection, manifest, terms, file)) as steps:
        least = 1  # so that the first byte goes out at once
        for _ in steps:
            if waiting.tell() >= least:
                _hold_to(announced, file.bytes, "", manifest, terms)
                yield _taken(waiting)
                least = BLOCK
    sent = Sent(file.bytes, file.sha256)
    _hold_to(announced, sent.bytes, sent.sha256, manifest, terms)
    if terms.as_frozen is not None:
        keep_sent(terms.as_frozen, manifest, sent)
    yield _taken(waiting)


def _taken(waiting: io.BytesIO) -> bytes:
    block = waiting.getvalue()
    waiting.seek(0)
    waiting.truncate()
    return block


def _hold_to(
    announced: Sent | None, size: int, sha256: str, manifest: Manifest, terms: Terms
) -> None:
    """Raises Otherwise. ``sha256`` is known at the end only."""
    if announced is None or (size <= announced.bytes and sha256 in ("", announced.sha256)):
        return
    forget(terms.as_frozen, manifest)
    raise Otherwise(f"{manifest.file} is no longer what was known of it.")
