"""Runs, what happened in them, and the versions that they published."""

import shutil
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.db.models.signals import post_delete, pre_delete
from django.dispatch import receiver
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from questionnaires.leases import Leased
from questionnaires.models import Persona
from questionnaires.owned import Owned
from questionnaires.services import Refused
from training.storage import forget


class Connection(Owned):
    """An account at a provider: which address gets what, with which key. `preset` is a key of training.presets.

    The key is bound to its address: training.connections clears it when the address changes.
    """

    preset = models.CharField(max_length=40)
    name = models.CharField(max_length=80)
    base_url = models.CharField(max_length=300)  # without a slash at the end
    sealed_key = models.TextField(blank=True)  # encrypted (training.sealing); never leaves the server again
    key_hint = models.CharField(max_length=4, blank=True)  # the last four characters
    sealed_webhook_secret = models.TextField(blank=True)
    tested_at = models.DateTimeField(null=True)
    test_result = models.JSONField(default=dict)  # {"ok": bool, "sentences": [str], "models": [str]}

    class Meta:
        ordering = ["name", "created_at"]

    def __str__(self) -> str:
        return self.name


class UploadedFile(Owned):
    """Rows that a program brought, or the figures of a training that it started. The bytes lie in a file of its id."""

    filename = models.CharField(max_length=255)
    purpose = models.CharField(max_length=20)  # as OpenAI has it: fine-tune, fine-tune-results
    size = models.PositiveBigIntegerField()  # bytes
    sha256 = models.CharField(max_length=64)
    rows = models.PositiveIntegerField(default=0)
    format = models.CharField(max_length=8, blank=True)  # of the rows: marker, chat
    fault = models.TextField(blank=True)  # why it cannot be trained on, as a sentence

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.filename

    @property
    def path(self) -> Path:
        return Path(settings.UPLOADS_DIR) / str(self.pk)


LOCAL = "local"  # the provider that is this computer


class TrainingRun(Leased, Owned):
    """A training job."""

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        PREPARING = "preparing", _("preparing")
        UPLOADING = "uploading", _("uploading")
        UNSURE = "unsure", _("submitted, answer lost: checking")
        VALIDATING = "validating", _("being checked by the provider")
        TRAINING = "training", _("training")
        EVALUATING = "evaluating", _("checking")
        PAUSED = "paused", _("paused")
        READY = "ready", _("ready")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    ACTIVE = [
        State.QUEUED,
        State.PREPARING,
        State.UPLOADING,
        State.UNSURE,
        State.VALIDATING,
        State.TRAINING,
        State.EVALUATING,
        State.PAUSED,
    ]

    persona = models.ForeignKey(Persona, on_delete=models.CASCADE, related_name="runs")
    state = models.CharField(max_length=12, choices=State, default=State.QUEUED)
    recipe = models.CharField(max_length=12, default="quick")  # quick, thorough
    format = models.CharField(max_length=8, default="chat")  # renderer: marker, chat
    base_model = models.CharField(max_length=200)
    provider = models.CharField(max_length=20, default=LOCAL)  # a key of training.providers.PROVIDERS
    connection = models.ForeignKey(Connection, null=True, on_delete=models.SET_NULL, related_name="runs")  # none: local
    overrides = models.JSONField(default=dict)  # hyperparameters that the person set, by engine.recipes' names
    # Where the rows are a program's file and not the persona's answers: training.file_runs says which keys.
    source = models.JSONField(default=dict, db_default={})
    # A program's own name for its order, so that it is one.
    client_key = models.CharField(max_length=200, blank=True, default="", db_default="")
    estimate = models.JSONField(default=dict)  # what was foretold and agreed to: {"tokens", "money": [low, high], ...}
    consent = models.JSONField(default=dict)  # {"to": host, "at": ISO 8601, "sha256": of the bytes that were shown}
    spoken_name = models.CharField(max_length=80, blank=True)  # the persona's name, frozen with the data set
    seed = models.PositiveIntegerField(default=0)
    items = models.PositiveIntegerField(default=0)  # answers in the frozen data set
    data_hash = models.CharField(max_length=64, blank=True)  # SHA-256 of the frozen rows; empty: not frozen yet
    pause_requested = models.BooleanField(default=False)
    cursor = models.CharField(max_length=200, blank=True)  # up to where the provider's events are recorded
    remote_id = models.CharField(max_length=200, blank=True)  # the job's id at a remote provider
    remote = models.JSONField(default=dict)  # what the provider's adapter keeps: file ids, stage, raw state, cost
    host = models.CharField(max_length=100, default="", db_default="", blank=True)  # whose folder the cursor is about
    step = models.PositiveIntegerField(default=0)
    total_steps = models.PositiveIntegerField(default=0)
    seconds_left = models.FloatField(null=True)
    resumable = models.BooleanField(default=True)  # false: trying the same again would fail the same way

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["persona"],
                condition=models.Q(
                    state__in=[
                        "queued",
                        "preparing",
                        "uploading",
                        "unsure",
                        "validating",
                        "training",
                        "evaluating",
                        "paused",
                    ]
                ),
                name="one_active_run_a_persona",
            ),
            models.UniqueConstraint(
                fields=["owner", "client_key"], condition=~models.Q(client_key=""), name="an_order_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.persona} {self.created_at:%F %T}: {self.state}"

    @property
    def folder(self) -> Path:
        """The engine's job folder."""
        return Path(settings.RUNS_DIR) / str(self.pk)

    @property
    def seconds(self) -> float | None:
        """From the first claim to the end; None before."""
        if self.started_at is None or self.finished_at is None:
            return None
        return round((self.finished_at - self.started_at).total_seconds(), 1)

    @property
    def percent(self) -> int:
        """How far it is, 0 to 100."""
        if self.state == self.State.READY:
            return 100
        return min(99, round(100 * self.step / self.total_steps)) if self.total_steps else 0


class RunEvent(Owned):
    """A line of the trainer's progress, in order. `data` is the line as docs/architecture.md describes it."""

    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="events")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=20)
    data = models.JSONField(default=dict)

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="an_event_once")]

    def __str__(self) -> str:
        return f"{self.number} {self.kind}"


