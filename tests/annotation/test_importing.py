"""Files come in whole or not at all, once, and go on where they were cut off."""

import json
import os

import pytest
from django.db import connection

from annotation import guidelines, importing, queue
from annotation.errors import Conflict, Invalid
from annotation.exporting import export
from annotation.importing import Options, import_prompts, import_rankings, runs
from annotation.importing.batches import Pace, in_memory
from annotation.importing.checking import check
from annotation.importing.kinds import RankingIntake
from annotation.models import (
    Annotator,
    Assignment,
    Completion,
    GuidelineVersion,
    Import,
    Pair,
    Project,
    Prompt,
    Submission,
    Task,
    TaskCompletion,
)
from annotation.prompts import add_many
from tests.annotation.interchange import (
    PROMPT,
    TEXTS,
    completions,
    many_rankings,
    ranking,
    write,
)
from tests.cast import make_cast

pytestmark = pytest.mark.django_db
CREATE = Options(create=True)


@pytest.fixture
def cast():
    return make_cast()


@pytest.fixture
def file(tmp_path):
    """Writes rows to a file with a name."""

    def write_rows(*rows, name="rows.jsonl"):
        return write(tmp_path / name, rows)

    return write_rows


def stored():
    """How much there is of everything that an import stores."""
    tables = (Project, Import, Prompt, Completion, Task, TaskCompletion, Annotator)
    return [table.objects.count() for table in (*tables, Assignment, Submission, Pair)]


# --- prompts --------------------------------------------------------------------------------


def test_prompts_with_completions_become_tasks_for_people(cast, file):
    rows = [
        {"prompt": PROMPT, "completions": completions(), "metadata": {"topic": "sea"}},
        {"prompt": "Later?"},
    ]
    outcome = import_prompts(file(*rows), "tides")
    assert (outcome.prompts, outcome.completions, outcome.tasks) == (2, 4, 1)
    assignment, _ = queue.claim(cast.judge)
    slots = assignment.task.slots.select_related("completion__source")
    assert [slot.completion.text for slot in slots] == list(TEXTS)
    assert {slot.completion.source.name for slot in slots} == {"model-a"}
    assert assignment.task.prompt.metadata == {"topic": "sea"}


def test_a_csv_file_has_a_column_prompt_and_the_rest_is_metadata(cast, file):
    path = file("topic,prompt", 'sea,"Why, then,', 'is it salty?"', name="prompts.csv")
    import_prompts(path, "tides")
    prompt = Prompt.objects.get()
    assert prompt.messages == [{"role": "user", "content": "Why, then,\nis it salty?"}]
    assert prompt.metadata == {"topic": "sea"}


def test_blank_lines_and_a_byte_order_mark_are_no_rows(cast, file):
    path = file(b"\xef\xbb\xbf" + json.dumps({"prompt": PROMPT}).encode(), b"", b"  ")
    assert import_prompts(path, "tides").rows == 1


def test_the_same_prompts_in_another_file_add_nothing(cast, file):
    row = {"prompt": PROMPT, "completions": completions()}
    import_prompts(file(row), "tides")
    before = stored()
    outcome = import_prompts(file(row, row, name="more.jsonl"), "tides")
    assert (outcome.prompts, outcome.completions, outcome.tasks) == (0, 0, 0)
    assert stored()[2:] == before[2:]


def test_a_row_that_came_over_http_adds_nothing(cast, file):
    row = {"prompt": PROMPT, "completions": completions()}
    add_many(cast.project, [row], by=cast.manager)
    outcome = import_prompts(file(row), "tides")
    assert (outcome.prompts, outcome.completions, outcome.tasks) == (0, 0, 0)


def test_any_row_of_a_prompt_may_bring_its_metadata(cast, file, monkeypatch):
    monkeypatch.setattr(Pace, "rows", lambda self: 1)
    import_prompts(file({"prompt": PROMPT}, {"prompt": PROMPT, "metadata": {"a": 1}}), "tides")
    assert Prompt.objects.get().metadata == {"a": 1}


