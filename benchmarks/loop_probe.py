"""Two rounds of preference optimisation towards a known taste, without people or a database.

    python -m benchmarks.loop_probe --model FOLDER --gold concise --out FOLDER

Noisy rankings of sampled completions train an adapter; base and policies then answer held-out
prompts. The table says whether the taste was learned and what it cost: KL and perplexity under
the base, diversity, words. Settings are the engine's defaults unless given.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from training.engine import evaluate
from training.engine.backbone import Backbone, load_backbone
from training.engine.config import LoraSettings, PreferenceSettings, SamplingSettings
from training.engine.loop import Trained
from training.engine.preference import PreferenceExample, train_preference
from training.engine.sampling import Sample, sample
from training.engine.scoring import completion_logprobs, embed
from training.engine.sequences import Encoded, encode_prompt

PROMPTS = Path(__file__).parent.parent / "training" / "data" / "prompts.jsonl"
MIN_WORDS = 5


def concise(text: str) -> float:
    """About twelve words please."""
    words = len(text.split())
    return -abs(words - 12) / 12 - (words < MIN_WORDS)


def positive_taste() -> Callable[[str], float]:
    """Cheerful words please."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyser = SentimentIntensityAnalyzer()
    return lambda text: analyser.polarity_scores(text)["compound"] - (len(text.split()) < MIN_WORDS)


def noisy_ranks(golds: list[float], noise: float, chance: random.Random) -> list[int]:
    """Rank as a Plackett-Luce annotator: gold plus Gumbel noise of the given scale."""
    noisy = [gold - noise * math.log(-math.log(chance.random())) for gold in golds]
    return [1 + sum(bool(other > mine) for other in noisy) for mine in noisy]


def draw(
    backbone: Backbone, prompts: list[list[int]], adapter: Path | None, seed: int, args: Any
) -> list[list[Sample]]:
    """Return K samples for each prompt."""
    settings = SamplingSettings(
        args.k, args.tokens, args.temperature, top_p=args.top_p, batch_rows=256
    )
    seeds = [
        [seed * 1_000_003 + index * 101 + k for k in range(args.k)] for index in range(len(prompts))
    ]
    grouped: list[list[Sample]] = [[] for _ in prompts]
    with backbone.adapter(adapter):
        for each in sample(backbone, prompts, seeds, settings):
            grouped[each.prompt_index].append(each)
    return grouped


