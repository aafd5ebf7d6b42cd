"""Addresses under /v1, as OpenAI has them: without a slash at the end."""

from django.urls import path

from api.openai import files, generation, jobs, models
from api.openai.door import nowhere_view

JOBS = "fine_tuning/jobs"

urlpatterns = [
    path("files", files.files_view, name="v1_files"),
    path("files/<str:identifier>", files.file_view, name="v1_file"),
    path("files/<str:identifier>/content", files.content_view, name="v1_file_content"),
    path(JOBS, jobs.jobs_view, name="v1_jobs"),
    path(f"{JOBS}/<str:identifier>", jobs.job_view, name="v1_job"),
    path(f"{JOBS}/<str:identifier>/cancel", jobs.cancel_view, name="v1_job_cancel"),
    path(f"{JOBS}/<str:identifier>/pause", jobs.pause_view, name="v1_job_pause"),
    path(f"{JOBS}/<str:identifier>/resume", jobs.resume_view, name="v1_job_resume"),
    path(f"{JOBS}/<str:identifier>/events", jobs.events_view, name="v1_job_events"),
    path(f"{JOBS}/<str:identifier>/checkpoints", jobs.checkpoints_view, name="v1_job_checkpoints"),
    path("models", models.models_view, name="v1_models"),
    path("models/<path:name>", models.model_view, name="v1_model"),
    path("chat/completions", generation.chat_view, name="v1_chat"),
    path("completions", generation.completions_view, name="v1_completions"),
    path("embeddings", generation.embeddings_view, name="v1_embeddings"),
    path("<path:path>", nowhere_view, name="v1_nowhere"),
]
