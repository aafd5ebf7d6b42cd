"""The page "Which one is me?": the new version against the old one, without knowing which is which."""

import uuid
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from chat import blind as pairs
from chat.errors import EngineError
from chat.models import BlindPair
from chat.pages import persona_or_404
from questionnaires.models import Persona
from questionnaires.services import Refused


@require_http_methods(["GET", "POST"])
async def blind(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """The pair that waits and the score so far; POST makes the next pair."""
    persona = await sync_to_async(persona_or_404)(request, persona_id)
    fault = ""
    if request.method == "POST":
        try:
            await _next(persona)
            return redirect("blind", persona_id)
        except Refused as nothing:  # a result, not a mistake: there is no pair to show
            messages.info(request, str(nothing))
            return redirect("blind", persona_id)
        except EngineError as error:
            fault = str(error)
    return await sync_to_async(_page)(request, persona, fault)


async def _next(persona: Persona) -> None:
    versions = await sync_to_async(pairs.versions_compared)(persona=persona)
    if versions is None:
        raise Refused(_("There is only one version; nothing to compare yet."))
    old, new = versions
    if await sync_to_async(pairs.pair_open)(old=old, new=new) is None:
        await pairs.pair_make(persona=persona, old=old, new=new)


def _page(request: HttpRequest, persona: Persona, fault: str) -> HttpResponse:
    context: dict[str, Any] = {"room": "chat", "persona": persona, "fault": fault, "least": pairs.LEAST}
    if versions := pairs.versions_compared(persona=persona):
        old, new = versions
        score = pairs.score_get(old=old, new=new)
        context |= {"old": old, "new": new, "score": score, "pair": pairs.pair_open(old=old, new=new)}
        context |= {"low": round(100 * score.low), "high": round(100 * score.high)}
    return render(request, "chat/blind.html", context, status=503 if fault else 200)


@require_POST
def blind_pick(request: HttpRequest, persona_id: uuid.UUID, pair_id: uuid.UUID) -> HttpResponse:
    """Stores the pick and says whose reply it was."""
    rows = BlindPair.objects.for_owner(request.user).select_related("old", "new")
    pair = get_object_or_404(rows, pk=pair_id, persona=persona_id)
    try:
        pairs.pair_pick(pair=pair, side=request.POST.get("side", ""))
    except Refused as refused:
        messages.error(request, str(refused))
        return redirect("blind", persona_id)
    pair.refresh_from_db()
    picked = {BlindPair.Pick.OLD: pair.old, BlindPair.Pick.NEW: pair.new}.get(BlindPair.Pick(pair.pick))
    if picked:
        messages.success(request, _("That was version %(n)d.") % {"n": picked.number})
    return redirect("blind", persona_id)
