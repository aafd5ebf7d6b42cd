"""What is listened to: tasks that go out and begin, replies and translations that end."""

from typing import Any

from celery.signals import before_task_publish, task_postrun, task_prerun

from accounts.request_id import request_id, serving
from chat.signals import reply_ended, translation_ended
from operations.tallies import tally

TASK_HEADER = "persona_request"
FIRST_TOKEN_SECONDS = (0.25, 0.5, 1, 2, 4, 8, 15, 30)  # bounds of the histogram

_serving: dict[str, Any] = {}


@before_task_publish.connect  # type: ignore[untyped-decorator]
def take_along(headers: dict[str, Any], **_: Any) -> None:
    """A task knows which request rang for it."""
    if request_id():
        headers[TASK_HEADER] = request_id()


@task_prerun.connect  # type: ignore[untyped-decorator]
def begin(task_id: str, task: Any, **_: Any) -> None:
    """Lines of the log carry the request's id; of a task that nobody asked for, such as beat's, its own."""
    _serving[task_id] = serving(task.request.get(TASK_HEADER) or task_id)
    _serving[task_id].__enter__()


@task_postrun.connect  # type: ignore[untyped-decorator]
def end(task_id: str, **_: Any) -> None:
    if entered := _serving.pop(task_id, None):
        entered.__exit__(None, None, None)


def count_reply(state: str, figures: dict[str, Any], **_: Any) -> None:
    tally("replies", state)
    if "first_ms" in figures:
        first = figures["first_ms"] / 1000
        bound = next((str(each) for each in FIRST_TOKEN_SECONDS if first <= each), "+Inf")
        tally("first_token", bound)
        tally("first_token_sum", amount=first)
    if speed := figures.get("tokens_per_second"):
        tally("tokens", amount=figures["tokens"])
        tally("token_seconds", amount=figures["tokens"] / speed)


def count_translation(translator: str, is_done: bool, **_: Any) -> None:
    tally("translations", translator, "done" if is_done else "failed")


reply_ended.connect(count_reply)
translation_ended.connect(count_translation)
