"""Addresses of likeness: answering items, reports, friends."""

from django.urls import path

from fidelity import answering_views, report_views

_ROOM = "p/<uuid:persona_id>/likeness/"

urlpatterns = [
    path(_ROOM, report_views.likeness, name="likeness"),
    path(_ROOM + "items/", answering_views.items, name="likeness_items"),
    path(_ROOM + "items/answer/", answering_views.items_answer, name="likeness_answer"),
    path(_ROOM + "items/again/", answering_views.items_again, name="likeness_again"),
]
