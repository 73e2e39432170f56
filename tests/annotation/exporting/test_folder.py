"""The Hugging Face folder: others load it, and it says everything of itself."""

import json

import datasets
import mlcroissant
import pyarrow.parquet
import pytest
import yaml

from annotation import exporting
from annotation.errors import Invalid
from annotation.exporting import Terms, check_export, export
from annotation.models.datasets import FIRST_EDITION
from annotation.pairs import Ties
from annotation.snapshots import freeze
from annotation.traits import tell
from tests.annotation.interchange import many_rankings, ranking
from tests.annotation.working import answer, give_tasks
from tests.cast import make_judges

TALK = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]


@pytest.fixture
def folder(cast, take_in, tmp_path):
    rows = many_rankings(40)
    take_in(*rows, ranking(TALK, ("a", "b"), ranks=[1, 2], metadata={"category": "short"}))
    out = tmp_path / "out"
    export(cast.project, "hf", out, Terms(licence="cc-by-4.0"))
    return out


def rows_by_split(folder, name):
    manifest = json.loads((folder / "manifest.json").read_text())
    return {
        each["path"].split("/")[1].removesuffix(".parquet"): each["rows"]
        for each in manifest["files"]
        if each["path"].startswith(f"{name}/")
    }


def test_datasets_loads_it_by_its_card(folder, tmp_path):
    datasets.disable_progress_bars()
    for name in ("preferences", "rankings"):
        loaded = datasets.load_dataset(str(folder), name, cache_dir=str(tmp_path / "cache"))
        assert {split: len(rows) for split, rows in loaded.items()} == rows_by_split(folder, name)
    default = datasets.load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "cache"))
    assert default[0]["chosen"][0].keys() == {"role", "content"}


def test_mlcroissant_reads_it(folder):
    dataset = mlcroissant.Dataset(str(folder / "croissant.json"))
    assert not dataset.metadata.issues.errors
    for name in ("preferences", "rankings"):
        rows = list(dataset.records(f"{name}-train"))
        assert len(rows) == rows_by_split(folder, name)["train"]
        assert rows[0][f"{name}-train/split"] == b"train"
        (asked,) = rows[0][f"{name}-train/prompt"]
        assert asked.startswith(b"Question")
    assert rows[0]["rankings-train/ranks"] == [1, 2, 2, 4]


def test_the_card_says_what_is_known(folder):
    front, text = (folder / "README.md").read_text().removeprefix("---\n").split("\n---\n", 1)
    said = yaml.safe_load(front)
    assert said["license"] == "cc-by-4.0"
    assert [each["config_name"] for each in said["configs"]] == ["preferences", "rankings"]
    for words in ("Agreement", "Guidelines in force", "Known biases", "judges of an imported file"):
        assert words in text


def card_of(project, out):
    export(project, "hf", out)
    return (out / "README.md").read_text()


def test_the_card_takes_no_files_order_for_the_one_shown(cast, take_in, tmp_path):
    take_in(*many_rankings(10))
    assert "shown first" not in card_of(cast.project, tmp_path / "untold")
    take_in(ranking("Told?", ("a", "b"), ranks=[1, 2], annotator="ann", shown=True))
    assert "shown first is preferred: 100.0%" in card_of(cast.project, tmp_path / "told")


def test_the_card_takes_the_unnamed_for_nobody_in_particular(cast, take_in, tmp_path):
    take_in(*(ranking(f"Question {number}?") for number in range(12)), ranking(annotator="ann"))
    card = card_of(cast.project, tmp_path / "out")
    assert "| judges of an imported file | 1 | 1 |" in card
    assert "| judges whom an imported file did not name | not known | 12 |" in card
    assert "One annotator" not in card


@pytest.mark.parametrize(
    ("ties", "words", "rows"),
    [
        (Ties.DROP, "They are left out", 5),
        (Ties.SOFT, "Each stands once in `preferences`, with a `soft_label` of 0.5", 6),
        (Ties.KEEP, "Each stands twice in `preferences`", 7),
    ],
)
def test_the_card_says_what_became_of_ties(cast, take_in, tmp_path, ties, words, rows):
    take_in(ranking())
    export(cast.project, "hf", tmp_path / "out", Terms(ties=ties))
    text = (tmp_path / "out/README.md").read_text()
    assert f"Ties: of 6 pairs of answers that were ranked, 1 are tied. {words}" in text
    assert sum(rows_by_split(tmp_path / "out", "preferences").values()) == rows


