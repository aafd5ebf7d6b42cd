"""Autosave: the one address that a page in the browser saves to while a person types."""

import json
import logging
import uuid
from typing import Any

from django.db import OperationalError
from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from questionnaires.saving import MAX_ANSWER_BYTES, Refused, SaveResult, answer_save, answer_save_again
from questionnaires.views import persona_or_404, question_or_404, visitor

logger = logging.getLogger(__name__)

MAX_SAVE_BYTES = 6 * MAX_ANSWER_BYTES + 6_000  # JSON may write a byte as \u00XX


@require_http_methods(["PUT"])
def answer(request: HttpRequest, persona_id: uuid.UUID, slug: str) -> JsonResponse:
    """{"text", "revision", "operation", "follows"?, "state"?} -> 200, or 409 with both texts and a merge of them.

    `revision` is the one that the text was made from; `follows` lists operations whose reply the client never got.
    """
    try:
        body = _save_body(request)
        result = answer_save_again(owner=visitor(request), persona_id=persona_id, slug=slug, **body)
        if result is None:
            persona = persona_or_404(request, persona_id)
            result = answer_save(persona=persona, question=question_or_404(persona, slug), **body)
    except Refused as refused:
        persona_or_404(request, persona_id)  # a stranger is not even told what is wrong
        return JsonResponse({"error": str(refused)}, status=refused.status)
    except OperationalError as error:
        return _out_of_order(error)
    return JsonResponse(save_reply(result), status=409 if result.outcome == "conflict" else 200)


answer.is_quick = True  # type: ignore[attr-defined]  # a slow page must not keep saves waiting (persona_site.handler)


def _out_of_order(error: OperationalError) -> JsonResponse:
    """507 for a full disk, 503 for any other trouble of the database; the page keeps the draft and tries again."""
    logger.error("A save failed: %s", error)
    if "full" in str(error) or "No space left" in str(error):
        return JsonResponse({"error": _("The server's disk is full. The text is kept on this device.")}, status=507)
    return JsonResponse({"error": _("The server cannot save just now. The text is kept on this device.")}, status=503)


def save_reply(result: SaveResult) -> dict[str, Any]:
    """What the client is told."""
    reply = {
        "outcome": result.outcome,
        "revision": result.revision,
        "state": result.state,
        "sha256": result.sha256,
        "mended": result.mended,
    }
    if result.outcome == "conflict":
        return reply | {"text": result.text, "yours": result.yours, "merged": result.merged, "parts": result.parts}
    return reply | ({"text": result.text} if result.mended else {})


def _save_body(request: HttpRequest) -> dict[str, Any]:
    if int(request.headers.get("Content-Length") or 0) > MAX_SAVE_BYTES:
        raise Refused(_("The answer is longer than 100 kB. It stays on this device; please shorten it."), status=413)
    try:
        body = json.loads(request.body)
        text, revision, operation = body["text"], body["revision"], body["operation"]
        state, follows = body.get("state", ""), body.get("follows", [])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Refused(_("The save is not JSON with “text”, “revision” and “operation”.")) from None
    if not (isinstance(text, str) and type(revision) is int and isinstance(operation, str) and isinstance(state, str)):
        raise Refused(_("In the save, “text” and “operation” are texts and “revision” is a whole number."))
    if not isinstance(follows, list):
        raise Refused(_("In the save, “follows” is a list of operation ids."))
    return {"text": text, "base_revision": revision, "operation_id": operation, "state": state, "follows": follows}
