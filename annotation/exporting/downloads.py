"""An export on its way to a browser or a program, as it is made.

A refusal comes before the first byte, and whoever was let in as it began gets all of it.
"""

from base64 import b64encode
from collections.abc import Generator, Iterator, Mapping
from threading import BoundedSemaphore

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext

from annotation.errors import Busy, Conflict, Invalid
from annotation.exporting import streams
from annotation.exporting.exports import Terms, begin
from annotation.exporting.formats import ALIASES, FOLDER, FORMATS
from annotation.exporting.known import recall
from annotation.exporting.manifest import Manifest
from annotation.models import Project, Snapshot, User

# A download keeps one of the web server's eight threads for as long as its client reads: the others
# are for the people who rank.
AT_ONCE = 4
LARGE = 20_000  # answers, of which it takes longer to make a file than people wait for a page
ZIP = "application/zip"
SPLIT = "split"
LONGEST = 50  # characters of what somebody sent, in a sentence about it
_places = BoundedSemaphore(AT_ONCE)


def asked_for(query: Mapping[str, str], snapshot: Snapshot, by: User) -> Terms:
    """What an address says after its question mark. Raises Invalid for what it does not know: a
    misspelt one would change nothing, and look as if it had."""
    for name in query:
        if name != SPLIT:
            raise Invalid(
                gettext("%(name)s: unknown parameter. Known: %(known)s.")
                % {"name": name[:LONGEST], "known": SPLIT}
            )
    return Terms(snapshot=snapshot, split=query.get(SPLIT), by=by)


def download(project: Project, format: str, terms: Terms) -> StreamingHttpResponse:
    """The reply says length and digest of a file whose bytes are known already. Raises Busy, and
    Invalid as ``export`` does."""
    name = file_name(project, format, terms)
    places = _places
    if not places.acquire(blocking=False):
        raise Busy(gettext("Other downloads are under way just now. Try again in a minute."))
    try:
        streamed = streams.stream(project, format, name, terms)
    except BaseException:
        places.release()
        raise
    is_zip = format == FOLDER
    content_type = ZIP if is_zip else FORMATS[ALIASES.get(format, format)].writing.content_type
    reply = StreamingHttpResponse(_Sending(streamed.blocks, places), content_type=content_type)
    called = f"{name}.zip" if is_zip else name
    reply["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=called)
    if streamed.announced is not None:
        reply["Content-Length"] = str(streamed.announced.bytes)
        reply["Repr-Digest"] = _digest(streamed.announced.sha256)
    return reply


class _Sending(Iterator[bytes]):
    """Blocks that keep one of the places until the last has gone out, or the client has, or the
    reply that holds them is thrown away."""

    def __init__(self, blocks: Generator[bytes], places: BoundedSemaphore) -> None:
        self._blocks, self._places = blocks, places
        self._is_open = True

    def __next__(self) -> bytes:
        try:
            return next(self._blocks)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """What Django calls when the reply has ended, however it did; twice does no harm."""
        if self._is_open:
            self._is_open = False
            try:
                self._blocks.close()
            finally:
                self._places.release()

    __del__ = close


def _digest(sha256: str) -> str:
    """As RFC 9530 writes it."""
    return f"sha-256=:{b64encode(bytes.fromhex(sha256)).decode()}:"


def manifest_of(project: Project, format: str, terms: Terms) -> Manifest:
    """The signed manifest of what ``download`` gives, without giving it: of a frozen snapshot it
    is known once the file has been written. Raises Conflict for a large one of which it is not,
    and Invalid as ``export`` does."""
    name = file_name(project, format, terms)
    manifest = begin(project, format, name, terms)
    if terms.as_frozen is not None and recall(terms.as_frozen, manifest):
        return manifest
    if terms.snapshot is not None and terms.snapshot.size > LARGE:
        raise Conflict(
            gettext(
                "The manifest holds hashes, which are known once the file has been made. Download "
                "the file first, then its manifest."
            )
        )
    return streams.manifest_of(project, format, name, terms)


def file_name(project: Project, format: str, terms: Terms) -> str:
    """What a download's file, or its folder, is called; a snapshot's for ever the same."""
    snapshot = terms.snapshot
    name = f"{snapshot.slug}-{snapshot.pk}" if snapshot else project.slug
    layout = FORMATS.get(ALIASES.get(format, format))
    if layout is None:
        return name
    part = f"-{terms.split}" if terms.split else ""
    return f"{name}-{format}{part}{layout.writing.suffix}"
