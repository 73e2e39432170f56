"""What is wrong is said in one line, by file, line and field; nothing is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from tests.training.engine.command.conftest import RANKINGS, ROLLOUTS, SMALL, Run, write_lines
from training.engine import adapters, runs, scoring
from training.engine.budget import Budget
from training.engine.preference import PreferenceObjective
from training.engine.tiny import make_tiny_model

UNSEEN = {**RANKINGS[1], "prompt": "Say something else"}


def refused(run: Run, method: str, *options: str, data: Path, tmp_path: Path, **more: Path) -> str:
    """The complaint; the run's folder was not even made."""
    complaint = run(method, *options, data=data, out=tmp_path / "out", **more).complaint
    assert not (tmp_path / "out").exists()
    return complaint


def test_malformed_json_is_named_by_its_line(run: Run, rankings: Path, tmp_path: Path):
    rankings.write_text(rankings.read_text() + '{"prompt": "Why?"\n')
    said = refused(run, "dpo", *SMALL, data=rankings, tmp_path=tmp_path)
    assert said.startswith(f"{rankings}, line 11: it is not JSON")


@pytest.mark.parametrize("method", ["dpo", "kto", "reward", "sft"])
def test_a_file_that_prefers_nothing_is_refused(run: Run, tmp_path: Path, method: str):
    tied = write_lines(tmp_path / "tied.jsonl", [{**row, "ranks": [1] * 4} for row in RANKINGS])
    options = SMALL if method != "reward" else ["--max-tokens", "64"]
    said = refused(run, method, *options, data=tied, tmp_path=tmp_path)
    assert "every completion is tied" in said or "nothing to imitate" in said


def test_a_prompt_that_is_learned_from_cannot_judge(run: Run, rankings: Path, tmp_path: Path):
    split = write_lines(
        tmp_path / "split.jsonl", [*RANKINGS, {**RANKINGS[3], "split": "validation"}]
    )
    said = refused(run, "dpo", *SMALL, data=split, tmp_path=tmp_path)
    assert said.startswith(
        f"{split}, line 11: its prompt is learned from as well ({split}, line 4)"
    )

    apart = write_lines(tmp_path / "apart.jsonl", [RANKINGS[0]])
    said = refused(run, "dpo", *SMALL, "--validation", str(apart), data=rankings, tmp_path=tmp_path)
    assert said.startswith(f"{apart}, line 1: its prompt is learned from")


def test_prompts_of_one_group_are_one(run: Run, tmp_path: Path):
    rows = [{**row, "prompt_group_id": "g" if place > 6 else str(place)}
            for place, row in enumerate(RANKINGS)]  # fmt: skip
    rows[-1]["split"] = "validation"
    data = write_lines(tmp_path / "split.jsonl", rows)
    said = refused(run, "dpo", *SMALL, data=data, tmp_path=tmp_path)
    assert "line 10: its prompt is learned from as well" in said


def test_fewer_prompts_than_folds_are_refused(run: Run, tmp_path: Path):
    data = write_lines(tmp_path / "few.jsonl", RANKINGS[:3])
    said = refused(run, "reward", "--max-tokens", "64", data=data, tmp_path=tmp_path)
    assert said == "5 folds need that many prompts, not 3: lower --folds"


def test_a_line_of_another_kind_is_named(run: Run, thumbs: Path, tmp_path: Path):
    said = refused(run, "dpo", *SMALL, data=thumbs, tmp_path=tmp_path)
    assert said == f"{thumbs}, line 1: dpo needs ranks, or chosen and rejected; this is a thumb"


@pytest.mark.parametrize(("method", "options"), [("dpo", SMALL), ("ppo", ROLLOUTS)])
def test_a_prompt_longer_than_the_context_is_named(
    run: Run, tmp_path: Path, method: str, options: list[str]
):
    rows = [RANKINGS[0], {**RANKINGS[1], "prompt": "a" * 3000}]
    data = write_lines(tmp_path / "long.jsonl", rows)
    said = refused(run, method, *options, data=data, tmp_path=tmp_path)
    assert "line 2: the prompt has 3003 tokens, and the model reads 2048" in said


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({**UNSEEN, "prompt": "a" * 3000}, "line 1: the prompt has 3003 tokens"),
        ({"prompt": "Why?", "completion": "So.", "label": True}, "line 1: dpo needs ranks"),
        ({**UNSEEN, "ranks": [1] * 4}, "prefers nothing: every completion is tied"),
    ],
    ids=["long", "thumb", "tied"],
)
def test_what_is_wrong_with_the_validation_file_is_said_of_that_file(
    run: Run, rankings: Path, tmp_path: Path, row: dict[str, object], said: str
):
    unseen = write_lines(tmp_path / "unseen.jsonl", [row])
    options = [*SMALL, "--validation", str(unseen)]
    found = refused(run, "dpo", *options, data=rankings, tmp_path=tmp_path)
    assert found.startswith(str(unseen))
    assert said in found


