"""Addresses of the models' side of the API, below /api/v1/."""

from django.urls import path

from training import accuracy_api, api, arena_api, dialogue_api, scores_api

PROJECT = "projects/<slug:slug>/"
DIALOGUE = f"{PROJECT}dialogues/<int:id>/"

urlpatterns = [
    path(f"{PROJECT}rounds/", api.RoundsView.as_view()),
    path(f"{PROJECT}rounds/<int:number>/", api.RoundView.as_view()),
    path(f"{PROJECT}rounds/<int:number>/stop/", api.StopRoundView.as_view()),
    path(f"{PROJECT}reward-models/", api.RewardModelsView.as_view()),
    path(f"{PROJECT}reward-models/<int:id>/", api.RewardModelView.as_view()),
    path(f"{PROJECT}reward-accuracy/", accuracy_api.RewardAccuracyView.as_view()),
    path(f"{PROJECT}tasks/<int:id>/scores/", scores_api.ScoresView.as_view()),
    path(f"{PROJECT}policies/", api.PoliciesView.as_view()),
    path(f"{PROJECT}policies/<int:version>/", api.PolicyView.as_view()),
    path(f"{PROJECT}policies/<int:version>/promote/", api.PromoteView.as_view()),
    path(f"{PROJECT}policies/<int:version>/reject/", api.RejectView.as_view()),
    path(f"{PROJECT}arena/", arena_api.ArenaView.as_view()),
    path(f"{PROJECT}arena/matches/", arena_api.MatchesView.as_view()),
    path(f"{PROJECT}dialogues/", dialogue_api.DialoguesView.as_view()),
    path(DIALOGUE, dialogue_api.DialogueView.as_view()),
    path(f"{DIALOGUE}turns/", dialogue_api.TurnsView.as_view()),
    path(f"{DIALOGUE}rank/", dialogue_api.RankTurnView.as_view()),
    path(f"{DIALOGUE}again/", dialogue_api.AskAgainView.as_view()),
    path(f"{DIALOGUE}end/", dialogue_api.EndView.as_view()),
]
