"""Chromium at a live server. Whatever a page says against itself fails the test that shows it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

from annotation.models import User
from tests.cast import PASSWORD, make_cast
from tests.services import needs_chromium

PATIENCE = 20_000  # ms, for a page on a busy machine
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = needs_chromium()
    # Playwright runs a loop in this thread, in which Django refuses to touch the database.
    patch = pytest.MonkeyPatch()
    patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()
    patch.undo()


@dataclass
class Visitor:
    """One person's browser, and all that it complained about."""

    base: str
    context: BrowserContext
    page: Page
    faults: list[str] = field(default_factory=list)

    def go(self, address: str) -> Page:
        self.page.goto(f"{self.base}{address}")
        return self.page

    def sign_in(self, name: str) -> Page:
        page = self.go("/accounts/login/")
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{self.base}/")
        return page

    def enter(self, user: User, address: str = "/") -> Page:
        """Come in with a session that was opened elsewhere."""
        client = Client()
        client.force_login(user)
        value = client.cookies[settings.SESSION_COOKIE_NAME].value
        self.context.add_cookies(
            [{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": self.base}]
        )
        return self.go(address)

    def lose_network(self) -> None:
        """Chromium says that the network is gone before its page knows it."""
        self.context.set_offline(True)
        self.page.wait_for_function("() => !navigator.onLine")

    def watch(self) -> None:
        """Note violations of the policy, errors of scripts, and requests to elsewhere."""
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on(
            "console",
            lambda message: (
                self.faults.append(f"console: {message.text}")
                if "Content Security Policy" in message.text
                else None
            ),
        )
        self.context.on("request", self._note_foreign)

    def _note_foreign(self, request: Request) -> None:
        if not request.url.startswith((self.base, "data:")):
            self.faults.append(f"request: {request.url}")


@pytest.fixture
def open_browser(chromium: Browser, live_server: Any) -> Iterator[Any]:
    """Opens one more browser; its options are those of a Playwright context."""
    visitors: list[Visitor] = []

    def make(**options: Any) -> Visitor:
        context = chromium.new_context(**options)
        visitor = Visitor(live_server.url, context, context.new_page())
        visitor.watch()
        visitors.append(visitor)
        return visitor

    yield make
    for visitor in visitors:
        visitor.context.close()
    assert [fault for visitor in visitors for fault in visitor.faults] == []


@pytest.fixture
def cast(transactional_db: None) -> Any:
    return make_cast(overlap=2)