def test_people_who_have_passed_the_end_of_the_queue_still_get_what_comes_in(cast, file):
    assert queue.claim(cast.judge) == (None, False)
    import_prompts(file({"prompt": PROMPT, "completions": completions()}), "tides")
    assert queue.claim(cast.judge)[1]


# --- rankings -------------------------------------------------------------------------------


def test_a_ranking_is_stored_whole_and_sealed(cast, file):
    row = ranking(annotator="ann", id="r1", seconds=2.5, comment="Hm.", strengths=[2, 1])
    outcome = import_rankings(file(row), "tides")
    assert outcome.rankings == 1
    submission = Submission.objects.counted().get()
    assert (submission.annotator.pseudonym, submission.annotator.kind) == ("ann", "imported")
    assert (submission.external_id, submission.seconds, submission.comment) == ("r1", 2.5, "Hm.")
    assert submission.origin == "import"
    items = submission.ranking.items.order_by("completion_id").select_related("completion")
    assert [item.completion.text for item in items] == list(TEXTS)
    assert [item.rank for item in items] == [1, 2, 2, 4]
    margins = submission.ranking.pairs.values_list("winner__text", "loser__text", "margin")
    assert set(margins) == {
        (TEXTS[0], TEXTS[1], 2),
        (TEXTS[0], TEXTS[2], 2),
        (TEXTS[0], TEXTS[3], 3),
        (TEXTS[1], TEXTS[3], 1),
        (TEXTS[2], TEXTS[3], 1),
    }


def test_a_files_order_is_the_one_shown_only_where_it_says_so(cast, file):
    for name, said in {"told": True, "untold": ..., "denied": False, "null": None}.items():
        import_rankings(file(ranking(annotator=name, shown=said)), "tides")
    orders = dict(Submission.objects.values_list("annotator__pseudonym", "order"))
    slots = Task.objects.get().slots.values_list("completion", flat=True)
    told = orders.pop("told")
    assert told == list(slots)
    assert orders == dict.fromkeys(("untold", "denied", "null"))


def test_rankings_of_one_choice_share_a_task_that_nobody_is_asked_to_judge(cast, file):
    rows = [ranking(annotator="ann"), ranking(annotator="bob"), ranking(), ranking()]
    import_rankings(file(*rows), "tides")
    task = Task.objects.get()
    assert (task.wanted, task.taken) == (4, 4)
    names = Submission.objects.order_by("pk").values_list("annotator__pseudonym", flat=True)
    assert list(names) == ["ann", "bob", "unnamed-1", "unnamed-2"]
    assert queue.claim(cast.judge) == (None, False)


def test_a_later_file_adds_to_the_task_of_an_earlier_one(cast, file):
    import_rankings(file(ranking(annotator="ann"), ranking(), name="a.jsonl"), "tides")
    later = [ranking(annotator="bob"), ranking(ranks=[4, 3, 2, 1])]
    assert import_rankings(file(*later, name="b.jsonl"), "tides").rankings == 2
    task = Task.objects.get()
    assert (task.wanted, task.taken) == (4, 4)


def test_a_second_ranking_by_one_annotator_goes_to_a_second_task(cast, file):
    rows = [ranking(annotator="ann"), ranking(annotator="ann", ranks=[4, 3, 2, 1])]
    import_rankings(file(*rows), "tides")
    first, second = Submission.objects.order_by("pk")
    assert first.task != second.task
    assert set(first.task.completions.all()) == set(second.task.completions.all())


def test_the_same_rankings_in_another_file_add_nothing(cast, file):
    rows = [
        *(ranking(), ranking(), ranking(annotator="ann"), ranking(annotator="ann")),
        ranking(id="x", ranks=[4, 3, 2, 1]),
    ]
    import_rankings(file(*rows, name="a.jsonl"), "tides")
    before = stored()
    outcome = import_rankings(file(*reversed(rows), name="b.jsonl"), "tides")
    assert outcome.rankings == 0
    assert stored()[2:] == before[2:]