def test_the_card_of_a_snapshot_of_the_first_edition_stays_as_it_was(cast, take_in, tmp_path):
    take_in(ranking())
    snapshot = freeze(cast.project, "first")
    snapshot.edition = FIRST_EDITION
    export(cast.project, "hf", tmp_path / "out", Terms(snapshot=snapshot))
    assert "Ties:" not in (tmp_path / "out/README.md").read_text()


def test_the_card_and_the_manifest_say_how_to_draw_the_split_again(folder):
    text = (folder / "README.md").read_text()
    told = text.split("```python\n")[1].split("```")[0]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert f"with the seed `{manifest['split']['seed']}`" in text
    drawn = set()
    for path in folder.glob("rankings/*.parquet"):
        for row in pyarrow.parquet.read_table(path).to_pylist():
            for rule in (told, f"import hashlib\n{manifest['split']['rule']}"):
                names = {"prompt_group_id": row["prompt_group_id"]}
                exec(rule, names)
                assert names["split"] == row["split"] == path.stem
            drawn.add(row["split"])
    assert drawn == {"train", "validation", "test"}


def test_what_people_wrote_is_no_markup_on_the_card(cast, take_in, tmp_path):
    take_in(ranking(guideline="<img src=x> | [a](http://x)"))
    cast.project.name = "<script>\n# x"
    export(cast.project, "hf", tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text()
    assert "<script>" not in text.replace("\\<", "")
    assert "[a](" not in text
    assert "\n# x" not in text


def test_the_guidelines_go_along(cast, take_in, tmp_path):
    take_in(ranking(guideline="v1"))
    export(cast.project, "hf", tmp_path / "out")
    assert "Harmless" in (tmp_path / "out/guidelines/1.md").read_text()
    assert "[guidelines/1.md](guidelines/1.md)" in (tmp_path / "out/README.md").read_text()


def test_an_export_replaces_an_earlier_one_only(cast, folder, tmp_path):
    export(cast.project, "hf", folder)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("all of it")
    with pytest.raises(Invalid, match="is no export"):
        export(cast.project, "hf", tmp_path / "mine")
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["mine", "out"]


def test_the_manifest_is_signed_and_tells_of_any_change(folder):
    check_export(folder / "manifest.json")
    (folder / "README.md").write_text("changed")
    with pytest.raises(Invalid, match=r"README\.md was changed"):
        check_export(folder / "manifest.json")
    said = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(said | {"rankings": 1}))
    with pytest.raises(Invalid, match="signature"):
        check_export(folder / "manifest.json")


def test_no_half_of_a_folder_is_left(cast, take_in, tmp_path, monkeypatch):
    take_in(ranking())
    monkeypatch.setattr(exporting.folder, "describe", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export(cast.project, "hf", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["in-1.jsonl"]


def test_the_card_says_whether_groups_were_asked_for(cast, take_in, tmp_path):
    take_in(ranking())
    export(cast.project, "hf", tmp_path / "before")
    assert "no group was asked for" in (tmp_path / "before/README.md").read_text()
    cast.project.traits = {"First *language*": ["English", "German"]}
    export(cast.project, "hf", tmp_path / "after")
    text = (tmp_path / "after/README.md").read_text()
    assert "no group was asked for" not in text
    assert "count themselves among: First \\*language\\*." in text


def test_what_people_said_of_themselves_stays_with_the_managers_and_the_card_says_why(
    cast, tmp_path
):
    """They agreed to no more than that (templates/about_me.html)."""
    project = cast.project
    project.traits = {"Home": ["Atlantis", "Lemuria"]}
    project.save()
    give_tasks(cast, 1, wanted=6)
    for number, judge in enumerate(make_judges(project, 6)):
        tell(judge, {"Home": "Lemuria" if number > 4 else "Atlantis"}, agreed=True)
        answer(judge)
    snapshot = freeze(project, "one", measured=True)
    export(project, "hf", tmp_path / "out", Terms(snapshot=snapshot))
    text = (tmp_path / "out/README.md").read_text()
    assert "count themselves among: Home. Neither what they said" in text
    assert "Whether one group of people speaks for all is not told here" in text
    for path in (tmp_path / "out").rglob("*"):
        if path.is_file():
            assert b"Atlantis" not in path.read_bytes()
    assert "Atlantis" not in json.dumps(snapshot.agreement)
