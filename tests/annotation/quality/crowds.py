"""Simulated annotators, honest and otherwise, who share tasks as a project's people do."""

from collections.abc import Sequence

import numpy as np

from annotation.quality.work import GOLD, NORMAL, REPEAT, Work

K = 4
GOLD_SHARE, REPEAT_SHARE = 0.05, 0.05
HONEST, RANDOM, POSITION, COPY, LONGEST = "honest", "random", "position", "copy", "longest"
FADING, HASTY, TYING = "fading", "hasty", "tying"


class Crowd:
    """People of the given ways, ``tasks`` rankings each; ``overlap`` of the questions are judged
    by ``people`` of them, the others by one. Gold tasks and repeats are among what each does.

    Each completion has a worth; an honest person sees it through noise of half its spread, which
    makes two of them agree on about four pairs of five. Longer completions are a little better.
    """

    def __init__(
        self,
        ways: Sequence[str],
        *,
        tasks: int = 200,
        overlap: float = 0.3,
        people: int = 3,
        seed=0,
    ):
        self.chance = np.random.default_rng(seed)
        self.ways, self.tasks = list(ways), tasks
        self.rows: list[dict] = []
        self.said: dict[int, list[int]] = {}
        self.own: dict[int, list[dict]] = {who: [] for who in range(len(ways))}
        self.texts: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        extra = round(tasks * GOLD_SHARE), round(tasks * REPEAT_SHARE)
        self._share_out(tasks - sum(extra), overlap, people)
        gold = list(range(10**6, 10**6 + extra[0]))
        for who in range(len(ways)):
            for question in gold:
                self._answer(question, who, GOLD, self._truth(question))
            again = self.chance.choice(len(self.own[who]), extra[1], replace=False)
            for row in [self.own[who][place] for place in again]:
                self._answer(row["question"], who, REPEAT, row["rank"])

    def _share_out(self, tasks: int, overlap: float, people: int) -> None:
        """Everyone's places, at random; a place in a shared question is as likely for all."""
        places = tasks * len(self.ways)
        # Of the questions, ``overlap`` take ``people`` places each.
        questions = round(places / (1 - overlap + overlap * people))
        shared = round(questions * overlap)
        wanted = np.repeat(np.arange(questions), np.where(np.arange(questions) < shared, people, 1))
        left = np.full(len(self.ways), tasks)
        for question in self.chance.permutation(np.unique(wanted)):
            number = people if question < shared else 1
            # Those with most left first, so that all end up with as many; else by chance.
            able = np.flatnonzero(left)
            order = np.argsort(-left[able] + 5 * self.chance.random(len(able)))
            chosen = able[order[:number]]
            for who in chosen:
                left[who] -= 1
                self.own[who].append(self._answer(int(question), int(who), NORMAL, None))

    def _text(self, question: int) -> tuple[np.ndarray, np.ndarray]:
        if question not in self.texts:
            worth = self.chance.normal(size=K)
            length = np.rint(200 * np.exp(0.2 * worth + 0.5 * self.chance.normal(size=K)))
            self.texts[question] = worth, length
        return self.texts[question]

    def _truth(self, question: int) -> list[int]:
        return ranked(self._text(question)[0])

    def _answer(self, question: int, who: int, purpose: int, known: list[int] | None) -> dict:
        worth, length = self._text(question)
        slot = self.chance.permutation(K)
        seen = np.rint(4 * (worth + 0.5 * self.chance.normal(size=K)))
        way = self.ways[who]
        if way == RANDOM:
            seen = self.chance.normal(size=K)
        elif way == POSITION:
            seen = -slot
        elif way == LONGEST:
            seen = length
        elif way == TYING:
            seen = np.rint(seen / 8)
        elif way == FADING and 2 * len(self.own[who]) > self.tasks:
            seen = self.chance.normal(size=K)
        rank = ranked(seen)
        if way == COPY and purpose == NORMAL:
            rank = self.said.get(question, rank)
        self.said.setdefault(question, rank)
        row = {
            "question": question,
            "who": who,
            "purpose": purpose,
            "rank": rank,
            "known": known or [0] * K,
            "slot": slot,
            "length": length,
            "seconds": float(self.chance.lognormal(2 if way == HASTY else 4, 0.5)),
        }
        self.rows.append(row)
        return row

    def work(self) -> Work:
        def column(name, kind=np.int64):
            return np.array([row[name] for row in self.rows], kind)

        def items(name):
            return np.array([value for row in self.rows for value in row[name]], np.int64)

        rows = len(self.rows)
        return Work(
            pseudonyms=tuple(f"{way}-{number}" for number, way in enumerate(self.ways)),
            kinds=("human",) * len(self.ways),
            question=column("question"),
            annotator=column("who"),
            purpose=column("purpose"),
            seconds=column("seconds", float),
            at=np.linspace(0, 1, rows),
            starts=np.arange(rows + 1) * K,
            item=(column("question")[:, None] * K + np.arange(K)).ravel(),
            rank=items("rank"),
            known=items("known"),
            slot=items("slot"),
            length=items("length"),
            unacceptable=np.zeros(rows * K, bool),
            id=np.arange(rows),
            task=column("question"),
            guideline=np.zeros(rows, np.int64),
        )


def ranked(scores) -> list[int]:
    scores = np.asarray(scores)
    return list(1 + (scores[None, :] > scores[:, None]).sum(axis=1))
