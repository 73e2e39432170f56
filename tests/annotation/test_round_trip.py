"""An export that is imported into an empty project exports the same bytes again."""

import json
import random
import tempfile
from hashlib import sha256
from pathlib import Path

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.errors import Invalid
from annotation.exporting import Terms, export
from annotation.guidelines import in_force, publish
from annotation.importing import Options, import_rankings
from annotation.models import GuidelineVersion, Import, Project, Submission
from annotation.pairs import competition_ranks
from annotation.provenance import licence_of
from annotation.queue import claim
from annotation.snapshots import freeze
from annotation.submissions import submit
from tests.annotation.interchange import read, write
from tests.annotation.working import answer
from tests.cast import GUIDELINE, full_ranking, give_task, make_cast, make_judges

pytestmark = pytest.mark.django_db
CREATE = Options(create=True)

# Characters that get lost on the way elsewhere: white space at the ends, line ends, marks.
CHARACTERS = st.sampled_from(
    "a b\t\n\r\u2028\u00a0é\u0301\"'\\{}\x1f\x7f中😀\ufeff="
) | st.characters(codec="utf-8", exclude_characters="\x00")
TEXT = st.text(CHARACTERS, max_size=20)
NAME = st.text(CHARACTERS, min_size=1, max_size=8).filter(lambda name: "unnamed-" not in name)
PROMPTS = st.sampled_from(
    [
        "Why?",
        " why ",
        [{"role": "system", "content": ""}, {"role": "user", "content": " \nWhy?\t"}],
        [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Why?"}],
    ]
)
METADATA = {"z": [1, 2.5, None, {"b": True, "a": "é"}], "a": {}}


@st.composite
def rankings(draw):
    k = draw(st.integers(2, 5))
    # Few texts and models, so that some rows rank the same choice and some texts are identical.
    texts = draw(st.lists(st.sampled_from(["a", " a", "b\n", ""]) | TEXT, min_size=k, max_size=k))
    models = draw(st.lists(st.sampled_from(["m", None, " M"]), min_size=k, max_size=k))
    place = {text: draw(st.integers(1, 3)) for text in texts}
    ranks = competition_ranks([place[text] for text in texts])
    worst = max(ranks) if draw(st.booleans()) else 0
    tiers = len(set(ranks))
    return {
        "id": draw(st.none() | NAME),
        "prompt": draw(PROMPTS),
        "completions": [
            {"text": text, "model": model} for text, model in zip(texts, models, strict=True)
        ],
        "shown": draw(st.booleans()),
        "ranks": ranks,
        "unacceptable": [rank == worst for rank in ranks],
        "ratings": draw(
            st.just([]) | st.lists(st.integers(1, 7), min_size=k, max_size=k),
        ),
        "strengths": draw(
            st.just([]) | st.lists(st.integers(1, 3), min_size=tiers - 1, max_size=tiers - 1)
        ),
        "labels": draw(st.lists(st.lists(TEXT, max_size=2), min_size=k, max_size=k)),
        "comment": draw(TEXT),
        "seconds": draw(st.none() | st.floats(0, 1e5)),
        "annotator": draw(st.none() | st.sampled_from(["ann", "bob"]) | NAME),
        "guideline": draw(st.none() | NAME),
        "metadata": {},
    }


def distinct_ids(rows):
    """Each id once: an id names one ranking."""
    ids = set()
    for row in rows:
        if row["id"] in ids:
            row["id"] = None
        ids.add(row["id"])
    return rows


FILES = st.lists(rankings(), min_size=1, max_size=8).map(distinct_ids)


def exported(slug, folder, format="rankings"):
    path = folder / f"{slug}.{format}.jsonl"
    export(Project.objects.get(slug=slug), format, path)
    return path


def again(path, folder, format="rankings"):
    """What an empty project exports after taking in this file."""
    slug = f"again-{Project.objects.count()}"
    import_rankings(path, slug, CREATE)
    return exported(slug, folder, format)


@settings(max_examples=60, deadline=None)
@given(rows=FILES, with_metadata=st.booleans())
def test_any_rankings_survive_a_round_trip(rows, with_metadata):
    for row in rows:
        row["metadata"] = METADATA if with_metadata else {}
    with tempfile.TemporaryDirectory() as name, transaction.atomic():
        folder = Path(name)
        import_rankings(write(folder / "in.jsonl", rows), "first", CREATE)
        first = exported("first", folder)
        assert again(first, folder).read_bytes() == first.read_bytes()
        said = [{**row, **dict.fromkeys(("prompt_group_id", "split"))} for row in read(first)]
        assert [placeless(row) for row in said] == [placeless(row) for row in rows]
        transaction.set_rollback(True)


def placeless(row):
    """A row as it was meant: without what follows from its prompt."""
    row = {name: value for name, value in row.items() if name not in ("prompt_group_id", "split")}
    return json.loads(json.dumps(row, sort_keys=True))


@settings(max_examples=30, deadline=None)
@given(rows=FILES)
def test_any_pairs_survive_a_round_trip(rows):
    with tempfile.TemporaryDirectory() as name, transaction.atomic():
        folder = Path(name)
        import_rankings(write(folder / "in.jsonl", rows), "first", CREATE)
        first = exported("first", folder, "trl-conversational")
        if first.stat().st_size:
            second = again(first, folder, "trl-conversational")
            assert second.read_bytes() == first.read_bytes()
        transaction.set_rollback(True)


def test_what_people_have_ranked_survives_a_round_trip(tmp_path):
    cast = make_cast(overlap=3, labels=["false"])
    for number in range(4):
        give_task(cast.project, prompt=f"Question {number}?")
    for judge in make_judges(cast.project, 3):
        while True:
            assignment, _ = claim(judge)
            if assignment is None:
                break
            body = full_ranking(assignment.task, 1, 3, 1, 4)
            uids = list(body["ranks"])
            body |= {"unacceptable": uids[3:], "labels": {uids[2]: ["false"]}, "seconds": 1.25}
            submit(assignment.pk, judge, body, key=f"{assignment.pk}", origin="screen")
    first = exported("tides", tmp_path)
    assert len(read(first)) == 12
    assert {row["shown"] for row in read(first)} == {True}
    assert again(first, tmp_path).read_bytes() == first.read_bytes()
    assert {
        len(task.submissions.all()) for task in Project.objects.get(slug="again-1").tasks.all()
    } == {3}


def test_an_export_that_comes_back_to_its_own_project_adds_nothing(tmp_path):
    cast = make_cast()
    rows = [{"prompt": "Why?", "chosen": " a", "rejected": "b"}]
    import_rankings(write(tmp_path / "in.jsonl", rows), "tides")
    import_rankings(exported("tides", tmp_path), "tides")
    assert Submission.objects.filter(project=cast.project).count() == 1


# --- whole folders --------------------------------------------------------------------------


def folder_of(project, out, **terms):
    """All files of the folder but the manifest, by name."""
    export(project, "hf", out, Terms(**terms))
    files = sorted(path for path in out.rglob("*") if path.is_file())
    return {
        str(path.relative_to(out)): path.read_text() if path.suffix != ".parquet" else path
        for path in files
        if path.name != "manifest.json"
    }


def bytes_of(files):
    return {
        name: each.read_bytes() if isinstance(each, Path) else each.encode()
        for name, each in files.items()
    }


def without_title(files, title):
    """What a folder calls itself is the project's name, which an import does not take over."""
    named = {"README.md": f"# {title}\n", "croissant.json": f'"{title}"'}
    for name, words in named.items():
        assert words in files[name]
    said = json.loads(files["croissant.json"]) | {"name": "", "citeAs": ""}
    readme = files["README.md"].replace(f"# {title}\n", "# \n")
    return files | {"README.md": readme, "croissant.json": json.dumps(said)}


GUIDED = [
    {
        "prompt": f"Question {number}?",
        "completions": [{"text": text, "model": "m"} for text in "abcd"],
        "ranks": [1, 2, 3, 4] if number % 3 else [2, 1, 3, 3],
        "annotator": judge,
        "guideline": guideline,
        "seconds": 3.5,
    }
    for number in range(20)
    for judge, guideline in (("ann", "v1"), ("bob", "v 2 | *b*"), (None, "untold"))
]


def test_a_whole_folder_survives_a_round_trip_but_for_its_title(tmp_path):
    cast = make_cast()
    body = "# Second\r\n\n1. Brief\n"
    digest = sha256(body.encode()).hexdigest()
    fields = {"label": "v 2 | *b*", "body": body, "sha256": digest, "published_at": timezone.now()}
    GuidelineVersion.objects.create(project=cast.project, **fields)
    import_rankings(write(tmp_path / "in.jsonl", GUIDED), "tides")
    first = folder_of(cast.project, tmp_path / "first")
    import_rankings(tmp_path / "first", "again", CREATE)
    project = Project.objects.get(slug="again")
    second = folder_of(project, tmp_path / "second")
    assert {"guidelines/1.md", "guidelines/2.md", "guidelines/labels.json"} <= first.keys()
    assert bytes_of(without_title(second, project.name)) == bytes_of(without_title(first, "Tides"))
    assert in_force(project).label == "v1"
    assert not project.guidelines.get(label="untold").body


def test_a_snapshots_folder_survives_it_but_for_title_and_hash(tmp_path):
    cast = make_cast()
    import_rankings(write(tmp_path / "in.jsonl", GUIDED), "tides")
    made = [freeze(cast.project, "same", measured=True)]
    first = folder_of(cast.project, tmp_path / "first", snapshot=made[0])
    import_rankings(tmp_path / "first", "again", CREATE)
    project = Project.objects.get(slug="again")
    made.append(freeze(project, "same", measured=True))
    second = folder_of(project, tmp_path / "second", snapshot=made[1])
    for files, snapshot in ((first, made[0]), (second, made[1])):
        files["README.md"] = files["README.md"].replace(snapshot.sha256, "")
    first, second = (
        without_title(files, f"{snapshot.title}, same")
        for files, snapshot in ((first, made[0]), (second, made[1]))
    )
    assert bytes_of(second) == bytes_of(first)


def noisy(count):
    """People who agree with one another often, and not always; every question stands for itself."""
    chance = random.Random(7)
    for number in range(count):
        texts = [f"Answer {number}, {letter}." for letter in "abcd"]
        for judge in ("ann", "bob", "cem"):
            ranks = competition_ranks(
                [place + chance.choice((0, 0, 1, 2, 3)) for place in range(4)]
            )
            yield {
                "prompt": f"{'Why' if number % 2 else 'How'} {number}?",
                "completions": texts,
                "ranks": ranks,
                "annotator": judge,
            }


@pytest.mark.parametrize("freezes", [False, True])
def test_a_folders_licence_and_agreement_survive_it(tmp_path, freezes):
    """Whatever the order in which the questions come in."""
    cast = make_cast()
    import_rankings(write(tmp_path / "in.jsonl", noisy(60)), "tides")

    def texts(project, name, **terms):
        licence = terms.pop("licence", None)
        if freezes:
            terms["snapshot"] = freeze(project, "same", measured=True, licence=licence)
        elif licence:
            terms["licence"] = licence
        files = folder_of(project, tmp_path / name, **terms)
        agreement = files["README.md"].split("## Agreement")[1].split("##")[0]
        return agreement, files["README.md"].split("---\n")[1], files["croissant.json"]

    agreement, front, croissant = texts(cast.project, "first", licence="CC-BY-4.0")
    import_rankings(tmp_path / "first", "again", CREATE)
    assert Import.objects.get(project__slug="again").licence == "CC-BY-4.0"
    again = texts(Project.objects.get(slug="again"), "second")
    assert again[:2] == (agreement, front)
    assert "CC-BY-4.0" in croissant
    assert "CC-BY-4.0" in again[2]


def test_a_licence_that_came_in_does_not_cover_what_was_said_here(tmp_path):
    cast = make_cast()
    import_rankings(write(tmp_path / "in.jsonl", GUIDED), "tides")
    folder_of(cast.project, tmp_path / "first", licence="CC-BY-4.0")
    import_rankings(tmp_path / "first", "again", CREATE)
    project = Project.objects.get(slug="again")
    assert licence_of(project) == "CC-BY-4.0"
    give_task(project)
    answer(make_judges(project, 1)[0])
    assert licence_of(project) == freeze(project, "mixed").licence == "unknown"


def test_texts_that_come_in_take_nothing_over(tmp_path):
    cast = make_cast()
    import_rankings(write(tmp_path / "in.jsonl", GUIDED), "tides")
    folder_of(cast.project, tmp_path / "first")
    other = Project.objects.create(name="Dunes", slug="dunes")
    mine = publish(other, "Mine.", None)
    labels = tmp_path / "first/guidelines/labels.json"
    labels.write_text(json.dumps({"1.md": "theirs"}))
    import_rankings(tmp_path / "first", "dunes")
    assert in_force(other) == mine
    assert other.guidelines.get(label="v1").body == "Mine."
    brought = other.guidelines.get(label="theirs")
    assert (brought.body, brought.published_at) == (GUIDELINE, None)


@pytest.mark.parametrize(
    "wrong",
    ["[", "[]", '{"1.md": 7}', '{"1.md": ""}', '{"../1.md": "v1"}', '{"2.md": "v1"}', "\\ud800"],
)
def test_a_list_of_texts_that_is_none_is_refused(tmp_path, wrong):
    cast = make_cast()
    import_rankings(write(tmp_path / "in.jsonl", GUIDED[:3]), "tides")
    folder_of(cast.project, tmp_path / "first")
    (tmp_path / "first/guidelines/labels.json").write_text(wrong)
    with pytest.raises(Invalid, match=r"labels\.json"):
        import_rankings(tmp_path / "first", "again", CREATE)
    assert not Project.objects.filter(slug="again").exists()
