"""Accounts at providers. A key goes in, is sealed for its address, and leaves only in a request to that address."""

from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from questionnaires.services import Refused
from training.models import Connection, TrainingRun
from training.providers.addresses import AddressRefused, check_address
from training.providers.base import Endpoint
from training.providers.openai_compatible import availability
from training.providers.presets import Preset, presets
from training.sealing import Unreadable, seal, unseal

MAX_NAME, MAX_ADDRESS, MAX_SECRET = 80, 300, 1000
SHOWN_OF_KEY = 4
HIDDEN_WHOLE = 12  # of a shorter key the last four would give too much away


@dataclass(frozen=True)
class Fields:
    """What a person filled in. An empty secret means: leave what there is."""

    name: str
    base_url: str
    key: str = ""
    webhook_secret: str = ""


def preset_of(connection: Connection) -> Preset:
    """Its preset; "other" for one whose file was removed."""
    known = presets()
    return known.get(connection.preset) or known["other"]


def host_of(connection: Connection) -> str:
    """Who gets the rows: the name that a consent is given for."""
    return urlsplit(connection.base_url).netloc


def consent_to(connection: Connection, sha256: str) -> dict[str, str]:
    """A yes, as a run keeps it: to whom, when (ISO 8601), and to which bytes (training.row_files)."""
    return {"to": host_of(connection), "at": timezone.now().isoformat(), "sha256": sha256}


def connection_find(*, owner: User, text: str) -> Connection:
    """The owner's connection by its id or its name (case does not matter). Refused where it is none, or several."""
    rows: list[Connection] = list(Connection.objects.for_owner(owner))
    wanted = text.strip().casefold()
    found = [row for row in rows if wanted in {str(row.pk), row.name.casefold()}]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(str(row.pk) for row in found)
        raise Refused(f"{len(found)} connections are called “{text}”. Use the id: {ids}.")
    known = ", ".join(row.name for row in rows) or "none yet"
    raise Refused(f"There is no connection “{text}”. There are: {known}.", status=404)


def connection_create(*, owner: User, preset: str, fields: Fields) -> Connection:
    """A new account. Refused with a sentence where something is missing or the address is not allowed."""
    if preset not in presets():
        raise Refused(_("There is no provider “%(name)s”. Choose one of the list.") % {"name": preset[:40]})
    address = _address(fields.base_url or presets()[preset].base_url)
    key = _secret(fields.key)
    if not key and presets()[preset].keys_page:
        raise Refused(_("The key is missing. Make one on the provider's page and paste it here."))
    connection = Connection.objects.create(
        owner=owner,
        preset=preset,
        name=_name(fields.name, presets()[preset]),
        base_url=address,
        sealed_webhook_secret=seal(_secret(fields.webhook_secret), address),
        **_key_columns(key, address),
    )
    _note("connection-made", connection)
    return connection


def _note(action: str, connection: Connection) -> None:
    audit_record(action=action, actor=connection.owner, target=f"connection:{connection.pk}")


def connection_update(*, connection: Connection, fields: Fields) -> bool:
    """Changes what was filled in; whether the key had to be dropped because the address is another one.

    A key belongs to its address: otherwise whoever changes the address could have the key sent to himself.
    """
    address, key = _address(fields.base_url), _secret(fields.key)
    moved = address != connection.base_url
    if moved and active_runs(connection):
        raise Refused(_("A training is under way there. Wait for it, or cancel it, before the address changes."), 409)
    changes: dict[str, Any] = {"name": _name(fields.name, preset_of(connection)), "base_url": address}
    if key or moved:
        changes |= _key_columns(key, address) | {"tested_at": None, "test_result": {}}
    if fields.webhook_secret or moved:
        changes["sealed_webhook_secret"] = seal(_secret(fields.webhook_secret), address)
    dropped = moved and bool(connection.sealed_key) and not key
    for column, value in changes.items():
        setattr(connection, column, value)
    connection.save(update_fields=list(changes))
    _note("connection-key-changed" if "sealed_key" in changes else "connection-changed", connection)
    return dropped


