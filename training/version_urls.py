"""Addresses of the versions."""

from django.urls import path

from training import version_views as views

VERSION = "p/<uuid:persona_id>/train/versions/<uuid:version_id>/"

urlpatterns = [
    path(f"{VERSION}current/", views.version_current, name="version_current"),
    path(f"{VERSION}delete/", views.version_delete, name="version_delete"),
]
