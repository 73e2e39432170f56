"""Sample the completions that ship with the demonstration."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from annotation.management.base import VerbCommand
from annotation.progress import Bar
from training.configuration import for_people
from training.simulate import PROMPTS
from webapp.demo.completions import SHIPPED

K = 4


class Command(VerbCommand):
    help = "Samples the base model for the first demo prompts and writes the file that ships."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--prompts", type=int, default=60)
        parser.add_argument("--max-new-tokens", type=int, default=96)
        parser.add_argument("--out", type=Path, default=SHIPPED)

    def run(self, **options: Any) -> dict[str, Any]:
        with Bar() as bar:
            lines = list(_lines(options["prompts"], options["max_new_tokens"], bar))
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        # No time stamp inside, so that the same samples make the same file.
        options["out"].write_bytes(gzip.compress(text.encode(), mtime=0))
        return {"prompts": len(lines) - 1, "file": str(options["out"])}

    def describe(self, result: dict[str, Any]) -> str:
        return f"Wrote {K} completions for each of {result['prompts']} prompts: {result['file']}."


def _lines(count: int, max_new_tokens: int, bar: Bar) -> Iterator[dict[str, Any]]:
    from dataclasses import replace

    from training.backbones import backbone
    from training.engine.sampling import sample
    from training.engine.sequences import encode_prompt

    loaded = backbone()
    settings = replace(for_people(), max_new_tokens=max_new_tokens)
    texts = [json.loads(line)["prompt"] for line in PROMPTS.read_text().splitlines()[:count]]
    prompts = [encode_prompt(loaded.tokenizer, [{"role": "user", "content": t}]) for t in texts]
    seeds = [[K * number + place for place in range(K)] for number in range(len(texts))]
    found: dict[int, list[dict[str, Any]]] = {}
    for one in sample(
        loaded,
        prompts,
        seeds,
        settings,
        on_progress=lambda done, total: bar("sampling", done, total),
    ):
        found.setdefault(one.prompt_index, []).append(
            {
                "text": one.text,
                "seed": one.seed,
                "finish_reason": one.finish_reason,
                "token_ids": one.token_ids,
                "logprob": one.logprob,
            }
        )
    yield {
        "model": "SmolLM2-135M-Instruct",
        "model_sha256": loaded.trunk_sha256,
        "tokenizer_sha256": loaded.tokenizer_sha256,
        "settings": settings.as_dict(),
    }
    for number, text in enumerate(texts):
        yield {"prompt": text, "completions": sorted(found[number], key=lambda one: one["seed"])}
