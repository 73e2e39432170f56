"""What becomes of files in requests: nothing, or they are streamed to the disk up to a limit."""

from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.utils.translation import gettext

from annotation.uploading import files

FIELD = "file"


class NoFiles(FileUploadHandler):
    """Lets no file in; forms that ask for none are sent none."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        raise SkipFile

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        return None

    def file_complete(self, file_size: int) -> None:
        return None


class SentFile(UploadedFile):
    """A file that lies where it was streamed to."""

    def __init__(self, path: Path, name: str, size: int) -> None:
        super().__init__(path.open("rb"), name, size=size)
        self.path = path


class ToDisk(FileUploadHandler):
    """Takes one file, of the field ``file``, up to the limit. ``problem`` says why it took none.

    Whoever uses it calls ``drop`` in the end, which removes what nobody has kept.
    """

    stream: BinaryIO | None = None
    path: Path | None = None
    problem = ""

    def new_file(self, field_name: str, *args: Any, **kwargs: Any) -> None:
        if field_name != FIELD or self.path is not None:
            raise SkipFile
        super().new_file(field_name, *args, **kwargs)
        self.path = files.new_part()
        self.stream = self.path.open("xb")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        assert self.stream is not None
        if start + len(raw_data) > settings.UPLOAD_MAX_BYTES:
            self._refuse(too_large())
        try:
            self.stream.write(raw_data)
        except OSError:
            self._refuse(
                gettext("The file could not be kept. Ask whoever runs the site to make room.")
            )

    def _refuse(self, problem: str) -> None:
        self.problem = problem
        self.drop()
        raise SkipFile

    def file_complete(self, file_size: int) -> SentFile | None:
        if self.stream is None or self.path is None:
            return None
        self.stream.close()
        self.stream = None
        return SentFile(self.path, self.file_name or "file", file_size)

    def upload_interrupted(self) -> None:
        self.drop()

    def drop(self) -> None:
        if self.stream is not None:
            self.stream.close()
            self.stream = None
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def too_large() -> str:
    return gettext(
        "The file is larger than %(most)s MB, the most that this page takes. Split it, or ask "
        "whoever runs the site to import it by command."
    ) % {"most": f"{settings.UPLOAD_MAX_BYTES // 2**20:,}"}
