"""Addresses of this room."""

from django.urls import URLPattern, URLResolver, path

from api.rest import site

urlpatterns: list[URLPattern | URLResolver] = [path("api/", site.urls)]
