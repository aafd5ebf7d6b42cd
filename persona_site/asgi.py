"""ASGI entry: `uvicorn persona_site.asgi:application`."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "persona_site.settings")
django.setup(set_prefix=False)

from persona_site.handler import Application  # noqa: E402

application = Application()
