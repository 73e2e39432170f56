"""How each message broker is to be spoken to."""

from pathlib import Path
from typing import Any

from kombu.transport import TRANSPORT_ALIASES

POLLING_SECONDS = 0.1
VISIBILITY_SECONDS = 600


def broker_options(url: str, var_dir: Path) -> dict[str, Any]:
    """Transport options for ``url``; makes the folders of the filesystem broker, and puts ours in
    the place of kombu's.

    The filesystem broker needs nothing installed. It polls each second by default, which a
    person would feel; a tenth of a second costs next to nothing.
    """
    if url.startswith("filesystem"):
        TRANSPORT_ALIASES["filesystem"] = "webapp.file_broker:Transport"
        folder = var_dir / "broker"
        for name in ("queue", "control"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        # One folder in and out: what a publisher writes, a worker reads.
        return {
            "data_folder_in": str(folder / "queue"),
            "data_folder_out": str(folder / "queue"),
            "control_folder": str(folder / "control"),
            "polling_interval": POLLING_SECONDS,
        }
    return {"visibility_timeout": VISIBILITY_SECONDS}
