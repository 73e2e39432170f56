"""A frozen data set: to a file, or into memory."""

import hashlib
import json
import os
import tempfile
import zipfile
from base64 import b64decode
from pathlib import Path
from typing import Any, cast

import httpx
from tqdm import tqdm

from concord_client.errors import ConcordError, Incomplete, Unreachable
from concord_client.rows import ManifestRow, SnapshotRow
from concord_client.transport import BUSY, Transport

ZIPPED, MANIFEST = "hf", "manifest.json"
SPLITS = ("train", "validation", "test")
CHUNK = 1 << 20


class Snapshot:
    """Exports the same bytes for ever."""

    def __init__(
        self, transport: Transport, project: str, row: SnapshotRow, progress: bool | None = None
    ) -> None:
        self._transport, self._progress, self.row = transport, progress, row
        self._path = f"{project}snapshots/{row['id']}/"

    @property
    def name(self) -> str:
        return self.row["name"]

    @property
    def sha256(self) -> str:
        return self.row["sha256"]

    def __len__(self) -> int:
        """How many answers it holds."""
        return self.row["submissions"]

    def export(self, format: str, path: str | Path, *, split: str | None = None) -> Path:
        """Download it as ``trl``, ``parquet``, ``rankings``, …, or ``hf``, which is a zip; of all
        but the zip also one ``split`` alone: ``train``, ``validation`` or ``test``.

        The file is there whole or not at all; after a failure of the network it is begun again.
        Raises ConcordError, Incomplete for one that is not what the site announced.
        """
        path, tries = Path(path), self._transport.retries
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            for number in range(tries.tries):
                try:
                    self._download(format, part, split)
                    break
                except ConcordError as error:
                    broken = isinstance(error, Unreachable | Incomplete)
                    if number + 1 == tries.tries or not (broken or error.status in BUSY):
                        raise
                    tries.wait(number)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
        return path

    def manifest(self, format: str, *, split: str | None = None) -> ManifestRow:
        """What the export of this format holds and where it comes from, signed by the site. Kept as
        JSON beside the file, named after it (pairs.jsonl.manifest.json), it is what the site's
        ``manage.py check_export`` checks."""
        path = f"{self._path}exports/{format}/manifest/"
        return cast(ManifestRow, self._transport.json("GET", path, query={"split": split}))

    def _download(self, format: str, part: Path, split: str | None) -> None:
        address = f"{self._path}exports/{format}/"
        with self._transport.stream(address, {"split": split}) as reply:
            digest, size = hashlib.sha256(), 0
            length = int(reply.headers.get("Content-Length", 0)) or None
            disable = None if self._progress is None else not self._progress
            bar = tqdm(
                total=length, desc=f"{self.name}.{format}", unit="B", unit_scale=True,
                disable=disable,
            )  # fmt: skip
            with bar, part.open("wb") as file:
                for chunk in reply.iter_bytes(CHUNK):
                    file.write(chunk)
                    digest.update(chunk)
                    size += len(chunk)
                    bar.update(len(chunk))
            _check(reply, size, length, digest.digest())
        if "Repr-Digest" in reply.headers:
            return
        if format == ZIPPED:
            _check_zip(part)
        else:
            # Made while it was sent: only now the site knows what must have come.
            self._check_afterwards(format, split, size, digest.hexdigest())

    def _check_afterwards(self, format: str, split: str | None, size: int, sha256: str) -> None:
        said = self.manifest(format, split=split)
        if size != said["bytes"]:
            raise Incomplete(f"The download broke off after {size:,} of {said['bytes']:,} bytes.")
        if sha256 != said["sha256"]:
            raise Incomplete("What came is not what the site says it sent: its hash differs.")

    def to_dataset(self, table: str = "preferences", *, cache: str | Path | None = None) -> Any:
        """A ``datasets.DatasetDict`` by split: ``preferences`` are pairs as trainers take them,
        ``rankings`` all completions with their ranks. ``cache`` is where datasets keeps it.

        Raises ConcordError, ImportError where the extra is missing.
        """
        try:
            from datasets import load_dataset
        except ImportError:
            raise ImportError(
                'to_dataset() needs datasets: pip install "concord-client[datasets]"'
            ) from None
        with tempfile.TemporaryDirectory(prefix="concord-") as folder:
            archive = self.export("hf", Path(folder) / "export.zip")
            files = _unpack(archive, Path(folder), table)
            if not files:
                raise ConcordError(f"The snapshot {self.name} holds no {table}.")
            where = None if cache is None else str(cache)
            return load_dataset("parquet", data_files=files, cache_dir=where)

    def push_to_hub(self, name: str, *, token: str | None = None, private: bool = True) -> str:
        """Put it onto the Hugging Face hub as the data set ``name`` (owner/name), in one commit;
        returns its address. ``token`` is the hub's, that of ``hf auth login`` if left out; the
        site never sees it. Run again after an interruption, what has arrived is not sent again.

        Raises ConcordError, the errors of huggingface_hub, ImportError where the extra is missing.
        """
        try:
            from huggingface_hub import HfApi
        except ImportError:
            raise ImportError(
                'push_to_hub() needs huggingface_hub: pip install "concord-client[hub]"'
            ) from None
        with tempfile.TemporaryDirectory(prefix="concord-") as folder:
            archive = self.export("hf", Path(folder) / "export.zip")
            with zipfile.ZipFile(archive) as opened:
                opened.extractall(Path(folder) / "out")
            (whole,) = (Path(folder) / "out").iterdir()
            api = HfApi(token=token, library_name="concord-client")
            api.create_repo(name, repo_type="dataset", private=private, exist_ok=True)
            said = f"Snapshot {self.name}, {self.sha256}"
            api.upload_folder(
                repo_id=name, folder_path=whole, repo_type="dataset", commit_message=said
            )
            return f"{api.endpoint}/datasets/{name}"


def _check(reply: httpx.Response, size: int, length: int | None, digest: bytes) -> None:
    if length is not None and size != length:
        raise Incomplete(f"The download broke off after {size:,} of {length:,} bytes.")
    announced = reply.headers.get("Repr-Digest", "")
    if announced.startswith("sha-256=:") and b64decode(announced[9:].strip(":")) != digest:
        raise Incomplete("What came is not what the site announced: its digest differs.")


def _check_zip(archive: Path) -> None:
    """Its manifest, which comes last, has the hash of each file."""
    try:
        with zipfile.ZipFile(archive) as opened:
            (name,) = [each for each in opened.namelist() if each.endswith(f"/{MANIFEST}")]
            folder = name.removesuffix(MANIFEST)
            for file in json.loads(opened.read(name))["files"]:
                with opened.open(folder + file["path"]) as stream:
                    digest = hashlib.sha256()
                    while chunk := stream.read(CHUNK):
                        digest.update(chunk)
                if digest.hexdigest() != file["sha256"]:
                    raise Incomplete(f"{file['path']} is not what its manifest says.")
    except (zipfile.BadZipFile, EOFError, LookupError, ValueError):
        raise Incomplete("The download broke off: the zip is not whole.") from None


def _unpack(archive: Path, folder: Path, table: str) -> dict[str, str]:
    """The table's file of each split that has one; nothing else is taken from the archive."""
    files = {}
    with zipfile.ZipFile(archive) as opened:
        for name in opened.namelist():
            inner = name.partition("/")[2]
            for split in SPLITS:
                if inner == f"{table}/{split}.parquet":
                    target = folder / f"{split}.parquet"
                    with opened.open(name) as source, target.open("wb") as file:
                        while chunk := source.read(CHUNK):
                            file.write(chunk)
                    files[split] = str(target)
    return files
