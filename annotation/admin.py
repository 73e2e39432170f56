"""Django's admin for the people's side. What is sealed or only ever added is read-only here too."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.db.models import Model
from django.forms import ModelForm
from django.http import HttpRequest

from annotation import lineup, models


class ReadOnly(admin.ModelAdmin):
    """Rows to look at: the database or a verb writes them."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyRows(admin.TabularInline):
    """Rows that belong to a read-only one."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(models.User)
class PersonAdmin(UserAdmin):
    list_display = ("username", "is_active", "is_staff", "last_login")


@admin.register(models.Project)
class ProjectAdmin(admin.ModelAdmin):
    list_display = ("name", "slug", "overlap", "completions_per_task", "simulated")
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}


@admin.register(models.Membership)
class MembershipAdmin(admin.ModelAdmin):
    list_display = ("user", "project", "role", "created_at")
    list_filter = ("role", "project")
    list_select_related = ("user", "project")
    autocomplete_fields = ("user", "project")


@admin.register(models.Task)
class TaskAdmin(ReadOnly):
    """Its question is frozen; how many people it wants, how soon, and whether at all may change."""

    list_display = ("id", "project", "kind", "purpose", "k", "wanted", "taken", "withdrawn")
    list_filter = ("kind", "purpose", "withdrawn", "project")
    list_select_related = ("project",)
    fields = (
        *("project", "prompt", "kind", "purpose", "k"),
        *("wanted", "taken", "priority", "withdrawn", "key", "created_at"),
    )
    readonly_fields = ("project", "prompt", "kind", "purpose", "k", "taken", "key", "created_at")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return admin.ModelAdmin.has_change_permission(self, request, obj)

    def save_model(
        self, request: HttpRequest, obj: models.Task, form: ModelForm, change: bool
    ) -> None:
        obj.save(update_fields=["wanted", "withdrawn"])
        lineup.reorder(obj.project, {obj.pk: obj.priority})


@admin.register(models.Prompt)
class PromptAdmin(ReadOnly):
    list_display = ("id", "project", "split", "__str__")
    list_filter = ("split", "project")
    list_select_related = ("project",)


@admin.register(models.Completion)
class CompletionAdmin(ReadOnly):
    list_display = ("id", "prompt", "source", "finish_reason", "__str__")
    list_filter = ("source__kind",)
    list_select_related = ("prompt", "source")


@admin.register(models.Annotator)
class AnnotatorAdmin(ReadOnly):
    list_display = ("pseudonym", "project", "kind", "created_at")
    list_filter = ("kind", "project")
    list_select_related = ("project",)


@admin.register(models.Assignment)
class AssignmentAdmin(ReadOnly):
    list_display = ("id", "task", "annotator", "state", "claimed_at", "expires_at")
    list_filter = ("state",)
    list_select_related = ("task", "annotator")


@admin.register(models.Submission)
class SubmissionAdmin(ReadOnly):
    list_display = ("id", "project", "annotator", "origin", "sealed", "current", "withdrawn_at")
    list_filter = ("origin", "sealed", "current", "project")
    list_select_related = ("project", "annotator")


class RankedItems(ReadOnlyRows):
    model = models.RankedItem


@admin.register(models.Ranking)
class RankingAdmin(ReadOnly):
    inlines = (RankedItems,)


@admin.register(models.Snapshot)
class SnapshotAdmin(ReadOnly):
    list_display = ("name", "project", "frozen_at", "sha256")
    list_select_related = ("project",)


@admin.register(models.AuditEntry)
class AuditEntryAdmin(ReadOnly):
    list_display = ("at", "actor", "verb", "subject", "project")
    list_filter = ("verb", "project")
    list_select_related = ("project",)


for each in (
    *(models.Demonstration, models.Doubt, models.GuidelineNote, models.GuidelineVersion),
    *(models.Import, models.Pair, models.ProblemReport, models.Qualification),
    *(models.QualificationItem, models.QuizQuestion, models.RankedItem, models.Review),
    *(models.SnapshotConsensus, models.SnapshotFile, models.SnapshotItem, models.Source),
    *(models.TaskCompletion,),
    *(models.CompletionWords, models.PromptWords, models.Thumb, models.UnreadTexts, models.Upload),
    *(models.Dialogue, models.TokenAccess, models.Turn, models.GuidelineQuiz, models.QuizTry),
):
    admin.site.register(each, ReadOnly)
