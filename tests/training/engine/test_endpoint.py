"""A server draws; what it drew is scored here, and what is wrong with it is one clear line."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.training.engine.command.conftest import RANKINGS, write_lines
from training.engine.command.main import main
from training.engine.config import SamplingSettings
from training.engine.endpoint import Endpoint, sample_from
from training.engine.errors import EngineError
from training.engine.ppo.best_of_n import best_of_n
from training.engine.sampling import sample

SETTINGS = SamplingSettings(max_new_tokens=8, temperature=0.7, top_k=50, batch_rows=4)
Answer = Callable[[dict[str, Any]], tuple[int, Any]]


class Served:
    """A server on this machine, and all that it was asked."""

    def __init__(self, answer: Answer) -> None:
        asked: list[tuple[str, dict[str, Any], str | None]] = []
        self.asked = asked

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                asked.append((self.path, body, self.headers["Authorization"]))
                code, value = answer(body)
                data = value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(code)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"


@contextmanager
def serving(answer: Answer) -> Iterator[Served]:
    made = Served(answer)
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
        thread.join()


def endpoint(served: Served, **about: Any) -> Endpoint:
    return Endpoint(served.url, "tiny", pause=0.0, **about)


def choice(**about: Any) -> dict[str, Any]:
    return {"choices": [{"text": "so", "finish_reason": "stop", **about}]}


def test_what_this_engine_would_draw_is_scored_as_if_it_had(backbone, prompts):
    """The server answers with this engine's own samples: log-probabilities must agree."""
    seeds = [[10 * index + each for each in range(3)] for index in range(len(prompts))]
    mine = {each.seed: each for each in sample(backbone, prompts, seeds, SETTINGS)}

    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        drawn = mine[body["seed"]]
        assert body["prompt"] == prompts[drawn.prompt_index]
        ids = [each for each in drawn.token_ids if each != backbone.eos_id]
        return 200, choice(text=drawn.text, finish_reason=drawn.finish_reason, token_ids=ids)

    with serving(answer) as served:
        found = list(sample_from(endpoint(served, key="k"), backbone, prompts, seeds, SETTINGS))
    assert [(each.prompt_index, each.seed) for each in found] == [
        (index, seed) for index, each in enumerate(seeds) for seed in each
    ]
    for each in found:
        assert each.token_ids == mine[each.seed].token_ids
        assert each.text == mine[each.seed].text
        assert each.logprob == pytest.approx(mine[each.seed].logprob, abs=1e-4)
    (path, body, key), *_ = served.asked
    assert (path, key, body["model"]) == ("/v1/completions", "Bearer k", "tiny")
    assert (body["temperature"], body["top_k"], body["max_tokens"]) == (0.7, 50, 8)


def test_a_server_that_sends_text_alone_is_understood(backbone, prompts):
    with serving(lambda body: (200, choice(text="yes"))) as served:
        (found,) = sample_from(endpoint(served), backbone, prompts[:1], [[1]], SETTINGS)
    assert (found.text, found.finish_reason) == ("yes", "stop")
    assert found.token_ids[-1] == backbone.eos_id


def test_a_passing_failure_is_tried_again(backbone, prompts):
    codes = iter([503, 429, 200])
    with serving(lambda body: (next(codes), choice())) as served:
        (found,) = sample_from(endpoint(served), backbone, prompts[:1], [[1]], SETTINGS)
    assert found.text == "so"
    assert len(served.asked) == 3


@pytest.mark.parametrize(
    ("answer", "said", "asked"),
    [
        ((404, b"no model tiny\nhere"), "refuses, 404: no model tiny here", 1),
        ((503, b"busy"), r"does not answer after 3 attempts \(503: busy\)", 3),
        ((200, b"<html>"), "not JSON", 1),
        ((200, {"choices": []}), "does not answer as OpenAI's", 1),
        ((200, choice(token_ids=["a"])), "does not answer as OpenAI's", 1),
        ((200, choice(token_ids=[10**6])), "serves another model", 1),
    ],
)
def test_what_is_wrong_is_one_line(backbone, prompts, answer, said, asked):
    with (
        serving(lambda body: answer) as served,
        pytest.raises(EngineError, match=said) as refusal,
    ):
        list(sample_from(endpoint(served, retries=2), backbone, prompts[:1], [[1]], SETTINGS))
    assert "\n" not in str(refusal.value)
    assert len(served.asked) == asked


def test_a_server_that_is_down_is_named(backbone, prompts):
    with serving(lambda body: (200, choice())) as served:
        pass
    with pytest.raises(EngineError, match=f"{served.url} does not answer after 2 attempts"):
        list(sample_from(endpoint(served, retries=1), backbone, prompts[:1], [[1]], SETTINGS))


def test_an_address_that_is_none_is_refused():
    with pytest.raises(EngineError, match="begins with http"):
        Endpoint("file:///etc/passwd", "tiny")


def best(data: Path, out: Path, model: Path, *more: str) -> int:
    return main(
        ["best-of-n", "--data", str(data), "--model", str(model), "--out", str(out), "--device",
         "cpu", "--reward", "vader", "--max-new-tokens", "6", "--json", *more]
    )  # fmt: skip


def test_best_of_n_keeps_the_answer_that_the_reward_likes(tmp_path, tiny_folder, capsys):
    data = write_lines(tmp_path / "prompts.jsonl", [{"prompt": row["prompt"]} for row in RANKINGS])
    words = ("bad", "good", "cold")
    with serving(lambda body: (200, choice(text=words[body["seed"] % 3]))) as served:
        code = best(
            data, tmp_path / "run", tiny_folder, "--completions-per-prompt", "3",
            "--endpoint", served.url,
        )  # fmt: skip
    assert code == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    lines = [
        json.loads(line) for line in (tmp_path / "run" / "best.jsonl").read_text().splitlines()
    ]
    assert len(lines) == len(RANKINGS)
    said: dict[tuple[int, ...], set[str]] = {}
    for _, body, _ in served.asked:
        said.setdefault(tuple(body["prompt"]), set()).add(words[body["seed"] % 3])
    hoped = [
        next(word for word in ("good", "cold", "bad") if word in each) for each in said.values()
    ]
    assert sorted(line["completion"] for line in lines) == sorted(hoped)
    assert report["figures"]["reward"] > report["figures"]["reward_of_one"]
    assert report["figures"]["kl"] == pytest.approx(1.0986123 - 2 / 3)


def test_best_of_n_goes_on_where_it_was_stopped(tmp_path, tiny_folder, monkeypatch):
    from training.engine.command import best as command

    data = write_lines(tmp_path / "prompts.jsonl", [{"prompt": row["prompt"]} for row in RANKINGS])
    monkeypatch.setattr(command, "AT_ONCE", 3)
    assert best(data, tmp_path / "whole", tiny_folder) == 0
    calls = iter(range(9))

    def twice(*args: Any, **about: Any) -> Any:
        if next(calls) == 2:
            raise KeyboardInterrupt
        return best_of_n(*args, **about)

    monkeypatch.setattr(command, "best_of_n", twice)
    assert best(data, tmp_path / "parts", tiny_folder) == 130
    assert best(data, tmp_path / "parts", tiny_folder) == 0
    whole, parts = (tmp_path / name / "best.jsonl" for name in ("whole", "parts"))
    assert whole.read_text() == parts.read_text()
