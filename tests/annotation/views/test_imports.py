"""The pages on which managers send files, look at what is in them, and have them imported."""

import io
import json
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from annotation.models import AuditEntry, Import, Membership, Prompt, Submission, Upload
from annotation.uploading import files, uploads
from annotation.uploading.working import work_off
from tests.annotation.interchange import many_rankings, ranking

PAGE = "/projects/tides/imports/"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.UPLOADS_DIR = tmp_path / "uploads"
    return settings.UPLOADS_DIR


@pytest.fixture
def manager(cast, client):
    client.force_login(cast.manager)
    return client


def file(*rows, name="rows.jsonl"):
    text = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    return SimpleUploadedFile(name, text.encode())


def send(web, sent, kind="rankings"):
    return web.post(PAGE, {"kind": kind, "file": sent})


def work():
    while work_off():
        pass


def text(reply):
    return reply.content.decode()


def page_of(web, upload):
    return text(web.get(f"{PAGE}{upload.pk}/"))


def looked_into(web, sent, kind="rankings"):
    reply = send(web, sent, kind)
    upload = Upload.objects.latest("pk")
    assert reply["Location"] == f"{PAGE}{upload.pk}/"
    work()
    upload.refresh_from_db()
    return upload


def test_a_file_is_looked_into_before_anything_is_written(cast, manager, folder):
    upload = looked_into(manager, file(*many_rankings(3)))
    assert upload.state == "ready"
    assert not Import.objects.exists()
    page = page_of(manager, upload)
    assert "Import 3 rows" in page
    assert "Question 0?" in page
    assert [path.name for path in folder.iterdir()] == [f"{upload.key.hex}.jsonl"]


def test_what_is_started_comes_in_and_the_file_goes(cast, manager, folder):
    upload = looked_into(manager, file(*many_rankings(3)))
    manager.post(f"{PAGE}{upload.pk}/start/")
    assert not Submission.objects.exists()
    work()
    upload.refresh_from_db()
    assert (upload.state, upload.outcome["rankings"]) == ("done", 3)
    assert Submission.objects.visible().filter(sealed=True).count() == 3
    assert list(folder.iterdir()) == []
    assert "<dt>New answers</dt><dd>3</dd>" in page_of(manager, upload)
    verbs = ["upload.received", "upload.started", "import.published", "upload.done"]
    entries = AuditEntry.objects.filter(verb__in=verbs).order_by("pk")
    assert list(entries.values_list("verb", flat=True)) == verbs
    assert entries[2].actor == f"user:{cast.manager.pk}"


def test_problems_are_counted_and_nothing_can_be_imported(manager):
    upload = looked_into(manager, file(ranking(), ranking(ranks=[1]), ranking(ranks=[2]), "{"))
    page = page_of(manager, upload)
    assert (upload.found["rows"], upload.found["bad"]) == (1, 3)
    assert "<code>ranks</code>" in page
    assert "malformed JSON at column" in page
    assert f"{PAGE}{upload.pk}/start/" not in page
    reply = manager.post(f"{PAGE}{upload.pk}/start/", follow=True)
    assert "Some rows cannot be imported" in text(reply)
    upload.refresh_from_db()
    assert upload.state == "ready"


def in_arabic(web, upload):
    web.cookies["django_language"] = "ar"
    return page_of(web, upload)


def test_problems_of_rows_are_told_in_the_readers_language(manager):
    upload = looked_into(
        manager,
        file(
            *(
                ranking(),
                ranking(ranks=[1]),
                ranking(unacceptable=[1, 2, 3, 4]),
                ranking(prompt=""),
            ),
            *("{", ranking(completions=[{"model": "m"}, {"text": "b"}])),
        ),
    )

    page = in_arabic(manager, upload)

    assert upload.found["bad"] == 5
    for words in (
        "يجب أن يكون قائمة من",  # a list of so many
        "unacceptable: يجب أن تكون قائمة من true وfalse.",
        "prompt: إنه فارغ.",
        "غير سليم عند العمود",  # malformed at this column
        "completions، رقم",  # number 1 of them
    ):
        assert words in page
    assert 'lang="en" dir="ltr"' not in page
    assert "must be" not in page


