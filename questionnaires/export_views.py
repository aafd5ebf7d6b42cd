"""Pages on which the data set leaves: what the file will hold, and the file."""

import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from accounts.audit import audit_record
from questionnaires.dataset.exports import FORMATS
from questionnaires.exporting import PARTS, Part, export_context, export_file_name, export_items, export_view_get
from questionnaires.models import Persona
from questionnaires.views import persona_or_404

PIECE_BYTES = 65_536
BOOKS = ("pdf", "epub", "markdown")


def format_labels() -> list[tuple[str, list[tuple[str, str, str]]]]:
    """(heading, [(format, name, what it is for)]), for the page."""
    return [
        (
            _("To train a model"),
            [
                ("marker", _("With markers"), _("prompt and completion, as in 2023: Q: … -> and ###")),
                ("chat", _("As messages"), _("the chat format of OpenAI and most services")),
                ("sharegpt", "ShareGPT", _("conversations, for Axolotl and LLaMA-Factory")),
                ("alpaca", "Alpaca", _("instruction and output in one JSON list")),
                ("parquet", "Parquet", _("a table for datasets, pandas and TRL, messages included")),
            ],
        ),
        (_("For a spreadsheet"), [("csv", "CSV", _("a table for Excel, Numbers or pandas"))]),
        (
            _("To read and to keep"),
            [
                ("pdf", _("A printed book (PDF)"), _("A5, a chapter a topic")),
                ("epub", _("A book for e-readers (EPUB)"), _("for a phone, Kobo, Kindle or Apple Books")),
                ("markdown", "Markdown", _("plain text with headings; it can be imported again")),
            ],
        ),
    ]


@require_GET
def take(request: HttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    """A format and a part, with rows, tokens and the first lines of the file."""
    persona = persona_or_404(request, persona_id)
    file_format, part = request.GET.get("format", "marker"), _part(request)
    if file_format not in FORMATS:
        raise Http404
    labels = {name: (title, purpose) for _heading, several in format_labels() for name, title, purpose in several}
    title, purpose = labels[file_format]
    context: dict[str, Any] = {"room": "data", "persona": persona, "format": file_format, "part": part}
    context |= {"title": title, "purpose": purpose, "extension": FORMATS[file_format].extension}
    context |= {"groups": format_labels(), "parts": _part_labels()}
    context |= {"is_book": file_format in BOOKS, "is_page": file_format in BOOKS and FORMATS[file_format].is_binary}
    context["file"] = export_view_get(persona=persona, file_format=file_format, part=part)
    return render(request, "questionnaires/take.html", context)


def _part(request: HttpRequest) -> Part:
    part = request.GET.get("part", "all")
    if part not in PARTS:
        raise Http404
    return cast(Part, part)


def _part_labels() -> list[tuple[str, str]]:
    return [
        ("all", _("everything")),
        ("train", _("to learn from (train)")),
        ("validation", _("kept aside (validation)")),
    ]


@require_GET
def export(request: HttpRequest, persona_id: uuid.UUID, file_format: str) -> StreamingHttpResponse:
    """The data set as a file, streamed: "marker" has the article's bytes, the others are in dataset/exports.py."""
    persona = persona_or_404(request, persona_id)
    part = _part(request)
    if file_format not in FORMATS:
        raise Http404
    return export_response(request, persona, file_format, part)


def export_response(request: HttpRequest, persona: Persona, file_format: str, part: Part) -> StreamingHttpResponse:
    """The file of that part, streamed; `file_format` is one of FORMATS."""
    where = "api" if request.path.startswith("/api/") else "web"
    audit_record(action="dataset-exported", actor=request.user, target=f"persona:{persona.pk}", where=where)
    chosen = FORMATS[file_format]
    items = export_items(persona=persona, part=part)
    pieces = _gathered(chosen.write(items, export_context(persona=persona)))
    content = _without_waiting(pieces) if isinstance(request, ASGIRequest) else pieces
    response = StreamingHttpResponse(content, content_type=chosen.content_type)
    name = export_file_name(persona=persona, file_format=file_format, part=part)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Few large pieces instead of one a row: each costs a change of threads."""
    kept = bytearray()
    for piece in pieces:
        kept += piece
        if len(kept) >= PIECE_BYTES:
            yield bytes(kept)
            kept.clear()
    yield bytes(kept)


async def _without_waiting(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Under ASGI Django would gather a plain iterator whole in memory before it sends the first byte."""
    following = sync_to_async(lambda: next(pieces, None))
    while (piece := await following()) is not None:
        yield piece
