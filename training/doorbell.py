"""Rings a worker; the bell hangs in the room below, which has tasks as well."""

from questionnaires.doorbell import publish

__all__ = ["publish"]