def test_what_a_file_holds_stays_as_it_is_in_every_language(manager):
    strange = ranking() | {"<b>a, b\u202e": 1}
    upload = looked_into(manager, file(strange))

    for page in (page_of(manager, upload), in_arabic(manager, upload)):
        assert "&lt;b&gt;a, b" in page
        assert "<b>" not in page
        assert "\u202e" not in page


def test_a_problem_that_no_template_says_stays_in_english(manager):
    upload = looked_into(manager, file(ranking(ranks=[1])))
    old = {"field": "ranks", "why": "ranks: all <wrong>.", "line": 1, "lines": 1}
    gone = old | {"template": "ranks: all %(how)s.", "values": {"how": "<wrong>"}}
    Upload.objects.update(found=upload.found | {"problems": [old, gone]})

    page = in_arabic(manager, upload)

    assert page.count('<span lang="en" dir="ltr">') == 2
    assert page.count("ranks: all &lt;wrong&gt;.") == 2


def test_columns_are_mapped_on_the_page(manager):
    sent = SimpleUploadedFile("q.csv", b"question,better,worse,x\nWhy?,Salt.,Fish.,1\n")
    upload = looked_into(manager, sent)
    assert upload.found["rows"] == 0
    form = {"column-0": "prompt", "column-1": "chosen", "column-2": "rejected", "column-3": ""}
    manager.post(f"{PAGE}{upload.pk}/columns/", form)
    work()
    upload.refresh_from_db()
    assert upload.columns == {"prompt": "question", "chosen": "better", "rejected": "worse"}
    assert (upload.found["rows"], upload.found["bad"]) == (1, 0)
    assert 'value="chosen" selected' in page_of(manager, upload)


def test_one_field_is_held_by_one_column(manager):
    upload = looked_into(manager, SimpleUploadedFile("q.csv", b"a,b\n1,2\n"), "prompts")
    reply = manager.post(
        f"{PAGE}{upload.pk}/columns/", {"column-0": "prompt", "column-1": "prompt"}
    )
    assert reply.status_code == 400
    assert "2 columns are taken for prompt" in text(reply)


def test_columns_can_be_left_out_without_renaming_any(manager):
    upload = looked_into(manager, SimpleUploadedFile("q.csv", b"prompt,b\nWhy?,2\n"), "prompts")
    manager.post(f"{PAGE}{upload.pk}/columns/", {"column-0": "prompt", "column-1": ""})
    work()
    manager.post(f"{PAGE}{upload.pk}/start/")
    work()
    assert Prompt.objects.get().metadata == {}


def test_the_same_file_again_is_said_to_be_there(manager):
    for _ in range(2):
        upload = looked_into(manager, file({"prompt": "Why?"}), "prompts")
        page = page_of(manager, upload)
        manager.post(f"{PAGE}{upload.pk}/start/")
        work()
    assert "The project holds this file already, since" in page
    assert "Nothing was added." in page_of(manager, upload)
    assert Prompt.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.zip", b"PK\x03\x04" + b"x" * 99, "no sound zip archive"),
        ("a.jsonl.gz", b"\x1f\x8b" + b"x" * 99, "Unpack it first"),
        ("a.csv", "prompt\nWhy?\n".encode("utf-16"), "Save it as UTF-8"),
        ("a.jsonl", b"", "The file is empty."),
    ],
)
def test_what_is_no_such_file_is_refused_at_once(manager, folder, name, content, words):
    reply = send(manager, SimpleUploadedFile(name, content))
    assert reply.status_code == 400
    assert words in text(reply)
    assert not Upload.objects.exists()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "state", "words"),
    [
        ("a.parquet", b"PAR1" + b"x" * 99, "failed", "is no sound Parquet file"),
        ("a.jsonl", b"\n\n", "failed", "It holds no rows."),
        ("a.csv", ",".join(map(str, range(10_000))).encode() + b"\n", "ready", "at most 200"),
        ("a.csv", "prompt\nÄpfel\n".encode("latin-1"), "ready", "not UTF-8 at byte 1"),
        ("a.csv", b'prompt\n"never ends', "ready", "malformed CSV"),
        ("a.jsonl", b"[" * 100_000, "ready", "nested too deeply"),
    ],
)
def test_what_a_worker_finds_broken_is_one_sentence_on_the_page(
    manager, folder, name, content, state, words
):
    upload = looked_into(manager, SimpleUploadedFile(name, content), "prompts")
    assert upload.state == state
    assert words in page_of(manager, upload)
    assert list(folder.iterdir()) == ([] if state == "failed" else [files.path_of(upload)])


