"""Addresses of sharing: the owner's page, and what a visitor comes to."""

from django.urls import path

from chat.sharing import owner_views, visitor_views

_SHARING = "p/<uuid:persona_id>/chat/sharing/"
_WITH = "with/<str:token>/"
_TALK = _WITH + "<uuid:conversation_id>/"
_REPLY = _TALK + "reply/<uuid:message_id>/"

urlpatterns = [
    path(_SHARING, owner_views.sharing, name="sharing"),
    path(_SHARING + "<uuid:share_id>/revoke/", owner_views.share_revoke, name="share_revoke"),
    path(_SHARING + "<uuid:share_id>/delete/", owner_views.share_delete, name="share_delete"),
    path(_WITH, visitor_views.shared, name="shared"),
    path(_WITH + "warm/", visitor_views.shared_warm, name="shared_warm"),
    path(_TALK, visitor_views.shared_talk, name="shared_talk"),
    path(_TALK + "message/", visitor_views.shared_message, name="shared_message"),
    path(_TALK + "export/", visitor_views.shared_export, name="shared_export"),
    path(_TALK + "delete/", visitor_views.shared_delete, name="shared_delete"),
    path(_REPLY + "stream/", visitor_views.shared_stream, name="shared_stream"),
    path(_REPLY + "stop/", visitor_views.shared_stop, name="shared_stop"),
]
