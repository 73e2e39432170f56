"""What the ranking screen costs a person: bytes, requests, and time, in Chromium.

    python -m benchmarks.page [--quick] [--json] [--tasks N] [--port PORT]

Serves a project of its own (SQLite in a temporary folder, the web server that ``serve`` starts,
nothing else beside it) and ranks tasks of four 150-word answers by keyboard. ``bytes`` and
``requests`` are a first visit's, everything over the wire, headers included; ``interactive_s``
runs from the request to the moment when a key has its effect; ``submit_to_next_s`` from the key
that submits to the same moment on the next task, after a pause for thought that is shorter than
any person's. Medians. Needs Chromium. ``benchmarks.item`` says what an answer costs the server.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from benchmarks._serving import new_site, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

GOALS = {"bytes": 150_000, "requests": 12, "interactive_s": 0.5, "submit_to_next_s": 0.12}
VISITS, QUICK_VISITS = 9, 3
THOUGHT = 1000  # ms between the last response placed and the review
# The rail draws the picked card's letter in its place as soon as a key has had its effect.
READY = "() => document.querySelector('#rail .rail-place') !== null"


def main() -> None:
    options = parse()
    with (
        new_site(options.tasks) as cookie,
        serving(options.port),
        chromium() as browser,
    ):
        figures = measure(browser, options, cookie)
    if not options.json:
        report(figures)
    print(json.dumps(figures))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="Fewer repeats.")
    parser.add_argument("--json", action="store_true", help="Print the JSON line alone.")
    parser.add_argument("--tasks", type=int, default=60)
    parser.add_argument("--port", type=int, default=8765)
    options = parser.parse_args()
    options.visits = QUICK_VISITS if options.quick else VISITS
    return options


@contextmanager
def chromium() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        sys.exit("Chromium is absent: install it, or set CHROMIUM to its path.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


def measure(browser: Browser, options: argparse.Namespace, cookie: str) -> dict[str, Any]:
    base = f"http://127.0.0.1:{options.port}"
    address = claim(browser, base, cookie)
    first = [visit(browser, base, cookie, address) for _ in range(options.visits)]
    following = rank(browser, base, cookie, address, 3 * options.visits)
    return {
        "bytes": int(statistics.median(each["bytes"] for each in first)),
        "requests": int(statistics.median(each["requests"] for each in first)),
        "interactive_s": round(statistics.median(each["interactive_s"] for each in first), 4),
        "submit_to_next_s": round(statistics.median(following), 4),
    }


def new_page(browser: Browser, base: str, cookie: str) -> Page:
    from django.conf import settings

    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": base}])
    return context.new_page()


def claim(browser: Browser, base: str, cookie: str) -> str:
    """Take the first task; its address."""
    page = new_page(browser, base, cookie)
    page.goto(f"{base}/projects/tides/rank/")
    page.get_by_role("button", name="Start").click()
    page.wait_for_function(READY)
    address = page.url
    page.context.close()
    return address


def visit(browser: Browser, base: str, cookie: str, address: str) -> dict[str, float]:
    """A first visit with an empty cache."""
    page = new_page(browser, base, cookie)
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    sizes: list[float] = []
    wire.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    started = time.perf_counter()
    page.goto(address, wait_until="commit")
    page.wait_for_function(READY)
    interactive = time.perf_counter() - started
    page.wait_for_load_state("networkidle")
    page.context.close()
    return {"bytes": sum(sizes), "requests": len(sizes), "interactive_s": interactive}


def rank(browser: Browser, base: str, cookie: str, address: str, items: int) -> list[float]:
    """Seconds from each submission to the next task's first key."""
    page = new_page(browser, base, cookie)
    page.goto(address)
    page.wait_for_function(READY)
    seconds = []
    for _ in range(items):
        for key in "abcd":
            page.keyboard.press(key)
        page.wait_for_timeout(THOUGHT)
        page.keyboard.press("Enter")
        page.wait_for_selector("#review[open]")
        before = page.url
        started = time.perf_counter()
        page.keyboard.press("Enter")
        page.wait_for_function(
            "before => location.href !== before && document.querySelector('.rail-place') !== null",
            arg=before,
        )
        seconds.append(time.perf_counter() - started)
    page.context.close()
    return seconds


def report(figures: dict[str, Any]) -> None:
    for name, figure in figures.items():
        goal = GOALS.get(name)
        said = f"  (at most {goal:,})" if goal is not None else ""
        print(f"{name:<18}{figure:>12,}{said}")


if __name__ == "__main__":
    main()
