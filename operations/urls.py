"""Addresses of this room."""

from django.urls import URLPattern, URLResolver, path

from operations import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("readyz", views.ready, name="ready"),
    path("metrics", views.metrics, name="metrics"),
]