def test_what_is_too_large_is_refused_and_none_of_it_stays(manager, folder, settings):
    settings.UPLOAD_MAX_BYTES = 2**20
    reply = send(manager, SimpleUploadedFile("a.jsonl", b"x" * (2**20 + 1)))
    assert reply.status_code == 400
    assert "larger than 1 MB" in text(reply)
    assert list(folder.iterdir()) == []


def test_a_file_of_somebody_without_the_role_is_never_read(cast, client, folder):
    client.force_login(cast.researcher)
    assert send(client, file(ranking())).status_code == 403
    assert not folder.exists()


def test_a_file_without_its_token_is_refused(cast, folder):
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.manager)
    client.get(PAGE)  # which brings the cookie
    assert send(client, file(ranking())).status_code == 403
    assert not Upload.objects.exists()
    assert list(folder.iterdir()) == []


def test_no_other_page_keeps_a_file(cast, client, folder):
    client.force_login(cast.manager)
    client.post("/projects/tides/data/", {"name": "x", "file": file(ranking())})
    assert not folder.exists()


def test_a_name_is_shown_and_never_used(manager, folder):
    name = "../../\u202eevil<b>.csv"
    upload = looked_into(manager, SimpleUploadedFile(name, b"prompt\nWhy?\n"), "prompts")
    assert [path.name for path in folder.iterdir()] == [f"{upload.key.hex}.csv"]
    assert "<b>" not in page_of(manager, upload)
    assert "<b>" not in text(manager.get(PAGE))


def test_what_waits_is_cancelled_and_its_file_deleted(manager, folder):
    upload = looked_into(manager, file(ranking()))
    reply = manager.post(f"{PAGE}{upload.pk}/cancel/", follow=True)
    assert "Cancelled. The file is deleted." in text(reply)
    upload.refresh_from_db()
    assert upload.state == "cancelled"
    assert list(folder.iterdir()) == []
    reply = manager.post(f"{PAGE}{upload.pk}/start/", follow=True)
    assert "This upload has moved on." in text(reply)


def test_one_import_runs_at_a_time(manager):
    first = looked_into(manager, file({"prompt": "Why?"}), "prompts")
    second = looked_into(manager, file({"prompt": "How?"}), "prompts")
    manager.post(f"{PAGE}{first.pk}/start/")
    reply = manager.post(f"{PAGE}{second.pk}/start/", follow=True)
    assert "Another file is being imported into this project." in text(reply)
    work()
    manager.post(f"{PAGE}{second.pk}/start/")
    work()
    assert set(Upload.objects.values_list("state", flat=True)) == {"done"}


def test_an_unfinished_import_by_command_is_in_the_way(cast, manager):
    upload = looked_into(manager, file(ranking()))
    Import.objects.create(
        project=cast.project, kind="prompts", file_name="old.jsonl", file_sha256="0", rows_total=9
    )
    reply = manager.post(f"{PAGE}{upload.pk}/start/", follow=True)
    assert "The import of old.jsonl is not finished (0 of 9 rows)." in text(reply)


