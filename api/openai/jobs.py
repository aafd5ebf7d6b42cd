"""/v1/fine_tuning/jobs: trainings that programs order, over the same runs as those of the pages."""

from datetime import timedelta
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from api.openai.door import Call, door
from api.openai.errors import ApiError, invalid
from api.openai.job_order import order_read
from api.openai.job_shapes import (
    JOB,
    LAST,
    checkpoint_shapes,
    event_number,
    events_after,
    job_shape,
    results_csv,
)
from api.openai.reading import json_body, key_of, page_read, storable
from training import services, tasks
from training.file_runs import FileOrder, file_run_create
from training.models import RunEvent, TrainingRun
from training.uploads import RESULTS, upload_create

USUAL_JOBS, USUAL_CHECKPOINTS, MOST = 20, 10, 100
SAME_ORDER = timedelta(minutes=10)  # in which a request that is sent again asks for the job that it got
KEY = 200


def runs_of(call: Call) -> Any:
    """The caller's trainings on files; those on answers are the pages' own."""
    rows = TrainingRun.objects.for_owner(call.owner).exclude(source={})
    return rows.select_related("persona", "version").order_by("-created_at", "-id")


def job_or_404(call: Call, identifier: str) -> TrainingRun:
    key = key_of(identifier, JOB)
    found: TrainingRun | None = runs_of(call).filter(pk=key).first() if key else None
    if found is None:
        sentence = f"Could not find fine tune: {identifier[:80]}"
        raise ApiError(404, sentence, "fine_tune_not_found", "fine_tuning_job_id")
    return found


def create(call: Call) -> dict[str, Any]:
    order = order_read(call, json_body(call.request))
    key = storable(call.request.headers.get("Idempotency-Key", ""), "Idempotency-Key", KEY)
    if not key and (earlier := _sent_before(call, order)):
        return job_shape(earlier)
    run, is_new = file_run_create(owner=call.owner, order=order, client_key=key)
    if not is_new and _unlike(run, order):
        sentence = "This Idempotency-Key was used for another order. Take a new key for a new order."
        raise ApiError(400, sentence, "idempotency_key_in_use")
    if is_new:
        tasks.enqueue(run.pk)
    return job_shape(run)


def _sent_before(call: Call, order: FileOrder) -> TrainingRun | None:
    """The job of a request that the SDK sends once more, because its answer was lost: it says so in a header."""
    if call.request.headers.get("X-Stainless-Retry-Count", "0") in {"", "0"}:
        return None
    recent = runs_of(call).filter(created_at__gt=timezone.now() - SAME_ORDER, state__in=TrainingRun.ACTIVE)
    return next((run for run in recent if not _unlike(run, order)), None)


def _unlike(run: TrainingRun, order: FileOrder) -> bool:
    kept = {name: value for name, value in run.source.items() if name != "result_file"}
    return (kept, run.base_model, run.seed) != (order.source(), order.base_model, order.seed)


def listed(call: Call) -> dict[str, Any]:
    page, rows = page_read(call.request, USUAL_JOBS, MOST), runs_of(call)
    if page.after:
        last = job_or_404(call, page.after)
        rows = rows.filter(Q(created_at__lt=last.created_at) | Q(created_at=last.created_at, id__lt=last.pk))
    wanted = (run for run in rows.iterator(MOST) if _has_metadata(run, call.request.GET.dict()))
    found, has_more = page.of(list(islice(wanted, page.limit + 1)))
    return {"object": "list", "data": [job_shape(run) for run in found], "has_more": has_more}


def _has_metadata(run: TrainingRun, query: dict[str, str]) -> bool:
    """Whether the job has what the query asks for: metadata[key]=value, or metadata=null for none at all.

    Compared here, because the databases do not agree on how to look into JSON.
    """
    kept = run.source.get("metadata")
    if query.get("metadata") == "null" and kept is not None:
        return False
    wanted = {name[9:-1]: value for name, value in query.items() if name.startswith("metadata[") and name[-1] == "]"}
    return wanted.items() <= (kept or {}).items()


def retrieve(call: Call, identifier: str) -> dict[str, Any]:
    run = job_or_404(call, identifier)
    if run.state == TrainingRun.State.READY and "result_file" not in run.source:
        _results_keep(run)
    return job_shape(run)


def _results_keep(run: TrainingRun) -> None:
    """The figures of a finished job become a file, once; a deleted one does not come back."""
    events = RunEvent.objects.filter(run=run, kind__in=["step", "validation"])
    with transaction.atomic():
        held = TrainingRun.objects.select_for_update().get(pk=run.pk)
        if "result_file" not in held.source:
            file = upload_create(
                owner=run.owner, filename="step_metrics.csv", chunks=[results_csv(events)], purpose=RESULTS
            )
            held.source["result_file"] = str(file.pk)
            TrainingRun.objects.filter(pk=run.pk).update(source=held.source)
    run.source = held.source


def cancel(call: Call, identifier: str) -> dict[str, Any]:
    run = job_or_404(call, identifier)
    if not run.is_active:
        raise ApiError(400, f"Job has already completed: {identifier}", "invalid_fine_tune")
    services.run_cancel(run=run)
    if run.is_active:
        tasks.enqueue(run.pk)
    return job_shape(run)


def pause(call: Call, identifier: str) -> dict[str, Any]:
    run = job_or_404(call, identifier)
    if not run.is_active:
        raise ApiError(400, f"Job has already completed: {identifier}", "invalid_fine_tune")
    if not run.pause_requested:
        services.run_pause(run=run)
    return job_shape(run)


def resume(call: Call, identifier: str) -> dict[str, Any]:
    run = job_or_404(call, identifier)
    if not (run.is_active and (run.pause_requested or run.state == TrainingRun.State.PAUSED)):
        raise ApiError(400, f"Job is not paused: {identifier}", "invalid_fine_tune")
    services.run_resume(run=run)
    tasks.enqueue(run.pk)
    return job_shape(run)


def events(call: Call, identifier: str) -> dict[str, Any]:
    run, page = job_or_404(call, identifier), page_read(call.request, USUAL_JOBS, MOST)
    number = event_number(run, page.after) if page.after else LAST + 1
    if number is None:
        raise invalid("after", "`after` must be the id of an event of this job.")
    found, has_more = page.of(events_after(run, min(number, LAST + 1), page.limit + 1))
    return {"object": "list", "data": list(found), "has_more": has_more}


def checkpoints(call: Call, identifier: str) -> dict[str, Any]:
    run, page = job_or_404(call, identifier), page_read(call.request, USUAL_CHECKPOINTS, MOST)
    data = [] if page.after else checkpoint_shapes(run)
    ends = {"first_id": data[0]["id"] if data else None, "last_id": data[-1]["id"] if data else None}
    return {"object": "list", "data": data, **ends, "has_more": False}


jobs_view = door(GET=("read", listed), POST=("train", create))
job_view = door(GET=("read", retrieve))
cancel_view = door(POST=("train", cancel))
pause_view = door(POST=("train", pause))
resume_view = door(POST=("train", resume))
events_view = door(GET=("read", events))
checkpoints_view = door(GET=("read", checkpoints))
