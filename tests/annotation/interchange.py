"""Files for the tests of imports and exports."""

import json
from pathlib import Path

PROMPT = "Why is the sea salty?"
TEXTS = ("Because of rivers.", " Minerals from rocks.\n", "Nobody knows.", "Fish.")


def completions(*texts, model="model-a"):
    return [{"text": text, "model": model} for text in texts or TEXTS]


def ranking(prompt=PROMPT, texts=(), **fields):
    """A row that ranks four completions 1, 2, 2, 4 unless told otherwise."""
    row = {"prompt": prompt, "completions": completions(*texts), "ranks": [1, 2, 2, 4]}
    return {name: value for name, value in (row | fields).items() if value is not ...}


def many_rankings(count):
    """Rankings of as many prompts, judged by seven annotators in turn."""
    return [
        ranking(
            f"Question {number}?",
            [f"answer {number} {letter}" for letter in "abcd"],
            annotator=f"judge-{number % 7}",
        )
        for number in range(count)
    ]


def write(path: Path, rows) -> Path:
    """JSON lines; a row may be given as text or bytes to be written as it is."""
    lines = []
    for row in rows:
        if isinstance(row, bytes):
            lines.append(row)
        else:
            text = row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)
            lines.append(text.encode())
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def read(path: Path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]
