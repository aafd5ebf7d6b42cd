"""What each operation answers, from the account alone."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.provider_standin.account import FINAL, Account, Job

PAGE = 20


@dataclass(frozen=True)
class Answer:
    content: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    stream: Iterator[bytes] | None = None


class Refusal(Exception):
    """An error answer in OpenAI's shape."""

    def __init__(
        self, status: int, message: str, code: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
        self.answer = Answer(json.dumps({"error": error}).encode(), status, headers=headers or {})

    @classmethod
    def garbage(cls) -> "Refusal":
        refusal = cls(200, "")
        refusal.answer = Answer(b"<html>Please log in to the hotel's network.</html>", content_type="text/html")
        return refusal


def answer(account: Account, seen: Any, identifier: str) -> Answer:
    """Does what the request asks. Refusal where it cannot."""
    found = ANSWERS[seen.operation](account, seen, identifier)
    return found if isinstance(found, Answer) else Answer(json.dumps(found).encode())


def _page(account: Account, rows: list[dict[str, Any]], query: dict[str, str]) -> dict[str, Any]:
    limit = int(query.get("limit", PAGE))
    ids = [row["id"] for row in rows]
    start = ids.index(query["after"]) + 1 if query.get("after") in ids and not account.habits.ignores_after else 0
    page = rows[start : start + limit]
    whole = {"object": "list", "data": page, "has_more": start + limit < len(rows)}
    if account.habits.ignores_after:
        del whole["has_more"]
    return whole


def _file(account: Account, identifier: str) -> Any:
    if identifier not in account.files:
        raise Refusal(404, f"No such File object: {identifier}", "file_not_found")
    return account.files[identifier]


def _job(account: Account, identifier: str) -> Job:
    if identifier not in account.jobs:
        raise Refusal(404, f"Could not find fine tune: {identifier}", "fine_tune_not_found")
    return account.jobs[identifier]


def files_create(account: Account, seen: Any, _identifier: str) -> Any:
    name, content = seen.body["file"]
    return account.add_file(name, seen.body["purpose"], content).as_json()


def files_list(account: Account, seen: Any, _identifier: str) -> Any:
    purpose = seen.query.get("purpose")
    rows = [file.as_json() for file in account.files.values() if purpose in {None, file.purpose}]
    page = _page(account, rows[::-1], {"limit": "10000", **seen.query})
    ends = {"first_id": page["data"][0]["id"], "last_id": page["data"][-1]["id"]} if page["data"] else {}
    return {"first_id": "", "last_id": "", **page, **ends}


def files_delete(account: Account, _seen: Any, identifier: str) -> Any:
    del account.files[_file(account, identifier).id]
    return {"id": identifier, "object": "file", "deleted": True}


def files_content(account: Account, _seen: Any, identifier: str) -> Any:
    return Answer(_file(account, identifier).content, content_type="application/octet-stream")


def _fine_tuning(account: Account) -> None:
    if not account.habits.training_available:
        raise Refusal(403, "Fine-tuning is not available for your organization.", "training_not_available")


def jobs_create(account: Account, seen: Any, _identifier: str) -> Any:
    _fine_tuning(account)
    if seen.body["model"] not in account.models:
        raise Refusal(400, f"Model {seen.body['model']} is not available for fine-tuning.", "model_not_available")
    for name in ("training_file", "validation_file"):
        if seen.body.get(name) and seen.body[name] not in account.files:
            raise Refusal(400, f"invalid {name}: {seen.body[name]}", "invalid_file")
    if fault := account.faults_of_rows(seen.body["training_file"]):
        raise Refusal(400, fault, "invalid_training_file")
    return account.add_job(seen.body).as_json()


def jobs_list(account: Account, seen: Any, _identifier: str) -> Any:
    _fine_tuning(account)
    wanted = {name[9:-1]: value for name, value in seen.query.items() if name.startswith("metadata[")}
    rows = [job for job in account.jobs.values() if wanted.items() <= (job.body.get("metadata") or {}).items()]
    return _page(account, [job.as_json() for job in rows[::-1]], seen.query)


def jobs_retrieve(account: Account, _seen: Any, identifier: str) -> Any:
    job = _job(account, identifier)
    account.move_on(job)
    shown = job.as_json()
    if account.habits.odd_status and job.status == "running":
        shown["status"] = account.habits.odd_status
    return shown


def jobs_cancel(account: Account, _seen: Any, identifier: str) -> Any:
    job = _job(account, identifier)
    if job.status in FINAL:
        raise Refusal(400, f"Job has already completed: {identifier}", "invalid_fine_tune")
    account.finish(job, "cancelled")
    return job.as_json()


def jobs_pause(account: Account, _seen: Any, identifier: str) -> Any:
    job = _job(account, identifier)
    if not account.habits.can_pause or job.status != "running":
        raise Refusal(400, "The job cannot be paused now.", "invalid_fine_tune")
    job.status = "pausing"
    return job.as_json()


def jobs_resume(account: Account, _seen: Any, identifier: str) -> Any:
    job = _job(account, identifier)
    if job.status != "paused":
        raise Refusal(400, "The job is not paused.", "invalid_fine_tune")
    job.status = "running"
    return job.as_json()


def list_events(account: Account, seen: Any, identifier: str) -> Any:
    job, habits = _job(account, identifier), account.habits.events
    events = job.events[:]
    if "lose" in habits and job.status not in FINAL:
        events = events[::2]
    if "repeat" in habits:
        events = [event for event in events for _twice in range(2)]
    events = events if "oldest first" in habits else events[::-1]
    if "reorder" in habits:
        events = sorted(events, key=lambda event: event["id"][::-1])
    return _page(account, events, seen.query)


def checkpoints_list(account: Account, seen: Any, identifier: str) -> Any:
    rows = _job(account, identifier).checkpoints[::-1]
    ends = {"first_id": rows[0]["id"], "last_id": rows[-1]["id"]} if rows else {"first_id": None, "last_id": None}
    return {**_page(account, rows, seen.query), **ends}


def _model(name: str, owner: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1_700_000_000, "owned_by": owner}


def models_list(account: Account, _seen: Any, _identifier: str) -> Any:
    return {"object": "list", "data": [_model(name, owner) for name, owner in account.models.items()]}


def models_retrieve(account: Account, _seen: Any, identifier: str) -> Any:
    _known(account, identifier)
    return _model(identifier, account.models[identifier])


def models_delete(account: Account, _seen: Any, identifier: str) -> Any:
    _known(account, identifier)
    if account.models.pop(identifier) == "system":
        raise Refusal(403, "You may not delete this model.", "not_allowed")
    return {"id": identifier, "object": "model", "deleted": True}


def _known(account: Account, model: str) -> None:
    trained = account.models.get(model) == "standin"
    if model in account.deployed:
        return
    if model not in account.models or (trained and account.habits.deployment_needed):
        raise Refusal(404, f"The model `{model}` does not exist or you do not have access to it.", "model_not_found")


def chat(account: Account, seen: Any, _identifier: str) -> Any:
    return _complete(account, seen, "chat.completion", lambda text: {"message": _message(text), "logprobs": None})


def completions(account: Account, seen: Any, _identifier: str) -> Any:
    return _complete(account, seen, "text_completion", lambda text: {"text": text, "logprobs": None})


def _message(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text, "refusal": None}


def _complete(account: Account, seen: Any, kind: str, choice: Callable[[str], dict[str, Any]]) -> Any:
    _known(account, seen.body["model"])
    usage = {"prompt_tokens": 9, "completion_tokens": 6, "total_tokens": 15}
    whole = {"id": "cmpl-1", "object": kind, "created": int(time.time()), "model": seen.body["model"]}
    if seen.body.get("stream"):
        return Answer(content_type="text/event-stream", stream=_stream(account.habits.reply, whole, kind, usage))
    return {**whole, "choices": [{"index": 0, "finish_reason": "stop", **choice(account.habits.reply)}], "usage": usage}


def _stream(reply: str, whole: dict[str, Any], kind: str, usage: dict[str, int]) -> Iterator[bytes]:
    """Words one by one, the end, then the usage without choices."""
    whole = {**whole, "object": "chat.completion.chunk"} if kind == "chat.completion" else whole
    for word in [*reply.split(" "), ""]:
        end = {"index": 0, "finish_reason": None if word else "stop"}
        text = f"{word} " if word else ""
        part = {"delta": {"content": text} if word else {}} if kind == "chat.completion" else {"text": text}
        yield b"data: " + json.dumps({**whole, "choices": [{**end, **part}]}).encode() + b"\n\n"
    yield b"data: " + json.dumps({**whole, "choices": [], "usage": usage}).encode() + b"\n\ndata: [DONE]\n\n"


ANSWERS: dict[str, Callable[[Account, Any, str], Any]] = {
    "files.create": files_create,
    "files.list": files_list,
    "files.retrieve": lambda account, _seen, identifier: _file(account, identifier).as_json(),
    "files.delete": files_delete,
    "files.content": files_content,
    "jobs.create": jobs_create,
    "jobs.list": jobs_list,
    "jobs.retrieve": jobs_retrieve,
    "jobs.cancel": jobs_cancel,
    "jobs.pause": jobs_pause,
    "jobs.resume": jobs_resume,
    "jobs.list_events": list_events,
    "checkpoints.list": checkpoints_list,
    "models.list": models_list,
    "models.retrieve": models_retrieve,
    "models.delete": models_delete,
    "chat.completions.create": chat,
    "completions.create": completions,
}
