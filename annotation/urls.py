"""Addresses of the people's side."""

from django.urls import path

from annotation.views.guideline import guideline, guideline_version
from annotation.views.ranking import rank
from annotation.views.tasks import skip, task

urlpatterns = [
    path("projects/<slug:slug>/rank/", rank, name="rank"),
    path("projects/<slug:slug>/guideline/", guideline, name="guideline"),
    path("projects/<slug:slug>/guideline/<int:pk>/", guideline_version, name="guideline-version"),
    path("tasks/<int:pk>/", task, name="task"),
    path("tasks/<int:pk>/skip/", skip, name="task-skip"),
]