class PersonaModel(Owned):
    """A version of a persona: an adapter that can be chatted with. `pk` is the engine's model name, and its run's."""

    persona = models.ForeignKey(Persona, on_delete=models.CASCADE, related_name="versions")
    run = models.OneToOneField(TrainingRun, null=True, on_delete=models.SET_NULL, related_name="version")
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=120)  # with suffix and time
    base_model = models.CharField(max_length=200)
    format = models.CharField(max_length=8)  # the renderer it was trained with; chat uses the same one
    spoken_name = models.CharField(max_length=80)  # the name in the system prompt, frozen with the run
    data_hash = models.CharField(max_length=64)
    figures = models.JSONField(default=dict)  # the engine's result.json, or what the provider told
    files = models.JSONField(
        null=True
    )  # name -> {"sha256", "bytes"}; null: at a provider, or from before these were kept
    connection = models.ForeignKey(
        Connection, null=True, on_delete=models.SET_NULL, related_name="versions"
    )  # none: it is served here
    remote_model = models.CharField(max_length=200, blank=True)  # the model's name at its provider; empty: local
    deployment = models.CharField(max_length=200, blank=True)  # the name to chat with, where that is another one
    notes = models.TextField(blank=True)
    archived_at = models.DateTimeField(null=True)
    is_current = models.BooleanField(default=False)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["persona", "number"], name="a_version_number_once"),
            models.UniqueConstraint(
                fields=["persona"], condition=models.Q(is_current=True), name="one_current_version"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def folder(self) -> Path:
        return Path(settings.MODELS_DIR) / str(self.pk)


class TrainingHost(models.Model):
    """A machine whose worker trains, as it announced itself. It counts while `seen_at` is fresh (training.hosts)."""

    name = models.CharField(max_length=100, primary_key=True)
    memory_bytes = models.BigIntegerField()  # what a training may use there
    queues = models.JSONField(default=list)
    seen_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class SpeedTrial(models.Model):
    """What a short local training of a base model took on this machine; the newest of a base model counts."""

    base_model = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    tokens_per_second = models.FloatField()
    peak_memory_bytes = models.BigIntegerField()
    machine = models.CharField(max_length=200)  # processor, cores, number type

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.base_model}: {self.tokens_per_second:.0f} tokens/s"


@receiver(pre_delete, sender=TrainingRun)
def not_while_a_provider_has_it(instance: TrainingRun, **_: Any) -> None:
    """Refused, also by cascade: a job that goes on at a provider would cost money and be nobody's."""
    if instance.provider != LOCAL and instance.is_active and instance.remote:
        raise Refused(gettext("A training at a provider is under way. Cancel it first, so that it is told."), 409)


@receiver(post_delete, sender=TrainingRun)
@receiver(post_delete, sender=PersonaModel)
def folder_delete(instance: TrainingRun | PersonaModel, **_: Any) -> None:
    """A deleted row, also by cascade, takes its files along: they hold the person's words."""
    transaction.on_commit(partial(shutil.rmtree, instance.folder, ignore_errors=True))
    transaction.on_commit(partial(forget, instance.folder))


@receiver(post_delete, sender=UploadedFile)
def upload_delete(instance: UploadedFile, **_: Any) -> None:
    """Its bytes go with the row, also by cascade."""
    transaction.on_commit(partial(instance.path.unlink, missing_ok=True))
    transaction.on_commit(partial(forget, instance.path))
