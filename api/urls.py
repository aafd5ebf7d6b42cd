"""Addresses of this room."""

from django.urls import URLPattern, URLResolver, include, path

from api import key_pages
from api.rest import site

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/", site.urls),
    path("v1/", include("api.openai.urls")),
    path("programs/", key_pages.programs, name="programs"),
    path("programs/<uuid:token_id>/revoke/", key_pages.key_revoke, name="key_revoke"),
]
