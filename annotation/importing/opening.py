"""Which kind of file it is, by its first bytes and its name; folders as one file after another."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, BinaryIO

import yaml
from django.utils.translation import gettext_noop

from annotation.errors import Invalid
from annotation.importing.archives import MAX_CARD, ZIP, Entry, opened, read_entry, unpacked
from annotation.importing.csv_rows import CsvRows
from annotation.importing.files import Line, RowFile
from annotation.importing.json_lines import JsonLines
from annotation.importing.parquet_rows import ParquetRows
from annotation.importing.texts import Beside, read_beside, read_texts
from annotation.licences import UNKNOWN, check_licence
from annotation.telling import Sentence

PACKED = "packed. Unpack it first; nothing is unpacked here"
REFUSED = {
    ZIP: f"a zip archive or a spreadsheet, or otherwise {PACKED}. Save sheets as CSV",
    b"\x1f\x8b": PACKED,
    b"\x28\xb5\x2f\xfd": PACKED,
    b"BZh": PACKED,
    b"\xfd7zXZ": PACKED,
    # Before UTF-16, which begins alike.
    b"\xff\xfe\x00\x00": "UTF-32. Save it as UTF-8",
    b"\x00\x00\xfe\xff": "UTF-32. Save it as UTF-8",
    b"\xff\xfe": "UTF-16. Save it as UTF-8",
    b"\xfe\xff": "UTF-16. Save it as UTF-8",
}
ON_LINE = gettext_noop("%(file)s, line %(number)s: %(problem)s")
IN_ROW = gettext_noop("%(file)s, row %(number)s: %(problem)s")
SUFFIXES = (".parquet", ".jsonl", ".json", ".csv")
BESIDE = ("croissant.json", "manifest.json", "labels.json")  # of a data set, and no rows
SPLITS = ("train", "validation", "test")
MAX_FILES = 1_000


@contextmanager
def open_rows(path: Path, name: str = "") -> Iterator[RowFile]:
    """A file, or a folder of files, also as a zip; refusals call it by ``name``, or by its own.
    Raises Invalid when it cannot be read."""
    if path.is_dir():
        with open_folder(path) as folder:
            yield folder
    elif _starts(path).startswith(ZIP):
        with open_zip(path, name or path.name) as zipped:
            yield zipped
    else:
        with _open_file(path, name) as file:
            yield file


def _starts(path: Path) -> bytes:
    """The first bytes of what is a file; none where it cannot be read."""
    if not path.is_file():
        return b""
    try:
        with path.open("rb") as stream:
            return stream.read(8)
    except OSError:
        return b""


@contextmanager
def _open_file(path: Path, name: str) -> Iterator[RowFile]:
    try:
        stream = path.open("rb")
    except OSError as error:
        raise Invalid(f"{path}: {error.strerror}. Name a file that can be read.") from None
    with stream:
        if not stream.seekable():
            raise Invalid(f"{path}: it can be read only once. Save it as a file first.")
        digest = file_digest(stream, "sha256").hexdigest()
        name = name or path.name
        yield _kind(path, name, stream)(name, stream.tell(), digest, stream)


def refuse_sent(path: Path, name: str) -> None:
    """Raises Invalid for a file that nothing here reads, by its first bytes or, of a zip, by what
    it says of its entries."""
    start = _starts(path)
    if start.startswith(ZIP):
        with opened(path, name) as archive:
            _rows_in(archive.entries, archive.card, name)
    else:
        refuse_packed(name, start)


def refuse_packed(name: str, start: bytes) -> None:
    """Raises Invalid for a file that begins so when nothing here reads its like."""
    for magic, what in REFUSED.items():
        if start.startswith(magic):
            raise Invalid(f"{name} is {what}.")
    if encoding := _encoding(start):
        raise Invalid(f"{name} is {encoding}. Save it as UTF-8.")


def _encoding(start: bytes) -> str:
    """Of a text that begins so, where it cannot be UTF-8: without a mark, nulls between letters
    tell it. Empty otherwise."""
    nulls = [byte == 0 for byte in start[:4]]
    if nulls in ([False, True, True, True], [True, True, True, False]):
        return "UTF-32"
    return "UTF-16" if nulls in ([False, True] * 2, [True, False] * 2) else ""


def _kind(path: Path, name: str, stream: BinaryIO) -> Any:
    end = stream.tell()
    stream.seek(0)
    start = stream.read(8)
    stream.seek(end)
    refuse_packed(name, start)
    if start.startswith(b"PAR1") or path.suffix.lower() == ".parquet":
        return ParquetRows
    return CsvRows if path.suffix.lower() == ".csv" else JsonLines


@dataclass
class FolderFile(RowFile):
    """The rows of several files of one kind, one after another."""

    name: str
    size: int
    sha256: str
    files: Sequence[RowFile]
    beside: Beside
    unit = "row"

    @property
    def is_table(self) -> bool:  # type: ignore[override]
        return self.files[0].is_table

    @property
    def is_text(self) -> bool:  # type: ignore[override]
        return self.files[0].is_text

    def texts(self) -> Mapping[str, str]:
        return read_texts(self.beside)

    def licence(self) -> str:
        try:
            card = self.beside("README.md", MAX_CARD) or b""
        except (OSError, ValueError):
            return UNKNOWN
        return _licence(_front(card.decode(errors="replace")))

    def lines(self) -> Iterator[Line]:
        number = before = 0
        for file in self.files:
            for line in file.lines():
                number += 1
                problem = line.problem and _placed(file, line.number, line.problem)
                yield Line(number, before + line.end, line.value, problem)
            before += file.size


def _placed(file: RowFile, number: int, problem: Sentence) -> Sentence:
    """Where in a folder it is."""
    words = IN_ROW if file.unit == "row" else ON_LINE
    return Sentence(words, {"file": file.name, "number": number, "problem": problem})


@contextmanager
def open_folder(folder: Path) -> Iterator[RowFile]:
    """A data set of Hugging Face's form. Its card says which files; without one, all of a kind."""
    paths = _listed(folder) or _found(folder)
    if not paths:
        raise Invalid(f"{folder} holds no Parquet, JSON lines or CSV. Name a folder that does.")
    with ExitStack() as stack:
        files = [stack.enter_context(_open_file(path, "")) for path in paths]
        yield _together(folder.resolve().name, files, partial(read_beside, folder))


