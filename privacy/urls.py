"""Addresses of this room."""

from django.urls import path

from privacy import archive_views, erasure_views, views

urlpatterns = [
    path("privacy/", views.privacy, name="privacy"),
    path("privacy/retention/", views.retention, name="retention"),
    path("privacy/trail/", views.trail, name="audit_trail"),
    path("people/trail/", views.people_trail, name="people_trail"),
    path("privacy/archive/", archive_views.make, name="archive_make"),
    path("privacy/archive/<uuid:job_id>/", archive_views.file, name="archive_file"),
    path("privacy/archive/<uuid:job_id>/cancel/", archive_views.cancel, name="archive_cancel"),
    path("privacy/archive/<uuid:job_id>/delete/", archive_views.delete, name="archive_delete"),
    path("privacy/import/", archive_views.bring, name="archive_import"),
    path("privacy/import/<uuid:upload_id>/", archive_views.bring_confirm, name="archive_import_confirm"),
    path("privacy/delete/", erasure_views.erase, name="erase"),
    path("p/<uuid:persona_id>/erase/", erasure_views.erase_persona, name="persona_erase"),
    path("receipt/<str:token>/", erasure_views.receipt, name="receipt"),
    path("receipt/<str:token>/<slug:form>/", erasure_views.receipt_file, name="receipt_file"),
]
