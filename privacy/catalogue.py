"""Which tables hold what is a person's: each of them is in the archive, or stands here with the reason why not.

A test goes through all models and fails for one with an owner that is in neither list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.auth.models import User
from django.db.models import Field, Model, QuerySet


@dataclass(frozen=True)
class Table:
    """Rows of a model in the archive. `owner` is the lookup that leads to the person; `omit` are columns that are
    secrets or mean nothing elsewhere. A table that does not come back is there to be read: an import makes no rows.
    """

    label: str  # "app.Model"
    owner: str = "owner"
    omit: tuple[str, ...] = ()
    comes_back: bool = True
    order: tuple[str, ...] = ("pk",)
    part: str = ""  # of a model with two kinds of rows

    @property
    def model(self) -> type[Model]:
        return apps.get_model(self.label)

    @property
    def name(self) -> str:
        """What the manifest calls it."""
        return f"{self.label}.{self.part}" if self.part else self.label

    @property
    def member(self) -> str:
        """Its file in the archive."""
        return f"rows/{self.name}.jsonl"

    def rows(self, owner: User) -> QuerySet[Any]:
        return self.model._base_manager.filter(**{self.owner: owner}).order_by(*self.order)

    def fields(self) -> list[Field[Any, Any]]:
        """Columns in the archive. Whose row it is says the archive as a whole."""
        hidden = {"owner", *self.omit}
        return [field for field in self.model._meta.concrete_fields if field.name not in hidden]


# Parents before children: an import looks up what a row refers to among what came before it.
TABLES = (
    Table("questionnaires.Persona", order=("created_at", "pk")),
    Table("questionnaires.Question", owner="persona__owner", omit=("id",), order=("persona_id", "pk")),
    Table("questionnaires.Questionnaire", owner="persona__owner"),
    Table("questionnaires.QuestionnaireItem", owner="questionnaire__persona__owner", omit=("id",), order=("pk",)),
    Table("questionnaires.Answer", order=("persona_id", "created_at", "pk")),
    Table("questionnaires.AnswerRevision", order=("answer_id", "created_at", "revision", "pk")),
    Table("questionnaires.LeftFinding"),
    Table("questionnaires.WeeklyQuestion"),
    Table("training.Connection", omit=("sealed_key", "key_hint", "sealed_webhook_secret")),
    Table("training.UploadedFile", order=("created_at", "pk")),
    Table("training.TrainingRun", omit=("host",), order=("created_at", "pk")),
    Table("training.RunEvent", order=("run_id", "number")),
    # Which bytes the files of a version have, the manifest says; here they are written anew.
    Table("training.PersonaModel", omit=("files",), order=("persona_id", "number")),
    Table("chat.PersonaShare", omit=("digest",), comes_back=False, order=("created_at", "pk")),
    Table("chat.ShareGuest", comes_back=False),
    Table("chat.Conversation", omit=("share", "visitor", "guest"), order=("created_at", "pk")),
    Table("chat.Message", order=("conversation_id", "number")),
    Table("chat.Correction"),
    Table("chat.BlindPair"),
    Table("chat.TranslationSetup", omit=("sealed_key",)),
    Table("chat.TranslatedText"),
    # What the person said to personas of others.
    Table("chat.Conversation", owner="guest", omit=("guest", "visitor"), comes_back=False, part="guest"),
    Table(
        "chat.Message",
        owner="conversation__guest",
        comes_back=False,
        order=("conversation_id", "number"),
        part="guest",
    ),
    Table("chat.TelegramAccount", comes_back=False),  # the bot of another installation does not know it
    Table("chat.TelegramDelivery", comes_back=False),
    Table("fidelity.ItemAnswer"),
    Table("fidelity.Report", order=("created_at", "pk")),
    Table("fidelity.ReportItem", order=("report_id", "number")),
    Table("fidelity.FriendLink", omit=("token",)),
    Table("fidelity.FriendQuestion", order=("link_id", "number")),
    Table("fidelity.FriendGuess"),
    Table("privacy.Retention"),
    Table("accounts.Quota", owner="user", omit=("id", "user"), comes_back=False),
    Table("accounts.Usage", owner="user", omit=("id", "user"), comes_back=False, order=("day", "pk")),
    Table("account.EmailAddress", owner="user", omit=("id", "user"), comes_back=False),
    Table("usersessions.UserSession", owner="user", omit=("id", "user", "session_key"), comes_back=False),
    Table("api.ApiToken", omit=("digest", "prefix"), comes_back=False, order=("created_at", "pk")),
    Table("accounts.AuditEvent", owner="subject", omit=("actor", "subject"), comes_back=False, order=("at", "pk")),
)

# Why a table with an owner is not in the archive.
LEFT_OUT = {
    "questionnaires.AnswerVectors": "reckoned from the answers, and made again when they are compared",
    "questionnaires.Comparison": "reckoned from the answers; what the person decided about it is in LeftFinding",
    "chat.TelegramCode": "one-time codes, of which only hashes are kept",
    "chat.TelegramNews": "which news of trainings were sent; the trainings are in the archive",
    "privacy.ArchiveJob": "the archives themselves",
    "mfa.Authenticator": "passkeys and second factors: secrets that open this site alone",
    "account.EmailConfirmation": "letters under way, with their secrets",
    "accounts.Invitation": "of whoever invited; a person's own is used up",
    "persona_site.EntryToken": "links that open the site, of which only hashes are kept",
}


RETURNING = {table.label: table for table in TABLES if table.comes_back}