def evaluate_policy(
    name: str,
    backbone: Backbone,
    prompts: list[list[int]],
    adapter: Path | None,
    args: Any,
    gold: Any,
) -> dict[str, Any]:
    """Return one row of the table from fresh samples on held-out prompts."""
    grouped = draw(backbone, prompts, adapter, 777, args)
    flat = [each for group in grouped for each in group]
    owners = [each.prompt_index for each in flat]
    rows = [Encoded(prompts[each.prompt_index], each.token_ids) for each in flat]
    with backbone.adapter(adapter) as model:
        policy, tokens = completion_logprobs(
            model, rows, backbone.pad_id, temperature=args.temperature
        )
    with backbone.adapter(None) as model:
        reference, _ = completion_logprobs(
            model, rows, backbone.pad_id, temperature=args.temperature
        )
    texts = [each.text for each in flat]
    score = evaluate.clustered_interval([gold(text) for text in texts], owners)
    kl = evaluate.sequence_kl(policy.tolist(), reference.tolist(), owners)
    row = {
        "policy": name,
        "gold": round(score.mean, 3),
        "se": round(score.se, 3),
        "words": round(evaluate.mean_length_words(texts), 1),
        "ended": round(float(np.mean([each.finish_reason == "stop" for each in flat])), 2),
        "kl": round(kl.mean, 2),
        "ppl": round(evaluate.perplexity(reference.tolist(), tokens), 2),
        "distinct2": round(evaluate.distinct_n(texts, 2), 3),
        "repetition": round(float(np.mean([evaluate.repetition(text) for text in texts])), 3),
    }
    print(json.dumps(row), flush=True)
    for text in texts[:: max(1, len(texts) // 12)]:
        print("   ", repr(text), flush=True)
    return row


def examples_of(
    backbone: Backbone,
    prompts: list[list[int]],
    grouped: list[list[Sample]],
    seed: int,
    args: Any,
    gold: Any,
) -> list[PreferenceExample]:
    """Rank each prompt's samples and let the trunk score them."""
    chance = random.Random(seed)
    rows = [
        Encoded(prompts[i], each.token_ids) for i, group in enumerate(grouped) for each in group
    ]
    reference = embed(backbone, rows).logprobs.tolist()
    examples = []
    for index, group in enumerate(grouped):
        mine, reference = reference[: len(group)], reference[len(group) :]
        ranks = noisy_ranks([gold(each.text) for each in group], args.noise, chance)
        ids = [each.token_ids for each in group]
        examples.append(PreferenceExample(f"{seed}/{index}", prompts[index], ids, ranks, mine))
    return examples


def main() -> None:
    """Run the rounds and print the table."""
    args = arguments()
    torch.set_num_threads(args.threads)
    started = time.monotonic()
    gold = concise if args.gold == "concise" else positive_taste()
    backbone = load_backbone(args.model)
    texts = [json.loads(line)["prompt"] for line in PROMPTS.read_text().splitlines()]
    encoded = [
        encode_prompt(backbone.tokenizer, [{"role": "user", "content": text}]) for text in texts
    ]
    random.Random(5).shuffle(encoded)
    held_out, pool = encoded[: args.held_out], encoded[args.held_out :]
    settings = PreferenceSettings(
        beta=args.beta,
        learning_rate=args.lr,
        epochs=args.epochs,
        prompts_per_step=args.step,
        nll_weight=args.nll,
        lora=LoraSettings(rank=args.rank, alpha=2.0 * args.rank),
    )
    print(json.dumps({**vars(args), "settings": settings.as_dict()}, default=str), flush=True)
    evaluate_policy("base", backbone, held_out, None, args, gold)
    adapter: Path | None = None
    examples: list[PreferenceExample] = []
    for number in range(1, args.rounds + 1):
        clock = time.monotonic()
        start = (number - 1) * args.prompts
        prompts = [pool[(start + i) % len(pool)] for i in range(args.prompts)]
        grouped = draw(backbone, prompts, adapter, number, args)
        sampled = time.monotonic()
        fresh = examples_of(backbone, prompts, grouped, number, args, gold)
        examples = [*examples, *fresh] if args.replay else fresh
        scored = time.monotonic()
        folder = args.out / f"round{number}"
        done = train_preference(backbone, examples, settings, folder, start_adapter=adapter)
        assert isinstance(done, Trained)
        adapter = done.folder
        for line in done.metrics:
            print({key: round(value, 4) for key, value in line.items()}, flush=True)
        took = [sampled - clock, scored - sampled, time.monotonic() - scored]
        print("seconds: sample, reference, train", [round(each) for each in took], flush=True)
        evaluate_policy(f"r{number}", backbone, held_out, adapter, args, gold)
    print("seconds in all", round(time.monotonic() - started), flush=True)


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    default = PreferenceSettings()
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--gold", choices=["concise", "positive"], default="concise")
    parser.add_argument("--lr", type=float, default=default.learning_rate)
    parser.add_argument("--beta", type=float, default=default.beta)
    parser.add_argument("--nll", type=float, default=default.nll_weight)
    parser.add_argument("--epochs", type=int, default=default.epochs)
    parser.add_argument("--step", type=int, default=default.prompts_per_step)
    parser.add_argument("--rank", type=int, default=default.lora.rank)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--held-out", type=int, default=24)
    parser.add_argument("--k", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--temperature", type=float, default=0.7)
    parser.add_argument("--top-p", type=float, default=1.0)
    parser.add_argument("--noise", type=float, default=0.2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--replay", action="store_true", help="train on earlier rounds' too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
