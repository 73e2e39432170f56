"""An export of one file that goes out while it is made: in constant memory, from its first row on.

Whatever can be refused is refused before the first byte. Length and digest are announced where they
are known from the last time (``annotation.exporting.known``); they are noted at the last byte.
"""

import io
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace

from annotation.audit import record
from annotation.exporting.exports import Terms, begin, write_rows
from annotation.exporting.files import Hashed
from annotation.exporting.formats import ALIASES, FORMATS, Layout
from annotation.exporting.known import forget, keep, recall
from annotation.exporting.manifest import Manifest
from annotation.exporting.reading import CHUNK, Selection
from annotation.models import Project

BLOCK = 1 << 16


class Otherwise(RuntimeError):
    """A file that came out otherwise than it was announced; what was known of it is forgotten."""


@dataclass(frozen=True)
class Stream:
    """``announced`` is the file's manifest, where it is known before the file is made."""

    blocks: Generator[bytes]
    announced: Manifest | None


def stream(project: Project, format: str, name: str, terms: Terms) -> Stream:
    """A file of any format but a folder, under this name. Raises Invalid as ``export`` does."""
    layout, selection = FORMATS[ALIASES.get(format, format)], Selection(project, terms.snapshot)
    manifest = begin(project, format, name, terms)
    announced = _announced(manifest, terms)
    if announced is None:
        _check(selection, layout, terms)
    made = _blocks(selection, layout, manifest, terms)
    blocks = _as_announced(made, manifest, announced, terms)
    first = next(blocks, b"")
    said = (announced or manifest).as_dict()
    record("preferences.exported", project, project=project, by=terms.by, data=said)
    return Stream(_from(first, blocks), announced)


def _from(first: bytes, rest: Iterator[bytes]) -> Generator[bytes]:
    """Unlike a chain it can be closed, and closes what it holds."""
    yield first
    yield from rest


def _announced(manifest: Manifest, terms: Terms) -> Manifest | None:
    known = replace(manifest)
    is_known = terms.as_frozen is not None and recall(terms.as_frozen, known)
    return known if is_known else None


def _check(selection: Selection, layout: Layout, terms: Terms) -> None:
    """Raises Invalid for what the format cannot hold: to be told before anything goes out."""
    if not layout.rows.is_choosy:
        return
    format = layout.rows(terms.policy)
    asked = selection.submissions(layout.rows.kinds).order_by()
    for messages in asked.values_list("task__prompt__messages", flat=True).iterator(CHUNK):
        format.check(messages)


def _blocks(
    selection: Selection, layout: Layout, manifest: Manifest, terms: Terms
) -> Iterator[bytes]:
    """The manifest is complete before the last one comes."""
    waiting = io.BytesIO()
    for _ in write_rows(selection, layout, manifest, terms, Hashed(waiting)):
        if waiting.tell() >= BLOCK:
            yield _taken(waiting)
    yield _taken(waiting)


def _taken(waiting: io.BytesIO) -> bytes:
    block = waiting.getvalue()
    waiting.seek(0)
    waiting.truncate()
    return block


def _as_announced(
    blocks: Iterator[bytes], manifest: Manifest, announced: Manifest | None, terms: Terms
) -> Iterator[bytes]:
    """The blocks; the last is noted before it goes out. Raises Otherwise, so that the reply breaks
    off: sent again, the file is what it is."""
    size = 0
    for block in blocks:
        size += len(block)
        is_last = bool(manifest.sha256)
        if announced is not None and (
            size > announced.bytes or (is_last and manifest.sha256 != announced.sha256)
        ):
            forget(terms.as_frozen, manifest.format)
            raise Otherwise(f"{manifest.file} is no longer what was known of it.")
        if is_last and terms.as_frozen is not None:
            keep(terms.as_frozen, manifest)
        yield block
