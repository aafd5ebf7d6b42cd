"""Addresses of likeness: answering items, reports, friends."""

from django.urls import path

from fidelity import answering_views, friend_views, report_views

_ROOM = "p/<uuid:persona_id>/likeness/"
_REPORT = _ROOM + "<uuid:report_id>/"
_LINK = _ROOM + "friends/<uuid:link_id>/"

urlpatterns = [
    path(_ROOM, report_views.likeness, name="likeness"),
    path(_ROOM + "items/", answering_views.items, name="likeness_items"),
    path(_ROOM + "items/answer/", answering_views.items_answer, name="likeness_answer"),
    path(_ROOM + "items/again/", answering_views.items_again, name="likeness_again"),
    path(_ROOM + "start/", report_views.likeness_start, name="likeness_start"),
    path(_REPORT, report_views.likeness_report, name="likeness_report"),
    path(_REPORT + "watch/", report_views.likeness_watch, name="likeness_watch"),
    path(_REPORT + "cancel/", report_views.likeness_cancel, name="likeness_cancel"),
    path(_REPORT + "compare/", report_views.likeness_compare, name="likeness_compare"),
    path(_REPORT + "file/<slug:kind>/", report_views.likeness_file, name="likeness_file"),
    path(_REPORT + "<slug:section>/", report_views.likeness_section, name="likeness_section"),
    path(_REPORT + "rule/<uuid:row_id>/", report_views.likeness_ruling, name="likeness_ruling"),
    path(_ROOM + "friends/", friend_views.friend_links, name="friends"),
    path(_LINK, friend_views.friend_link, name="friend_link"),
    path(_LINK + "open/", friend_views.friend_link_open, name="friend_link_open"),
    path(_LINK + "close/", friend_views.friend_link_close, name="friend_link_close"),
    path(_LINK + "retry/", friend_views.friend_link_retry, name="friend_link_retry"),
    path(_LINK + "delete/", friend_views.friend_link_delete, name="friend_link_delete"),
    path("which/<str:token>/", friend_views.friend, name="friend"),
    path("which/<str:token>/begin/", friend_views.friend_begin, name="friend_begin"),
    path("which/<str:token>/guess/", friend_views.friend_guess, name="friend_guess"),
]
