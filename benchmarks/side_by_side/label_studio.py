"""Label Studio with the same tasks on the same web server, and one who ranks them by its API."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from benchmarks._serving import questions, running
from benchmarks.side_by_side.peers import python_of

PEER = "label-studio-1.23"
EMAIL, PASSWORD = "person@example.org", "a-password-for-this"
SCREEN = """<View>
<Text name="prompt" value="$prompt"/>
<List name="answers" value="$answers" title="Answers"/>
<Ranker name="rank" toName="answers"/>
</View>"""


class Person:
    """Signed in as a browser is, with a project of tasks."""

    def __init__(self, base: str, tasks: int) -> None:
        self.client = httpx.Client(base_url=base, timeout=60)
        self.client.get("/user/login/")
        said = {"email": EMAIL, "password": PASSWORD}
        self.client.post("/user/login/", data=said, headers=self._token())
        screen = {"title": "Ranking", "label_config": SCREEN}
        self.project = self._send("/api/projects", screen)["id"]
        listed = [_task(*each) for each in questions(tasks)]
        self._send(f"/api/projects/{self.project}/import", listed)

    def item(self) -> None:
        """The next task, and the answer to it."""
        reply = self.client.get(f"/api/projects/{self.project}/next")
        reply.raise_for_status()
        task = reply.json()
        order = [each["id"] for each in task["data"]["answers"]]
        value: dict[str, Any] = {"type": "ranker", "value": {"ranker": order}}
        value |= {"from_name": "rank", "to_name": "answers"}
        answer = {"result": [value], "lead_time": 1.0, "project": self.project}
        self._send(f"/api/tasks/{task['id']}/annotations/", answer)

    def _send(self, address: str, body: Any) -> Any:
        reply = self.client.post(address, json=body, headers=self._token())
        reply.raise_for_status()
        return reply.json()

    def _token(self) -> dict[str, str]:
        return {"X-CSRFToken": self.client.cookies.get("csrftoken") or ""}


def _task(prompt: str, answers: list[str]) -> dict[str, Any]:
    listed = [{"id": str(number), "body": text} for number, text in enumerate(answers)]
    return {"prompt": prompt, "answers": listed}


@contextmanager
def label_studio(port: int, tasks: int) -> Iterator[tuple[subprocess.Popen[bytes], Person]]:
    """Its server, on SQLite, and the person. Exits when it cannot be installed."""
    programs = Path(python_of(PEER)).parent
    (package,) = (programs.parent / "lib").glob("python*/site-packages/label_studio")
    with tempfile.TemporaryDirectory(prefix="concord-bench-peer-") as folder:
        env = _environment(folder, package)
        command = [str(programs / "label-studio"), "init", "ranking", "--no-browser"]
        command += ["--username", EMAIL, "--password", PASSWORD, "--agree-fix-sqlite"]
        subprocess.run(command, env=env, check=True, capture_output=True)
        command = [str(programs / "granian"), "--interface", "wsgi", "--no-ws", "--port", str(port)]
        command += ["--workers", "1", "--blocking-threads", "8", "core.wsgi:application"]
        base = f"http://127.0.0.1:{port}"
        with running(command, lambda: _answers(base), env=env, cwd=package) as server:
            yield server, Person(base, tasks)


def _environment(folder: str, package: Path) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": folder,
        "LABEL_STUDIO_BASE_DATA_DIR": folder,
        "DJANGO_SETTINGS_MODULE": "core.settings.label_studio",
        "COLLECT_ANALYTICS": "False",
        "DEBUG": "0",
        "PYTHONPATH": str(package),
    }


def _answers(base: str) -> bool:
    try:
        return httpx.get(f"{base}/user/login/", timeout=10).status_code == 200
    except httpx.HTTPError:
        return False
