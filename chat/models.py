"""Conversations with a version of a persona."""

from django.db import models
from django.utils import timezone

from questionnaires.models import Persona
from questionnaires.owned import Owned
from training.models import PersonaModel


class Conversation(Owned):
    """A dialogue. Messages before the last line (a message with `starts_afresh`) are no context any more."""

    persona = models.ForeignKey(Persona, on_delete=models.CASCADE, related_name="conversations")
    version = models.ForeignKey(PersonaModel, null=True, on_delete=models.SET_NULL, related_name="+")  # none: bare
    line_next = models.BooleanField(default=False)  # the person asked for a line before their next message
    active_at = models.DateTimeField(default=timezone.now)  # of the last message

    class Meta:
        ordering = ["-active_at"]

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

    RUNNING = [State.PENDING, State.STREAMING]

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages")
    number = models.PositiveIntegerField()
    role = models.CharField(max_length=8, choices=Role)
    state = models.CharField(max_length=10, choices=State, default=State.DONE)
    text = models.TextField(blank=True)
    operation_id = models.CharField(max_length=64, blank=True)  # of the post, chosen by the client
    starts_afresh = models.BooleanField(default=False)  # a line is drawn above it
    sources = models.JSONField(default=list)  # [{"answer", "slug", "question", "topic", "score"}], the first carries it
    offer = models.JSONField(default=dict)  # an open question near to an unknown one: {"slug", "question"}
    figures = models.JSONField(default=dict)  # finish reason, first token in ms, tokens, seconds
    version = models.ForeignKey(PersonaModel, null=True, on_delete=models.SET_NULL, related_name="+")
    error = models.TextField(blank=True)  # one sentence for the person
    stop_requested = models.BooleanField(default=False)
    heartbeat_at = models.DateTimeField(null=True)  # of the process that writes a streaming reply

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

    @property
    def is_running(self) -> bool:
        return self.state in self.RUNNING

    @property
    def asked_text(self) -> str:
        """Of a reply: the message that it answers."""
        rows = Message.objects.filter(conversation=self.conversation_id, number=self.number - 1)
        return rows.values_list("text", flat=True).first() or ""
