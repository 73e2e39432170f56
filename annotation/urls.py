"""Addresses of the people's side."""

from django.urls import path

from annotation.views.data import (
    data,
    snapshot,
    snapshot_difference,
    snapshot_download,
    snapshot_manifest,
)
from annotation.views.exploring import explorer
from annotation.views.following import following
from annotation.views.guideline import (
    ask_again,
    guideline,
    guideline_changes,
    guideline_version,
)
from annotation.views.imports import (
    cancel_import,
    import_columns,
    import_page,
    import_progress,
    imports,
    start_import,
)
from annotation.views.judged import judged_task, make_gold_task
from annotation.views.mine import my_work
from annotation.views.news import guideline_news
from annotation.views.onboarding import (
    onboarding,
    qualifying,
    requalify,
    retire_item,
    retire_question,
)
from annotation.views.person import person, standing
from annotation.views.problems import decide_held, problems, resolve_problem
from annotation.views.quality import quality, quality_sheet
from annotation.views.quizzes import ask_quiz, end_quiz
from annotation.views.ranking import rank
from annotation.views.review import (
    begin_review,
    close_note,
    look_again,
    review,
    reviews,
)
from annotation.views.revision import revision
from annotation.views.settings import project_settings
from annotation.views.tasks import preview, report, skip, task
from annotation.views.tokens import revoke_token, tokens
from annotation.views.traits import about_me
from annotation.views.withdrawal import withdrawal

urlpatterns = [
    path("projects/<slug:slug>/rank/", rank, name="rank"),
    path("projects/<slug:slug>/rank/following/", following, name="following"),
    path("projects/<slug:slug>/mine/", my_work, name="my-work"),
    path("projects/<slug:slug>/guideline/", guideline, name="guideline"),
    path("projects/<slug:slug>/guideline/<int:pk>/", guideline_version, name="guideline-version"),
    path("projects/<slug:slug>/guideline/news/", guideline_news, name="guideline-news"),
    path(
        "projects/<slug:slug>/guideline/<int:pk>/to/<int:other>/",
        guideline_changes,
        name="guideline-changes",
    ),
    path("projects/<slug:slug>/guideline/again/", ask_again, name="ask-again"),
    path("projects/<slug:slug>/guideline/quiz/", ask_quiz, name="ask-quiz"),
    path("projects/<slug:slug>/quizzes/<int:pk>/end/", end_quiz, name="end-quiz"),
    path("projects/<slug:slug>/begin/", onboarding, name="onboarding"),
    path("projects/<slug:slug>/about-me/", about_me, name="about-me"),
    path("projects/<slug:slug>/newcomers/", qualifying, name="qualifying"),
    path(
        "projects/<slug:slug>/questions/<int:pk>/retire/", retire_question, name="retire-question"
    ),
    path("projects/<slug:slug>/items/<int:pk>/retire/", retire_item, name="retire-item"),
    path("projects/<slug:slug>/annotators/<int:pk>/requalify/", requalify, name="requalify"),
    path("projects/<slug:slug>/settings/", project_settings, name="project-settings"),
    path("projects/<slug:slug>/problems/", problems, name="problems"),
    path("projects/<slug:slug>/problems/<int:pk>/", resolve_problem, name="resolve-problem"),
    path("projects/<slug:slug>/held/<uuid:uid>/", decide_held, name="decide-held"),
    path("projects/<slug:slug>/quality/", quality, name="quality"),
    path("projects/<slug:slug>/explore/", explorer, name="explore"),
    path("projects/<slug:slug>/data/", data, name="data"),
    path("projects/<slug:slug>/data/<int:pk>/", snapshot, name="snapshot"),
    path(
        "projects/<slug:slug>/data/<int:pk>/against/<int:other>/",
        snapshot_difference,
        name="snapshot-difference",
    ),
    path(
        "projects/<slug:slug>/data/<int:pk>/download/<slug:format>/",
        snapshot_download,
        name="snapshot-download",
    ),
    path(
        "projects/<slug:slug>/data/<int:pk>/download/<slug:format>/manifest/",
        snapshot_manifest,
        name="snapshot-manifest",
    ),
    path("projects/<slug:slug>/imports/", imports, name="imports"),
    path("projects/<slug:slug>/imports/<int:pk>/", import_page, name="import"),
    path(
        "projects/<slug:slug>/imports/<int:pk>/progress/", import_progress, name="import-progress"
    ),
    path("projects/<slug:slug>/imports/<int:pk>/columns/", import_columns, name="import-columns"),
    path("projects/<slug:slug>/imports/<int:pk>/start/", start_import, name="start-import"),
    path("projects/<slug:slug>/imports/<int:pk>/cancel/", cancel_import, name="cancel-import"),
    path("projects/<slug:slug>/quality/<slug:name>.csv", quality_sheet, name="quality-sheet"),
    path("projects/<slug:slug>/annotators/<int:pk>/", person, name="annotator"),
    path("projects/<slug:slug>/annotators/<int:pk>/standing/", standing, name="standing"),
    path("projects/<slug:slug>/annotators/<int:pk>/withdrawal/", withdrawal, name="withdrawal"),
    path("projects/<slug:slug>/tasks/<int:pk>/", judged_task, name="judged-task"),
    path("projects/<slug:slug>/tasks/<int:pk>/gold/", make_gold_task, name="make-gold-task"),
    path("projects/<slug:slug>/tasks/<int:pk>/review/", begin_review, name="begin-review"),
    path("projects/<slug:slug>/review/", reviews, name="reviews"),
    path("projects/<slug:slug>/review/look/", look_again, name="look-again"),
    path("projects/<slug:slug>/review/<int:pk>/", review, name="review"),
    path("projects/<slug:slug>/notes/<int:pk>/close/", close_note, name="close-note"),
    path("tasks/<int:pk>/", task, name="task"),
    path("tasks/<int:pk>/preview/", preview, name="task-preview"),
    path("tasks/<int:pk>/report/", report, name="task-report"),
    path("tasks/<int:pk>/skip/", skip, name="task-skip"),
    path("answers/<int:pk>/", revision, name="revision"),
    path("accounts/tokens/", tokens, name="tokens"),
    path("accounts/tokens/<int:pk>/revoke/", revoke_token, name="revoke-token"),
]
