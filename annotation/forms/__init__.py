"""Forms of the pages. Each turns what a plain form sends into what a verb takes, and back."""

from collections.abc import Mapping, Sequence
from typing import Any

from annotation.forms.answers import AnswerForm
from annotation.forms.pages import GuidelineForm, ReadForm, ReportForm, ResolveForm, SkipForm
from annotation.forms.quiz import ChosenQuestionsForm, QuizForm
from annotation.forms.ranking import CompareForm, RankForm
from annotation.forms.settings import SettingsForm
from annotation.forms.single import ThumbsForm, WriteForm
from annotation.forms.snapshots import ChoiceForm, NameForm, OtherForm, in_words, terms_in_words
from annotation.models import Assignment, Completion, Task, TaskKind
from annotation.selectors import shown_completions
from annotation.submissions import asks_for_ratings

ANSWER_FORMS: dict[str, type[AnswerForm]] = {
    TaskKind.RANK: RankForm,
    TaskKind.COMPARE: CompareForm,
    TaskKind.THUMBS: ThumbsForm,
    TaskKind.WRITE: WriteForm,
}


def answer_form(
    assignment: Assignment,
    data: Mapping[str, Any] | None = None,
    draft: Mapping[str, Any] | None = None,
) -> AnswerForm:
    """The form of the assignment's kind: filled with what was sent, or from a draft."""
    return form_over(assignment.task, shown_completions(assignment), data, draft)


def form_over(
    task: Task,
    shown: Sequence[Completion],
    data: Mapping[str, Any] | None = None,
    draft: Mapping[str, Any] | None = None,
) -> AnswerForm:
    """The same over responses in the order in which they are shown."""
    labels = task.project.labels
    if asks_for_ratings(task):
        return RankForm(shown, data, draft, labels, rates=True)
    return ANSWER_FORMS[task.kind](shown, data, draft, labels)


__all__ = [
    "AnswerForm",
    "ChoiceForm",
    "ChosenQuestionsForm",
    "GuidelineForm",
    "NameForm",
    "OtherForm",
    "QuizForm",
    "ReadForm",
    "ReportForm",
    "ResolveForm",
    "SettingsForm",
    "SkipForm",
    "answer_form",
    "form_over",
    "in_words",
    "terms_in_words",
]
