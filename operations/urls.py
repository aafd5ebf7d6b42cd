"""Addresses of this room."""

from django.urls import URLPattern, URLResolver, path

from operations import health_views, views

urlpatterns: list[URLPattern | URLResolver] = [
    path("readyz", views.ready, name="ready"),
    path("health/", health_views.installation_health, name="installation_health"),
    path("metrics", views.metrics, name="metrics"),
]