def test_a_ranking_more_of_the_same_content_is_a_ranking_more(cast, file):
    import_rankings(file(ranking(), name="a.jsonl"), "tides")
    assert import_rankings(file(ranking(), ranking(), name="b.jsonl"), "tides").rankings == 1


def test_an_id_that_comes_twice_with_the_same_content_counts_once(cast, file):
    assert import_rankings(file(ranking(id="a"), ranking(id="a")), "tides").rankings == 1


def test_rankings_that_differ_by_their_ids_only_are_different_rankings(cast, file):
    rows = [ranking(id="a"), ranking(id="b"), ranking()]
    assert import_rankings(file(*rows), "tides").rankings == 3


def test_imported_rankings_keep_apart_from_the_tasks_of_people(cast, file):
    import_prompts(file({"prompt": PROMPT, "completions": completions()}), "tides")
    import_rankings(file(ranking(), name="r.jsonl"), "tides")
    offered, judged = Task.objects.order_by("pk")
    assert (offered.taken, offered.wanted) == (0, 1)
    assert (judged.taken, judged.wanted) == (1, 1)
    assert Completion.objects.count() == 4
    assert queue.claim(cast.judge)[0].task == offered


def test_identical_completions_of_one_model_are_told_apart(cast, file):
    row = ranking(texts=("a", "a", "b", "c"), ranks=[1, 1, 3, 4])
    import_rankings(file(row, row), "tides")
    assert Completion.objects.count() == 4


def test_a_guideline_that_is_not_known_gets_a_version_without_a_text(cast, file):
    import_rankings(file(ranking(guideline="2021-03"), ranking(guideline="v1")), "tides")
    unknown = GuidelineVersion.objects.get(label="2021-03")
    assert (unknown.body, unknown.published_at) == ("", None)
    assert guidelines.in_force(cast.project).label == "v1"


# --- the project ----------------------------------------------------------------------------


def test_create_makes_a_project_that_people_can_work_in(file):
    import_prompts(file({"prompt": PROMPT, "completions": completions()}), "river-deltas", CREATE)
    project = Project.objects.get(slug="river-deltas")
    assert project.name == "River deltas"
    judge = Annotator.objects.create(project=project)
    assert queue.claim(judge)[1]


def test_the_guideline_of_a_made_project_is_not_taken_for_one_that_a_file_names(file):
    import_rankings(file(ranking(guideline="v1")), "made", CREATE)
    assert Submission.objects.get().guideline.body == ""
    assert guidelines.in_force(Project.objects.get()).label != "v1"


def test_a_project_that_is_absent_is_refused(file):
    with pytest.raises(Invalid, match=r"no project 'nowhere'.*--create"):
        import_prompts(file({"prompt": PROMPT}), "nowhere")
    assert not Project.objects.exists()


@pytest.mark.parametrize("slug", ["two words", "", "a" * 81, "é/"])
def test_a_project_that_cannot_be_made_is_refused(file, slug):
    with pytest.raises(Invalid, match="cannot be a project's short name"):
        import_prompts(file({"prompt": PROMPT}), slug, CREATE)


# --- what is refused ------------------------------------------------------------------------

