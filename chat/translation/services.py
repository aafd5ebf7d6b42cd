"""How a persona's dialogues are translated: by whom, whether they may have the text, and which names stay.

Keyword-only; each takes rows that belong to the caller.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from chat.models import Conversation, TranslationSetup
from chat.translation.errors import TranslationFailed
from chat.translation.languages import LANGUAGES
from chat.translation.names import Name
from chat.translation.translators import TRANSLATORS, Account, Translator, sentences
from questionnaires.dataset import normalise
from questionnaires.models import Persona
from questionnaires.services import Refused
from training.connections import endpoint_of
from training.models import Connection
from training.providers.addresses import AddressRefused, check_address
from training.sealing import Unreadable, seal, unseal

OFF, AUTO = "off", "auto"
MODES = (OFF, AUTO, *LANGUAGES)
MAX_NAMES, MAX_NAME = 300, 120
MAX_ADDRESS, MAX_KEY, MAX_MODEL = 300, 1000, 200


@dataclass(frozen=True)
class Fields:
    """What a person filled in for a translator. An empty key means: leave what there is."""

    address: str = ""
    key: str = field(default="", repr=False)
    connection: str = ""  # its id
    model: str = ""


def setup_get(*, persona: Persona) -> TranslationSetup:
    """The persona's setup; a new one, not stored, where there is none."""
    found = TranslationSetup.objects.filter(persona=persona).select_related("connection", "persona").first()
    return found or TranslationSetup(persona=persona, owner_id=persona.owner_id)


def setup_save(*, persona: Persona, translator: str, fields: Fields, consent: bool) -> TranslationSetup:
    """Chooses a translator. Refused where something is missing, or who gets the text was not agreed to."""
    if translator not in TRANSLATORS:
        raise Refused(_("There is no translator “%(name)s”. Choose one of the list.") % {"name": translator[:20]})
    setup = setup_get(persona=persona)
    is_first = not setup.translator
    _fill(setup, TRANSLATORS[translator], fields)
    opened = _opened(setup)
    if opened.recipient and not (consent or consent_of(setup)):
        sentence = _("Say that %(host)s may get the messages and replies, or choose another translator.")
        raise Refused(sentence % {"host": opened.recipient})
    if opened.recipient and consent:
        setup.consents = {**setup.consents, _to(opened): timezone.now().isoformat()}
    if is_first:
        setup.mode = AUTO
    setup.save()
    return setup


def setup_drop(*, persona: Persona) -> None:
    """No translator any more: its key, the consents and the default go; the names stay."""
    TranslationSetup.objects.filter(persona=persona).update(
        translator="", address="", sealed_key="", connection=None, model="", consents={}, mode=OFF
    )


def consent_of(setup: TranslationSetup) -> str:
    """When the person agreed to whom the text goes now (ISO 8601); empty: not yet."""
    try:
        return str(setup.consents.get(_to(translator_open(setup)), ""))
    except TranslationFailed:
        return ""


def translator_open(setup: TranslationSetup) -> Translator:
    """The translator, ready to be asked. TranslationFailed with a sentence where something is missing."""
    kind = TRANSLATORS.get(setup.translator)
    if kind is None:
        raise TranslationFailed(_("No translator is chosen: open the translation page."))
    return kind.open(_account(setup, kind))


def translator_allowed(setup: TranslationSetup) -> Translator:
    """As `translator_open`, and the person has agreed to who gets the text."""
    translator = translator_open(setup)
    if translator.recipient and not setup.consents.get(_to(translator)):
        raise sentences.lacking(translator.title)
    return translator


def names_of(setup: TranslationSetup) -> tuple[Name, ...]:
    """The persona's own name and those that the person listed."""
    listed = [Name(row["term"], row.get("rendering", "")) for row in setup.names]
    own = setup.persona.name
    return tuple(listed if any(name.term == own for name in listed) else [Name(own), *listed])


def names_save(*, persona: Persona, text: str) -> TranslationSetup:
    """One name a line; after " = " how it is said in other languages. Refused where a line is too long."""
    setup = setup_get(persona=persona)
    rows = [_name(line) for line in normalise(text)[0].splitlines() if line.strip()]
    if len(rows) > MAX_NAMES:
        raise Refused(_("There are more than %(n)d names. Keep those that matter.") % {"n": MAX_NAMES})
    setup.names = list({row["term"]: row for row in rows}.values())
    setup.save()
    return setup


