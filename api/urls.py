"""Addresses of this room."""

from django.urls import URLPattern, URLResolver, include, path

from api.rest import site

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/", site.urls),
    path("v1/", include("api.openai.urls")),
]
