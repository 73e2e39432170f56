"""A file's whole way in, in Chromium: sent, looked into, mapped, started, watched, cancelled."""

import json

import pytest
from playwright.sync_api import expect

from annotation import tasks
from annotation.models import Import, Submission, Upload
from annotation.uploading.leases import claim
from annotation.uploading.working import work_off
from tests.browser.test_pages import check

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PAGE = "/projects/tides/imports/"
CSV = "question,better,worse\n" + "".join(
    f"Why is sea {n} salty?,Rivers carry salt {n}.,Fish {n}.\n" for n in range(30)
)


@pytest.fixture(autouse=True)
def folder(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(tasks.take_in, "apply_async", lambda **call: None)
    settings.UPLOADS_DIR = tmp_path / "uploads"
    return settings.UPLOADS_DIR


def send(page, name, content, kind="What was judged elsewhere"):
    page.get_by_label(kind).check()
    page.get_by_label("File", exact=True).set_input_files(
        {"name": name, "mimeType": "text/plain", "buffer": content.encode()}
    )
    page.get_by_role("button", name="Send, and look into it").click()


def work():
    while work_off():
        pass


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_file_goes_its_whole_way_on_the_page(open_browser, cast, folder, scheme):
    page = open_browser(color_scheme=scheme).enter(cast.manager, "/projects/tides/")
    page.get_by_role("link", name="Import prompts or what was judged elsewhere").click()
    check(page)
    send(page, "pairs.csv", CSV)
    expect(page.get_by_text("Waiting for a worker").first).to_be_visible()
    check(page)

    work()
    expect(page.get_by_role("cell", name="unknown field").first).to_be_visible()
    expect(page.get_by_role("button", name="Import")).to_have_count(0)
    for column, held in (("question", "prompt"), ("better", "chosen"), ("worse", "rejected")):
        page.get_by_role("combobox", name=column).select_option(held)
    check(page)
    page.get_by_role("button", name="Look into it again by these columns").click()
    work()
    expect(page.get_by_text("Rivers carry salt 0.").first).to_be_visible()
    check(page)
    assert not Import.objects.exists()

    page.get_by_role("button", name="Import 30 rows").click()
    lease = claim()
    lease.report("Storing", 15, 30)
    bar = page.get_by_role("progressbar", name="Storing the rows")
    expect(bar).to_have_attribute("value", "50")
    check(page)
    lease.release()
    work()
    expect(page.locator(".import-now")).to_contain_text("New answers")
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    check(page)
    assert Submission.objects.visible().count() == 30
    assert list(folder.iterdir()) == []


def test_it_works_without_javascript(open_browser, cast):
    page = open_browser(java_script_enabled=False).enter(cast.manager, PAGE)
    send(page, "prompts.jsonl", json.dumps({"prompt": "Why?"}), "Prompts, with or without")
    expect(page.get_by_text("Reload the page to see how far it has come.")).to_be_visible()
    work()
    page.reload()
    page.get_by_role("button", name="Import 1 row").click()
    work()
    page.reload()
    expect(page.locator(".import-now")).to_contain_text("New prompts")


def test_an_import_that_runs_is_cancelled_and_nothing_is_left(open_browser, cast, folder):
    page = open_browser().enter(cast.manager, PAGE)
    send(page, "prompts.jsonl", json.dumps({"prompt": "Why?"}), "Prompts, with or without")
    work()
    page.get_by_role("button", name="Import 1 row").click()
    page.get_by_role("button", name="Cancel, and remove what is stored").click()
    work()
    expect(page.locator(".import-now")).to_contain_text("Cancelled")
    assert Upload.objects.get().state == "cancelled"
    assert not Import.objects.exists()
    assert list(folder.iterdir()) == []


def test_a_file_that_is_too_large_is_not_even_sent(open_browser, cast, settings):
    settings.UPLOAD_MAX_BYTES = 2**20
    page = open_browser().enter(cast.manager, PAGE)
    send(page, "a.jsonl", "x" * (2**20 + 1))
    message = page.get_by_label("File", exact=True).evaluate("each => each.validationMessage")
    assert "larger than 1 MB" in message
    expect(page).to_have_url(f"{page.url}")
    assert not Upload.objects.exists()


def test_what_is_refused_is_said_beside_the_file(open_browser, cast):
    page = open_browser().enter(cast.manager, PAGE)
    send(page, "a.zip", "PK\x03\x04 and so on")
    expect(page.locator("#id_file_error")).to_contain_text("no sound zip archive")
    check(page)
