"""Pairs as a flat table, the same for CSV and Parquet: every cell is one text or one number."""

import json
from typing import Any

from annotation.content import Messages
from annotation.exporting.formats.base import TEXT, as_messages
from annotation.exporting.formats.rankings import prompt
from annotation.exporting.formats.trl import Trl


class Pairs(Trl):
    """``prompt`` is a text; where ``prompt_format`` is "messages", it is their JSON."""

    is_choosy = False
    own_columns = {"prompt": TEXT, "prompt_format": TEXT, **Trl.own_columns}

    def prompt(self, messages: Messages) -> dict[str, Any]:
        text = prompt(messages)
        if isinstance(text, str):
            return {"prompt": text, "prompt_format": "text"}
        whole = json.dumps(as_messages(messages), ensure_ascii=False)
        return {"prompt": whole, "prompt_format": "messages"}
