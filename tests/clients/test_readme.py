"""Every line that the client's README shows runs as it stands, address and token aside."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from annotation.models import Completion, Submission, User
from annotation.tokens import issue
from tests.cast import give_task, make_cast
from tests.clients.test_client import rank_some
from tests.hub_server import TOKEN, Hub

pytestmark = pytest.mark.django_db(transaction=True)
README = Path(__file__).resolve().parents[2] / "clients" / "python" / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


def test_its_lines_run(live_server, tmp_path, monkeypatch):
    cast = make_cast(slug="demo")
    rank_some(cast, 3)
    give_task(cast.project, "short", "much longer", prompt="And now?")
    token = issue(User.objects.create_superuser("root"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)

    names: dict[str, Any] = {}
    with Hub().open() as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        for block in BLOCKS:
            shown = block.replace("http://127.0.0.1:8000", live_server.url)
            exec(shown.replace("the token", token), names)

    assert sum(split.num_rows for split in names["dataset"].values()) == 3 * 6
    lines = (tmp_path / "pairs.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["chosen"][0]["role"] == "assistant"
    assert "manifest.json" in hub.sets["lab/tides"]
    longest = Completion.objects.get(text="much longer")
    best = Submission.objects.latest("pk").ranking.items.get(rank=1)
    assert best.completion_id == longest.pk
