"""The filesystem broker of kombu, each of its files there whole or not at all.

Kombu's own writes a file under the name by which others find it: a worker that looks just then
reads an empty one, and ends.
"""

import fcntl
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

from kombu.transport import filesystem
from kombu.utils.json import dumps


class Channel(filesystem.Channel):
    """Writes beside the place where a file is looked for, and then moves it there."""

    data_folder_out: str
    control_folder: Path

    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]
        # Taken in the order of their names; the rest of it says whose it is.
        name = f"{round(monotonic() * 1000)}_{uuid4()}.{queue}.msg"
        _write(Path(self.data_folder_out) / name, payload)

    def _queue_bind(
        self, exchange: str, routing_key: str | None, pattern: str | None, queue: str | None
    ) -> None:
        bound = filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        with (self.control_folder / "turn").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            table = self.get_table(exchange)
            if bound not in table:
                _write(self.control_folder / f"{exchange}.exchange", [bound, *table])


class Transport(filesystem.Transport):
    Channel = Channel


def _write(path: Path, value: Any) -> None:
    part = path.with_name(f"{uuid4().hex}.part")
    part.write_text(dumps(value))
    part.replace(path)