@contextmanager
def open_zip(path: Path, name: str) -> Iterator[RowFile]:
    """The same, packed: as an export of the form hf is downloaded."""
    with ExitStack() as stack:
        archive = stack.enter_context(opened(path, name))
        entries = _rows_in(archive.entries, archive.card, name)
        paths = stack.enter_context(unpacked(archive, entries, path.parent))
        files = [
            stack.enter_context(_open_file(each, entry.name))
            for each, entry in zip(paths, entries, strict=True)
        ]
        yield _together(name, files, partial(read_entry, archive))


def _together(name: str, files: Sequence[RowFile], beside: Beside) -> FolderFile:
    if len({type(file) for file in files}) > 1:
        raise Invalid(f"{name} holds files of several kinds. Name one of them.")
    listed = "".join(f"{file.sha256}\n" for file in files)
    digest = sha256(listed.encode()).hexdigest()
    return FolderFile(name, sum(file.size for file in files), digest, files, beside)


def _rows_in(entries: Sequence[Entry], card: str, name: str) -> list[Entry]:
    """Those that hold the rows, as in a folder. Raises Invalid where none does."""
    listed = [
        each
        for pattern in _patterns(card)
        for each in sorted(entries, key=lambda entry: entry.name)
        if fnmatchcase(each.name, pattern)
    ]
    if listed:
        return listed
    for suffix in SUFFIXES:
        named = [each for each in entries if each.name.lower().endswith(suffix)]
        named = [each for each in named if each.name.rpartition("/")[2] not in BESIDE]
        if named:
            return sorted(named, key=lambda each: (_place(each.name), each.name))
    raise Invalid(f"{name} holds no Parquet, JSON lines or CSV. Save sheets as CSV.")


def _found(folder: Path) -> list[Path]:
    """The files of the first kind that there is, train first."""
    for suffix in SUFFIXES:
        paths = [path for path in folder.rglob(f"*{suffix}") if path.is_file()]
        paths = [path for path in paths if path.name not in BESIDE]
        if paths:
            return sorted(paths[:MAX_FILES], key=lambda path: (_place(path.name), str(path)))
    return []


def _place(name: str) -> int:
    named = [place for place, split in enumerate(SPLITS) if split in name.rpartition("/")[2]]
    return named[0] if named else len(SPLITS)


def _listed(folder: Path) -> list[Path]:
    """What the card names."""
    try:
        patterns = _patterns((folder / "README.md").read_text())
        paths = [path for pattern in patterns for path in sorted(folder.glob(pattern))]
    except (OSError, ValueError, NotImplementedError):
        return []
    inside = folder.resolve()
    return [path for path in paths if path.resolve().is_relative_to(inside)][:MAX_FILES]


def _front(card: str) -> Any:
    """What a card says for programs; nothing where it says nothing that can be read."""
    try:
        return yaml.safe_load(card.split("---\n")[1]) if card.startswith("---\n") else {}
    except (ValueError, LookupError, yaml.YAMLError):
        return {}


def _licence(front: Any) -> str:
    """As the Hugging Face hub reads it; unknown for what SPDX does not know."""
    said = front if isinstance(front, dict) else {}
    name = said.get("license")
    if name == "other":
        name = said.get("license_name")
    try:
        return check_licence(name) if isinstance(name, str) else UNKNOWN
    except Invalid:
        return UNKNOWN


def _patterns(text: str) -> list[str]:
    """Which files a card names: of the configuration ``rankings``, or else the default one."""
    try:
        front = _front(text)
        configs = {each["config_name"]: each for each in front.get("configs", [])}
        if not configs:
            return []
        first, *_ = sorted(configs.values(), key=lambda each: not each.get("default"))
        chosen = configs.get("rankings", first)["data_files"]
        patterns = [chosen] if isinstance(chosen, str) else [each["path"] for each in chosen]
        return [pattern for pattern in patterns if isinstance(pattern, str)]
    except (ValueError, TypeError, LookupError, AttributeError):
        return []
