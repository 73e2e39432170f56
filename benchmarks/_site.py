"""A migrated database for one measurement, and processes of their own that use it."""

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class Site:
    """SQLite in its folder, or the empty database that DATABASE_URL names."""

    def __init__(self, folder: Path, module: str) -> None:
        self.folder, self.module = folder, module
        self.environment = {
            **os.environ,
            "VAR_DIR": str(folder),
            "SECRET_KEY": "benchmark-" * 6,
            "DJANGO_SETTINGS_MODULE": "webapp.settings",
        }

    def manage(self, *arguments: str) -> None:
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        subprocess.run(command, env=self.environment, check=True)

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """The module again, with ``--measure``."""
        command = [sys.executable, "-m", self.module, "--measure", *map(str, arguments)]
        return subprocess.Popen(
            command, env=self.environment, cwd=ROOT, stdout=subprocess.PIPE, text=True
        )


@contextmanager
def new_site(module: str) -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="concord-bench-") as name:
        site = Site(Path(name), module)
        site.manage("migrate", "-v0")
        try:
            yield site
        finally:
            if "DATABASE_URL" in os.environ:
                site.manage("migrate", "-v0", "training", "zero")
                site.manage("migrate", "-v0", "annotation", "zero")


def said_by(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What a process measured, once it has ended; shown as well."""
    out, _ = process.communicate()
    if process.returncode:
        raise SystemExit(process.returncode)
    print(out, end="", flush=True)
    return dict(json.loads(out))


def peak_memory() -> float:
    """Megabytes of this process so far."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
