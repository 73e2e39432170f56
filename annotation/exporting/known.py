"""What the files of a frozen snapshot are like: known once each has been written.

A snapshot's file is the same every time, so that counts and hashes may be kept. What may change is
the manifest around them (``withdrawn``), which is made anew, and with it the zip that holds one.
"""

from dataclasses import asdict, dataclass
from typing import Any

from annotation.exporting.formats import FOLDER
from annotation.exporting.manifest import SOFTWARE, File, Manifest
from annotation.models import Snapshot, SnapshotFile

FACTS = ("rows", "rankings", "judgements", "pairs", "left_out")
ZIP = f"{FOLDER}.zip"


@dataclass(frozen=True)
class Sent:
    """What goes over the wire: a file, or the zip of a folder."""

    bytes: int
    sha256: str


def recall(snapshot: Snapshot, manifest: Manifest) -> bool:
    """Complete and sign a manifest that names its file, format and part, if that is known."""
    facts = _facts(snapshot, _name(manifest), manifest.software)
    if facts is None:
        return False
    for name in FACTS:
        setattr(manifest, name, facts[name])
    # Databases keep the keys in orders of their own.
    manifest.left_out = dict(sorted(manifest.left_out.items()))
    files = [File(**each) for each in facts["files"]]
    if len(files) == 1:
        files[0].path = manifest.file
    manifest.complete(files)
    return True


def recall_sent(snapshot: Snapshot, manifest: Manifest) -> Sent | None:
    """What was sent with this complete manifest, if that is known."""
    if manifest.format != FOLDER:
        return Sent(manifest.bytes, manifest.sha256)
    facts = _facts(snapshot, ZIP, manifest.software)
    if facts is None or facts["signature"] != manifest.signature:
        return None
    return Sent(facts["bytes"], facts["sha256"])


def _facts(snapshot: Snapshot, name: str, software: str) -> dict[str, Any] | None:
    kept = SnapshotFile.objects.filter(snapshot=snapshot, format=name, software=software)
    return kept.values_list("facts", flat=True).first()


def keep(snapshot: Snapshot, manifest: Manifest) -> None:
    """Note what a complete manifest says of the file itself."""
    facts = {name: getattr(manifest, name) for name in FACTS}
    facts["files"] = [asdict(file) for file in manifest.files]
    if len(manifest.files) == 1:
        facts["files"][0]["path"] = ""  # whatever the next one calls it
    _note(snapshot, _name(manifest), manifest.software, facts)


def keep_sent(snapshot: Snapshot, manifest: Manifest, sent: Sent) -> None:
    """Note what went out with a complete manifest."""
    keep(snapshot, manifest)
    if manifest.format == FOLDER:
        facts = asdict(sent) | {"signature": manifest.signature}
        _note(snapshot, ZIP, manifest.software, facts)


def _note(snapshot: Snapshot, name: str, software: str, facts: dict[str, Any]) -> None:
    said = {"software": software, "facts": facts}
    kept = SnapshotFile.objects.filter(snapshot=snapshot, format=name)
    if kept.values("software", "facts").first() != said:
        kept.update_or_create(snapshot=snapshot, format=name, defaults=said)


def _name(manifest: Manifest) -> str:
    return f"{manifest.format}/{manifest.part}" if manifest.part else manifest.format


def forget(snapshot: Snapshot | None, manifest: Manifest) -> None:
    names = [_name(manifest), *([ZIP] if manifest.format == FOLDER else [])]
    SnapshotFile.objects.filter(snapshot=snapshot, format__in=names).delete()


def sizes(snapshot: Snapshot) -> dict[str, int]:
    """By format, how many bytes are sent, of those whole ones that are known."""
    kept = SnapshotFile.objects.filter(snapshot=snapshot, software=SOFTWARE)
    facts = dict(kept.values_list("format", "facts"))
    found = {
        name: sum(file["bytes"] for file in each["files"])
        for name, each in facts.items()
        if "files" in each and name != FOLDER
    }
    return found | ({FOLDER: facts[ZIP]["bytes"]} if ZIP in facts else {})
