"""Addresses of the Telegram page, and the one that Telegram calls."""

from django.urls import path

from chat.telegram import views, webhook

_PAGE = "p/<uuid:persona_id>/chat/telegram/"

urlpatterns = [
    path(_PAGE, views.telegram, name="telegram"),
    path(_PAGE + "unlink/<uuid:account_id>/", views.telegram_unlink, name="telegram_unlink"),
    path("telegram/webhook/", webhook.webhook, name="telegram_webhook"),
]
