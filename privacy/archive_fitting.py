"""Lines of an archive as rows of this database: types, limits, and that nothing refers out of the archive."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import Field, ForeignKey, JSONField
from django.utils.translation import gettext as _

from privacy.archive_reading import Archive, ArchiveRefused
from privacy.archive_rows import is_question
from privacy.archive_writing import BANK
from privacy.catalogue import RETURNING, Table
from questionnaires.models import Persona, Question, Questionnaire, Topic

QUESTION = "questionnaires.Question"
_OWN = re.compile(r"own-[0-9a-f]{32}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Known:
    """Keys of the archive's rows, by table, and what the bank here is asked for."""

    def __init__(self) -> None:
        self._ids: dict[str, set[str]] = {label: set() for label in RETURNING}
        self.questions: dict[tuple[str, str], int] = {}  # (slug, persona) -> key here; the bank's have no persona
        self.has_demo = False  # the account keeps its demo persona
        self.bank: dict[str, dict[str, Any]] | None = None

    def ids(self, label: str) -> set[str]:
        return self._ids[label]

    def add(self, table: Table, values: dict[str, Any]) -> None:
        if key := key_of(table, values):
            self._ids[table.label].add(key)


def key_of(table: Table, values: dict[str, Any]) -> str:
    """What others call the row; empty for one that nobody refers to."""
    if table.label == QUESTION:
        return str(values["slug"])
    name = table.model._meta.pk.name if table.model._meta.pk else ""
    return str(values[name]) if name in values else ""


class Fitter:
    """Lines of one table."""

    def __init__(self, table: Table, known: Known) -> None:
        self.table, self.known = table, known
        self.fields = {field.name: field for field in table.fields()}

    def read(self, number: int, line: bytes) -> dict[str, Any]:
        """The line's values, each of its column's type. ArchiveRefused with table and line."""
        try:
            if b"\\u0000" in line:
                raise ValueError
            told = json.loads(line)
            if set(told) - set(self.fields):
                raise ValueError
            values = {name: self._value(field, told) for name, field in self.fields.items() if name in told}
            _check_keys(self.table, values)
        except (ValueError, TypeError, ValidationError, RecursionError):
            where = {"name": self.table.member, "line": number}
            raise ArchiveRefused(_("%(name)s, line %(line)d: this row does not fit the table.") % where) from None
        return values

    @staticmethod
    def _value(field: Field[Any, Any], told: dict[str, Any]) -> Any:
        value = told[field.name]
        if value is None:
            if not field.null:
                raise ValueError
            return None
        if isinstance(field, JSONField):
            return value
        if is_question(field):
            return str(value)
        if isinstance(value, dict | list):
            raise TypeError
        value = field.to_python(value)
        field.run_validators(value)
        choices = {choice for choice, _label in field.flatchoices} if field.choices else None
        if choices is not None and value not in choices and not (field.blank and value == ""):
            raise ValueError
        return value

    def fits(self, values: dict[str, Any], *, forward: bool) -> bool:
        """Whether everything that the row needs is in the archive; what it could be without is emptied.

        `forward`: all keys are known by now, also those of tables that come later.
        """
        for name, field in self.fields.items():
            if not isinstance(field, ForeignKey) or values.get(name) is None or is_question(field):
                continue
            if self._is_there(field, str(values[name]), forward):
                continue
            if not field.null:
                return False
            values[name] = None
        return True

    def _is_there(self, field: ForeignKey[Any, Any], key: str, forward: bool) -> bool:
        label = field.related_model._meta.label
        if label == "questionnaires.Topic":
            return Topic.objects.filter(pk=key).exists()
        if label not in RETURNING:
            return False
        if key in self.known.ids(label) or (label == self.table.label and not forward):
            return True
        if label == "questionnaires.Questionnaire" and Questionnaire.objects.filter(pk=key, persona=None).exists():
            return True
        return not forward and field.null

    def bank_read(self, archive: Archive, owner: User) -> None:
        """Which questions of the bank the archive refers to, once."""
        if self.known.bank is None and BANK in archive.manifest.members:
            self.known.bank = dict(_bank_row(number, line) for number, line in archive.lines(BANK))
            found = Question.objects.filter(slug__in=self.known.bank, persona=None).values_list("slug", "pk")
            self.known.questions |= {(slug, ""): key for slug, key in found}

    def store(self, values: dict[str, Any], owner: User) -> None:
        """The row, as it was, but for what would start work here or open a door."""
        if change := _CHANGES.get(self.table.label):
            change(values)
        if self.known.has_demo and self.table.model is Persona:
            values["is_demo"] = False
        model = self.table.model
        columns = {self._column(name): self._key(name, value, values) for name, value in values.items()}
        if any(field.name == "owner" for field in model._meta.concrete_fields):
            columns["owner_id"] = owner.pk
        row = model(**columns)
        row.save_base(raw=True, force_insert=True)
        if self.table.label == QUESTION:
            self.known.questions[values["slug"], str(values["persona"])] = row.pk

    def _column(self, name: str) -> str:
        return str(getattr(self.fields.get(name), "attname", name))

    def _key(self, name: str, value: Any, values: dict[str, Any]) -> Any:
        field = self.fields.get(name)
        if value is None or field is None or not is_question(field):
            return value
        return self._question(str(value), values, required=not field.null)

    def _question(self, slug: str, values: dict[str, Any], *, required: bool) -> int | None:
        """The bank's, the persona's own, or an own one made of a question that the bank here does not have."""
        persona = self._persona(values)
        keys = self.known.questions
        if key := keys.get((slug, "")) or keys.get((slug, persona)):
            return key
        if not required:
            return None
        row = (self.known.bank or {}).get(slug)
        if row is None or not persona or not isinstance(row.get("texts"), dict):
            raise ArchiveRefused(_("An answer is to a question, “%(slug)s”, that nobody has.") % {"slug": slug[:120]})
        made = Question(slug=f"own-{secrets.token_hex(16)}", persona_id=persona, texts=row["texts"])
        made.save_base(raw=True, force_insert=True)
        keys[slug, persona] = made.pk
        return made.pk

    def _persona(self, values: dict[str, Any]) -> str:
        if self.table.model is Persona:
            return str(values["id"])
        if "persona" in values:
            return str(values["persona"] or "")
        if "questionnaire" in values:
            found = Questionnaire.objects.filter(pk=values["questionnaire"]).values_list("persona", flat=True)
            return str(found[0] or "")
        return ""


