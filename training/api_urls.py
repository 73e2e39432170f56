"""Addresses of the models' side of the API, below /api/v1/."""

from django.urls import path

from training import api

PROJECT = "projects/<slug:slug>/"

urlpatterns = [
    path(f"{PROJECT}rounds/", api.RoundsView.as_view()),
    path(f"{PROJECT}rounds/<int:number>/", api.RoundView.as_view()),
    path(f"{PROJECT}rounds/<int:number>/stop/", api.StopRoundView.as_view()),
    path(f"{PROJECT}reward-models/", api.RewardModelsView.as_view()),
    path(f"{PROJECT}reward-models/<int:id>/", api.RewardModelView.as_view()),
    path(f"{PROJECT}policies/", api.PoliciesView.as_view()),
    path(f"{PROJECT}policies/<int:version>/", api.PolicyView.as_view()),
    path(f"{PROJECT}policies/<int:version>/promote/", api.PromoteView.as_view()),
    path(f"{PROJECT}policies/<int:version>/reject/", api.RejectView.as_view()),
]
