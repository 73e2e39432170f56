"""A quiz as a form: to choose what it asks, and to answer it."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext, gettext_lazy

from annotation.models import Project, QuizQuestion
from annotation.quizzes import questions_for


class QuizForm(forms.Form):
    """One choice for each question."""

    def __init__(self, asked: Sequence[QuizQuestion], *args: Any) -> None:
        super().__init__(*args)
        for number, question in enumerate(asked, start=1):
            self.fields[f"q-{question.pk}"] = forms.TypedChoiceField(
                choices=list(enumerate(question.options)),
                coerce=int,
                widget=forms.RadioSelect,
                label=f"{number}. {question.text}",
                error_messages={"required": gettext("Choose an answer.")},
            )

    def answers(self) -> dict[int, int]:
        return {int(name[2:]): value for name, value in self.cleaned_data.items()}

    def say_wrong(self, questions: Sequence[int]) -> None:
        """Mark these, by id."""
        for pk in questions:
            said = gettext("Not this one. Read once more what the guideline says.")
            self.add_error(f"q-{pk}", said)


class QuestionsField(forms.TypedMultipleChoiceField):
    """Some of a project's questions, by id; ``offer`` fills in which there are."""

    def __init__(self, **more: Any) -> None:
        super().__init__(coerce=int, widget=forms.CheckboxSelectMultiple, **more)


class ChosenQuestionsForm(forms.Form):
    """What a quiz about the version in force asks."""

    questions = QuestionsField(
        label=gettext_lazy("Questions"),
        error_messages={"required": gettext_lazy("Choose at least one question.")},
    )

    def __init__(self, project: Project, data: Any = None) -> None:
        # Apart from the form that publishes, which has the same field on the same page.
        super().__init__(data, auto_id="quiz_%s")
        offer(self, project)


def offer(form: forms.Form, project: Project) -> None:
    """Let the form choose among the questions that the project asks; without any, not at all."""
    field = form.fields["questions"]
    assert isinstance(field, QuestionsField)
    field.choices = list(questions_for(project).values_list("pk", "text"))
    if not field.choices:
        del form.fields["questions"]
