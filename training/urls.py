"""Addresses of the pages that show both sides."""

from django.urls import path

from training import views

PROJECT = "projects/<slug:slug>/"
ROUND = f"{PROJECT}rounds/<int:number>/"
POLICY = f"{PROJECT}policies/<int:version>/"

urlpatterns = [
    path("", views.home, name="home"),
    path(PROJECT, views.project, name="project"),
    path(f"{PROJECT}live/", views.live, name="project-live"),
    path(f"{PROJECT}rounds/", views.start_round, name="start-round"),
    path(f"{PROJECT}rounds/ceiling.csv", views.ceiling_sheet, name="ceiling-sheet"),
    path(ROUND, views.round_page, name="round"),
    path(f"{ROUND}progress/", views.round_progress, name="round-progress"),
    path(f"{ROUND}stop/", views.stop_round, name="stop-round"),
    path(f"{POLICY}promote/", views.promote, name="promote"),
    path(f"{POLICY}reject/", views.reject, name="reject"),
]
