"""The API put together: its rooms, its description, and the addresses."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import URLPattern, path, re_path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_safe
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

from api.rest import answers, conversations, data, personas, questions, reports, runs, versions
from api.rest.description import rooms_of
from api.rest.errors import handle_errors, not_found, with_sentences

DESCRIPTION = """The app's own things for programs: personas, questions, answers, trainings, versions, reports and
conversations, through the same services and with the same rights as the pages. Send a personal token as
`Authorization: Bearer …`; a browser's session works with its CSRF token. A refusal is
`{"error": {"message", "code"}}`; somebody else's row is not found (404)."""
OF_A_PERSONA = "personas/{uuid:persona_id}"


class Api(NinjaAPI):
    """With its description made once: anybody may ask for it."""

    _schema: OpenAPISchema | None = None

    def get_openapi_schema(self, **where: Any) -> OpenAPISchema:
        self._schema = self._schema or super().get_openapi_schema(**where)
        return self._schema


api = Api(title="Persona", version="1", description=DESCRIPTION, urls_namespace="rest", docs_url=None)
handle_errors(api)
api.add_router("personas", personas.router)
for room in (questions, answers, data, runs, versions, reports, conversations):
    api.add_router(OF_A_PERSONA, room.router)


@require_GET
def docs(request: HttpRequest) -> HttpResponse:
    """The description as a page of this site: the framework's own needs scripts and pictures that are not let in."""
    context = {"rooms": rooms_of(api.get_openapi_schema()), "address": request.build_absolute_uri("/api/")}
    return render(request, "api/rest_docs.html", context)


@csrf_exempt
def _nothing_there(request: HttpRequest, rest: str = "") -> JsonResponse:
    """A wrong address is told as everything else is, and to everybody: it shows nothing."""
    return not_found(request)


_nothing_there.login_required = False  # type: ignore[attr-defined]


def _patterns() -> list[URLPattern]:
    found: list[Any] = api.urls[0]
    for pattern in found:
        view = require_safe(pattern.callback) if pattern.name == "openapi-json" else pattern.callback
        pattern.callback = with_sentences(view)
    return [path("docs", docs, name="docs"), *found, re_path(r"^(?P<rest>[\s\S]+)$", _nothing_there, name="nowhere")]


urls = (_patterns(), "rest", "rest")
