"""The data set: what the checks found, and the files that it can be taken as."""

from typing import Any, Literal

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema

from api.rest.access import door
from api.rest.errors import REFUSALS
from api.rest.pages import Page, Part, PersonaId, page_of
from questionnaires import services
from questionnaires.dataset.exports import FORMATS
from questionnaires.export_views import export_response
from questionnaires.findings import FindingView, findings_get
from questionnaires.models import Answer
from questionnaires.views import persona_or_404

router = Router(tags=["Data set"])
BYTES = {"schema": {"type": "string", "format": "binary"}}
FILE = {"responses": {200: {"description": "The file", "content": {"application/octet-stream": BYTES}}}}


class FindingShape(Schema):
    """Something to look at before a training. `left`: the person looked at it and leaves it as it is."""

    key: str
    severity: str = Field(description="error, warning or advice")
    message: str
    question: str = Field(description="Slug of the question whose answer it is about; empty: of the whole")
    other_question: str
    left: bool


def _shape(found: FindingView) -> dict[str, Any]:
    same = {name: getattr(found, name) for name in ("key", "severity", "message", "left")}
    return same | {"question": found.slug, "other_question": found.other_slug}


@router.get("data/findings", response={200: Page[FindingShape], **REFUSALS}, auth=door("read"))
def finding_list(request: HttpRequest, persona_id: PersonaId, part: Part) -> Any:
    """What the checks found in the answers, what must be mended first."""
    persona = persona_or_404(request, persona_id)
    slugs = Answer.objects.filter(persona=persona).values_list("pk", "question__slug")
    by_id = {str(key): slug for key, slug in slugs}
    return page_of(
        findings_get(items=services.dataset_build(persona=persona), slugs=by_id, persona=persona), part, _shape
    )


@router.get("data/export/{slug:file_format}", auth=door("read"), response=REFUSALS, openapi_extra=FILE)
def export(
    request: HttpRequest, persona_id: PersonaId, file_format: str, part: Literal["all", "train", "validation"] = "all"
) -> Any:
    """The data set as a file, streamed: marker, chat, sharegpt, alpaca, csv, parquet, markdown, epub, pdf."""
    persona = persona_or_404(request, persona_id)
    if file_format not in FORMATS:
        raise Http404
    return export_response(request, persona, file_format, part)
