"""Addresses of the pages that show both sides."""

from django.urls import path

from training import arena_views, dialogue_views, views

PROJECT = "projects/<slug:slug>/"
ROUND = f"{PROJECT}rounds/<int:number>/"
POLICY = f"{PROJECT}policies/<int:version>/"
DIALOGUE = f"{PROJECT}converse/<int:pk>/"

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
    path(f"{PROJECT}tasks/<int:pk>/scores/", views.score_task, name="score-task"),
    path(f"{PROJECT}converse/", dialogue_views.converse, name="converse"),
    path(DIALOGUE, dialogue_views.dialogue, name="dialogue"),
    path(f"{DIALOGUE}waiting/", dialogue_views.waiting, name="dialogue-waiting"),
    path(f"{DIALOGUE}rank/", dialogue_views.rank_turn, name="dialogue-rank"),
    path(f"{DIALOGUE}again/", dialogue_views.ask_again, name="dialogue-again"),
    path(f"{DIALOGUE}end/", dialogue_views.end_dialogue, name="dialogue-end"),
    path(f"{PROJECT}arena/", arena_views.arena, name="arena"),
    path(f"{PROJECT}arena/matches/", arena_views.matches, name="arena-matches"),
    path(f"{PROJECT}arena/tallies/", arena_views.tallies, name="arena-tallies"),
    path(f"{PROJECT}arena/scoreboard/", arena_views.scoreboard, name="arena-scoreboard"),
]