def connection_delete(*, connection: Connection) -> None:
    """Deletes the account's row with its key. What was trained there stays there, and its versions stay listed."""
    with transaction.atomic():
        if active_runs(connection):
            raise Refused(_("A training is under way there. Wait for it, or cancel it, before you delete this."), 409)
        _note("connection-deleted", connection)
        connection.delete()


def active_runs(connection: Connection) -> bool:
    return TrainingRun.objects.filter(connection=connection, state__in=TrainingRun.ACTIVE).exists()


def connection_test(*, connection: Connection) -> Connection:
    """Asks the provider for a few seconds whether the key is good and what it may do; stores what came of it."""
    found = availability(endpoint_of(connection))
    connection.tested_at, connection.test_result = timezone.now(), asdict(found)
    connection.save(update_fields=["tested_at", "test_result"])
    return connection


def endpoint_of(connection: Connection) -> Endpoint:
    """Where requests go, with the key. Refused where the key was sealed on another computer or for another address."""
    return Endpoint(connection.base_url, _opened(connection.sealed_key, connection), connection.preset)


def webhook_secret_of(connection: Connection) -> str:
    """The secret that signs the provider's calls; empty where none was given."""
    return _opened(connection.sealed_webhook_secret, connection)


def _opened(sealed: str, connection: Connection) -> str:
    try:
        return unseal(sealed, connection.base_url)
    except Unreadable:
        raise Refused(
            _("The key of “%(name)s” was sealed on another computer. Enter it again.") % {"name": connection.name}, 409
        ) from None


def models_of(connection: Connection) -> list[str]:
    """Names of models that can be trained there: of the preset, then of the last test."""
    offered = [offer.id for offer in preset_of(connection).offers]
    tested = [str(name) for name in connection.test_result.get("models", [])]
    return list(dict.fromkeys([*offered, *tested]))


def notices_of(preset: Preset) -> list[str]:
    """What ends or changes there, in the reader's language."""
    russian = (get_language() or "").startswith("ru")
    return [notice.ru if russian else notice.en for notice in preset.notices]


def deployment_note_of(preset: Preset) -> str:
    """What has to be done before a trained model answers, in the reader's language; empty where nothing has."""
    russian = (get_language() or "").startswith("ru")
    return preset.deployment_note.get("ru" if russian else "en", "") if preset.deployment else ""


def _key_columns(key: str, address: str) -> dict[str, str]:
    hint = key[-SHOWN_OF_KEY:] if len(key) >= HIDDEN_WHOLE else ""
    return {"sealed_key": seal(key, address), "key_hint": hint}


def _name(text: str, preset: Preset) -> str:
    name = " ".join(text.split()) or preset.title
    if len(name) > MAX_NAME:
        raise Refused(_("The name is longer than %(n)d characters. Please shorten it.") % {"n": MAX_NAME})
    return name


def _secret(text: str) -> str:
    """A pasted key; Refused where it cannot be one: it goes into a header, so only visible ASCII."""
    secret = text.strip()
    if len(secret) > MAX_SECRET:
        raise Refused(_("That is longer than %(n)d characters: it is no key.") % {"n": MAX_SECRET})
    if not (secret.isascii() and all(character.isprintable() and character != " " for character in secret)):
        raise Refused(_("A key has only Latin letters, digits and signs, without spaces. Copy it again."))
    return secret


def _address(text: str) -> str:
    """An address as it is stored, without a slash at the end; Refused where it is none, or not allowed."""
    address = text.strip().rstrip("/")
    if not address:
        raise Refused(_("The address is missing. The provider's pages name it; it often ends in /v1."))
    if len(address) > MAX_ADDRESS:
        raise Refused(_("The address is longer than %(n)d characters.") % {"n": MAX_ADDRESS})
    try:
        check_address(address)
    except AddressRefused as refused:
        raise Refused(str(refused)) from None
    return address
