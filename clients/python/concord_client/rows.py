"""What comes from the site, field by field; ``/api/v1/docs/`` says what each means."""

from typing import Any, Literal, TypedDict

Kind = Literal["rank", "compare", "thumbs", "write"]
Purpose = Literal["normal", "gold", "repeat", "review", "arena", "dialogue", "any"]
Split = Literal["train", "validation", "test"]


class Message(TypedDict):
    role: str
    content: str


class ProjectRow(TypedDict):
    slug: str
    name: str
    description: str
    roles: list[str]
    overlap: int
    completions_per_task: int
    lease_seconds: int
    simulated: bool
    created_at: str


class PromptRow(TypedDict):
    id: int
    prompt: list[Message]
    prompt_group_id: str
    split: Split
    parent: int | None
    metadata: dict[str, Any]
    created_at: str


class SubmissionRow(TypedDict):
    """``ranks`` are by completion id; what the kind of task does not ask for is None. With the
    ``purpose`` gold or repeat, or ``excluded``, it is no judgement."""

    id: int
    task: int
    kind: Kind
    purpose: Purpose
    prompt: int
    annotator: str
    excluded: bool
    guideline: str | None
    origin: str
    revision: int
    order: list[str] | None
    seconds: float | None
    ranks: dict[str, int] | None
    unacceptable: list[str] | None
    ratings: dict[str, int] | None
    strengths: list[int] | None
    verdict: Literal["good", "bad"] | None
    text: str | None
    labels: dict[str, list[str]]
    comment: str
    external_id: str | None
    created_at: str


class SourceRow(TypedDict):
    kind: str
    name: str


class Side(TypedDict):
    id: str
    source: SourceRow
    seed: int | None


class PairRow(TypedDict):
    id: int
    submission: int
    prompt: int
    prompt_group_id: str
    split: Split
    annotator: str
    guideline: str | None
    chosen: Side
    rejected: Side
    margin: int | None


class SnapshotRow(TypedDict):
    id: int
    name: str
    filters: dict[str, Any]
    licence: str
    submissions: int
    withdrawn: int
    sha256: str
    frozen_at: str


class ManifestFile(TypedDict):
    path: str
    sha256: str
    bytes: int
    rows: int


class ManifestRow(TypedDict):
    """What an export holds; its signature is over all other fields."""

    file: str
    format: str
    project: str
    licence: str
    snapshot: str | None
    snapshot_sha256: str | None
    consensus: bool
    withdrawn: int
    ties: str
    part: str | None
    sha256: str
    bytes: int
    rows: int
    rankings: int
    judgements: int
    pairs: int
    left_out: dict[str, int]
    split: dict[str, str]
    files: list[ManifestFile]
    software: str
    made_at: str
    signature: str


class Shown(TypedDict):
    id: str
    text: str


class Question(TypedDict):
    id: int
    kind: Kind
    prompt: list[Message]
    completions: list[Shown]


class WorkRow(TypedDict):
    id: int
    expires_at: str
    guideline_version: str | None
    task: Question


class Receipt(TypedDict):
    """The submission's id, and how many strict preferences follow from it."""

    id: int
    pairs: int
