"""Files that come into being whole or not at all, hashed as they are written."""

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from annotation.errors import Invalid


class Hashed:
    """A stream that hashes and counts what is written to it."""

    closed = False

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._digest, self.bytes = stream, sha256(), 0

    def write(self, data: bytes) -> int:
        data = bytes(data)
        self._digest.update(data)
        self.bytes += len(data)
        return self._stream.write(data)

    def tell(self) -> int:
        return self.bytes

    def flush(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        """Whoever opened the stream closes it."""

    def discard(self) -> None:
        """What is still written, as by a writer that is thrown away, goes nowhere."""
        self._stream = io.BytesIO()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


@contextmanager
def writing(path: Path) -> Iterator[Hashed]:
    """A new file, on the disk when this ends."""
    with path.open("xb") as stream:
        file = Hashed(stream)
        try:
            yield file
        except BaseException:
            file.discard()
            raise
        stream.flush()
        os.fsync(stream.fileno())


@contextmanager
def replacing(out: Path) -> Iterator[Hashed]:
    """A file that takes the place of ``out`` once it is complete. Raises Invalid."""
    beside = out.with_name(f".{out.name}.{token_hex(6)}.part")
    try:
        with writing(beside) as file:
            yield file
        beside.replace(out)
    except OSError as error:
        raise Invalid(
            f"{out}: {error.strerror}. Name a file that can be written, on a disk with room."
        ) from None
    finally:
        with suppress(OSError):
            beside.unlink()


@contextmanager
def replacing_folder(out: Path, known_by: str) -> Iterator[Path]:
    """A folder that takes the place of ``out`` once it is complete; only one that holds a file
    named ``known_by``, or nothing, is replaced. Raises Invalid."""
    out = out.resolve()
    beside = out.with_name(f".{out.name}.{token_hex(6)}.part")
    try:
        if (
            out.exists()
            and not (out / known_by).is_file()
            and (out.is_file() or any(out.iterdir()))
        ):
            raise Invalid(f"{out} is there already and is no export. Name a new folder.")
        beside.mkdir()
        yield beside
        if out.exists():
            old = beside.with_suffix(".old")
            out.replace(old)
            beside.replace(out)
            shutil.rmtree(old)
        else:
            beside.replace(out)
    except OSError as error:
        raise Invalid(
            f"{out}: {error.strerror}. Name a folder that can be written, on a disk with room."
        ) from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