@pytest.mark.parametrize("option", ["--start", "--reference"])
def test_a_policy_of_another_model_is_refused(
    run: Run, rankings: Path, tmp_path: Path, option: str
):
    other = make_tiny_model(tmp_path / "other", train_steps=0, seed=1)
    first = tmp_path / "first"
    assert run("dpo", *SMALL, data=rankings, out=first, model=other).code == 0
    said = refused(run, "dpo", *SMALL, option, str(first), data=rankings, tmp_path=tmp_path)
    assert said == f"{option}: the policy in {first} was trained from another model"


def test_more_tokens_than_the_model_reads_are_refused(run: Run, rankings: Path, tmp_path: Path):
    said = refused(run, "sft", "--max-tokens", "5000", data=rankings, tmp_path=tmp_path)
    assert said == "max_tokens is 5000, and the model reads 2048: lower it"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--beta", "-1"], "settings: beta must be positive"),
        (["--beta", "x"], "argument --beta: invalid float value: 'x'; see --help"),
        (["--btea", "1"], "unrecognized arguments: --btea 1; see --help"),
        (["--simpo-gamma", "1"], "unrecognized arguments: --simpo-gamma 1; see --help"),
        (["--lora-rank", "0"], "settings: rank must be at least 1"),
        (["--start", "/nowhere"], "--start: /nowhere holds no adapter and no finished run"),
    ],
)
def test_a_wrong_option_is_named(
    run: Run, rankings: Path, tmp_path: Path, options: list[str], said: str
):
    assert refused(run, "dpo", *options, data=rankings, tmp_path=tmp_path) == said


def test_an_unknown_setting_in_a_file_is_named(run: Run, rankings: Path, tmp_path: Path):
    (tmp_path / "settings.json").write_text(json.dumps({"btea": 1}))
    options = ["--settings", str(tmp_path / "settings.json")]
    said = refused(run, "dpo", *options, data=rankings, tmp_path=tmp_path)
    assert said == "settings: PreferenceSettings has no field btea"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"recompute": "no"}, 'recompute is "no", and must be true or false'),
        ({"epochs": 1.5}, "epochs is 1.5, and must be a whole number"),
        ({"prompts_per_step": 2.5}, "prompts_per_step is 2.5, and must be a whole number"),
        ({"prompts_per_step": True}, "prompts_per_step is true, and must be a whole number"),
        ({"seed": "a"}, 'seed is "a", and must be a whole number'),
        ({"lora": 3}, "lora is 3, and must be an object of settings"),
        ({"lora": {"rank": None}}, "rank is null, and must be a whole number"),
        ({"beta": "x"}, 'beta is "x", and must be a number'),
        ({"depth": ["lora"]}, 'depth is ["lora"], and must be a string'),
    ],
    ids=str,
)
def test_a_setting_of_another_type_is_named(
    run: Run, rankings: Path, tmp_path: Path, values: dict[str, object], said: str
):
    (tmp_path / "settings.json").write_text(json.dumps(values))
    options = ["--settings", str(tmp_path / "settings.json")]
    assert refused(run, "dpo", *options, data=rankings, tmp_path=tmp_path) == f"settings: {said}"