def test_too_many_that_wait_are_refused(manager, monkeypatch):
    monkeypatch.setattr(uploads, "MAX_WAITING", 1)
    looked_into(manager, file(ranking()))
    reply = send(manager, file(ranking()))
    assert "1 files wait here already" in text(reply)
    assert Upload.objects.count() == 1


def test_who_loses_the_role_meanwhile_imports_nothing(cast, manager):
    upload = looked_into(manager, file(ranking()))
    manager.post(f"{PAGE}{upload.pk}/start/")
    Membership.objects.filter(user=cast.manager).delete()
    work()
    upload.refresh_from_db()
    assert upload.state == "failed"
    assert "is no manager here any more" in upload.error
    assert not Import.objects.exists()


def test_another_projects_upload_is_not_found(cast, manager):
    upload = looked_into(manager, file(ranking()))
    other = cast.project
    other.pk, other.slug = None, "other"
    other.save()
    Membership.objects.create(user=cast.manager, project=other, role="manager")
    assert manager.get(f"/projects/other/imports/{upload.pk}/").status_code == 404


def test_imports_that_came_another_way_are_listed(cast, manager):
    Import.objects.create(
        project=cast.project, kind="prompts", file_name="old.jsonl", file_sha256="0", rows_total=9
    )
    page = text(manager.get(PAGE))
    assert "old.jsonl" in page
    assert "not finished" in page


def test_an_import_of_an_upload_is_listed_once(manager):
    upload = looked_into(manager, file({"prompt": "Why?"}, name="only-once.jsonl"), "prompts")
    manager.post(f"{PAGE}{upload.pk}/start/")
    work()
    assert text(manager.get(PAGE)).count("only-once.jsonl") == 1


@pytest.mark.parametrize("count", [1, 6])
def test_the_list_asks_as_often_for_many_as_for_one(manager, count, django_assert_max_num_queries):
    for number in range(count):
        looked_into(manager, file({"prompt": f"Why {number}?"}), "prompts")
    with django_assert_max_num_queries(9):
        manager.get(PAGE)


def zip_of(**files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in files.items():
            archive.writestr(f"{name}.jsonl", data)
    return SimpleUploadedFile("set.zip", packed.getvalue())


def test_a_zip_comes_in_as_a_file_does(cast, manager, folder):
    rows = many_rankings(3)
    text_of = ["".join(json.dumps(row) + "\n" for row in part) for part in (rows[:2], rows[2:])]
    upload = looked_into(manager, zip_of(train=text_of[0], test=text_of[1]))
    assert (upload.state, upload.found["rows"]) == ("ready", 3)
    manager.post(f"{PAGE}{upload.pk}/start/")
    work()
    assert Submission.objects.visible().count() == 3
    assert list(folder.iterdir()) == []


def test_a_zip_without_rows_is_refused_as_it_is_sent(manager, folder):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("xl/workbook.xml", "<x/>")
    reply = send(manager, SimpleUploadedFile("sheet.xlsx", packed.getvalue()))
    assert reply.status_code == 400
    assert "holds no Parquet, JSON lines or CSV" in text(reply)
    assert list(folder.iterdir()) == []


def test_a_file_without_columns_to_choose_is_not_said_to_have_any(manager):
    header = ",".join(f"c{number}" for number in range(10_000))
    upload = looked_into(manager, SimpleUploadedFile("q.csv", f"{header}\n".encode()))
    page = page_of(manager, upload)
    assert "10,000 columns" in page
    assert "Say below which column holds what" not in page
    assert "Mend the rows and send the file again." in page


def test_columns_of_no_form_are_answered_with_the_fields_of_all(manager):
    sent = SimpleUploadedFile("q.csv", b"question,better,worse,who\nWhy?,Salt.,Fish.,a\n")
    upload = looked_into(manager, sent)
    (problem,) = upload.found["problems"]
    for field in ("chosen", "rejected", "completion", "label", "completions", "ranks", "prompt"):
        assert f" {field}" in problem["why"]
    assert "Say below which column holds what" in page_of(manager, upload)
