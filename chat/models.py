"""Conversations with a version of a persona."""

from django.db import models

from questionnaires.models import Persona
from questionnaires.owned import Owned
from training.models import PersonaModel


class Conversation(Owned):
    """A dialogue. Messages before the last line (a message with `starts_afresh`) are no context any more."""

    persona = models.ForeignKey(Persona, on_delete=models.CASCADE, related_name="conversations")
    version = models.ForeignKey(PersonaModel, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.persona} {self.created_at:%F %T}"


class Message(Owned):
    """What somebody said. A reply is claimed before the first token, so that one question is answered once."""

    class Role(models.TextChoices):
        PERSON = "person"
        PERSONA = "persona"

    class State(models.TextChoices):
        PENDING = "pending"  # a reply that nobody works on yet
        STREAMING = "streaming"
        DONE = "done"
        STOPPED = "stopped"  # by the person
        CUT = "cut"  # by a failure; what came so far is kept
        UNKNOWN = "unknown"  # the person never told it
        FAILED = "failed"

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages")
    number = models.PositiveIntegerField()
    role = models.CharField(max_length=8, choices=Role)
    state = models.CharField(max_length=10, choices=State, default=State.DONE)
    text = models.TextField(blank=True)
    operation_id = models.CharField(max_length=64, blank=True)  # of the post, chosen by the client
    starts_afresh = models.BooleanField(default=False)  # a line is drawn above it
    sources = models.JSONField(default=list)  # [{"answer": id, "question": str, "topic": str, "score": float}]
    figures = models.JSONField(default=dict)  # finish reason, first token in ms, tokens, seconds
    version = models.ForeignKey(PersonaModel, null=True, on_delete=models.SET_NULL, related_name="+")
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["conversation", "number"], name="a_message_number_once"),
            models.UniqueConstraint(
                fields=["conversation", "operation_id"],
                condition=models.Q(role="person") & ~models.Q(operation_id=""),
                name="a_post_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.number}"