def names_as_text(setup: TranslationSetup) -> str:
    return "\n".join(
        f"{row['term']} = {row['rendering']}" if row.get("rendering") else row["term"] for row in setup.names
    )


def mode_of(*, persona: Persona, conversation: Conversation | None) -> str:
    """Off, auto or a language's code."""
    own = conversation.translation if conversation else ""
    return own or setup_get(persona=persona).mode


def mode_choose(*, persona: Persona, conversation: Conversation | None, mode: str) -> None:
    """Of the conversation; without one, of all that have none of their own. Refused without a translator."""
    if mode not in MODES:
        raise Refused(_("There is no language “%(name)s” here. Choose one of the list.") % {"name": mode[:8]})
    setup = setup_get(persona=persona)
    if mode != OFF:
        try:
            translator_allowed(setup)
        except TranslationFailed as failed:
            raise Refused(str(failed)) from failed
    if conversation:
        Conversation.objects.filter(pk=conversation.pk).update(translation=mode)
    else:
        setup.mode = mode
        setup.save()


def _fill(setup: TranslationSetup, kind: type[Translator], fields: Fields) -> None:
    address = fields.address.strip().rstrip("/") if "address" in kind.needs else ""
    moved = (kind.key, address) != (setup.translator, setup.address)
    setup.translator, setup.address = kind.key, _checked_address(address, kind)
    key = _checked_key(fields.key) if "key" in kind.needs else ""
    if key or moved:  # a key belongs to its address
        setup.sealed_key = seal(key, _bound(setup))
    setup.connection = _connection(setup, fields.connection) if "connection" in kind.needs else None
    setup.model = fields.model.strip()[:MAX_MODEL] if "model" in kind.needs else ""


def _opened(setup: TranslationSetup) -> Translator:
    try:
        return translator_open(setup)
    except TranslationFailed as failed:
        missing = setup.translator in TRANSLATORS and TRANSLATORS[setup.translator].needs
        raise Refused(_("Something is missing: fill in all fields.") if missing else str(failed)) from failed


def _account(setup: TranslationSetup, kind: type[Translator]) -> Account:
    try:
        key = unseal(setup.sealed_key, _bound(setup))
        endpoint = endpoint_of(setup.connection) if setup.connection and "connection" in kind.needs else None
    except (Unreadable, Refused):
        raise TranslationFailed(_("The translator's key was sealed on another computer. Enter it again.")) from None
    return Account(setup.address, key, endpoint, setup.model)


def _bound(setup: TranslationSetup) -> str:
    return f"translation:{setup.translator}:{setup.address}"


def _to(translator: Translator) -> str:
    return f"{translator.key} {translator.recipient}"


def _checked_address(address: str, kind: type[Translator]) -> str:
    if "address" not in kind.needs:
        return ""
    if not address or len(address) > MAX_ADDRESS:
        raise Refused(_("The address is missing. It looks like http://127.0.0.1:5000."))
    try:
        check_address(address)
    except AddressRefused as refused:
        raise Refused(str(refused)) from None
    return address


def _checked_key(text: str) -> str:
    key = text.strip()
    if len(key) > MAX_KEY or not (key.isascii() and key.isprintable() and " " not in key):
        raise Refused(_("A key has only Latin letters, digits and signs, without spaces. Copy it again."))
    return key


def _connection(setup: TranslationSetup, key: str) -> Connection:
    rows: dict[str, Any] = {str(row.pk): row for row in Connection.objects.for_owner(setup.owner_id)}
    if key not in rows:
        raise Refused(_("Choose a connection, or add one first."))
    found: Connection = rows[key]
    return found


def _name(line: str) -> dict[str, str]:
    term, _sign, rendering = (part.strip() for part in line.partition("="))
    if not term or max(len(term), len(rendering)) > MAX_NAME:
        raise Refused(
            _("“%(line)s” is no name: write it alone, or “name = name in the other language”.") % {"line": line[:60]}
        )
    return {"term": term, "rendering": rendering}
