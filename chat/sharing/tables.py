"""Who else may talk with a persona, and what it may use for that."""

from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from questionnaires.models import Persona
from questionnaires.owned import Owned
from training.models import PersonaModel


class PersonaShare(Owned):
    """A persona lent for talking. Of a link only the digest of its token is kept, so it can be shown once.

    What visitors say hangs on it (`conversations`) and belongs to no owner; the owner sees the counts below.
    """

    class Kind(models.TextChoices):
        LINK = "link"  # whoever has it
        PEOPLE = "people"  # those named by e-mail

    class Manner(models.TextChoices):
        STRICT = "strict"  # as chat.models.Conversation.Manner; nobody else's persona speaks freely
        NATURAL = "natural"

    persona = models.ForeignKey(Persona, on_delete=models.CASCADE, related_name="shares")
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.LINK)
    digest = models.CharField(max_length=64, null=True, unique=True)  # of a link's token; none for named people
    label = models.CharField(max_length=80, blank=True)  # the owner's note
    manner = models.CharField(max_length=8, choices=Manner, default=Manner.NATURAL)
    all_topics = models.BooleanField(default=True)
    topics = models.JSONField(default=list)  # slugs of those that may be used, "own" among them; unless all may
    may_quote = models.BooleanField(default=False)  # the answer that a reply rests on is shown as it was written
    follows_current = models.BooleanField(default=True)  # the version in use, whichever that is then
    version = models.ForeignKey(
        PersonaModel, null=True, on_delete=models.SET_NULL, related_name="+"
    )  # where it does not
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    daily_messages = models.PositiveIntegerField(default=100)
    talks = models.PositiveIntegerField(default=0)  # ever begun; what is deleted stays counted
    messages = models.PositiveIntegerField(default=0)  # ever sent
    day_began = models.DateTimeField(null=True)  # of the 24 hours that `day_messages` counts
    day_messages = models.PositiveIntegerField(default=0)
    minute_began = models.DateTimeField(null=True)
    minute_messages = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.persona}: {self.label or self.kind}"

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def is_open(self) -> bool:
        """Whether somebody may come in now. A fixed version that was deleted is not replaced by another one."""
        is_there = self.follows_current or self.version_id is not None
        return self.revoked_at is None and not self.is_expired and is_there


class ShareGuest(Owned):
    """A person who is named in a share, by the e-mail address of their account."""

    share = models.ForeignKey(PersonaShare, on_delete=models.CASCADE, related_name="guests")
    email = models.EmailField()

    class Meta:
        ordering = ["email"]
        constraints = [models.UniqueConstraint("share", Lower("email"), name="a_guest_once")]

    def __str__(self) -> str:
        return self.email
