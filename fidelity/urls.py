"""Addresses of likeness: answering items, reports, friends."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
