"""Addresses of the whole site."""

from django.urls import include, path

from persona_site import entry

urlpatterns = [
    path("open/", entry.open_view, name="open"),
    path("locked/", entry.locked_view, name="locked"),
    path("healthz", entry.health_view, name="health"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("questionnaires.urls")),
    path("", include("training.urls")),
    path("", include("chat.urls")),
    path("", include("chat.translation.urls")),
    path("", include("chat.telegram.urls")),
    path("", include("chat.sharing.urls")),
    path("", include("fidelity.urls")),
    path("", include("accounts.urls")),
    path("", include("privacy.urls")),
    path("", include("api.urls")),
    path("", include("operations.urls")),
]

handler500 = "api.defects.defect"
