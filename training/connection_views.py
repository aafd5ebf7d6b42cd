"""Pages of the connections: accounts at providers, which belong to a person and serve all portraits."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from questionnaires.models import Persona
from questionnaires.services import Refused
from questionnaires.views import visitor
from training import connections
from training.connections import Fields
from training.models import Connection
from training.providers.presets import Preset, presets


def connection_or_404(request: HttpRequest, connection_id: uuid.UUID | str) -> Connection:
    """The visitor's connection; anybody else's is not found."""
    rows = Connection.objects.for_owner(request.user)
    connection: Connection = get_object_or_404(rows, pk=connection_id)
    return connection


@never_cache
@require_GET
def connection_list(request: HttpRequest) -> HttpResponse:
    """All accounts, and the providers that one can be added for."""
    rows = Connection.objects.for_owner(request.user)
    cards = [{"connection": row, "preset": connections.preset_of(row)} for row in rows]
    context = {"cards": cards, "presets": presets().values(), **_way_back(request)}
    return render(request, "training/connections.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
def connection_new(request: HttpRequest, preset_key: str) -> HttpResponse:
    """The form of one kind of provider; what was typed stays when something is wrong with it."""
    preset = presets().get(preset_key)
    if preset is None:
        raise Http404
    if request.method == "GET":
        return _form(request, preset, Fields(preset.title, preset.base_url))
    fields = _fields(request)
    try:
        connection = connections.connection_create(owner=visitor(request), preset=preset_key, fields=fields)
    except Refused as refused:
        return _form(request, preset, fields, fault=refused)
    messages.success(request, _("Saved. Test it now: it takes a few seconds and costs nothing."))
    return redirect(_address(connection, request))


@never_cache
@require_http_methods(["GET", "POST"])
def connection_edit(request: HttpRequest, connection_id: uuid.UUID) -> HttpResponse:
    """One account: what its test found, and its form. The key is never shown again."""
    connection = connection_or_404(request, connection_id)
    preset = connections.preset_of(connection)
    if request.method == "GET":
        return _form(request, preset, Fields(connection.name, connection.base_url), connection)
    fields = _fields(request)
    try:
        dropped = connections.connection_update(connection=connection, fields=fields)
    except Refused as refused:
        return _form(request, preset, fields, connection_or_404(request, connection_id), fault=refused)
    if dropped:
        messages.warning(request, _("The address is another one, so the key was cleared. Enter the key for it."))
    else:
        messages.success(request, _("Saved."))
    return redirect(_address(connection, request))


@require_POST
def connection_test(request: HttpRequest, connection_id: uuid.UUID) -> HttpResponse:
    """Asks the provider, and shows what it said."""
    connection = connection_or_404(request, connection_id)
    try:
        connections.connection_test(connection=connection)
    except Refused as refused:
        messages.error(request, str(refused))
    return redirect(_address(connection, request) + "#test")


@never_cache
@require_http_methods(["GET", "POST"])
def connection_delete(request: HttpRequest, connection_id: uuid.UUID) -> HttpResponse:
    """Asks first: the key cannot be had back."""
    connection = connection_or_404(request, connection_id)
    if request.method == "POST":
        try:
            connections.connection_delete(connection=connection)
        except Refused as refused:
            messages.error(request, str(refused))
            return redirect(_address(connection, request))
        messages.success(request, _("“%(name)s” was deleted with its key.") % {"name": connection.name})
        return redirect(reverse("connections") + _query(request))
    versions = connection.versions.count()
    context = {"connection": connection, "versions": versions, **_way_back(request)}
    return render(request, "training/connection_delete.html", context)


def _form(
    request: HttpRequest,
    preset: Preset,
    fields: Fields,
    connection: Connection | None = None,
    fault: Refused | None = None,
) -> HttpResponse:
    """The form, with the fields as they were filled in, but for the secrets."""
    context: dict[str, Any] = {
        "preset": preset,
        "fields": fields,
        "connection": connection,
        "fault": str(fault or ""),
        "notices": connections.notices_of(preset),
        "deployment_note": connections.deployment_note_of(preset),
        "webhook": request.build_absolute_uri(f"/webhooks/{connection.pk}/") if connection else "",
        **_way_back(request),
    }
    return render(request, "training/connection.html", context, status=fault.status if fault else 200)


def _fields(request: HttpRequest) -> Fields:
    names = ("name", "base_url", "key", "webhook_secret")
    return Fields(*(request.POST.get(name, "") for name in names))


def _way_back(request: HttpRequest) -> dict[str, Any]:
    """The portrait from whose training the visitor came, if it is his; it goes along from page to page."""
    try:
        key = uuid.UUID(request.GET.get("from", ""))
    except ValueError:
        return {"origin": None, "query": ""}
    origin = Persona.objects.for_owner(request.user).filter(pk=key).first()
    return {"origin": origin, "query": f"?from={origin.pk}" if origin else ""}


def _query(request: HttpRequest) -> str:
    return str(_way_back(request)["query"])


def _address(connection: Connection, request: HttpRequest) -> str:
    return reverse("connection", args=(connection.pk,)) + _query(request)
