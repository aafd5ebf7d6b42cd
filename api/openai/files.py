"""/v1/files: training files of programs, and the figures of their trainings."""

from typing import Any

from django.db.models import Q
from django.http import HttpResponse, HttpResponseBase

from api.openai.door import Call, door
from api.openai.errors import ApiError, invalid, unsupported
from api.openai.reading import key_of, page_read, storable
from training.models import UploadedFile
from training.uploads import FINE_TUNE, RESULTS, upload_create, upload_delete, upload_read

PREFIX = "file-"
USUAL_PAGE = MOST_A_PAGE = 10_000


def file_id(key: Any) -> str:
    return PREFIX + str(key).replace("-", "")


def file_find(call: Call, identifier: str) -> UploadedFile | None:
    """The caller's file; None for anybody else's."""
    key = key_of(identifier, PREFIX)
    found: UploadedFile | None = UploadedFile.objects.for_owner(call.owner).filter(pk=key).first() if key else None
    return found


def file_or_404(call: Call, identifier: str) -> UploadedFile:
    found = file_find(call, identifier)
    if found is None:
        raise ApiError(404, f"No such File object: {identifier[:80]}", "file_not_found", "id")
    return found


def file_shape(file: UploadedFile) -> dict[str, Any]:
    """`OpenAIFile`."""
    shape = {
        "id": file_id(file.pk),
        "object": "file",
        "bytes": file.size,
        "created_at": int(file.created_at.timestamp()),
        "filename": file.filename,
        "purpose": file.purpose,
        "status": "error" if file.fault else "processed",
    }
    return shape | ({"status_details": file.fault} if file.fault else {})


def create(call: Call) -> dict[str, Any]:
    request = call.request
    sent = request.FILES.get("file")
    if sent is None:
        raise invalid("file", "`file` is missing. Send the request as multipart/form-data with a file in it.")
    if request.POST.get("purpose") != FINE_TUNE:
        raise invalid("purpose", f"`purpose` must be “{FINE_TUNE}”: this server takes files for nothing else.")
    if any(name.startswith("expires_after") for name in request.POST):
        raise unsupported("expires_after", "Files stay here until they are deleted. Leave `expires_after` out.")
    file = upload_create(owner=call.owner, filename=sent.name or "file", chunks=sent.chunks())
    return file_shape(file)


def listed(call: Call) -> dict[str, Any]:
    page, query = page_read(call.request, USUAL_PAGE, MOST_A_PAGE), call.request.GET
    rows = UploadedFile.objects.for_owner(call.owner)
    if query.get("purpose"):
        rows = rows.filter(purpose=storable(query["purpose"], "purpose", 100))
    is_newest_first = query.get("order", "desc") != "asc"
    if page.after:
        last = file_or_404(call, page.after)
        way = "lt" if is_newest_first else "gt"
        same = Q(created_at=last.created_at, **{f"id__{way}": last.pk})
        rows = rows.filter(Q(**{f"created_at__{way}": last.created_at}) | same)
    rows = rows.order_by("-created_at", "-id") if is_newest_first else rows.order_by("created_at", "id")
    found, has_more = page.of(list(rows[: page.limit + 1]))
    data = [file_shape(file) for file in found]
    ends = {"first_id": data[0]["id"] if data else "", "last_id": data[-1]["id"] if data else ""}
    return {"object": "list", "data": data, **ends, "has_more": has_more}


def retrieve(call: Call, identifier: str) -> dict[str, Any]:
    return file_shape(file_or_404(call, identifier))


def delete(call: Call, identifier: str) -> dict[str, Any]:
    upload_delete(file=file_or_404(call, identifier))
    return {"id": identifier, "object": "file", "deleted": True}


def content(call: Call, identifier: str) -> HttpResponseBase:
    file = file_or_404(call, identifier)
    kind = "text/csv" if file.purpose == RESULTS else "application/jsonl"
    response = HttpResponse(upload_read(file=file), content_type=kind)
    response["Content-Disposition"] = "attachment"
    return response


files_view = door(GET=("read", listed), POST=("train", create))
file_view = door(GET=("read", retrieve), DELETE=("train", delete))
content_view = door(GET=("read", content))
