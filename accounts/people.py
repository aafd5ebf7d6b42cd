"""The people of this installation, as an administrator sees them: counts and dates, never a text."""

from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Any

from allauth.usersessions.models import UserSession
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Max
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.refusing import Refused


@dataclass(frozen=True)
class Person:
    """One line of the list."""

    user: User
    name: str
    seen_at: datetime | None
    counts: dict[str, int]  # as settings.PEOPLE_COUNTS names them


def name_of(user: Any) -> str:
    """What a person is called on pages for others: the address, or the owner's user name."""
    return str(getattr(user, "email", "") or user.get_username())


def people_list() -> list[Person]:
    """Everybody, in the order of their coming."""
    seen = dict(UserSession.objects.values_list("user").annotate(at=Max("last_seen_at")))
    counts = {name: _counted(label) for name, label in settings.PEOPLE_COUNTS.items()}
    return [
        Person(
            user=user,
            name=name_of(user),
            seen_at=max(filter(None, (seen.get(user.pk), user.last_login)), default=None),
            counts={name: of.get(user.pk, 0) for name, of in counts.items()},
        )
        for user in User.objects.order_by("date_joined", "pk")
    ]


def _counted(label: str) -> dict[int, int]:
    """User id -> number of that person's rows, of a model with an owner. What is invented is not counted."""
    rows = apps.get_model(label)._default_manager.all()
    if any(field.name == "is_demo" for field in rows.model._meta.fields):
        rows = rows.filter(is_demo=False)
    return dict(rows.values_list("owner").annotate(n=Count("pk")))


@transaction.atomic
def person_change(*, person: User, by: User, is_active: bool | None = None, is_staff: bool | None = None) -> User:
    """Lets somebody in or out, or makes them an administrator or not. One active administrator always stays.

    Who is put out is out with their next request: a session of an inactive account is nobody's.
    """
    administrators = list(User.objects.select_for_update().filter(is_staff=True, is_active=True).order_by("pk"))
    person = User.objects.select_for_update().get(pk=person.pk)
    person.is_active = person.is_active if is_active is None else is_active
    person.is_staff = person.is_staff if is_staff is None else is_staff
    if not (person.is_active and person.is_staff) and all(one.pk == person.pk for one in administrators):
        raise Refused(_("Somebody must be able to run this place: make another person administrator first."), 409)
    person.save(update_fields=["is_active", "is_staff"])
    if not person.is_active:
        sessions_end(user=person)
    audit_record(action=_action(is_active, is_staff), actor=by, subject=person)
    return person


def _action(is_active: bool | None, is_staff: bool | None) -> str:
    if is_active is not None:
        return "person-activated" if is_active else "person-deactivated"
    return "administrator-made" if is_staff else "administrator-unmade"


def sessions_end(*, user: User) -> None:
    """Every known session of the person is over."""
    sessions = list(UserSession.objects.filter(user=user))
    store = import_module(settings.SESSION_ENGINE).SessionStore
    for session in sessions:
        store(session.session_key).delete()
    UserSession.objects.filter(pk__in=[session.pk for session in sessions]).delete()
