"""Each method runs from a file to a folder, and what it leaves can be used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.training.engine.command.conftest import RANKINGS, ROLLOUTS, SMALL, Run, write_lines
from training.engine.command.main import in_words
from training.engine.command.options import METHODS
from training.engine.progress import read_metrics

DIRECT = ["dpo", "ipo", "hinge", "kto", "orpo", "simpo"]


@pytest.mark.parametrize("method", ["sft", *DIRECT])
def test_a_policy_is_trained_from_rankings(run: Run, rankings: Path, tmp_path: Path, method: str):
    report = run(method, *SMALL, data=rankings, out=tmp_path / "out").report
    assert report["method"] == method
    assert report["figures"]["steps"] == len(read_metrics(tmp_path / "out"))
    assert (Path(report["adapter"]) / "adapter_model.safetensors").exists()
    assert (tmp_path / "out" / "curve.svg").read_text().startswith("<svg")


@pytest.mark.parametrize("method", ["ppo", "reinforce", "rloo"])
def test_a_policy_is_optimised_for_a_reward(run: Run, rankings: Path, tmp_path: Path, method: str):
    options = ROLLOUTS if method == "ppo" else _without(ROLLOUTS, "--minibatch")
    options = [*options, "--samples-per-prompt", "2"]
    report = run(method, *options, data=rankings, out=tmp_path / "out").report
    assert report["figures"]["steps"] == 3
    assert -1 <= report["figures"]["reward"] <= 1


@pytest.mark.parametrize("method", ["sft", "dpo", "kto", "rloo"])
def test_a_full_policy_is_gone_on_from_and_serves_as_a_model(
    run: Run, rankings: Path, tmp_path: Path, method: str
):
    options = {"rloo": _without(ROLLOUTS, "--minibatch")}.get(method, SMALL)
    options = [*options, "--depth", "full", "--recompute", "--samples", "2"]
    options += ["--samples-per-prompt", "2"] if method == "rloo" else []
    first = run(method, *options, data=rankings, out=tmp_path / "first").report
    start = ["--start", str(tmp_path / "first")]
    second = run(method, *options, *start, data=rankings, out=tmp_path / "second").report
    assert first["sha256"] != second["sha256"]
    third = run(
        "sft", *SMALL, data=rankings, out=tmp_path / "third", model=Path(first["adapter"])
    ).report
    assert (Path(third["adapter"]) / "adapter_model.safetensors").exists()
    refused = run("sft", *SMALL, *start, data=rankings, out=tmp_path / "fourth")
    assert "is a full model: train on with --depth full" in refused.complaint
    assert not (tmp_path / "fourth").exists()


def test_roles_may_have_a_model_each(run: Run, rankings: Path, tmp_path: Path):
    figures = []
    for more in ([], ["--separate"]):
        out = tmp_path / str(len(more))
        figures.append(run("ppo", *ROLLOUTS, *more, data=rankings, out=out).report["figures"])
    assert figures[0] == pytest.approx(figures[1], rel=1e-5)


def _without(options: list[str], name: str) -> list[str]:
    place = options.index(name)
    return [*options[:place], *options[place + 2 :]]


@pytest.mark.parametrize("depth", ["head", "lora", "full"])
def test_a_reward_model_serves_as_the_reward_of_a_policy(
    run: Run, rankings: Path, tmp_path: Path, depth: str
):
    options = ["--depth", depth, "--max-tokens", "64"]
    report = run("reward", *options, data=rankings, out=tmp_path / "reward").report
    assert report.get("head", report)["figures"]["pairs"] == 60
    options = _without(ROLLOUTS, "--reward")
    report = run(
        "ppo", *options, "--reward", str(tmp_path / "reward"), data=rankings, out=tmp_path / "ppo"
    ).report
    assert "reward" in report["figures"]


def test_a_reward_model_says_where_it_is_right(run: Run, rankings: Path, tmp_path: Path):
    report = run("reward", "--max-tokens", "64", data=rankings, out=tmp_path / "out").report
    assert report["accuracy_by"].keys() == {"annotator", "length", "margin", "source"}
    assert report["accuracy_by"]["annotator"].keys() == {"p0", "p1"}
    assert report["figures"]["temperature"] > 0


@pytest.mark.parametrize("depth", ["lora", "full"])
def test_a_deep_reward_models_figures_are_its_own_and_of_lines_it_has_not_seen(
    run: Run, tmp_path: Path, depth: str
):
    split = [
        {**row, "split": "validation" if place > 6 else "train"}
        for place, row in enumerate(RANKINGS)
    ]
    data = write_lines(tmp_path / "split.jsonl", split)
    options = ["--depth", depth, "--max-tokens", "64", "--epochs", "3", "--learning-rate", "3e-3"]
    report = run("reward", *options, data=data, out=tmp_path / "out").report
    figures, heads = report["figures"], report["head"]["figures"]
    assert (figures["pairs"], heads["pairs"]) == (18, 42)
    assert figures["low"] <= figures["accuracy"] <= figures["high"]
    assert figures.keys() - heads.keys() == {"steps"}
    assert sum(each["pairs"] for each in report["accuracy_by"]["annotator"].values()) == 18
    last = read_metrics(tmp_path / "out")[-1]
    assert figures["accuracy"] == pytest.approx(last["validation_accuracy"])
    assert report["training"]["accuracy"] == pytest.approx(last["accuracy"])
    assert "note" not in report


def test_a_deep_reward_model_without_validation_lines_says_that_it_is_unjudged(
    run: Run, rankings: Path, tmp_path: Path
):
    options = ["--depth", "lora", "--max-tokens", "64"]
    report = run("reward", *options, data=rankings, out=tmp_path / "out").report
    assert report["figures"] == {"steps": 2}
    assert report["note"].startswith("No validation line")
    assert "accuracy_by" not in report


@pytest.mark.parametrize("depth", ["head", "lora"])
def test_members_of_a_reward_model_hold_each_other_in_check(
    run: Run, rankings: Path, tmp_path: Path, depth: str
):
    options = ["--members", "3", "--max-tokens", "64", "--depth", depth]
    figures = run("reward", *options, data=rankings, out=tmp_path / "reward").report["figures"]
    assert figures["disagreement"] > 0
    options = [*_without(ROLLOUTS, "--reward"), "--reward", str(tmp_path / "reward")]
    one, two = (
        run("ppo", *options, "--caution", caution, data=rankings, out=tmp_path / caution).report
        for caution in ("0", "2")
    )
    assert two["figures"]["reward"] < one["figures"]["reward"]


def test_sft_learns_the_revisions_of_what_was_criticised(run: Run, tmp_path: Path):
    plain = [{"prompt": f"Say {n}", "completion": f"better {n}"} for n in range(6)]
    revised = [
        {**row, "completion": f"worse {n}", "critique": "Too short.", "revision": row["completion"]}
        for n, row in enumerate(plain)
    ]
    losses = []
    for name, rows in (("plain", plain), ("revised", revised)):
        run("sft", *SMALL, data=write_lines(tmp_path / f"{name}.jsonl", rows), out=tmp_path / name)
        losses.append([line["loss"] for line in read_metrics(tmp_path / name)])
    assert losses[0] == losses[1]


def test_kto_learns_from_thumbs(run: Run, thumbs: Path, tmp_path: Path):
    assert run("kto", *SMALL, data=thumbs, out=tmp_path / "out").report["lines"] == 8


def test_a_policy_goes_on_from_a_fine_tuned_one_and_is_held_to_it(
    run: Run, rankings: Path, tmp_path: Path
):
    sft = run("sft", *SMALL, data=rankings, out=tmp_path / "sft").report
    run("dpo", *SMALL, "--start", str(tmp_path / "sft"), data=rankings, out=tmp_path / "dpo")
    (first, *_) = read_metrics(tmp_path / "dpo")
    told = json.loads((tmp_path / "dpo" / "run.json").read_text())["identity"]
    assert told["start"] == told["reference"] == sft["sha256"]
    assert first["preference_loss"] == pytest.approx(0.693147, abs=1e-4)


def test_lines_of_split_validation_judge_and_those_of_test_are_left_alone(run: Run, tmp_path: Path):
    splits = ["train"] * 6 + ["validation"] * 3 + ["test"]
    rows = [{**row, "split": split} for row, split in zip(RANKINGS, splits, strict=True)]
    data = write_lines(tmp_path / "split.jsonl", rows)
    report = run("dpo", *SMALL, "--epochs", "2", data=data, out=tmp_path / "out").report
    assert (report["lines"], report["validation_lines"]) == (6, 3)
    assert "validation_loss" in read_metrics(tmp_path / "out")[-1]
    assert (Path(report["best"]) / "adapter_model.safetensors").exists()


def test_what_was_cut_is_said(run: Run, rankings: Path, tmp_path: Path):
    short = [*_without(SMALL, "--max-tokens"), "--max-tokens", "8"]
    report = run("dpo", *short, data=rankings, out=tmp_path / "out").report
    assert report["cut"] > 0
    said = f"  {report['cut']} texts were longer than the settings allow, and were cut"
    assert said in in_words(report).splitlines()
    assert "were cut" not in in_words({**report, "cut": 0})


def test_samples_show_the_same_prompts_before_and_after(run: Run, rankings: Path, tmp_path: Path):
    options = [*_without(SMALL, "--samples"), "--samples", "3", "--sample-tokens", "6"]
    report = run("sft", *options, data=rankings, out=tmp_path / "out").report
    rows = [json.loads(line) for line in Path(report["samples"]).read_text().splitlines()]
    assert [row["prompt"][0]["content"] for row in rows] == ["Say 0", "Say 1", "Say 2"]
    assert all(row.keys() == {"prompt", "before", "after"} for row in rows)


def test_a_finished_run_says_the_same_again_and_writes_nothing(
    run: Run, rankings: Path, tmp_path: Path
):
    first = run("dpo", *SMALL, data=rankings, out=tmp_path / "out").report
    written = (tmp_path / "out" / "adapter" / "manifest.json").stat().st_mtime_ns
    again = run("dpo", *SMALL, data=rankings, out=tmp_path / "out").report
    assert {**again, "seconds": 0} == {**first, "seconds": 0}
    assert (tmp_path / "out" / "adapter" / "manifest.json").stat().st_mtime_ns == written


def test_a_run_can_be_told_by_the_settings_of_another(run: Run, rankings: Path, tmp_path: Path):
    run("dpo", *SMALL, "--beta", "0.3", data=rankings, out=tmp_path / "one")
    settings = str(tmp_path / "one" / "settings.json")
    run("dpo", "--settings", settings, "--samples", "0", data=rankings, out=tmp_path / "two")
    one, two = ((tmp_path / name / "metrics.jsonl").read_text() for name in ("one", "two"))
    assert one == two


def test_the_run_says_what_it_was_made_of(run: Run, rankings: Path, tmp_path: Path):
    run("orpo", *SMALL, data=rankings, out=tmp_path / "out")
    told = json.loads((tmp_path / "out" / "run.json").read_text())
    assert told["identity"]["method"] == "orpo"
    assert {"python", "torch", "transformers", "peft"} <= told["software"].keys()
    assert told["data_file"] == str(rankings)


def test_every_method_has_a_command():
    assert {"sft", "reward", *DIRECT, "ppo", "reinforce", "rloo"} == METHODS.keys()
