"""How much of a GPU the trainings and the sampling use.

    python -m benchmarks.gpu [--quick] [--json] [--batch-tokens 4096 16384]

A random Llama of 1.5 billion parameters in bfloat16, an adapter on every linear layer (LoRA, rank
16). Reward and DPO training: tokens a second, and the share of the card's arithmetic (MFU), for
each number of tokens a pass. Sampling: tokens a second, and the share of the card's memory traffic,
for each number of rows. `benchmarks/_arithmetic.py` says what is counted and what cards give;
--peak-tflops and --bandwidth-tb are for a card that it does not know. Where there is no CUDA device
it says so and ends well. Prints JSON.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks._arithmetic import (
    card_of,
    decode_bytes,
    forward_flops,
    pairs_seen,
    sizes_of,
    training_flops,
)
from training.engine.backbone import Backbone, load_backbone
from training.engine.config import PreferenceSettings, RewardSettings, SamplingSettings
from training.engine.learner import learning
from training.engine.preference import PreferenceExample, PreferenceObjective
from training.engine.reward import HeadFit
from training.engine.reward_lora import RewardExample, RewardObjective
from training.engine.sampling import sample

LARGE: dict[str, Any] = {
    "vocab_size": 151_936, "hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28,
    "num_attention_heads": 12, "num_key_value_heads": 2, "tie_word_embeddings": True,
}  # fmt: skip
REWARD = RewardSettings(depth="lora", layer=1.0, pooling="last", ties=False)


@dataclass(frozen=True)
class Work:
    """What is trained on and drawn."""

    prompts: int = 16
    completions: int = 4
    prompt: int = 512  # tokens
    completion: int = 256  # tokens
    repeats: int = 3
    rows: tuple[int, ...] = (1, 32, 256)  # drawn side by side
    drawn: tuple[int, int] = (32, 160)  # tokens; the difference is what is timed
    batch_tokens: tuple[int, ...] = (512, 4096, 16_384)

    @property
    def tokens(self) -> int:
        """What the trainings run through the layers."""
        return self.prompts * (self.prompt + self.completions * self.completion)

    @property
    def seen(self) -> int:
        return self.prompts * pairs_seen(self.prompt, [self.completion] * self.completions)


def make_model(folder: Path) -> None:
    """Write the large random model; the tokenizer uses its first few hundred tokens."""
    from transformers import LlamaConfig, LlamaForCausalLM

    from training.engine.tiny import byte_tokenizer

    tokenizer = byte_tokenizer()
    torch.manual_seed(0)
    config = LlamaConfig(
        **LARGE, max_position_embeddings=4096, pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    with torch.device("cuda"):
        model: Any = LlamaForCausalLM(config)
    model.bfloat16().save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def some_ids(work: Work, place: int) -> tuple[list[int], list[list[int]]]:
    chance = torch.Generator().manual_seed(place)
    size = work.prompt + work.completions * work.completion
    drawn = torch.randint(8, 256, (size,), generator=chance).tolist()
    parts = range(work.prompt, size, work.completion)
    return drawn[: work.prompt], [drawn[start : start + work.completion] for start in parts]


def reward_objective(backbone: Backbone, work: Work) -> RewardObjective:
    width = backbone.hidden
    head = HeadFit(np.ones(width), np.zeros(width), np.ones(width), float("-inf"))
    ranks = list(range(1, work.completions + 1))
    examples = [
        RewardExample(str(place), *some_ids(work, place), ranks) for place in range(work.prompts)
    ]
    return RewardObjective(backbone, examples, head, REWARD)


def dpo_objective(backbone: Backbone, work: Work) -> PreferenceObjective:
    ranks = list(range(1, work.completions + 1))
    known = [-100.0] * work.completions  # the reference has been asked before
    examples = [
        PreferenceExample(str(place), *some_ids(work, place), ranks, known)
        for place in range(work.prompts)
    ]
    return PreferenceObjective(backbone, examples, PreferenceSettings())


def seconds_of(work: Callable[[], Any], repeats: int, device: torch.device) -> float:
    """The median, after one to warm up."""
    taken = []
    for _ in range(1 + repeats):
        began = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[1:])


def training(
    backbone: Backbone, objective: Any, head_tokens: int, peak: float, work: Work
) -> dict[str, Any]:
    """Forward and backward of all prompts, by tokens a pass."""
    sizes = sizes_of(backbone.model)
    flops = training_flops(sizes, work.tokens, work.seen, head_tokens, full=False)
    found: dict[str, Any] = {}
    with learning(backbone, None, REWARD):
        for tokens in work.batch_tokens:
            objective.budget.tokens = tokens
            pass_over = lambda: objective.accumulate(range(len(objective)))  # noqa: E731
            seconds = seconds_of(pass_over, work.repeats, backbone.device)
            found[f"{tokens} tokens a pass"] = {
                "tokens_per_second": round(work.tokens / seconds),
                "mfu": round(flops / seconds / peak, 4),
            }
    return found


def sampling(backbone: Backbone, bandwidth: float, work: Work) -> dict[str, Any]:
    """Decoding alone: what more tokens take, the prompts being the same."""
    sizes, found = sizes_of(backbone.model), {}
    few, many = work.drawn
    prompt, _ = some_ids(work, 0)
    for rows in work.rows:
        short, long = (
            seconds_of(
                partial(drawn_to, backbone, prompt, rows, count), work.repeats, backbone.device
            )
            for count in work.drawn
        )
        step = max(long - short, 1e-9) / (many - few)
        moved = decode_bytes(
            sizes, rows, work.prompt + (few + many) // 2, backbone.model.dtype.itemsize
        )
        found[f"{rows} rows"] = {
            "tokens_per_second": round(rows / step),
            "bandwidth_share": round(moved / step / bandwidth, 4),
        }
    return found


def drawn_to(backbone: Backbone, prompt: Sequence[int], rows: int, count: int) -> None:
    """Draw `count` tokens a row; no end-of-sequence token ends one before."""
    settings = SamplingSettings(max_new_tokens=count, batch_rows=rows)
    eos_id, backbone.eos_id = backbone.eos_id, -1
    try:
        list(sample(backbone, [prompt], [list(range(rows))], settings))
    finally:
        backbone.eos_id = eos_id


def measure(backbone: Backbone, peak: float, bandwidth: float, work: Work) -> dict[str, Any]:
    """All figures."""
    completions = work.prompts * work.completions * work.completion
    sizes = sizes_of(backbone.model)
    return {
        "parameters": sizes.linear + sizes.head,
        "forward_flops_per_token": round(
            forward_flops(sizes, work.tokens, work.seen, completions) / work.tokens
        ),
        "reward": training(backbone, reward_objective(backbone, work), 0, peak, work),
        "dpo": training(backbone, dpo_objective(backbone, work), completions, peak, work),
        "sampling": sampling(backbone, bandwidth, work),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer prompts and one repetition")
    parser.add_argument("--json", action="store_true", help="print the JSON line alone")
    parser.add_argument("--batch-tokens", type=int, nargs="+", help="tokens of a pass to try")
    parser.add_argument("--peak-tflops", type=float, help="of the card, dense, in bfloat16")
    parser.add_argument("--bandwidth-tb", type=float, help="of the card's memory, a second")
    given = parser.parse_args()
    if not torch.cuda.is_available():
        print(json.dumps({"skipped": "there is no CUDA device"}))
        return
    name = torch.cuda.get_device_name()
    known = card_of(name) or (0.0, 0.0)
    peak = given.peak_tflops * 1e12 if given.peak_tflops else known[0]
    bandwidth = given.bandwidth_tb * 1e12 if given.bandwidth_tb else known[1]
    if not (peak and bandwidth):
        parser.error(f"{name} is not known: give --peak-tflops and --bandwidth-tb")
    work = Work(prompts=4, repeats=1, rows=(1, 32)) if given.quick else Work()
    if given.batch_tokens:
        work = Work(**{**vars(work), "batch_tokens": tuple(given.batch_tokens)})
    with tempfile.TemporaryDirectory(prefix="concord-gpu-") as folder:
        make_model(Path(folder))
        backbone = load_backbone(Path(folder), "cuda")
        figures = measure(backbone, peak, bandwidth, work)
    if not given.json:
        print(f"{name}: {peak / 1e12:g} TFLOPS, {bandwidth / 1e12:g} TB/s at the most")
    print(json.dumps({"device": name, **figures}))


if __name__ == "__main__":
    main()
