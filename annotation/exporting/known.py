"""What the files of a frozen snapshot are like: known once each has been written.

A snapshot's file is the same every time, so that counts and hashes may be kept. What may change is
the manifest around them (``withdrawn``), which is made anew.
"""

from dataclasses import asdict

from annotation.exporting.manifest import File, Manifest
from annotation.models import Snapshot, SnapshotFile

FACTS = ("rows", "rankings", "judgements", "pairs", "left_out")


def recall(snapshot: Snapshot, manifest: Manifest) -> bool:
    """Complete and sign a manifest that names its file and its format, if that is known."""
    kept = SnapshotFile.objects.filter(
        snapshot=snapshot, format=manifest.format, software=manifest.software
    ).first()
    if kept is None:
        return False
    for name in FACTS:
        setattr(manifest, name, kept.facts[name])
    # Databases keep the keys in orders of their own.
    manifest.left_out = dict(sorted(manifest.left_out.items()))
    files = [File(**each) for each in kept.facts["files"]]
    if len(files) == 1:
        files[0].path = manifest.file
    manifest.complete(files)
    return True


def keep(snapshot: Snapshot, manifest: Manifest) -> None:
    """Note what a complete manifest says of the file itself."""
    facts = {name: getattr(manifest, name) for name in FACTS}
    facts["files"] = [asdict(file) for file in manifest.files]
    if len(manifest.files) == 1:
        facts["files"][0]["path"] = ""  # whatever the next one calls it
    said = {"software": manifest.software, "facts": facts}
    kept = SnapshotFile.objects.filter(snapshot=snapshot, format=manifest.format)
    if kept.values("software", "facts").first() != said:
        kept.update_or_create(snapshot=snapshot, format=manifest.format, defaults=said)


def forget(snapshot: Snapshot | None, format: str) -> None:
    SnapshotFile.objects.filter(snapshot=snapshot, format=format).delete()
