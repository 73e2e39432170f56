"""Zip archives that somebody else has made: looked at before they are unpacked, and bounded.

What an archive calls its entries is never used as a path on the disk.
"""

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from annotation.errors import Invalid
from annotation.importing.fields import shown

ZIP = b"PK\x03\x04"
MAX_ENTRIES = 1_000
MAX_DIRECTORY = 4 * 2**20  # bytes that its list of entries may take
MAX_UNPACKED = 8 * 2**30
# Texts are packed to a twentieth or so; what unpacks to more is made to fill a disk.
MAX_RATIO, HARMLESS = 100, 64 * 2**20
MAX_CARD = 2**20
PIECE = 2**20
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
UNPACKING = "unpacking-"  # what begins so in the folder of a zip is being read
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, RuntimeError)


@dataclass(frozen=True)
class Entry:
    """A file of the archive, called as within the folder that all of it is in."""

    name: str
    info: zipfile.ZipInfo


@dataclass(frozen=True)
class Archive:
    """An open archive that was found harmless; ``card`` is what its README.md says."""

    name: str
    zip: zipfile.ZipFile
    entries: Sequence[Entry]
    card: str


class _Guarded:
    """A file of which only so much is read at once: ``zipfile`` reads the whole list of entries
    before anybody could count them."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size if 0 <= size <= MAX_DIRECTORY else MAX_DIRECTORY + 1)
        if len(data) > MAX_DIRECTORY:
            raise zipfile.BadZipFile("too long a list of entries")
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def opened(path: Path, name: str) -> Iterator[Archive]:
    """Raises Invalid for what is no sound zip, or would unpack to too much."""
    with path.open("rb") as stream:
        try:
            archive = zipfile.ZipFile(_Guarded(stream))
            _check(archive.infolist(), path.stat().st_size, name)
            entries = _entries(archive.infolist())
            card = _card(archive, entries)
        except BROKEN as error:
            raise _unsound(name, error) from None
        yield Archive(name, archive, entries, card)


def _unsound(name: str, error: Exception) -> Invalid:
    first = (str(error).splitlines() or ["broken"])[0]
    return Invalid(f"{name} is no sound zip archive ({shown(first)}). Pack it anew.")


def _check(infos: Sequence[zipfile.ZipInfo], size: int, name: str) -> None:
    if len(infos) > MAX_ENTRIES:
        raise Invalid(f"{name} holds {len(infos):,} entries; at most {MAX_ENTRIES:,} are taken.")
    unpacked = sum(info.file_size for info in infos)
    if unpacked > MAX_UNPACKED or unpacked > max(HARMLESS, MAX_RATIO * size):
        raise Invalid(f"{name} unpacks to {unpacked // 2**20:,} MB, which is too much. Send less.")
    for info in infos:
        if info.flag_bits & 1:
            raise Invalid(f"{name} is encrypted. Pack it without a password.")
        if info.compress_type not in METHODS:
            raise Invalid(f"{name} is packed in a way that is not read here. Pack it as plain zip.")


def _entries(infos: Sequence[zipfile.ZipInfo]) -> list[Entry]:
    """Its files, by their names within the folder in which the card lies."""
    files = [info for info in infos if not info.is_dir()]
    cards = [info.filename for info in files if PurePosixPath(info.filename).name == "README.md"]
    root = min(cards, key=len, default="README.md").removesuffix("README.md")
    inside = [info for info in files if info.filename.startswith(root)]
    return [Entry(info.filename.removeprefix(root), info) for info in inside]


def read_entry(archive: Archive, name: str, most: int) -> bytes | None:
    """One entry, whole; None where there is none of this name. Raises ValueError for one that is
    longer or broken."""
    info = next((each.info for each in archive.entries if each.name == name), None)
    if info is None:
        return None
    try:
        with archive.zip.open(info) as stream:
            data = stream.read(most + 1)
    except BROKEN as error:
        raise ValueError(name) from error
    if len(data) > most:
        raise ValueError(name)
    return data


def _card(archive: zipfile.ZipFile, entries: Sequence[Entry]) -> str:
    info = next((each.info for each in entries if each.name == "README.md"), None)
    if info is None or info.file_size > MAX_CARD:
        return ""
    with archive.open(info) as stream:
        return stream.read(MAX_CARD).decode(errors="replace")


@contextmanager
def unpacked(archive: Archive, entries: Sequence[Entry], beside: Path) -> Iterator[list[Path]]:
    """These entries as files of a folder that is gone afterwards, under names of our own. Raises
    Invalid for an entry that is broken, or larger than it says."""
    try:
        made = TemporaryDirectory(prefix=UNPACKING, dir=beside)
    except OSError as error:
        raise Invalid(f"{archive.name} could not be unpacked: {error.strerror}.") from None
    with made as folder:
        paths = []
        for number, entry in enumerate(entries):
            suffix = PurePosixPath(entry.name).suffix.lower()
            path = Path(folder) / f"{number:04}{suffix if suffix in ('.csv', '.parquet') else ''}"
            _unpack(archive, entry, path)
            paths.append(path)
        yield paths


def _unpack(archive: Archive, entry: Entry, path: Path) -> None:
    left = entry.info.file_size
    try:
        with archive.zip.open(entry.info) as source, path.open("xb") as target:
            while piece := source.read(PIECE):
                left -= len(piece)
                if left < 0:
                    raise zipfile.BadZipFile("an entry is larger than it says")
                target.write(piece)
    except BROKEN as error:
        raise _unsound(archive.name, error) from None
    except OSError as error:
        raise Invalid(f"{archive.name} could not be unpacked: {error.strerror}.") from None
