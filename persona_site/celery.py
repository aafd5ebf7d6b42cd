"""The Celery application: a doorbell. What is to be done stands in the database."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "persona_site.settings")

app = Celery("persona_site")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
