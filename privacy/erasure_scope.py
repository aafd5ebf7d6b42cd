"""What an erasure is about: the rows and files of an account, or of one of its personas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import CASCADE, ForeignKey, Model, Q, QuerySet

from chat.models import TelegramAccount, TelegramUpdate
from privacy.models import ArchiveJob
from questionnaires.models import Persona
from training.models import PersonaModel, TrainingRun, UploadedFile
from training.remote_deletion import Leftover, leftovers_of

# Paths to the persona of tables that have no column of their own for it.
_THROUGH = {
    "questionnaires.QuestionnaireItem": "questionnaire__persona",
    "questionnaires.AnswerRevision": "answer__persona",
    "questionnaires.AnswerVectors": "answer__persona",
    "training.RunEvent": "run__persona",
    "chat.Message": "conversation__persona",
    "chat.ShareGuest": "share__persona",
    "chat.TelegramDelivery": "account__persona",
    "chat.TelegramNews": "account__persona",
    "fidelity.ReportItem": "report__persona",
    "fidelity.FriendQuestion": "link__persona",
    "fidelity.FriendGuess": "question__link__persona",
}


@dataclass(frozen=True)
class Scope:
    """The account, or one persona of it."""

    owner: User | None  # None: the account is gone already
    persona: UUID | None = None

    @property
    def personas(self) -> QuerySet[Persona]:
        rows: QuerySet[Persona] = Persona.objects.filter(owner=self.owner)
        return rows.filter(pk=self.persona) if self.persona else rows

    @property
    def runs(self) -> QuerySet[TrainingRun]:
        return TrainingRun.objects.filter(persona__in=self.personas)

    @property
    def versions(self) -> QuerySet[PersonaModel]:
        return PersonaModel.objects.filter(persona__in=self.personas)

    def leftovers(self) -> list[Leftover]:
        return leftovers_of(self.runs, self.versions)

    def tables(self) -> Iterator[tuple[str, QuerySet[Any]]]:
        """Label and rows of each table that holds something of it."""
        for model in apps.get_models(include_auto_created=True):
            if condition := self._condition(model):
                yield model._meta.label, model._base_manager.filter(condition).order_by()

    def rows_of(self, model: type[Model]) -> QuerySet[Any]:
        return model._base_manager.filter(self._condition(model) or Q(pk=None)).order_by()

    def _condition(self, model: type[Model]) -> Q | None:
        """Rows that hang on the personas and, for a whole account, on the account itself."""
        if model is Persona:
            return Q(pk__in=self.personas)
        through = _THROUGH.get(model._meta.label)
        found = [Q(**{f"{through}__in": self.personas})] if through else []
        for key in _keys(model):
            if key.related_model is Persona and key.name == "persona":
                found.append(Q(persona__in=self.personas))
            elif key.related_model is User and key.remote_field.on_delete is CASCADE and self.persona is None:
                found.append(Q(**{key.name: self.owner}))
        return reduce(or_, found) if found else None

    def counts(self) -> dict[str, int]:
        return {label: count for label, rows in self.tables() if (count := rows.count())}

    def folders(self) -> list[Path]:
        """Files and folders that hold words of the person, or weights that learned them."""
        runs = [run.folder for run in self.runs]
        versions = [version.folder for version in self.versions]
        exports = [Path(settings.DATA_DIR) / "exports" / str(version.pk) for version in self.versions]
        return [*runs, *versions, *exports, *self._of_account()]

    def _of_account(self) -> list[Path]:
        if self.persona or self.owner is None:
            return []
        waiting = Path(settings.DATA_DIR) / "imports"
        archives = [job.file for job in ArchiveJob.objects.filter(owner=self.owner)]
        checked = list(ArchiveJob().file.parent.glob(f"checked-{self.owner.pk}-*"))
        uploads = [upload.path for upload in UploadedFile.objects.filter(owner=self.owner)]
        return [*waiting.glob(f"{self.owner.pk}-*"), *archives, *checked, *uploads]

    def telegram(self) -> QuerySet[TelegramAccount]:
        return TelegramAccount.objects.filter(persona__in=self.personas)

    def telegram_updates(self) -> QuerySet[TelegramUpdate]:
        """Messages that came and were not worked on yet."""
        users = set(self.telegram().values_list("user_id", flat=True))
        waiting = TelegramUpdate.objects.filter(done_at=None).values_list("pk", "payload")
        return TelegramUpdate.objects.filter(pk__in=[key for key, payload in waiting if _sender(payload) in users])


def _sender(payload: Any) -> Any:
    """Telegram's id of whoever wrote, wherever the update has it."""
    for value in payload.values() if isinstance(payload, dict) else ():
        if isinstance(value, dict) and isinstance(value.get("from"), dict):
            return value["from"].get("id")
    return None


def _keys(model: type[Model]) -> list[ForeignKey[Any, Any]]:
    return [f for f in model._meta.concrete_fields if isinstance(f, ForeignKey)]


def size_of(path: Path) -> tuple[int, int]:
    """Files and bytes at a path."""
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return len(files), sum(each.stat().st_size for each in files)
