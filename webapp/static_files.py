"""Static files, gathered where they are served from, when any of them has changed."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command

STAMP = "collected"  # written last: gathering that was cut short is done again


def collect_static() -> None:
    """All anew, since a copy that was cut short would pass for a newer one; or nothing, where they
    are as they were gathered."""
    stamp, present = Path(settings.STATIC_ROOT) / STAMP, _present()
    if stamp.is_file() and stamp.read_text() == present:
        return
    call_command("collectstatic", clear=True, interactive=False, verbosity=0)
    stamp.write_text(present)


def _present() -> str:
    """Names the sources as they are, and how they are stored."""
    told = [str(settings.STORAGES["staticfiles"]), *sorted(_sources())]
    return sha256("\n".join(told).encode()).hexdigest()


def _sources() -> Iterator[str]:
    for finder in get_finders():
        for name, storage in finder.list([]):
            found = Path(storage.path(name)).stat()
            yield f"{name} {found.st_size} {found.st_mtime_ns}"
