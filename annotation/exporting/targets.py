"""Where the files of a data set folder go: into a folder, or into a zip that is sent meanwhile."""

import zipfile
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, BinaryIO, Protocol, Self, cast

from django.conf import settings

from annotation.exporting.files import Hashed, writing

ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the first that the form knows: the same bytes every time
BLOCK = 1 << 16


class Target(Protocol):
    def open(self, path: str) -> AbstractContextManager[Hashed]:
        """A new file; several may be open at once."""

    def hand_on(self) -> Iterator[None]:
        """Let go, a little at a time, of what waits since it was closed."""


class Directory:
    """Files in a folder that is there already."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self, path: str) -> AbstractContextManager[Hashed]:
        (self.folder / path).parent.mkdir(exist_ok=True)
        return writing(self.folder / path)

    def hand_on(self) -> Iterator[None]:
        yield from ()


class Archive:
    """A zip, written to a stream that cannot go back; below one folder in it lie all files.

    A zip holds one file after another. The file that is called ``first`` is written as it comes
    into being; what is open beside it waits on the disk, nameless, so that it is gone with this
    process. Parquet is compressed already, so that nothing is compressed again.
    """

    def __init__(self, out: Hashed, folder: str, first: str) -> None:
        self._zip = zipfile.ZipFile(cast(Any, out), "w")
        self._folder, self._first = folder, first
        self._waiting: list[tuple[str, BinaryIO]] = []
        self._held = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._held.close()
        self._zip.close()

    @contextmanager
    def open(self, path: str) -> Generator[Hashed]:
        if path == self._first:
            with self._entry(path) as entry:
                yield from _hashed(entry)
            return
        waiting = TemporaryFile(dir=settings.VAR_DIR)  # noqa: SIM115 - until it is handed on
        self._held.callback(waiting.close)
        yield from _hashed(waiting)
        self._waiting.append((path, waiting))

    def hand_on(self) -> Iterator[None]:
        for path, waiting in sorted(self._waiting, key=lambda each: each[0]):
            waiting.seek(0)
            with self._entry(path) as entry:
                while block := waiting.read(BLOCK):
                    entry.write(block)
                    yield
            waiting.close()
        self._waiting = []

    def _entry(self, path: str) -> Any:
        named = zipfile.ZipInfo(f"{self._folder}/{path}", ZIP_TIME)
        named.external_attr = 0o644 << 16
        # How large it gets is not known yet.
        return self._zip.open(named, "w", force_zip64=True)


def _hashed(stream: Any) -> Generator[Hashed]:
    file = Hashed(stream)
    try:
        yield file
    except BaseException:
        file.discard()
        raise
