"""Addresses of the chat room."""

from django.urls import path

from chat import blind_views, branch_views, conversation_views, correction_views, views

_CHAT = "p/<uuid:persona_id>/chat/"
_CONVERSATION = _CHAT + "<uuid:conversation_id>/"
_REPLY = _CONVERSATION + "reply/<uuid:message_id>/"

urlpatterns = [
    path(_CHAT, views.chat, name="chat"),
    path(_CHAT + "warm/", views.warm, name="chat_warm"),
    path(_CHAT + "find/", conversation_views.find, name="chat_find"),
    path(_CHAT + "corrections/", correction_views.correction_list, name="corrections"),
    path(_CHAT + "corrections/<uuid:correction_id>/undo/", correction_views.undo, name="correction_undo"),
    path(_CHAT + "blind/", blind_views.blind, name="blind"),
    path(_CHAT + "blind/<uuid:pair_id>/", blind_views.blind_pick, name="blind_pick"),
    path(_CONVERSATION, views.conversation, name="chat_conversation"),
    path(_CONVERSATION + "newest/", views.newest, name="chat_newest"),
    path(_CONVERSATION + "message/", views.message, name="chat_message"),
    path(_CONVERSATION + "new/", views.new, name="chat_new"),
    path(_CONVERSATION + "rename/", conversation_views.rename, name="chat_rename"),
    path(_CONVERSATION + "export/<slug:kind>/", conversation_views.export, name="chat_export"),
    path(_CONVERSATION + "delete/", conversation_views.delete, name="chat_delete"),
    path(_CONVERSATION + "restore/", conversation_views.restore, name="chat_restore"),
    path(_CONVERSATION + "close/", conversation_views.close, name="chat_close"),
    path(_CONVERSATION + "message/<uuid:message_id>/show/", branch_views.show, name="chat_show"),
    path(_REPLY + "stream/", views.stream, name="chat_stream"),
    path(_REPLY + "stop/", views.stop, name="chat_stop"),
    path(_REPLY + "again/", branch_views.again, name="chat_again"),
    path(_REPLY + "more/", branch_views.more, name="chat_more"),
    path(_REPLY + "correct/", correction_views.correct, name="chat_correct"),
]
