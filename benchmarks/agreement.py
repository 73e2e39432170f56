"""How long all figures of agreement take, intervals included.

    python -m benchmarks.agreement [--quick] [--json]

Simulates rankings of four, and of nine, completions by two to five people a question, until
1,000,000 completions have been ranked (100,000 with --quick), and times
``annotation.quality.agreement.agreement`` on them. Prints a table, and one JSON object on the
last line.
"""

import argparse
import json
import time

import numpy as np

from annotation.quality.agreement import agreement
from annotation.quality.rankings import Rankings, make_rankings

RATINGS, QUICK_RATINGS = 1_000_000, 100_000
GOAL_SECONDS = 5.0


def simulate(ratings: int, k: int, seed: int = 0) -> Rankings:
    """Rankings with ties by 100 people who see each completion's worth through noise."""
    chance = np.random.default_rng(seed)
    rows = ratings // k
    people = chance.integers(2, 6, rows)
    question = np.repeat(np.arange(rows), people)[:rows]
    worth = chance.normal(size=(question[-1] + 1, k))[question]
    seen = np.rint(2 * (worth + chance.normal(size=(rows, k))))
    rank = 1 + (seen[:, None, :] > seen[:, :, None]).sum(axis=2)
    item = (question[:, None] * k + np.arange(k)).ravel()
    starts = np.arange(rows + 1) * k
    return make_rankings(question, chance.integers(0, 100, rows), starts, item, rank.ravel())


def measure(ratings: int, k: int) -> dict[str, float]:
    rankings = simulate(ratings, k)
    began = time.perf_counter()
    figures = agreement(rankings)
    seconds = time.perf_counter() - began
    assert all(figure.low is not None for figure in figures.values())
    return {"ratings": ratings, "k": k, "seconds": round(seconds, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the ratings")
    parser.add_argument("--json", action="store_true", help="the JSON line alone")
    options = parser.parse_args()
    ratings = QUICK_RATINGS if options.quick else RATINGS
    found = [measure(ratings, k) for k in (4, 9)]
    if not options.json:
        for each in found:
            print(f"{each['ratings']:,} ratings, K = {each['k']}: {each['seconds']:.2f} s")
        print(f"goal: {GOAL_SECONDS} s for {RATINGS:,}")
    print(json.dumps({"agreement": found, "goal_seconds": GOAL_SECONDS}))


if __name__ == "__main__":
    main()
