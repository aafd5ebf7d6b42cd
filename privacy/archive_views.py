"""Archives in the browser: asked for, watched, downloaded, and brought in."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.audit import audit_record
from privacy import archives, tasks
from privacy.archive_bringing import Look, archive_look
from privacy.models import ArchiveJob
from privacy.table_words import table_in_words
from privacy.views import privacy_context
from questionnaires.services import Refused
from questionnaires.views import visitor
from training.storage import Damaged, StoreAway

PIECE = 1 << 20
MOST_UPLOAD = 4 * 10**9  # bytes


def job_or_404(request: HttpRequest, job_id: uuid.UUID) -> ArchiveJob:
    job: ArchiveJob = get_object_or_404(ArchiveJob.objects.for_owner(request.user), pk=job_id)
    return job


@require_POST
def make(request: HttpRequest) -> HttpResponse:
    """Has an archive made; the page shows how far it is."""
    job, is_new = archives.archive_ask(owner=visitor(request))
    if is_new:
        tasks.enqueue(job)
    return redirect("privacy")


@require_GET
def file(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse | StreamingHttpResponse:
    """The archive, for its owner alone."""
    job = job_or_404(request, job_id)
    try:
        found = archives.archive_fetch(job=job) if job.state == ArchiveJob.State.DONE and job.size else None
    except (StoreAway, Damaged) as error:
        messages.error(request, str(error))
        return redirect("privacy")
    if found is None:
        raise Http404
    path, is_copy = found
    audit_record(action="archive-downloaded", actor=request.user, target=f"archive:{job.pk}")
    response = StreamingHttpResponse(_pieces(path, is_copy), content_type="application/zip")
    response["Content-Length"] = str(path.stat().st_size)
    response["Content-Disposition"] = f'attachment; filename="everything-{job.created_at:%Y-%m-%d}.zip"'
    return response


async def _pieces(path: Path, is_copy: bool) -> AsyncIterator[bytes]:
    """A large file is not held in memory, and its reading blocks nobody."""
    with path.open("rb") as opened:
        if is_copy:
            path.unlink()  # it lasts as long as it is open
        while piece := await asyncio.to_thread(opened.read, PIECE):
            yield piece


@require_POST
def cancel(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    archives.archive_cancel(job=job_or_404(request, job_id))
    return redirect("privacy")


@require_POST
def delete(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    """The file goes now instead of in a week."""
    job = job_or_404(request, job_id)
    archives.archive_delete(job=job)
    audit_record(action="archive-deleted", actor=request.user, target=f"archive:{job_id}")
    return redirect("privacy")


@never_cache
@require_POST
def bring(request: HttpRequest) -> HttpResponse:
    """Looks an uploaded archive through and says what bringing it in would do. Nothing is changed yet."""
    owner, path = visitor(request), None
    try:
        upload_id, path = _keep(owner, request.FILES.get("file"))
        look = archive_look(path=path, owner=owner)
    except Refused as refused:
        if path:
            path.unlink(missing_ok=True)
        context = privacy_context(owner) | {"fault": str(refused)}
        return render(request, "privacy/privacy.html", context, status=refused.status)
    context = {"look": look, "rows": _in_words(look), "upload_id": upload_id, "left_out": sum(look.left_out.values())}
    return render(request, "privacy/import.html", context)


def _in_words(look: Look) -> list[tuple[str, int]]:
    """The fullest first."""
    counts = sorted(look.counts.items(), key=lambda pair: -pair[1])
    return [(table_in_words(label), count) for label, count in counts if count]


def _keep(owner: User, upload: UploadedFile[Any] | None) -> tuple[uuid.UUID, Path]:
    """The file waits for a day. Refused if it is none, or too large."""
    if upload is None:
        raise Refused(_("Choose a file first."))
    if (upload.size or 0) > MOST_UPLOAD:
        raise Refused(_("The file is larger than an archive can be here. Use the command archive_import."), 413)
    upload_id = uuid.uuid4()
    path = _waiting(owner, upload_id)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("wb") as target:
        target.writelines(upload.chunks())
    return upload_id, path


def _waiting(owner: User, upload_id: uuid.UUID) -> Path:
    return ArchiveJob().file.parent / f"checked-{owner.pk}-{upload_id}.zip"


@require_POST
def bring_confirm(request: HttpRequest, upload_id: uuid.UUID) -> HttpResponse:
    """Has a worker do what the look said."""
    owner = visitor(request)
    path = _waiting(owner, upload_id)
    if not path.is_file():
        context = privacy_context(owner) | {"fault": _("The file was kept for a day and is gone. Choose it again.")}
        return render(request, "privacy/privacy.html", context, status=404)
    try:
        job, is_new = archives.import_ask(owner=owner, upload=path)
    except StoreAway as error:
        messages.error(request, str(error))
        return redirect("privacy")
    if is_new:
        tasks.enqueue(job)
    else:
        messages.warning(request, _("An archive is being worked on. Wait for it, then choose the file again."))
    return redirect("privacy")
