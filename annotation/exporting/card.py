"""What a data set says of itself: counted while it is written, told in its README."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from django.db.models import Count

from annotation.content import SPLIT_RULE, SPLIT_SEED
from annotation.exporting.agreed import Agreed
from annotation.exporting.reading import Judgement, Ranked, Selection
from annotation.licences import UNKNOWN, address_of, is_listed
from annotation.pairs import Ties, strict_pairs

SPLITS = ("train", "validation", "test")
FIGURES = {
    "pairwise": "Two people prefer the same of two answers (guessing: 0.5)",
    "tau_b": "Kendall’s tau-b, mean over pairs of people",
    "alpha_ordinal_ranks": "Krippendorff’s alpha, ordinal, of ranks",
    "self_agreement": "The same person prefers the same again",
}
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (10**6, "100K<n<1M"))
KIND_WORDS = {
    "human": "people",
    "imported": "judges of an imported file",
    "ai": "models",
    "simulated": "simulated annotators",
}
UNNAMED_WORDS = "judges whom an imported file did not name"
DOMINANT = 0.5
TIES = {
    Ties.DROP: "They are left out of `preferences`.",
    Ties.SOFT: (
        "Each stands once in `preferences`, with a `soft_label` of 0.5, the probability that the "
        "chosen one is preferred; that of all other pairs is 1. Pairs of the same text are left "
        "out."
    ),
    Ties.KEEP: (
        "Each stands twice in `preferences`, both ways round, so that a trainer is pulled neither "
        "way. Pairs of the same text are left out."
    ),
}


@dataclass
class Tally:
    """Counts over what goes out; it grows with annotators and guidelines, not with rankings.

    ``unnamed`` counts what came from judges whom a file did not name: how many they are, nobody
    knows. ``annotators`` holds the others.

    ``given`` counts what people gave: more than ``judgements`` where a consensus of them goes out,
    each of which is in ``agreed`` by how many people it is of.
    """

    judgements: int = 0
    given: int = 0
    unnamed: int = 0
    rankings: int = 0
    pairs: int = 0
    possible: int = 0
    longer: int = 0
    longer_of: int = 0
    first: int = 0
    first_of: int = 0
    annotators: Counter[tuple[str, str]] = field(default_factory=Counter)
    guidelines: Counter[str] = field(default_factory=Counter)
    models: Counter[str] = field(default_factory=Counter)
    agreed: Counter[int] = field(default_factory=Counter)

    def add(self, judgement: Judgement) -> None:
        self.judgements += 1
        if isinstance(judgement, Agreed):
            self.agreed[judgement.people] += 1
        else:
            self._add_person(judgement.annotator_kind, judgement.annotator, 1)
            self.guidelines[judgement.guideline] += 1
        if isinstance(judgement, Ranked):
            self._add_ranking(judgement)

    def add_those_behind(self, selection: Selection) -> None:
        """Who gave what a consensus is of, and under which guidelines."""
        given = selection.submissions().order_by()
        people = given.values_list("annotator__kind", "annotator__pseudonym")
        for kind, name, count in people.annotate(count=Count("pk")):
            self._add_person(kind, selection.pseudonym(name, kind), count)
        for label, count in given.values_list("guideline__label").annotate(count=Count("pk")):
            self.guidelines[label or ""] += count

    def _add_person(self, kind: str, pseudonym: str, count: int) -> None:
        self.given += count
        if pseudonym:
            self.annotators[kind, pseudonym] += count
        else:
            self.unnamed += count

    def _add_ranking(self, ranked: Ranked) -> None:
        self.rankings += 1
        k = len(ranked.completions)
        self.possible += k * (k - 1) // 2
        for each in ranked.completions:
            self.models[each.model] += 1
        lengths = [len(each.text) for each in ranked.completions]
        for winner, loser in strict_pairs(ranked.ranks):
            self.pairs += 1
            if lengths[winner] != lengths[loser]:
                self.longer_of += 1
                self.longer += lengths[winner] > lengths[loser]
            if ranked.shown:
                self.first_of += 1
                self.first += winner < loser


@dataclass(frozen=True)
class Card:
    """What the README is written from. ``rows`` counts those of each split by configuration;
    ``guidelines`` are the file of each label; ``traits`` what people could say of themselves;
    ``ties`` what became of tied pairs, None for a card that does not tell."""

    title: str
    licence: str
    tally: Tally
    rows: dict[str, dict[str, int]]
    guidelines: dict[str, str]
    agreement: dict[str, Any] | None
    about: list[str]
    traits: tuple[str, ...] = ()
    ties: Ties | None = None

    def text(self) -> str:
        parts = (self._head(), *self._sections())
        return "\n".join(part.rstrip() + "\n" for part in parts)

    def _head(self) -> str:
        total = sum(self.rows.get("preferences", {}).values())
        size = next((words for limit, words in SIZES if total < limit), "n>1M")
        front = {
            **_licence(self.licence),
            "task_categories": ["reinforcement-learning", "text-generation"],
            "tags": ["preference", "rlhf", "dpo", "concord"],
            "size_categories": [size],
            "configs": [
                {
                    "config_name": name,
                    **({"default": True} if name == "preferences" else {}),
                    "data_files": [
                        {"split": split, "path": f"{name}/{split}.parquet"}
                        for split in SPLITS
                        if splits.get(split)
                    ],
                }
                for name, splits in self.rows.items()
                if any(splits.values())
            ],
        }
        return f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---\n"

    def _sections(self) -> Iterator[str]:
        yield f"# {plain(self.title)}\n\n" + "\n".join(self.about)
        yield self._terms()
        yield self._counts()
        if self.tally.agreed:
            yield self._consensus()
        yield self._guidelines()
        yield self._agreement()
        yield self._people()
        yield self._biases()
        yield (
            "## Split\n\nDrawn by prompt, 80 % train, 10 % validation, 10 % test, with the seed "
            f"`{SPLIT_SEED}`; near-duplicate prompts and the turns of a dialogue share a "
            f"`prompt_group_id`, and with it the split. Anybody can draw it again:\n\n"
            f"```python\nimport hashlib\n\n{SPLIT_RULE}```"
        )
        yield (
            "## Files\n\n`preferences` holds pairs as messages, ready for TRL; `rankings` holds "
            "the rankings that they follow from, which Concord can import again. "
            "`croissant.json` describes the columns, `manifest.json` has the hash of each file "
            "and the version of Concord that wrote them.\n"
        )

    def _terms(self) -> str:
        if self.licence == UNKNOWN:
            return "## Licence\n\nNobody said under which licence this may be used."
        return f"## Licence\n\n{plain(address_of(self.licence))}"

    def _counts(self) -> str:
        lines = ["## Counts\n", "| | train | validation | test |", "|---|---|---|---|"]
        for name, splits in self.rows.items():
            cells = " | ".join(f"{splits.get(split, 0):,}" for split in SPLITS)
            lines.append(f"| {name} | {cells} |")
        models = [name or "unnamed" for name, _ in self.tally.models.most_common(20)]
        lines.append(f"\nThe answers come from: {', '.join(map(plain, models))}.")
        if self.ties is not None:
            lines.append(f"\n{self._ties(self.ties)}")
        return "\n".join(lines)

    def _ties(self, ties: Ties) -> str:
        tied = self.tally.possible - self.tally.pairs
        return (
            f"Ties: of {self.tally.possible:,} pairs of answers that were ranked, {tied:,} are "
            f"tied. {TIES[ties]} Rankings keep them."
        )

    def _consensus(self) -> str:
        head = (
            "## Consensus\n\nEach ranking is what the people who ranked a task agree on best: "
            "Bradley-Terry over the pairs of their rankings, each person weighed by how reliable "
            "they are, as it stood when this was frozen. `people` says how many they are. Of each "
            "answer, `worths` is in logits, their mean nought, and `errors` its standard "
            "deviation; of each pair, `probability` is that of the chosen one to be the better. "
            f"They come from {self.tally.given:,} rankings.\n\n| people | tasks |\n|---|---|\n"
        )
        rows = sorted(self.tally.agreed.items())
        return head + "\n".join(f"| {people:,} | {tasks:,} |" for people, tasks in rows)

    def _guidelines(self) -> str:
        lines = ["## Guidelines in force\n", "| version | rankings | text |", "|---|---|---|"]
        for label, count in sorted(self.tally.guidelines.items()):
            file = self.guidelines.get(label)
            shown = f"[{file}]({file})" if file else "not known here"
            lines.append(f"| {plain(label) or 'none'} | {count:,} | {shown} |")
        return "\n".join(lines)

    def _agreement(self) -> str:
        head = "## Agreement\n\n"
        if self.agreement is None:
            return head + "It was not measured when this snapshot was frozen."
        shared = self.agreement["shared_questions"]
        lines = [f"{shared:,} of {self.agreement['questions']:,} questions were judged by several."]
        lines += ["", "| figure | value | 95 % interval |", "|---|---|---|"]
        for name, words in FIGURES.items():
            figure = self.agreement["figures"].get(name)
            if figure is not None:
                lines.append(f"| {words} | {_value(figure)} | {_span(figure)} |")
        return head + "\n".join(lines)

    def _people(self) -> str:
        lines = ["## Who annotated\n", "| who | how many | rankings |", "|---|---|---|"]
        for kind, words in KIND_WORDS.items():
            theirs = [n for (of, _), n in self.tally.annotators.items() if of == kind]
            if theirs:
                lines.append(f"| {words} | {len(theirs):,} | {sum(theirs):,} |")
        if self.tally.unnamed:
            lines.append(f"| {UNNAMED_WORDS} | not known | {self.tally.unnamed:,} |")
        lines.append(f"\nThey are known by pseudonyms. {self._groups()}")
        return "\n".join(lines)

    def _groups(self) -> str:
        if not self.traits:
            return "Nothing else is known of them: no group was asked for."
        asked = ", ".join(map(plain, self.traits))
        # As templates/about_me.html asks them: a data set would show more people more than that.
        return (
            f"They could say what group they count themselves among: {asked}. Neither what they "
            "said nor any figure about groups, of whatever size, is part of this data set: they "
            "agreed that it is kept to see whether different people agree, and that the project's "
            "managers see groups of three people or more. Whether one group speaks for all, only "
            "these can say."
        )

    def _biases(self) -> str:
        tally = self.tally
        lines = ["## Known biases\n"]
        if tally.longer_of:
            share = tally.longer / tally.longer_of
            lines.append(
                f"- Of answers that differ in length, the longer is preferred: {share:.1%}."
            )
        if tally.first_of:
            share = tally.first / tally.first_of
            lines.append(f"- Of two answers, what was shown first is preferred: {share:.1%}.")
        if tally.possible:
            lines.append(f"- {1 - tally.pairs / tally.possible:.1%} of all pairs are ties.")
        most = max(tally.annotators.values(), default=0)
        if most > DOMINANT * tally.given:
            lines.append(f"- One annotator gave {most / tally.given:.1%} of all judgements.")
        for kind in ("ai", "simulated"):
            given = sum(n for (of, _), n in tally.annotators.items() if of == kind)
            if given:
                lines.append(f"- {given / tally.given:.1%} were given by {KIND_WORDS[kind]}.")
        if self.traits:
            lines.append(
                "- Whether one group of people speaks for all is not told here; see Who annotated."
            )
        return "\n".join(lines)


def _licence(licence: str) -> dict[str, str]:
    """As the Hugging Face hub reads it: its identifiers are those of SPDX in small letters."""
    if licence == UNKNOWN or is_listed(licence):
        return {"license": licence.lower()}
    return {"license": "other", "license_name": licence}


def _value(figure: dict[str, Any]) -> str:
    return f"{figure['value']:.3f}" if figure["value"] is not None else plain(figure["why"])


def _span(figure: dict[str, Any]) -> str:
    return f"{figure['low']:.3f} to {figure['high']:.3f}" if figure["low"] is not None else "–"


def plain(text: str) -> str:
    """What somebody wrote, on one line, with nothing in it that Markdown or HTML acts on."""
    line = " ".join(str(text).split())
    return re.sub(r"([\\`*_{}\[\]()#+!|<>&~$])", r"\\\1", line)
