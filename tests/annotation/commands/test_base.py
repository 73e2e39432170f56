"""What all commands have in common."""

import os
import subprocess
import sys

from tests.annotation.commands.site import MANAGE
from tests.annotation.interchange import write


def test_a_database_without_tables_is_said_in_one_line(tmp_path):
    path = write(tmp_path / "in.jsonl", [{"prompt": "Why?"}])
    environment = {name: text for name, text in os.environ.items() if name != "DATABASE_URL"}
    environment |= {"DJANGO_SETTINGS_MODULE": "tests.settings", "VAR_DIR": str(tmp_path / "var")}
    done = subprocess.run(
        [sys.executable, str(MANAGE), "import_prompts", path, "--project", "new", "--create"],
        env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "The database lacks tables of this version: run manage.py migrate, then this again."
    ]
