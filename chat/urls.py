"""Addresses of the chat room."""

from django.urls import path

from chat import views

urlpatterns = [
    path("p/<uuid:persona_id>/chat/", views.chat, name="chat"),
]
