"""Addresses of the chat room."""

from django.urls import path

from chat import views

_CONVERSATION = "p/<uuid:persona_id>/chat/<uuid:conversation_id>/"

urlpatterns = [
    path("p/<uuid:persona_id>/chat/", views.chat, name="chat"),
    path("p/<uuid:persona_id>/chat/warm/", views.warm, name="chat_warm"),
    path(_CONVERSATION, views.conversation, name="chat_conversation"),
    path(_CONVERSATION + "message/", views.message, name="chat_message"),
    path(_CONVERSATION + "new/", views.new, name="chat_new"),
    path(_CONVERSATION + "delete/", views.delete, name="chat_delete"),
    path(_CONVERSATION + "reply/<uuid:message_id>/stream/", views.stream, name="chat_stream"),
    path(_CONVERSATION + "reply/<uuid:message_id>/stop/", views.stop, name="chat_stop"),
]
