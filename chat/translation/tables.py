"""What a persona's translation is set to, and translations that need not be asked for again."""

from django.db import models

from questionnaires.models import Persona
from questionnaires.owned import Owned
from training.models import Connection


class TranslationSetup(Owned):
    """Who translates the dialogues with a persona. Nothing is sent to a host that no consent names."""

    persona = models.OneToOneField(Persona, on_delete=models.CASCADE, related_name="translation_setup")
    mode = models.CharField(
        max_length=8, default="off"
    )  # of conversations that have none of their own: off, auto, code
    translator = models.CharField(max_length=20, blank=True)  # a key of chat.translation.translators
    address = models.CharField(max_length=300, blank=True)  # of an own server, without a slash at the end
    sealed_key = models.TextField(blank=True)  # for this translator at this address (training.sealing)
    connection = models.ForeignKey(Connection, null=True, on_delete=models.SET_NULL, related_name="+")
    model = models.CharField(max_length=200, blank=True)  # of the connection
    names = models.JSONField(default=list)  # [{"term": str, "rendering": str}], kept as they are
    consents = models.JSONField(default=dict)  # {"translator host": ISO 8601}

    def __str__(self) -> str:
        return f"{self.persona}: {self.translator} {self.mode}"


class TranslatedText(Owned):
    """A translation by its digest, which also covers translator, languages and names; gone with the persona."""

    persona = models.ForeignKey(Persona, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64)
    text = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["persona", "digest"], name="a_translation_once")]

    def __str__(self) -> str:
        return self.digest
