"""What one answer costs the server: the next task and the submission, beside Label Studio.

    python -m benchmarks.item [--quick] [--json] [--items N] [--port PORT]

One person ranks tasks of four 150-word answers over HTTP, with the requests that our page sends:
the next task fetched ahead, with its texts written out, and the submission; ``draft_cpu_s`` is what
keeping a draft costs besides. The same client asks Label Studio for its next task and submits. Both
are served by the same server on SQLite, and take turns. ``server_cpu_s`` is the processor time of
all its processes by item, the median of the turns; ``peer_cpu_s`` the same of the peer, and
``ratio`` the peer's by ours. Alone with --quick, or where the peer cannot be installed.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import statistics
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import httpx

from benchmarks._serving import cpu_seconds, new_site, serving

GOALS = {"server_cpu_s": 0.012}
TURNS, WARM = 5, 1
UID = re.compile(r'data-uid="([^"]+)"')
KEY = re.compile(r'name="key" value="([^"]+)"')


def main() -> None:
    options = parse()
    logging.disable(logging.INFO)  # that of every request
    items = options.items * (TURNS + WARM)
    with new_site(2 * items + 10) as cookie, ExitStack() as stack:
        server = stack.enter_context(serving(options.port))
        person = Person(f"http://127.0.0.1:{options.port}", cookie)
        sides = {"server_cpu_s": (server, person.item), "drafted": (server, person.drafted_item)}
        if not options.quick:
            add_peer(sides, stack, options.port + 1, items)
        figures = measure(sides, options.items)
    if not options.json:
        report(figures)
    print(json.dumps(figures))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="Without the peer, fewer items.")
    parser.add_argument("--json", action="store_true", help="Print the JSON line alone.")
    parser.add_argument("--items", type=int, default=30, help="In a turn; there are five.")
    parser.add_argument("--port", type=int, default=8765)
    options = parser.parse_args()
    options.items = min(options.items, 10) if options.quick else options.items
    return options


Side = tuple[subprocess.Popen[bytes], Callable[[], None]]


def add_peer(sides: dict[str, Side], stack: ExitStack, port: int, tasks: int) -> None:
    from benchmarks.side_by_side.label_studio import label_studio

    try:
        server, person = stack.enter_context(label_studio(port, tasks + 1))
    except SystemExit as refusal:
        print(f"{refusal}\nMeasured alone.", file=sys.stderr)
    else:
        sides["peer_cpu_s"] = (server, person.item)


def measure(sides: dict[str, Side], items: int) -> dict[str, float]:
    """Let the sides work in turns; the median of each one's seconds by item."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(WARM + TURNS):
        for name, (server, item) in sides.items():
            before = cpu_seconds(server)
            for _ in range(items):
                item()
            seconds[name].append((cpu_seconds(server) - before) / items)
    found = {name: statistics.median(each[WARM:]) for name, each in seconds.items()}
    found["draft_cpu_s"] = found.pop("drafted") - found["server_cpu_s"]
    if "peer_cpu_s" in found:
        found["ratio"] = found["peer_cpu_s"] / found["server_cpu_s"]
    return {name: round(figure, 4) for name, figure in found.items()}


class Person:
    """Asks and answers as the ranking page's script does."""

    def __init__(self, base: str, cookie: str) -> None:
        headers = {"Origin": base, "Accept": "application/json"}
        self.client = httpx.Client(base_url=base, headers=headers, timeout=60)
        self.client.cookies.set("sessionid", cookie)
        self.client.get("/projects/tides/rank/", headers={"Accept": "text/html"})
        begun = self._post("/projects/tides/rank/", {}, headers={"Accept": "text/html"})
        self.address = begun.headers["location"]
        self.page = self.client.get(self.address, headers={"Accept": "text/html"}).text

    def item(self) -> None:
        """The next task fetched ahead, and the answer to the one in hand."""
        told = self._following()
        self._submit(told)

    def drafted_item(self) -> None:
        """The same, the answer kept as a draft before."""
        told = self._following()
        assignment = self.address.strip("/").rpartition("/")[2]
        draft = {"ranks": self._ranks(), "placed": list(self._ranks()), "comment": "", "labels": {}}
        reply = self.client.put(
            f"/api/v1/assignments/{assignment}/draft/",
            json=draft,
            headers={"X-CSRFToken": self._token()},
        )
        reply.raise_for_status()
        self._submit(told)

    def _following(self) -> dict[str, Any]:
        told: dict[str, Any] = self._post("/projects/tides/rank/following/", {"ready": ""}).json()
        return told

    def _submit(self, told: dict[str, Any]) -> None:
        places = {f"place-{uid}": str(rank) for uid, rank in self._ranks().items()}
        steps = {f"step-{number}": "" for number in (1, 2, 3)}
        (key,) = KEY.findall(self.page)
        said = {"key": key, "comment": "", "ready": told["ready"], **places, **steps}
        reply = self._post(self.address, said).json()
        if reply["next"] != told["address"] or "told" not in reply:
            sys.exit(f"The task fetched ahead was not the next one: {reply}")
        self.page, self.address = told["page"], told["address"]

    def _ranks(self) -> dict[str, int]:
        return {uid: rank for rank, uid in enumerate(UID.findall(self.page), start=1)}

    def _post(self, address: str, fields: dict[str, str], **options: Any) -> httpx.Response:
        fields |= {"csrfmiddlewaretoken": self._token()}
        return self.client.post(address, data=fields, **options)

    def _token(self) -> str:
        return self.client.cookies["csrftoken"]


def report(figures: dict[str, float]) -> None:
    for name, figure in figures.items():
        goal = GOALS.get(name)
        said = f"  (at most {goal:,})" if goal is not None else ""
        print(f"{name:<18}{figure:>12,}{said}")


if __name__ == "__main__":
    main()
