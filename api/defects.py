"""What a defect answers: programs get a body that they can read, people the page."""

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.defaults import server_error

from api.openai.door import marked
from api.openai.errors import ApiError

SENTENCE = "Something broke here. It is in the server's log under the id of this answer (X-Request-ID)."


def defect(request: HttpRequest) -> HttpResponseBase:
    """handler500: OpenAI's body under /v1, the REST API's under /api, else templates/500.html."""
    if request.path.startswith("/v1/"):
        return marked(ApiError(500, SENTENCE).response())
    if request.path.startswith("/api/"):
        return JsonResponse({"error": {"message": SENTENCE, "code": "defect"}}, status=500)
    return server_error(request)
