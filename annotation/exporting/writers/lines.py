"""JSON lines: one object a line, in UTF-8."""

import json
from typing import Any

from annotation.exporting.writers.base import Writer


class Lines(Writer):
    def write(self, row: dict[str, Any]) -> None:
        self.stream.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