GOOD = {"prompt": "Good?"}
BAD_FILES = {
    "malformed JSON": ([GOOD, '{"prompt": "x"'], "rows.jsonl, line 2: malformed JSON at column"),
    "not UTF-8": ([GOOD, b'{"prompt": "\xff"}'], "line 2: not UTF-8 at byte 13"),
    "not a number": (['{"prompt": "x", "metadata": {"a": NaN}}'], "line 1: NaN is not a number"),
    "infinite": (['{"prompt": "x", "metadata": {"a": 1e999}}'], "line 1: 1e999 is too great"),
    "a field twice": (['{"prompt": "x", "prompt": "y"}'], "line 1: prompt: the field is there"),
    "half a surrogate": (['{"prompt": "\\ud800"}'], "line 1: prompt: message 1 holds half"),
    "a null character": (['{"prompt": "\\u0000"}'], "line 1: prompt: message 1 holds a null"),
    "nested too deeply": (["[" * 100_000], "line 1: malformed JSON"),
    "a huge number": (['{"prompt": ' + "1" * 5000 + "}"], "line 1: malformed JSON"),
    "several": ([{}, GOOD, {}, {}], "line 1: prompt: it is missing. And 2 more lines with"),
    "other metadata": (
        [{**GOOD, "metadata": {"a": 1}}, GOOD, {**GOOD, "metadata": {"a": 2}}],
        "line 3: metadata: line 1 gives the same prompt other metadata",
    ),
    "nothing": ([], "rows.jsonl holds no rows"),
}


