"""Addresses of the versions."""

from django.urls import path

from training import version_views as views

VERSIONS = "p/<uuid:persona_id>/train/versions/"
VERSION = f"{VERSIONS}<uuid:version_id>/"

urlpatterns = [
    path(f"{VERSIONS}import/", views.version_import, name="version_import"),
    path(VERSION, views.version, name="version"),
    path(f"{VERSION}current/", views.version_current, name="version_current"),
    path(f"{VERSION}archive/", views.version_archive, name="version_archive"),
    path(f"{VERSION}notes/", views.version_notes, name="version_notes"),
    path(f"{VERSION}deployment/", views.version_deployment, name="version_deployment"),
    path(f"{VERSION}compare/", views.version_compare, name="version_compare"),
    path(f"{VERSION}export/<slug:kind>/", views.version_export, name="version_export"),
    path(f"{VERSION}export/<slug:kind>/file/", views.version_export_file, name="version_export_file"),
    path(f"{VERSION}delete/", views.version_delete, name="version_delete"),
]
