"""One project: lists to go through, work to do, snapshots to take away."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, Literal, cast
from urllib.parse import quote

from tqdm import tqdm

from concord_client.errors import NotFound
from concord_client.rows import (
    Kind,
    PairRow,
    ProjectRow,
    PromptRow,
    Purpose,
    SnapshotRow,
    Split,
    SubmissionRow,
    WorkRow,
)
from concord_client.snapshots import Snapshot
from concord_client.transport import Transport
from concord_client.work import Work

AT_ONCE = 500  # rows of one request
SECONDS_BEFORE_A_BAR = 1.0


class Project:
    """Iterators fetch page after page as they are read. All raise ConcordError."""

    def __init__(self, transport: Transport, slug: str, progress: bool | None = None) -> None:
        self._transport, self._progress = transport, progress
        self.slug = slug
        self._path = f"projects/{quote(slug, safe='')}/"

    def about(self) -> ProjectRow:
        return cast(ProjectRow, self._transport.json("GET", self._path))

    # --- lists ------------------------------------------------------------------------------

    def prompts(self, *, split: Split | None = None) -> Iterator[PromptRow]:
        return self._rows("prompts", {"split": split})

    def submissions(
        self,
        *,
        kind: Kind | None = None,
        annotator: str | None = None,
        guideline: str | None = None,
        task: int | None = None,
        prompt: int | None = None,
        origin: str | None = None,
        purpose: Purpose | None = None,
        excluded: bool | Literal["any"] | None = None,
    ) -> Iterator[SubmissionRow]:
        """Judgements, oldest first: no answers to gold tasks or silent repeats, and none of people
        who were excluded. ``purpose`` asks for those to tasks of one purpose, or ``any``;
        ``excluded`` for those of excluded people alone (True), or too (``any``). Each row says
        what it is."""
        query = {"kind": kind, "annotator": annotator, "guideline": guideline, "purpose": purpose}
        whose = excluded if excluded is None else str(excluded).lower()
        query |= {"origin": origin, "excluded": whose}
        return self._rows("submissions", query | {"task": task, "prompt": prompt})

    def rankings(self, **filters: Any) -> Iterator[SubmissionRow]:
        """Rankings and comparisons; what comes, and the filters, are as of ``submissions``."""
        return chain(
            self.submissions(kind="rank", **filters), self.submissions(kind="compare", **filters)
        )

    def pairs(
        self,
        *,
        split: Split | None = None,
        annotator: str | None = None,
        prompt: int | None = None,
        submission: int | None = None,
    ) -> Iterator[PairRow]:
        """Strict preferences of the answers that count, oldest first."""
        query = {"split": split, "annotator": annotator, "prompt": prompt}
        return self._rows("pairs", query | {"submission": submission})

    def _rows(self, noun: str, query: Mapping[str, Any]) -> Iterator[Any]:
        rows = self._transport.rows(f"{self._path}{noun}/", query)
        disable = None if self._progress is None else not self._progress
        bar = tqdm(rows, desc=noun, unit=" rows", disable=disable, delay=SECONDS_BEFORE_A_BAR)
        return iter(bar)

    # --- what managers do -------------------------------------------------------------------

    def add_prompts(self, prompts: Sequence[str | Mapping[str, Any]]) -> list[dict[str, Any]]:
        """What became of each: sent twice, a prompt is added once. Each request of 500 is taken
        whole or not at all."""
        rows = [{"prompt": each} if isinstance(each, str) else dict(each) for each in prompts]
        added: list[dict[str, Any]] = []
        for start in range(0, len(rows), AT_ONCE):
            body = rows[start : start + AT_ONCE]
            added += self._transport.json("POST", f"{self._path}prompts/", body=body)["added"]
        return added

    def add_rankings(self, rows: Iterable[Mapping[str, Any]]) -> int:
        """Take in rankings, comparisons, verdicts or demonstrations that were made elsewhere, as
        rows of the interchange format; returns how many were added. Sent twice, they are added
        once; each request of 500 is taken whole or not at all, so that after a failure the same
        call goes on. Raises Invalid, Conflict."""
        path, added = f"{self._path}rankings/", 0
        disable = None if self._progress is None else not self._progress
        with tqdm(desc="rankings", unit=" rows", disable=disable) as bar:
            rest = iter(rows)
            while body := [dict(row) for row in islice(rest, AT_ONCE)]:
                added += self._transport.json("POST", path, body=body)["rankings"]
                bar.update(len(body))
        return added

    def check_rankings(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """How many of up to 500 rows are good, and what is wrong with the others, counted by kind;
        nothing is written."""
        body = [dict(row) for row in rows]
        path = f"{self._path}rankings/check/"
        return cast(dict[str, Any], self._transport.json("POST", path, body=body))

    # --- work -------------------------------------------------------------------------------

    def claim(self) -> Work | None:
        """The task to do now: the one in hand, else the next; None when nothing is left."""
        reply = self._transport.send("POST", f"{self._path}assignments/")
        return (
            None if reply.status_code == 204 else Work(self._transport, cast(WorkRow, reply.json()))
        )

    # --- snapshots --------------------------------------------------------------------------

    def snapshots(self) -> Iterator[Snapshot]:
        for row in self._rows("snapshots", {}):
            yield self._snapshot(row)

    def snapshot(self, name: str) -> Snapshot:
        """Raises NotFound for a name that no snapshot of the project has."""
        for row in self._transport.rows(f"{self._path}snapshots/", {"name": name}):
            return self._snapshot(row)
        raise NotFound(
            f"There is no snapshot {name!r} in the project {self.slug}. "
            "Freeze one on the page Data, or with freeze()."
        )

    def freeze(self, name: str, **choice: Any) -> Snapshot:
        """Freeze what counts now, chosen as on the page Data: kinds, since, guidelines, ties, …
        ``licence`` is that of its exports, by SPDX (CC-BY-4.0).

        Not sent again where the site may have done it: look for the name first then.
        """
        body = {"name": name, **choice}
        path = f"{self._path}snapshots/"
        return self._snapshot(self._transport.json("POST", path, body=body, again=False))

    def _snapshot(self, row: SnapshotRow) -> Snapshot:
        return Snapshot(self._transport, self._path, row, self._progress)
