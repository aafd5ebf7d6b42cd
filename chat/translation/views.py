"""The translation page: whether a dialogue is translated, by whom, and which names stay as they are."""

from __future__ import annotations

import uuid
from typing import Any

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from chat.models import Conversation, TranslationSetup
from chat.pages import conversation_or_404, persona_or_404
from chat.translation import services
from chat.translation.errors import TranslationFailed
from chat.translation.languages import LANGUAGES, language_name
from chat.translation.services import Fields
from chat.translation.suggestions import names_suggested
from chat.translation.translating import text_translate
from chat.translation.translators import TRANSLATORS
from questionnaires.models import Persona
from questionnaires.services import Refused
from training.models import Connection

SAMPLE = {"en": "Good morning. Where did you grow up?", "ru": "Доброе утро. Где вы выросли?"}


@never_cache
@require_http_methods(["GET", "POST"])
def translation(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """Everything at a glance; POST chooses the mode, of one conversation or of all that have none of their own."""
    persona = persona_or_404(request, persona_id)
    conversation = _conversation(request, persona)
    if request.method == "GET":
        return _page(request, persona, conversation)
    mode = request.POST.get("mode", "")
    try:
        chosen = request.POST.get("language", "") if mode == "fixed" else mode
        services.mode_choose(persona=persona, conversation=conversation, mode=chosen)
    except Refused as refused:
        return _page(request, persona, conversation, fault=refused)
    messages.success(request, _("Saved."))
    if conversation:
        return redirect("chat_conversation", persona.pk, conversation.pk)
    return redirect("translation", persona.pk)


@never_cache
@require_http_methods(["GET", "POST"])
def translator(request: HttpRequest, persona_id: uuid.UUID, translator: str) -> HttpResponse:
    """The form of one translator, with who gets the text; POST saves it with the agreement."""
    persona = persona_or_404(request, persona_id)
    if translator not in TRANSLATORS:
        raise Http404
    fields = Fields(**{name: request.POST.get(name, "") for name in ("address", "key", "connection", "model")})
    if request.method == "GET":
        return _form(request, persona, translator)
    try:
        consent = request.POST.get("consent") == "yes"
        services.setup_save(persona=persona, translator=translator, fields=fields, consent=consent)
    except Refused as refused:
        return _form(request, persona, translator, fields=fields, fault=refused)
    messages.success(request, _("Saved. Try it now with one sentence."))
    return redirect(reverse("translation", args=(persona.pk,)) + _query(request))


@require_POST
def translation_names(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """Stores the list of names, with those that were ticked among the suggestions."""
    persona = persona_or_404(request, persona_id)
    text = "\n".join([request.POST.get("names", ""), *request.POST.getlist("add")])
    try:
        services.names_save(persona=persona, text=text)
    except Refused as refused:
        return _page(request, persona, _conversation(request, persona), fault=refused, names=text)
    messages.success(request, _("Saved."))
    return redirect(reverse("translation", args=(persona.pk,)) + _query(request) + "#names")


@require_POST
def translation_drop(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """No translator any more; its key goes."""
    persona = persona_or_404(request, persona_id)
    services.setup_drop(persona=persona)
    messages.success(request, _("Nothing is translated any more, and the key is forgotten."))
    return redirect("translation", persona.pk)


@require_POST
def translation_try(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """One sentence of ours, none of the person's, through the translator and into the page."""
    persona = persona_or_404(request, persona_id)
    source = "ru" if persona.language[:2] == "ru" else "en"
    target = "en" if source == "ru" else "ru"
    try:
        opened = services.translator_allowed(services.setup_get(persona=persona))
        found = async_to_sync(text_translate)(opened, SAMPLE[source], source=source, target=target, outward=True)
    except TranslationFailed as failed:
        messages.error(request, str(failed))
    else:
        messages.success(request, f"{SAMPLE[source]} → {found}")
    return redirect(reverse("translation", args=(persona.pk,)) + _query(request))


def _conversation(request: HttpRequest, persona: Persona) -> Conversation | None:
    key = request.GET.get("conversation", "")
    try:
        return conversation_or_404(request, persona.pk, uuid.UUID(key)) if key else None
    except ValueError:
        raise Http404 from None


def _query(request: HttpRequest) -> str:
    key = request.GET.get("conversation", "")
    return f"?conversation={uuid.UUID(key)}" if key else ""


def _page(
    request: HttpRequest,
    persona: Persona,
    conversation: Conversation | None,
    *,
    fault: Refused | None = None,
    names: str | None = None,
) -> HttpResponse:
    setup = services.setup_get(persona=persona)
    known = [row["term"] for row in setup.names]
    context = {
        "room": "chat",
        "persona": persona,
        "conversation": conversation,
        "query": _query(request),
        "home": language_name(persona.language[:2]),
        "setup": setup,
        "in_use": _shown(setup.translator),
        "recipient": _recipient(setup),
        "mode": services.mode_of(persona=persona, conversation=conversation),
        "languages": sorted(((code, language_name(code)) for code in _others(persona)), key=lambda row: row[1]),
        "translators": [(kind.key, kind.title, _about()[kind.key]) for kind in TRANSLATORS.values()],
        "names": services.names_as_text(setup) if names is None else names,
        "suggestions": names_suggested(persona=persona, known=[*known, persona.name]),
        "fault": fault,
    }
    return render(request, "chat/translation.html", context, status=fault.status if fault else 200)


def _form(
    request: HttpRequest,
    persona: Persona,
    key: str,
    *,
    fields: Fields | None = None,
    fault: Refused | None = None,
) -> HttpResponse:
    setup = services.setup_get(persona=persona)
    is_in_use = setup.translator == key
    stored = Fields(setup.address, "", str(setup.connection_id or ""), setup.model) if is_in_use else Fields()
    context: dict[str, Any] = {
        "room": "chat",
        "persona": persona,
        "query": _query(request),
        "kind": _shown(key),
        "about": _about()[key],
        "fields": fields or stored,
        "has_key": is_in_use and bool(setup.sealed_key),
        "agreed_at": services.consent_of(setup) if is_in_use else "",
        "is_here": key == "argos",
        "connections": Connection.objects.for_owner(request.user),
        "host": {"google": "translate.google.com", "mymemory": "api.mymemory.translated.net"}.get(key, ""),
        "fault": fault,
    }
    return render(request, "chat/translator.html", context, status=fault.status if fault else 200)


def _others(persona: Persona) -> list[str]:
    return [code for code in LANGUAGES if code != persona.language[:2]]


def _shown(key: str) -> dict[str, Any] | None:
    """A template would call the class."""
    kind = TRANSLATORS.get(key)
    return {"key": kind.key, "title": kind.title, "needs": kind.needs} if kind else None


def _recipient(setup: TranslationSetup) -> str:
    """The host that gets the text now; empty for none."""
    try:
        return services.translator_allowed(setup).recipient
    except TranslationFailed:
        return ""


def _about() -> dict[str, str]:
    return {
        "argos": _("On this computer, offline. You install it and the models of your languages once."),
        "libretranslate": _("A server of your own, on this computer or at home. The text goes there alone."),
        "deepl": _("A service with a free allowance a month. It needs a key."),
        "chat": _("A large model of one of your connections, told to translate. It costs tokens."),
        "google": _("Google's public page, without a key and without a promise: it may refuse at any time."),
        "mymemory": _("A free service without a key: about 5,000 characters a day."),
    }