@pytest.mark.parametrize(("rows", "words"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_refused_and_nothing_is_written(cast, file, rows, words):
    before = stored()
    with pytest.raises(Invalid) as refusal:
        import_prompts(file(*rows), "tides")
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert stored() == before


BAD_CSV = {
    "no column prompt": (["text", "a"], "line 2: prompt: no column has this name"),
    "completions": (["prompt,completions", "a,b"], "line 2: completions: b is no JSON"),
    "one name twice": (["prompt,a,a", "x,1,2"], "line 1: two columns have the same name"),
    "too many cells": (["prompt", "a", "b,c"], "line 3: 2 cells, but the first line names 1"),
    "open quotation": (["prompt", '"a'], "line 2: malformed CSV"),
    "not UTF-8": ([b"prompt", b"\xff"], "line 2: not UTF-8 at byte 1"),
}


@pytest.mark.parametrize(("lines", "words"), BAD_CSV.values(), ids=BAD_CSV)
def test_a_bad_csv_file_is_refused(cast, file, lines, words):
    with pytest.raises(Invalid) as refusal:
        import_prompts(file(*lines, name="rows.csv"), "tides")
    assert words in str(refusal.value)
    assert not Import.objects.exists()


def test_a_line_without_end_is_refused_without_being_held_in_memory(cast, tmp_path, monkeypatch):
    monkeypatch.setattr("annotation.importing.files.MAX_LINE", 1000)
    path = write(tmp_path / "rows.jsonl", ["x" * 5000, {"prompt": "Good?"}, "{"])
    with pytest.raises(Invalid, match=r"line 1: longer than .* And 1 more line with problems"):
        import_prompts(path, "tides")


def test_what_can_be_read_only_once_is_refused(cast, tmp_path):
    os.mkfifo(tmp_path / "pipe.jsonl")
    writer = os.open(tmp_path / "pipe.jsonl", os.O_RDWR)
    with pytest.raises(Invalid, match="Save it as a file first"):
        import_prompts(tmp_path / "pipe.jsonl", "tides")
    os.close(writer)


def test_an_id_that_comes_twice_with_other_content_is_refused(cast, file):
    rows = [ranking(id="a"), ranking(id="a", ranks=[4, 3, 2, 1])]
    with pytest.raises(Invalid, match="line 2: id: a stands on line 1 as well"):
        import_rankings(file(*rows), "tides")


def test_an_id_that_is_stored_with_other_content_is_refused(cast, file):
    import_rankings(file(ranking(id="a"), name="a.jsonl"), "tides")
    with pytest.raises(Invalid, match="line 1: id: a is in the project already"):
        import_rankings(file(ranking(id="a", ranks=[4, 3, 2, 1])), "tides")


def test_a_file_cannot_speak_in_the_name_of_a_person(cast, file):
    name = cast.judge.pseudonym
    with pytest.raises(Invalid, match=f"line 1: annotator: {name} judges in this project"):
        import_rankings(file(ranking(annotator=name)), "tides")


def test_a_prompt_keeps_the_metadata_that_it_has(cast, file):
    import_prompts(file({"prompt": PROMPT}), "tides")
    with pytest.raises(Invalid, match="line 1: metadata: the project has this prompt already"):
        import_rankings(file(ranking(metadata={"a": 1}), name="r.jsonl"), "tides")


def test_a_file_that_changes_while_it_is_read_is_refused_and_not_shown(cast, file, monkeypatch):
    path = file({"prompt": PROMPT}, {"prompt": "Other?"})

    def check_and_change(*args):
        rows = check(*args)
        write(path, [{"prompt": PROMPT}, {"prompt": "Changed?"}])
        return rows

    monkeypatch.setattr(runs, "check", check_and_change)
    with pytest.raises(Invalid, match="was changed while it was read"):
        import_prompts(path, "tides")
    assert not Prompt.objects.visible().exists()


# --- interruptions --------------------------------------------------------------------------


class Killed(BaseException):
    """The process ends here."""


class Statements:
    """Counts statements, and ends the process at the ``last`` one."""

    def __init__(self, last=None):
        self.count, self.last = 0, last

    def __call__(self, execute, *args):
        self.count += 1
        if self.count == self.last:
            raise Killed
        return execute(*args)


INTERRUPTED_ROWS = [
    *many_rankings(4),
    *(ranking(annotator="ann"), ranking(), ranking(), ranking(annotator="ann")),
    ranking(id="x", guideline="old", metadata={"a": [1]}),
]


def content_of(project, tmp_path):
    export(project, "rankings", tmp_path / "out.jsonl")
    return (tmp_path / "out.jsonl").read_bytes()


def test_an_import_that_is_killed_at_any_statement_goes_on_and_adds_nothing_twice(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(Pace, "rows", lambda self: 3)
    path = write(tmp_path / "rows.jsonl", INTERRUPTED_ROWS)
    statements = Statements()
    with connection.execute_wrapper(statements):
        import_rankings(path, "whole", CREATE)
    whole = Project.objects.get(slug="whole")
    for last in range(1, statements.count, 3):
        slug = f"cut-{last}"
        with pytest.raises(Killed), connection.execute_wrapper(Statements(last)):
            import_rankings(path, slug, CREATE)
        cut = Project.objects.filter(slug=slug).first()
        shown = Submission.objects.counted().filter(project=cut).count()
        assert shown in (0, len(INTERRUPTED_ROWS))
        assert shown or not Prompt.objects.visible().filter(project=cut).exists()
        import_rankings(path, slug, CREATE)
        cut = Project.objects.get(slug=slug)
        assert content_of(cut, tmp_path) == content_of(whole, tmp_path)
        assert cut.tasks.count() == whole.tasks.count()
        assert guidelines.in_force(cut) is not None


@pytest.fixture
def unfinished(cast, file, monkeypatch):
    """An import of rankings that was cut off after its first two rows."""
    path = file(
        ranking(annotator="ann", ranks=[4, 3, 2, 1], id="a"),
        *many_rankings(5),
        name="unfinished.jsonl",
    )
    cut_off(path, monkeypatch)
    return path


def cut_off(path, monkeypatch, *, after=2):
    batches: list[int] = []
    store = runs._store_batch

    def store_some(run, *args):
        if len(batches) == after:
            raise Killed
        batches.append(1)
        store(run, *args)

    with monkeypatch.context() as patch:
        patch.setattr(Pace, "rows", lambda self: 1)
        patch.setattr(runs, "_store_batch", store_some)
        with pytest.raises(Killed):
            import_rankings(path, "tides")


def test_nothing_of_an_unfinished_import_is_seen(cast, unfinished):
    assert Import.objects.get().rows_done == 2
    assert Submission.objects.count() == 2
    assert not Submission.objects.visible().exists()
    assert not Prompt.objects.visible().exists()
    assert queue.claim(cast.judge) == (None, False)


def test_another_file_waits_for_an_unfinished_import(cast, unfinished, file):
    with pytest.raises(Conflict, match=r"unfinished.jsonl .* \(2 of 6 rows\).*--drop-unfinished"):
        import_rankings(file(ranking()), "tides")
    assert import_rankings(unfinished, "tides").rankings == 6
    assert import_rankings(file(ranking()), "tides").rankings == 1


def test_an_unfinished_import_can_be_dropped_without_a_trace(cast, unfinished, file):
    row = ranking(annotator="ann", id="a")
    outcome = import_rankings(file(row), "tides", Options(drop_unfinished=True))
    assert (outcome.prompts, outcome.completions, outcome.rankings) == (1, 4, 1)
    assert [one.file_name for one in Import.objects.all()] == ["rows.jsonl"]
    assert Prompt.objects.count() == Task.objects.count() == Submission.objects.count() == 1


def test_dropping_leaves_the_places_of_a_task_from_before_as_they_were(cast, file, monkeypatch):
    import_rankings(file(ranking(annotator="ann"), name="a.jsonl"), "tides")
    more = file(ranking(annotator="bob"), ranking(), name="b.jsonl")
    cut_off(more, monkeypatch, after=1)
    assert Task.objects.get().wanted == 2
    import_rankings(file(ranking("Other?")), "tides", Options(drop_unfinished=True))
    task = Task.objects.order_by("pk").first()
    assert (task.wanted, task.taken) == (1, 1)


def test_an_import_that_lacks_only_its_seal_is_finished_by_the_next_one(cast, file, monkeypatch):
    def killed(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(runs, "seal_all", killed)
        with pytest.raises(Killed):
            import_rankings(file(ranking(annotator="ann"), name="a.jsonl"), "tides")
    assert not Submission.objects.counted().exists()
    import_rankings(file(ranking("Other?")), "tides", Options(drop_unfinished=True))
    assert Submission.objects.counted().count() == 2


def test_of_two_processes_with_one_file_only_one_goes_on(cast, unfinished, monkeypatch):
    run = Import.objects.get()
    import_rankings(unfinished, "tides")
    with pytest.raises(Conflict, match="Another process has taken over"):
        runs._store_batch(run, RankingIntake(), [])


def test_a_bad_file_drops_no_unfinished_import(cast, unfinished, file):
    with pytest.raises(Invalid):
        import_rankings(file({}), "tides", Options(drop_unfinished=True))
    assert import_rankings(unfinished, "tides").rankings == 6


def test_a_file_that_is_in_already_is_not_read_again(cast, file):
    path = file(ranking())
    import_rankings(path, "tides")
    before = stored()
    outcome = importing.import_rankings(path, "tides")
    assert outcome.imported_before
    assert outcome.rankings == 0
    assert stored() == before


def test_an_import_makes_tasks_of_every_kind(cast, file):
    rows = [
        {"prompt": "Name a book.", "kind": "write"},
        {"prompt": "Name a book.", "kind": "write", "completions": completions("Tides")},
        {"prompt": "Name a book.", "kind": "thumbs", "completions": completions("Tides")},
        {"prompt": "Name a book.", "kind": "compare", "completions": completions("A", "B")},
        {"prompt": "Name a book.", "completions": completions("A", "B")},
    ]
    for _ in range(2):
        import_prompts(file(*rows), "tides")
    assert add_many(cast.project, rows, by=cast.manager)[0].task == Task.objects.first().pk

    made = Task.objects.order_by("pk").values_list("kind", "k")
    assert list(made) == [("write", 0), ("write", 1), ("thumbs", 1), ("compare", 2), ("rank", 2)]
    assert queue.claim(cast.judge)[0].task.kind == "write"


@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite alone keeps so little in memory.")
@pytest.mark.django_db
def test_what_an_import_keeps_in_memory_is_given_back():
    def kept():
        with connection.cursor() as cursor:
            return cursor.execute("PRAGMA cache_size").fetchone()[0]

    before = kept()
    with in_memory():
        assert kept() == -64000
    assert kept() == before
