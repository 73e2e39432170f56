"""Addresses of the people's side of the API, below /api/v1/."""

from django.urls import path

from annotation.api import (
    assignments,
    completions,
    guidelines,
    judged,
    pairs,
    projects,
    prompts,
    quality,
    reviews,
    snapshots,
    standing,
    submissions,
    tasks,
)

ASSIGNMENT = "assignments/<int:id>/"
PROJECT = "projects/<slug:slug>/"

urlpatterns = [
    path("projects/", projects.ProjectsView.as_view()),
    path(PROJECT, projects.OneProjectView.as_view()),
    path(f"{PROJECT}assignments/", assignments.AssignmentsView.as_view()),
    path(f"{ASSIGNMENT}submission/", assignments.SubmissionView.as_view()),
    path(f"{ASSIGNMENT}skip/", assignments.SkipView.as_view()),
    path(f"{ASSIGNMENT}report/", assignments.ReportView.as_view()),
    path(f"{ASSIGNMENT}heartbeat/", assignments.HeartbeatView.as_view()),
    path(f"{ASSIGNMENT}draft/", assignments.DraftView.as_view()),
    path(f"{PROJECT}prompts/", prompts.PromptsView.as_view()),
    path(f"{PROJECT}prompts/<int:id>/", prompts.PromptView.as_view()),
    path(f"{PROJECT}completions/", completions.CompletionsView.as_view()),
    path(f"{PROJECT}completions/<uuid:id>/", completions.CompletionView.as_view()),
    path(f"{PROJECT}tasks/", tasks.TasksView.as_view()),
    path(f"{PROJECT}tasks/<int:id>/", tasks.TaskView.as_view()),
    path(f"{PROJECT}submissions/", submissions.SubmissionsView.as_view()),
    path(f"{PROJECT}submissions/<int:id>/", submissions.OneSubmissionView.as_view()),
    path(f"{PROJECT}pairs/", pairs.PairsView.as_view()),
    path(f"{PROJECT}pairs/<int:id>/", pairs.PairView.as_view()),
    path(f"{PROJECT}guidelines/", guidelines.GuidelinesView.as_view()),
    path(f"{PROJECT}guidelines/<int:id>/", guidelines.GuidelineView.as_view()),
    path(f"{PROJECT}agreement/", quality.AgreementView.as_view()),
    path(f"{PROJECT}annotators/", quality.AnnotatorsView.as_view()),
    path(f"{PROJECT}annotators/<int:id>/", standing.AnnotatorView.as_view()),
    path(f"{PROJECT}annotators/<int:id>/standing/", standing.StandingView.as_view()),
    path(f"{PROJECT}tasks/<int:id>/consensus/", judged.ConsensusView.as_view()),
    path(f"{PROJECT}tasks/<int:id>/review/", reviews.BeginReviewView.as_view()),
    path(f"{PROJECT}reviews/", reviews.ReviewsView.as_view()),
    path(f"{PROJECT}reviews/<int:id>/", reviews.ReviewView.as_view()),
    path(f"{PROJECT}doubts/", reviews.DoubtsView.as_view()),
    path(f"{PROJECT}snapshots/", snapshots.SnapshotsView.as_view()),
    path(f"{PROJECT}snapshots/<int:id>/", snapshots.SnapshotView.as_view()),
    path(
        f"{PROJECT}snapshots/<int:id>/differences/<int:other>/",
        snapshots.SnapshotDifferenceView.as_view(),
    ),
    path(
        f"{PROJECT}snapshots/<int:id>/exports/<slug:name>/",
        snapshots.SnapshotExportView.as_view(),
    ),
]
