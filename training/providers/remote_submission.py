"""Upload, ask for the job once, and find it again when the answer was lost."""

import hashlib
import time
from collections.abc import Generator, Iterator
from typing import Any

from django.utils.translation import gettext as _

from training.providers.base import IN_FLIGHT, Interrupted, Update, Wish
from training.providers.errors import InvalidData, NotFound, NotSupported, Passing, RateLimited, RemoteError
from training.providers.openai_compatible import Answer
from training.providers.remote_events import number
from training.providers.remote_session import Session

LOOKS = (0.0, 30.0, 120.0, 600.0, 900.0)  # seconds after the answer was lost
LOOK_AGAIN_SECONDS = 15.0  # where the provider could not be asked
LOOK_ON_SECONDS = 3600.0  # after the last look, while the person decides
SUFFIX_LENGTH = 40
DEAD = {"failed", "cancelled"}

Submission = Generator[Update, None, str]


def submit(session: Session) -> Submission:
    """Returns the id of the run's job at the provider; empty where it is not known, after an Update with `again_in`."""
    if session.stage in IN_FLIGHT:
        return (yield from reconcile(session))
    _stop_if_wished(session)
    yield session.note(state="uploading", stage="uploading", trouble="")
    yield from upload(session, "train.jsonl", "training_file")
    yield from upload(session, "validation.jsonl", "validation_file")
    found = _listed(ours(session))
    yield Update()
    if found:
        return (yield from adopt(session, found))
    return (yield from create(session))


def _stop_if_wished(session: Session) -> None:
    if session.wish() is not Wish.GO_ON:
        raise Interrupted


def upload(session: Session, name: str, slot: str) -> Iterator[Update]:
    """Uploads a file of the job's folder, unless it is there already though the answer was lost."""
    path = session.job.folder / name
    content = path.read_bytes()
    if session.kept.get(slot) or not content:
        return
    known = f"{session.job.key}-{hashlib.sha256(content).hexdigest()[:12]}-{name}"
    same = _listed(file for file in session.api.files() if _is(file, known, len(content)))
    yield Update()
    _stop_if_wished(session)
    file = min(same, key=_age) if same else session.api.upload(known, path)
    session.kept[slot] = str(file.get("id") or "")
    yield session.note()


def _is(file: Answer, name: str, size: int) -> bool:
    return file.get("filename") == name and file.get("bytes") == size


def _listed(rows: Iterator[Answer]) -> list[Answer]:
    """The rows; none from a provider that cannot list them."""
    try:
        return list(rows)
    except (NotFound, InvalidData, NotSupported):
        return []


def ours(session: Session) -> Iterator[Answer]:
    """Jobs of this run at the provider: by its id in their metadata, or by its training file."""
    training_file = session.kept.get("training_file")
    for job in session.api.jobs():
        metadata = job.get("metadata") if isinstance(job.get("metadata"), dict) else {}
        named = (metadata or {}).get("run") == session.job.key
        if job.get("id") and (named or (training_file and job.get("training_file") == training_file)):
            yield job


def create(session: Session) -> Submission:
    """Asks for the job exactly once. Committed before: that it is being asked for."""
    _stop_if_wished(session)
    submissions = int(session.kept.get("submissions") or 0) + 1
    yield session.note(stage="submitting", submitted_at=time.time(), submissions=submissions)
    session.wish()  # LeaseLost here, if the run became somebody else's: nothing was asked for yet
    try:
        job = session.api.create_job(wanted(session), session.preset.extra_body)
    except RemoteError as error:
        lost = isinstance(error, Passing) and not error.unsent and not isinstance(error, RateLimited)
        if not lost:
            yield session.note(stage="uploading")
            raise
        yield _unsure(session, str(error))
        return (yield from reconcile(session))
    if not job.get("id"):
        yield _unsure(session, _("The provider's answer named no job."))
        return (yield from reconcile(session))
    return (yield from adopt(session, [job]))


def wanted(session: Session) -> dict[str, Any]:
    """The body of the request, in the words of the provider's preset."""
    job, preset, kept = session.job, session.preset, session.kept
    body: dict[str, Any] = {
        "model": job.base_model,
        "training_file": kept["training_file"],
        "suffix": job.suffix[:SUFFIX_LENGTH] or "persona",
        "seed": job.seed,
    }
    if kept.get("validation_file"):
        body["validation_file"] = kept["validation_file"]
    names = preset.hyperparameters
    values = {names[name]: value for name, value in job.hyperparameters.items() if name in names}
    if preset.style == "method":
        body["method"] = {"type": "supervised", "supervised": {"hyperparameters": values}}
    elif values:
        body["hyperparameters"] = values
    if preset.metadata:
        body["metadata"] = {"run": job.key}
    return body


def _unsure(session: Session, trouble: str) -> Update:
    return session.note(state="unsure", stage="unsure", unsure_since=time.time(), looks=0, trouble=trouble)


def reconcile(session: Session) -> Submission:
    """Looks for a job whose answer was lost. It is never asked for again without the person."""
    if session.stage == "submitting":  # the worker was lost
        yield _unsure(session, _("The training was interrupted while it was being handed over."))
    try:
        found = _listed(ours(session))
    except RemoteError as error:
        patience = max(LOOK_AGAIN_SECONDS, error.retry_after if isinstance(error, RateLimited) else 0.0)
        yield session.note(state="unsure", trouble=str(error), again_in=patience)
        return ""
    if found:
        return (yield from adopt(session, found))
    yield _not_found(session)
    return ""


def _not_found(session: Session) -> Update:
    """When to look again; Interrupted where a cancelled run was looked for long enough."""
    now, since = time.time(), float(session.kept.get("unsure_since") or 0.0)
    looks = int(session.kept.get("looks") or 0)
    if looks < len(LOOKS) and now >= since + LOOKS[looks]:
        looks += 1
    if looks < len(LOOKS):
        return session.note(state="unsure", looks=looks, again_in=max(1.0, since + LOOKS[looks] - now))
    if session.wish() is Wish.CANCEL:
        raise Interrupted
    trouble = _("The provider shows no job of this training. Look at its own page, then start it again or cancel it.")
    return session.note(state="unsure", stage="ask", looks=looks, trouble=trouble, again_in=LOOK_ON_SECONDS)


def adopt(session: Session, found: list[Answer]) -> Submission:
    """Keeps the oldest job of those that live; the others are cancelled in what follows."""
    first, *rest = sorted(found, key=lambda job: (str(job.get("status")) in DEAD, _age(job)))
    extra = [str(job["id"]) for job in rest if job.get("status") not in DEAD]
    job_id = str(first["id"])
    yield session.note(
        state="validating", remote_id=job_id, stage="accepted", accepted_at=time.time(), extra=extra, trouble=""
    )
    return job_id


def _age(row: Answer) -> tuple[float, str]:
    return (number(row.get("created_at")) or 0.0, str(row.get("id")))
