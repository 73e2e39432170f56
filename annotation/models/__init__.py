from annotation.models.audit import AuditEntry
from annotation.models.datasets import (
    Import,
    Snapshot,
    SnapshotConsensus,
    SnapshotFile,
    SnapshotItem,
)
from annotation.models.dialogues import Dialogue, Turn
from annotation.models.guidelines import GuidelineVersion
from annotation.models.onboarding import Qualification, QualificationItem, QuizQuestion
from annotation.models.people import Annotator, Membership, Role, User
from annotation.models.problems import ProblemReport
from annotation.models.projects import Project
from annotation.models.prompts import Completion, Prompt, Source, Split
from annotation.models.quizzes import GuidelineQuiz, QuizTry
from annotation.models.reviews import Doubt, GuidelineNote, Review
from annotation.models.submissions import (
    Demonstration,
    Pair,
    RankedItem,
    Ranking,
    Submission,
    Thumb,
)
from annotation.models.tasks import (
    COMPLETIONS_BY_KIND,
    Assignment,
    Task,
    TaskCompletion,
    TaskKind,
)
from annotation.models.tokens import Scope, TokenAccess
from annotation.models.uploads import Upload
from annotation.models.words import CompletionWords, PromptWords, UnreadTexts

__all__ = [
    "COMPLETIONS_BY_KIND",
    "Annotator",
    "Assignment",
    "AuditEntry",
    "Completion",
    "CompletionWords",
    "Demonstration",
    "Dialogue",
    "Doubt",
    "GuidelineNote",
    "GuidelineQuiz",
    "GuidelineVersion",
    "Import",
    "Membership",
    "Pair",
    "ProblemReport",
    "Project",
    "Prompt",
    "PromptWords",
    "Qualification",
    "QualificationItem",
    "QuizQuestion",
    "QuizTry",
    "RankedItem",
    "Ranking",
    "Review",
    "Role",
    "Scope",
    "Snapshot",
    "SnapshotConsensus",
    "SnapshotFile",
    "SnapshotItem",
    "Source",
    "Split",
    "Submission",
    "Task",
    "TaskCompletion",
    "TaskKind",
    "Thumb",
    "TokenAccess",
    "Turn",
    "UnreadTexts",
    "Upload",
    "User",
]
