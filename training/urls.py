"""Addresses of the training room."""

from django.urls import path

from training import connection_views, start_views, version_urls, views, webhooks

urlpatterns = [
    path("p/<uuid:persona_id>/train/", start_views.train, name="train"),
    path("p/<uuid:persona_id>/train/start/", start_views.run_start, name="run_start"),
    path("p/<uuid:persona_id>/train/trial/", start_views.speed_trial, name="speed_trial"),
    path("p/<uuid:persona_id>/train/consent/", start_views.consent, name="consent"),
    path("p/<uuid:persona_id>/train/consent/<str:name>", start_views.consent_file, name="consent_file"),
    path("p/<uuid:persona_id>/train/<uuid:run_id>/", views.run, name="run"),
    path("p/<uuid:persona_id>/train/<uuid:run_id>/events/", views.run_events, name="run_events"),
    path("p/<uuid:persona_id>/train/<uuid:run_id>/cancel/", views.run_cancel, name="run_cancel"),
    path("p/<uuid:persona_id>/train/<uuid:run_id>/retry/", views.run_retry, name="run_retry"),
    path("p/<uuid:persona_id>/train/<uuid:run_id>/pause/", views.run_pause, name="run_pause"),
    path("p/<uuid:persona_id>/train/<uuid:run_id>/resume/", views.run_resume, name="run_resume"),
    path("p/<uuid:persona_id>/train/<uuid:run_id>/again/", views.run_submit_again, name="run_submit_again"),
    *version_urls.urlpatterns,
    path("connections/", connection_views.connection_list, name="connections"),
    path("connections/new/<slug:preset_key>/", connection_views.connection_new, name="connection_new"),
    path("connections/<uuid:connection_id>/", connection_views.connection_edit, name="connection"),
    path("connections/<uuid:connection_id>/test/", connection_views.connection_test, name="connection_test"),
    path("connections/<uuid:connection_id>/delete/", connection_views.connection_delete, name="connection_delete"),
    path("webhooks/<uuid:connection_id>/", webhooks.webhook, name="webhook"),
]
