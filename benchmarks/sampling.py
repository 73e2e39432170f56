"""What sampling could gain from a static cache or a compiler, and whom a sample's batch changes.

    python -m benchmarks.sampling [--quick] [--no-compile]

Decoding: the likeliest next token of every row, over and over, by the cache that the engine has
(a buffer that grows), by transformers' static one, and by both through torch.compile; each has to
say the same tokens. Seconds are the processor's, medians of runs in turns, the first of each apart,
since that is when a compiler compiles. Batches: the share of samples that come out the same, token
for token, when a batch has fewer or more rows, and prompts in another order. On a random Llama
in float32. Prints JSON.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from transformers import StaticCache

from benchmarks.training import make_model
from training.engine.backbone import Backbone, load_backbone
from training.engine.config import SamplingSettings
from training.engine.decoder import _cache, head_logits
from training.engine.sampling import sample

PROMPT = 64  # tokens
BATCHES = (1, 8, 128)  # rows; the last is the default


class Way:
    """One way to decode."""

    def __init__(self, model: Any, static: bool, compiled: bool, rows: int, tokens: int) -> None:
        self.model, self.static, self.tokens = model, static, tokens
        self.decoder = model.get_decoder()
        # Shapes of a static cache never change; those of a growing one always do.
        self.next = torch.compile(self.decoder, dynamic=not static) if compiled else self.decoder
        self.cache: Any = StaticCache(model.config, PROMPT + tokens) if static else None
        self.seconds: list[float] = []
        self.said = torch.empty(0)

    @torch.inference_mode()
    def run(self, prompts: torch.Tensor) -> None:
        began = time.process_time()
        if self.static:
            self.cache.reset()
        else:
            self.cache = _cache(self.model, PROMPT + self.tokens)
        tokens, said = prompts, []
        for place in range(self.tokens):
            decoder = self.next if place else self.decoder
            width = PROMPT + (self.tokens if self.static else place)
            start = PROMPT + place - 1 if place else 0
            positions = torch.arange(start, start + tokens.shape[1]).expand(len(tokens), -1)
            hidden = decoder(
                input_ids=tokens, attention_mask=torch.ones(len(tokens), width, dtype=torch.long),
                position_ids=positions, past_key_values=self.cache, use_cache=True,
            ).last_hidden_state  # fmt: skip
            tokens = head_logits(self.model, hidden[:, -1]).argmax(dim=1)[:, None]
            said.append(tokens)
        self.seconds.append(time.process_time() - began)
        self.said = torch.cat(said, dim=1)


def decoding(model: Any, rows: int, tokens: int, repeats: int, compiled: bool) -> dict[str, Any]:
    """Tokens a second of each way, and its first run's seconds."""
    prompts = torch.randint(8, 264, (rows, PROMPT), generator=torch.Generator().manual_seed(1))
    ways = {
        f"{cache}{', compiled' if through else ''}": Way(model, static, through, rows, tokens)
        for cache, static in (("growing cache", False), ("static cache", True))
        for through in ((False, True) if compiled else (False,))
    }
    for _ in range(1 + repeats):
        for way in ways.values():
            way.run(prompts)
    ours = ways["growing cache"]
    return {
        name: {
            "tokens_per_second": round(rows * tokens / statistics.median(way.seconds[1:])),
            "speed-up": round(
                statistics.median(ours.seconds[1:]) / statistics.median(way.seconds[1:]), 2
            ),
            "first_run_seconds": round(way.seconds[0], 1),
            "same_tokens": round((way.said == ours.said).double().mean().item(), 4),
        }
        for name, way in ways.items()
    }


def sameness(backbone: Backbone, prompts: int, tokens: int) -> dict[str, float]:
    """The share of samples that are those of the default batch, by how they were drawn."""
    chance = torch.Generator().manual_seed(2)
    lengths = torch.randint(PROMPT // 2, PROMPT, (prompts,), generator=chance).tolist()
    given = [torch.randint(8, 264, (each,), generator=chance).tolist() for each in lengths]
    seeds = [[4 * place + each for each in range(4)] for place in range(prompts)]

    def draw(order: list[int], rows: int) -> dict[int, list[int]]:
        settings = SamplingSettings(max_new_tokens=tokens, batch_rows=rows)
        drawn = sample(backbone, [given[at] for at in order], [seeds[at] for at in order], settings)
        return {each.seed: each.token_ids for each in drawn}

    forwards = list(range(prompts))
    usual = draw(forwards, BATCHES[-1])
    drawn = {f"{rows} rows": draw(forwards, rows) for rows in BATCHES}
    drawn["prompts backwards"] = draw(forwards[::-1], BATCHES[-1])
    return {name: share(found, usual) for name, found in drawn.items()}


def share(found: dict[int, list[int]], usual: dict[int, list[int]]) -> float:
    return round(sum(found[seed] == ids for seed, ids in usual.items()) / len(usual), 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small model and few repetitions")
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    prompts, tokens, repeats = (4, 16, 1) if given.quick else (32, 32, 3)
    with tempfile.TemporaryDirectory() as folder:
        make_model(Path(folder), layers=2 if given.quick else 8)
        backbone = load_backbone(Path(folder), "cpu")
    compiled = not (given.no_compile or given.quick)
    result: dict[str, Any] = {"threads": given.threads, "load": os.getloadavg()[0]}
    result["identical"] = sameness(backbone, prompts, tokens)
    result["decoding"] = decoding(backbone.model, 4 * prompts, tokens, repeats, compiled)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
