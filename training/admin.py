"""Django's admin for the models' side. Only plans are written by hand; verbs write the rest."""

from typing import Any

from django import forms
from django.contrib import admin

from annotation.admin import ReadOnly
from annotation.errors import Invalid
from training import models
from training.configuration import RoundSettings
from training.methods import METHODS


class RoundPlanForm(forms.ModelForm):
    class Meta:
        model = models.RoundPlan
        fields = "__all__"  # noqa: DJ007 - a plan holds nothing that its editor may not write

    method = forms.ChoiceField(choices=[(name, name) for name in METHODS], initial="dpo")

    def clean_configuration(self) -> dict[str, Any]:
        configuration = self.cleaned_data["configuration"]
        try:
            RoundSettings.from_dict(configuration)
        except Invalid as refusal:
            raise forms.ValidationError(str(refusal)) from None
        return dict(configuration)


@admin.register(models.RoundPlan)
class RoundPlanAdmin(admin.ModelAdmin):
    form = RoundPlanForm
    list_display = ("project", "every_rankings", "every_hours", "promote_automatically")
    list_select_related = ("project",)


@admin.register(models.Round)
class RoundAdmin(ReadOnly):
    list_display = ("project", "number", "method", "state", "started_at", "outcome")
    list_filter = ("state", "method", "project")
    list_select_related = ("project",)


@admin.register(models.Job)
class JobAdmin(ReadOnly):
    list_display = ("id", "kind", "queue", "state", "attempt", "holder", "done", "total")
    list_filter = ("state", "queue", "kind")


@admin.register(models.Policy)
class PolicyAdmin(ReadOnly):
    list_display = ("project", "version", "state", "created_at")
    list_filter = ("state", "project")
    list_select_related = ("project",)


@admin.register(models.Feature)
class FeatureAdmin(ReadOnly):
    list_display = ("id", "completion", "encoder")
    exclude = ("vector",)


@admin.register(models.Foretold)
class ForetoldAdmin(ReadOnly):
    fields = ("reward_model",)


@admin.register(models.TrainingCurve)
class TrainingCurveAdmin(ReadOnly):
    fields = ("round", "model")


@admin.register(models.LiveHead)
class LiveHeadAdmin(ReadOnly):
    list_display = ("project", "learned_rankings", "learned_pairs", "fitted_at")
    exclude = ("state",)


for each in (
    *(models.Evaluation, models.LivePrediction, models.LogProb, models.RewardModel),
    models.Score,
):
    admin.site.register(each, ReadOnly)
