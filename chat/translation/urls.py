"""Addresses of the translation page."""

from django.urls import path

from chat.translation import views

_PAGE = "p/<uuid:persona_id>/chat/translation/"

urlpatterns = [
    path(_PAGE, views.translation, name="translation"),
    path(_PAGE + "names/", views.translation_names, name="translation_names"),
    path(_PAGE + "drop/", views.translation_drop, name="translation_drop"),
    path(_PAGE + "try/", views.translation_try, name="translation_try"),
    path(_PAGE + "by/<slug:translator>/", views.translator, name="translator"),
]