def _bank_row(number: int, line: bytes) -> tuple[str, dict[str, Any]]:
    try:
        row = json.loads(line)
        first = next(iter(row["texts"].values()))
        if b"\\u0000" in line or not isinstance(first["text"], str):
            raise ValueError
    except (ValueError, TypeError, KeyError, AttributeError, StopIteration, RecursionError):
        raise ArchiveRefused(_("%(name)s, line %(line)d is no question.") % {"name": BANK, "line": number}) from None
    return str(row["slug"]), row


def _check_keys(table: Table, values: dict[str, Any]) -> None:
    """ValueError for a row without its key, and for own things that would take the place of the bank's."""
    if "id" in {field.name for field in table.fields()} and not values.get("id"):
        raise ValueError
    if table.label == QUESTION and not (_OWN.fullmatch(values["slug"]) and values["persona"] and values["texts"]):
        raise ValueError
    if table.label == "questionnaires.Questionnaire" and not (_UUID.fullmatch(values["slug"]) and values["persona"]):
        raise ValueError


def _run(values: dict[str, Any]) -> None:
    if values["state"] not in {"ready", "failed", "cancelled"}:
        values["state"] = "cancelled"
    values |= {"lease_until": None, "not_before": None, "last_enqueued_at": None}
    _base_model(values)


def _base_model(values: dict[str, Any]) -> None:
    """A path on another computer means nothing here, and must not choose a folder of this one."""
    name = values["base_model"]
    if name != settings.BASE_MODEL and (name.startswith(("/", "~", ".")) or ".." in name):
        values["base_model"] = name.rstrip("/").rpartition("/")[2].strip(".~") or "unknown"


def _message(values: dict[str, Any]) -> None:
    if values["state"] in {"pending", "streaming"}:
        values["state"] = "cut"
    values["heartbeat_at"] = None


def _report(values: dict[str, Any]) -> None:
    if values["state"] in {"queued", "running"}:
        values["state"] = "cancelled"
    values |= {"lease_until": None, "not_before": None, "last_enqueued_at": None}


def _link(values: dict[str, Any]) -> None:
    """Friends have another installation's address."""
    values |= {"token": secrets.token_urlsafe(32), "state": "closed"}


_CHANGES: dict[str, Callable[[dict[str, Any]], None]] = {
    "training.TrainingRun": _run,
    "training.PersonaModel": _base_model,
    "chat.Message": _message,
    "fidelity.Report": _report,
    "fidelity.FriendLink": _link,
}
