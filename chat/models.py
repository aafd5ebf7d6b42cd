"""Conversations with a version of a persona."""

from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

from questionnaires.models import Answer, Persona
from questionnaires.owned import Owned
from training.models import PersonaModel


class Conversation(Owned):
    """A dialogue. Messages before the last line (a message with `starts_afresh`) are no context any more.

    Messages are a tree: an edited message and a reply asked for again stand beside the earlier one. The branch that is
    shown, and that is the context of what comes next, leads from the root to `head`.

    Where a persona is shared (`share`), what a visitor says is theirs alone: neither the conversation nor its messages
    have an owner, so that no query for an owner finds them. They are found by share and `visitor`.
    """

    class Manner(models.TextChoices):
        STRICT = "strict"  # the person's own words, quoted, or "never told"
        NATURAL = "natural"  # the model speaks, of what the person told
        FREE = "free"  # the model may speak of anything

    owner = models.ForeignKey(  # type: ignore[assignment]  # none for a visitor's
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+"
    )
    persona = models.ForeignKey(Persona, on_delete=models.CASCADE, related_name="conversations")
    share = models.ForeignKey("PersonaShare", null=True, on_delete=models.CASCADE, related_name="conversations")
    visitor = models.CharField(
        max_length=64, blank=True, default="", db_default=""
    )  # digest of the visitor's key (chat.sharing.visiting)
    guest = models.ForeignKey(  # a visitor with an account; with it goes what they said
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+"
    )
    version = models.ForeignKey(PersonaModel, null=True, on_delete=models.SET_NULL, related_name="+")  # none: bare
    line_next = models.BooleanField(default=False)  # the person asked for a line before their next message
    active_at = models.DateTimeField(default=timezone.now)  # of the last message
    head = models.ForeignKey("Message", null=True, on_delete=models.SET_NULL, related_name="+")  # none: no message
    title = models.CharField(max_length=120, blank=True)  # empty: the first words said in it
    manner = models.CharField(max_length=8, choices=Manner, default=Manner.NATURAL)
    is_temporary = models.BooleanField(default=False)  # kept until it is closed or silent for half an hour
    closed_at = models.DateTimeField(null=True)  # a temporary one whose page was left
    deleted_at = models.DateTimeField(null=True)  # for some minutes it can be brought back
    translation = models.CharField(max_length=8, blank=True)  # off, auto, a language; empty: as the persona's setup

    class Meta:
        ordering = ["-active_at"]
        indexes = [models.Index(fields=["share", "visitor"], name="talks_of_a_visitor")]

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
    place: Any = None  # among what was said at the same point: a chat.branches.Place where that was looked up

    owner = models.ForeignKey(  # type: ignore[assignment]  # none for a visitor's
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+"
    )
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages")
    number = models.PositiveIntegerField()  # in the order of their making, over all branches
    parent = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="children")  # said before it
    attempt = models.PositiveSmallIntegerField(default=0)  # of a reply: how often its message was answered before
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
    language = models.CharField(max_length=8, blank=True)  # that the person writes; empty: the persona's
    translation = models.TextField(blank=True)  # a message in the persona's language, a reply in the person's
    translator = models.CharField(max_length=40, blank=True)  # who made it
    translation_fault = models.TextField(blank=True)  # why there is none: one sentence
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
        """Of a reply: the message that it answers, in the persona's language."""
        return self.parent.in_persona_language if self.parent else ""

    @property
    def asked_in_persona_language(self) -> str:
        """As the model heard it."""
        return self.parent.in_persona_language if self.parent else ""

    @property
    def in_persona_language(self) -> str:
        """The words as the model hears or says them."""
        is_translated = self.role == self.Role.PERSON and self.translation
        return self.translation if is_translated else self.text


class Correction(Owned):
    """What the person would really say instead of a reply, or a reply that they keep as theirs; an answer since."""

    class Kind(models.TextChoices):
        CORRECTED = "correction"
        APPROVED = "approved"  # the reply's own words; the answer's `source` says so

    persona = models.ForeignKey(Persona, on_delete=models.CASCADE, related_name="corrections")
    reply = models.OneToOneField(Message, null=True, on_delete=models.SET_NULL, related_name="correction")
    answer = models.ForeignKey(Answer, null=True, on_delete=models.SET_NULL, related_name="+")
    version = models.ForeignKey(PersonaModel, null=True, on_delete=models.SET_NULL, related_name="+")  # that spoke
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.CORRECTED)
    place = models.CharField(max_length=8, default="own")  # own (a question of its own), replace, add
    source = models.CharField(max_length=20, default="web")  # where it was made: web, telegram
    asked = models.TextField()
    replied = models.TextField(blank=True)
    text = models.TextField()
    before = models.TextField(blank=True)  # the answer's text without it
    revision = models.PositiveIntegerField(default=0)  # of the answer, that this correction made
    made_question = models.BooleanField(default=False)  # the question was made for it

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.kind}: {self.asked[:40]}"


class BlindPair(Owned):
    """The same question answered by two versions; the person says which one is them, without knowing whose is whose."""

    class Pick(models.TextChoices):
        OLD = "old"
        NEW = "new"
        NEITHER = "neither"  # cannot tell, or none of them

    persona = models.ForeignKey(Persona, on_delete=models.CASCADE, related_name="blind_pairs")
    old = models.ForeignKey(PersonaModel, on_delete=models.CASCADE, related_name="+")
    new = models.ForeignKey(PersonaModel, on_delete=models.CASCADE, related_name="+")
    question = models.TextField()
    old_text = models.TextField()
    new_text = models.TextField()
    new_first = models.BooleanField()  # drawn by lot
    pick = models.CharField(max_length=8, choices=Pick, blank=True)  # empty: not yet

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.old_id} {self.new_id}: {self.question[:40]}"


from chat.sharing.tables import PersonaShare, ShareGuest  # noqa: E402
from chat.telegram.tables import (  # noqa: E402  (they name the models above)
    TelegramAccount,
    TelegramBot,
    TelegramCode,
    TelegramDelivery,
    TelegramNews,
    TelegramUpdate,
)
from chat.translation.tables import TranslatedText, TranslationSetup  # noqa: E402

__all__ = [
    "BlindPair",
    "Conversation",
    "Correction",
    "Message",
    "PersonaShare",
    "ShareGuest",
    "TelegramAccount",
    "TelegramBot",
    "TelegramCode",
    "TelegramDelivery",
    "TelegramNews",
    "TelegramUpdate",
    "TranslatedText",
    "TranslationSetup",
]