def test_a_folder_of_another_run_is_refused_and_left_alone(
    run: Run, rankings: Path, tmp_path: Path
):
    out = tmp_path / "out"
    run("dpo", *SMALL, data=rankings, out=out)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    said = run("dpo", *SMALL, "--beta", "0.2", data=rankings, out=out).complaint
    assert said == (
        f"{out} belongs to another run (settings.beta is 0.1 there and 0.2 here): "
        "choose another --out"
    )
    assert before == {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_a_folder_that_holds_something_else_is_refused(run: Run, rankings: Path, tmp_path: Path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("years of work")
    said = run("dpo", *SMALL, data=rankings, out=tmp_path / "full").complaint
    assert "is not empty and holds no run" in said
    assert [each.name for each in (tmp_path / "full").iterdir()] == ["thesis.txt"]


def test_a_folder_that_another_process_works_in_is_refused(
    run: Run, rankings: Path, tmp_path: Path
):
    with runs.working_in(tmp_path / "out"):
        said = run("dpo", *SMALL, data=rankings, out=tmp_path / "out").complaint
    assert said == f"another process is at work in {tmp_path / 'out'}"


def test_a_tokenizer_without_a_template_is_refused(run: Run, rankings: Path, tmp_path: Path):
    model = make_tiny_model(tmp_path / "model", train_steps=0)
    (model / "chat_template.jinja").unlink()
    said = refused(run, "dpo", *SMALL, data=rankings, tmp_path=tmp_path, model=model)
    assert said == f"the tokenizer in {model} has no chat template"


def test_a_tokenizer_of_another_model_is_refused(run: Run, rankings: Path, tmp_path: Path):
    model = make_tiny_model(tmp_path / "model", train_steps=0)
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.add_tokens(["<more>"])
    tokenizer.save_pretrained(model)
    said = refused(run, "dpo", *SMALL, data=rankings, tmp_path=tmp_path, model=model)
    assert "has 263 tokens and the model's vocabulary 262" in said


@pytest.mark.parametrize(
    ("device", "said"),
    [
        ("foo", "the device foo is not known: it can be cpu or cuda"),
        ("meta", "the device meta is not known: it can be cpu or cuda"),
        ("cuda:99", "there is no device cuda:99: PyTorch sees"),
    ],
)
def test_a_device_that_is_not_there_is_named(
    run: Run, rankings: Path, tmp_path: Path, device: str, said: str
):
    found = refused(run, "dpo", *SMALL, "--device", device, data=rankings, tmp_path=tmp_path)
    assert found.startswith(said)


def test_a_folder_that_cannot_be_made_is_named(run: Run, rankings: Path, tmp_path: Path):
    said = run("dpo", *SMALL, data=rankings, out=rankings / "out").complaint
    assert said == f"{rankings / 'out'} cannot be used: Not a directory: choose another --out"


BEST = ["--reward", "vader"]


def test_answers_longer_than_the_context_are_refused(run: Run, rankings: Path, tmp_path: Path):
    options = [*BEST, "--max-new-tokens", "2048"]
    said = refused(run, "best-of-n", *options, data=rankings, tmp_path=tmp_path)
    assert said.startswith("max_new_tokens is 2048, and the model reads 2048")


def test_best_of_n_takes_no_folder_for_a_prompt_that_is_too_long(run: Run, tmp_path: Path):
    rows = [RANKINGS[0], {**RANKINGS[1], "prompt": "a" * 3000}]
    data = write_lines(tmp_path / "long.jsonl", rows)
    said = refused(run, "best-of-n", *BEST, data=data, tmp_path=tmp_path)
    assert "line 2: the prompt has 3003 tokens" in said


def test_caution_is_a_number(run: Run, rankings: Path, tmp_path: Path):
    said = refused(run, "best-of-n", *BEST, "--caution", "nan", data=rankings, tmp_path=tmp_path)
    assert said == "argument --caution: invalid _finite value: 'nan'; see --help"


def test_a_loss_that_is_not_a_number_stops_the_run(
    run: Run, rankings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(PreferenceObjective, "accumulate", lambda *args: {"loss": float("nan")})
    said = run("dpo", *SMALL, data=rankings, out=tmp_path / "out").complaint
    assert said.startswith("step 1 of 3: loss nan")
    assert not (tmp_path / "out" / "adapter").exists()


def test_a_full_gpu_halves_the_passes_and_says_so(
    run: Run, rankings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    plain = run("dpo", *SMALL, data=rankings, out=tmp_path / "plain").report["figures"]
    whole = PreferenceObjective.accumulate

    def greedy(self, indices):
        if self.budget.tokens > 128:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(self, indices)

    monkeypatch.setattr(PreferenceObjective, "accumulate", greedy)
    ran = run("dpo", *SMALL, data=rankings, out=tmp_path / "out")
    assert [line.split(":")[1] for line in ran.err.splitlines()] == [
        " going on with 256 tokens a pass.",
        " going on with 128 tokens a pass.",
    ]
    assert ran.report["figures"]["loss"] == pytest.approx(plain["loss"], rel=1e-4)


def test_a_full_gpu_halves_what_validates_and_what_is_trained_then(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    split = [{**row, "split": "validation" if place > 6 else "train"}
             for place, row in enumerate(RANKINGS)]  # fmt: skip
    data = write_lines(tmp_path / "split.jsonl", split)
    whole = PreferenceObjective.accumulate

    def greedy(self, indices):
        if self.budget.tokens > 256 and len(self) == 3:  # what validates
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(self, indices)

    monkeypatch.setattr(PreferenceObjective, "accumulate", greedy)
    ran = run("dpo", *SMALL, data=data, out=tmp_path / "out")
    assert ran.err.splitlines() == ["The GPU's memory is full: going on with 256 tokens a pass."]
    assert ran.report["figures"]["steps"] == 2


@pytest.mark.parametrize("method", ["dpo", "reward"])
def test_a_full_gpu_halves_passes_without_gradients_too(
    run: Run, rankings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
):
    options = SMALL if method == "dpo" else ["--max-tokens", "64"]
    plain = run(method, *options, data=rankings, out=tmp_path / "plain").report["figures"]
    whole = scoring.traces

    def greedy(*args, batch_tokens=512, **rest):
        if batch_tokens > 256:
            raise torch.OutOfMemoryError("CUDA out of memory")
        yield from whole(*args, batch_tokens=batch_tokens, **rest)

    monkeypatch.setattr(scoring, "traces", greedy)
    monkeypatch.setattr(scoring, "READING", Budget(1024))
    ran = run(method, *options, data=rankings, out=tmp_path / "out")
    assert [line.split(":")[1] for line in ran.err.splitlines()] == [
        " going on with 512 tokens a pass.",
        " going on with 256 tokens a pass.",
    ]
    assert ran.report["figures"] == pytest.approx(plain, rel=1e-3)


def test_a_gpu_that_is_full_for_anything_else_is_told_of_in_one_line(
    run: Run, rankings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*args, **rest):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(adapters, "add", full)
    said = run("dpo", *SMALL, data=rankings, out=tmp_path / "out").complaint
    assert said.startswith("the memory of the GPU is full: choose a smaller model")


def broken_model(folder: Path, letter: str) -> Path:
    """A model that knows one byte only as something that is not a number."""
    model = make_tiny_model(folder, train_steps=0)
    tokenizer = AutoTokenizer.from_pretrained(model)
    weights = load_file(model / "model.safetensors")
    weights["model.embed_tokens.weight"][tokenizer.convert_tokens_to_ids(letter)] = float("nan")
    save_file(weights, model / "model.safetensors", {"format": "pt"})
    return model


@pytest.mark.parametrize("method", ["dpo", "reward", "sft", "best-of-n"])
def test_a_model_with_a_weight_that_is_not_a_number_is_told_of_in_one_line(
    run: Run, rankings: Path, tmp_path: Path, method: str
):
    options = {
        "reward": ["--max-tokens", "64"],
        "best-of-n": ["--reward", "vader", "--max-new-tokens", "4"],
    }.get(method, ["--lora-rank", "2", "--max-tokens", "64", "--samples", "2"])
    model = broken_model(tmp_path / "model", "y")  # of every prompt
    said = run(method, *options, data=rankings, out=tmp_path / "out", model=model).complaint
    assert "not finite" in said or "log-probability nan" in said or "loss nan" in said


def test_a_gpu_that_holds_not_even_one_completion_is_told_of(
    run: Run, rankings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(self, indices):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(PreferenceObjective, "accumulate", full)
    ran = run("dpo", *SMALL, data=rankings, out=tmp_path / "out")
    assert ran.code == 1
    assert "does not hold one completion with its prompt" in ran.err.splitlines()[-1]


def test_a_reward_of_another_model_is_refused(run: Run, rankings: Path, tmp_path: Path):
    other = make_tiny_model(tmp_path / "other", train_steps=0, seed=1)
    run("reward", "--max-tokens", "64", data=rankings, out=tmp_path / "reward", model=other)
    place = ROLLOUTS.index("vader")
    options = [*ROLLOUTS[:place], str(tmp_path / "reward"), *ROLLOUTS[place + 1 :]]
    said = refused(run, "ppo", *options, data=rankings, tmp_path=tmp_path)
    assert said == f"--reward: the run in {tmp_path / 'reward'} is about another model"
