"""An export on its way to a browser: a file as it is made, a folder as a zip that is made before.

So a refusal is a refusal and not a file that breaks off, and whoever was let in as it began gets
all of it.
"""

import zipfile
from base64 import b64encode
from hashlib import file_digest
from io import BufferedReader
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory

from django.http import FileResponse, StreamingHttpResponse
from django.utils.http import content_disposition_header

from annotation.exporting.exports import Terms, begin, export, write
from annotation.exporting.formats import ALIASES, FOLDER, FORMATS
from annotation.exporting.known import recall
from annotation.exporting.manifest import Manifest
from annotation.exporting.streams import stream
from annotation.models import Project

ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the first that the form knows: the same bytes every time
TEMPORARY = "concord-export-"


def download(project: Project, format: str, terms: Terms) -> StreamingHttpResponse:
    """Of a file whose bytes are known already the reply says length and digest, of a zip always.
    Raises Invalid as ``export`` does."""
    name = begin(project, format, file_name(project, format, terms), terms).file
    if format == FOLDER:
        return _download_folder(project, name, terms)
    streamed = stream(project, format, name, terms)
    writing = FORMATS[ALIASES.get(format, format)].writing
    reply = StreamingHttpResponse(streamed.blocks, content_type=writing.content_type)
    reply["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name)
    if streamed.announced is not None:
        reply["Content-Length"] = str(streamed.announced.bytes)
        reply["Repr-Digest"] = _digest(streamed.announced.sha256)
    return reply


def _download_folder(project: Project, name: str, terms: Terms) -> FileResponse:
    """The zip is open, and gone from the disk once it is closed."""
    with TemporaryDirectory(prefix=TEMPORARY) as folder:
        out = Path(folder) / name
        export(project, FOLDER, out, terms)
        archive = _zipped(out)
    sha256 = file_digest(archive, "sha256").hexdigest()
    archive.seek(0)
    reply = FileResponse(
        archive, as_attachment=True, filename=f"{name}.zip", content_type="application/zip"
    )
    reply["Repr-Digest"] = _digest(sha256)
    return reply


def _digest(sha256: str) -> str:
    """As RFC 9530 writes it."""
    return f"sha-256=:{b64encode(bytes.fromhex(sha256)).decode()}:"


def manifest_of(project: Project, format: str, terms: Terms) -> Manifest:
    """The signed manifest of what ``download`` gives, without giving it: of a frozen snapshot it
    is known once the file has been written. Raises Invalid as ``export`` does."""
    name = file_name(project, format, terms)
    manifest = begin(project, format, name, terms)
    if terms.as_frozen is not None and recall(terms.as_frozen, manifest):
        return manifest
    with TemporaryDirectory(prefix=TEMPORARY) as folder:
        return write(project, format, Path(folder) / name, terms)


def file_name(project: Project, format: str, terms: Terms) -> str:
    """What a download's file, or its folder, is called."""
    name = f"{project.slug}-{terms.snapshot.pk}" if terms.snapshot else project.slug
    layout = FORMATS.get(ALIASES.get(format, format))
    return name if layout is None else f"{name}-{format}{layout.writing.suffix}"


def _zipped(folder: Path) -> BufferedReader:
    """Parquet is compressed already, so that nothing is compressed again."""
    target = folder.with_suffix(".zip")
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            named = zipfile.ZipInfo(str(Path(folder.name) / path.relative_to(folder)), ZIP_TIME)
            named.external_attr = 0o644 << 16
            with path.open("rb") as source, archive.open(named, "w", force_zip64=True) as entry:
                copyfileobj(source, entry, 1 << 20)
    return target.open("rb")
