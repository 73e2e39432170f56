"""An export on its way to a browser: made whole in a temporary folder, then streamed from there.

So a refusal is still a refusal and not a file that breaks off, the length is known beforehand,
and whoever was let in as it began gets all of it.
"""

import zipfile
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import BinaryIO

from django.http import FileResponse

from annotation.errors import Invalid
from annotation.exporting.exports import Terms, export
from annotation.exporting.formats import ALIASES, FOLDER, FORMATS, NAMES
from annotation.exporting.manifest import Manifest
from annotation.models import Project

ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the first that the form knows: the same bytes every time


@dataclass(frozen=True)
class Download:
    """An open file that is gone from the disk once it is closed."""

    stream: BinaryIO
    name: str
    content_type: str
    manifest: Manifest

    def response(self) -> FileResponse:
        response = FileResponse(
            self.stream, as_attachment=True, filename=self.name, content_type=self.content_type
        )
        if len(self.manifest.files) == 1:
            digest = b64encode(bytes.fromhex(self.manifest.sha256)).decode()
            response["Repr-Digest"] = f"sha-256=:{digest}:"  # RFC 9530
        return response


def download(project: Project, format: str, terms: Terms) -> Download:
    """A folder comes as a zip. Raises Invalid as ``export`` does."""
    if format not in NAMES:
        raise Invalid(f"format: {format!r} is not known. Use one of: {', '.join(NAMES)}.")
    name = f"{project.slug}-{terms.snapshot.pk}" if terms.snapshot else project.slug
    with TemporaryDirectory(prefix="concord-export-") as folder:
        if format == FOLDER:
            out = Path(folder) / name
            manifest = export(project, format, out, terms)
            return Download(_zipped(out), f"{name}.zip", "application/zip", manifest)
        writing = FORMATS[ALIASES.get(format, format)].writing
        out = Path(folder) / f"{name}-{format}{writing.suffix}"
        manifest = export(project, format, out, terms)
        return Download(out.open("rb"), out.name, writing.content_type, manifest)


def _zipped(folder: Path) -> BinaryIO:
    """Parquet is compressed already, so that nothing is compressed again."""
    target = folder.with_suffix(".zip")
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            named = zipfile.ZipInfo(str(Path(folder.name) / path.relative_to(folder)), ZIP_TIME)
            named.external_attr = 0o644 << 16
            with path.open("rb") as source, archive.open(named, "w", force_zip64=True) as entry:
                copyfileobj(source, entry, 1 << 20)
    return target.open("rb")
