"""An export on its way to a browser: made whole in a temporary folder, then streamed from there.

So a refusal is still a refusal and not a file that breaks off, the length is known beforehand,
and whoever was let in as it began gets all of it.
"""

import zipfile
from base64 import b64encode
from dataclasses import dataclass
from hashlib import file_digest
from io import BufferedReader
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import BinaryIO

from django.http import FileResponse

from annotation.exporting.exports import Terms, begin, export, write
from annotation.exporting.formats import ALIASES, FOLDER, FORMATS
from annotation.exporting.known import recall
from annotation.exporting.manifest import Manifest
from annotation.models import Project

ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the first that the form knows: the same bytes every time
TEMPORARY = "concord-export-"


@dataclass(frozen=True)
class Download:
    """An open file that is gone from the disk once it is closed; ``sha256`` is its own."""

    stream: BinaryIO
    name: str
    content_type: str
    sha256: str

    def response(self) -> FileResponse:
        response = FileResponse(
            self.stream, as_attachment=True, filename=self.name, content_type=self.content_type
        )
        digest = b64encode(bytes.fromhex(self.sha256)).decode()
        response["Repr-Digest"] = f"sha-256=:{digest}:"  # RFC 9530
        return response


def download(project: Project, format: str, terms: Terms) -> Download:
    """A folder comes as a zip. Raises Invalid as ``export`` does."""
    name = begin(project, format, file_name(project, format, terms), terms).file
    with TemporaryDirectory(prefix=TEMPORARY) as folder:
        out = Path(folder) / name
        manifest = export(project, format, out, terms)
        if format == FOLDER:
            archive = _zipped(out)
            sha256 = file_digest(archive, "sha256").hexdigest()
            archive.seek(0)
            return Download(archive, f"{name}.zip", "application/zip", sha256)
        writing = FORMATS[ALIASES.get(format, format)].writing
        return Download(out.open("rb"), name, writing.content_type, manifest.sha256)


def manifest_of(project: Project, format: str, terms: Terms) -> Manifest:
    """The signed manifest of what ``download`` gives, without giving it: of a frozen snapshot it
    is known once the file has been written. Raises Invalid as ``export`` does."""
    name = file_name(project, format, terms)
    manifest = begin(project, format, name, terms)
    if terms.snapshot is not None and terms.is_as_frozen and recall(terms.snapshot, manifest):
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
