"""A provider's API, spoken through openai's SDK. The only file of this app that imports it.

Address and key are explicit, nothing is retried (a second POST is a second paid job) and no redirect is followed.
Answers are plain dicts: other servers leave out what the SDK's types promise.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Literal

import httpx2
import openai
from django.utils.translation import gettext as _

from training.providers.addresses import AddressRefused, GuardedTransport
from training.providers.base import Endpoint
from training.providers.errors import (
    Forbidden,
    NotFound,
    RemoteError,
    Unavailable,
    refusal,
    unintelligible,
    unreachable,
)
from training.providers.remote_events import clean

logger = logging.getLogger(__name__)

CONNECT_SECONDS, ANSWER_SECONDS = 3.0, 12.0  # together, for two addresses, shorter than a lease
PAGE, MAX_PAGES = 100, 50
LONGEST_WAIT = 3600.0
MAX_RESULT_BYTES = 5_000_000
PURPOSE: Literal["fine-tune"] = "fine-tune"

Answer = dict[str, Any]


@dataclass(frozen=True)
class Availability:
    """Whether an account can train now; `sentences` tell what was found, `models` the names that it lists."""

    ok: bool
    sentences: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)


class Api:
    """Requests to one endpoint. Each raises RemoteError, whose message is a sentence."""

    def __init__(self, client: openai.OpenAI) -> None:
        # Raw: the SDK's own reading of a body fails in ways of its own on what is no answer of the API.
        self._content = client.files.with_streaming_response
        self._files, self._models = client.files.with_raw_response, client.models.with_raw_response
        self._jobs = client.fine_tuning.jobs.with_raw_response
        self._checkpoints = client.fine_tuning.jobs.checkpoints.with_raw_response

    def upload(self, name: str, path: Path) -> Answer:
        """A file for fine-tuning, under a name by which it is found again."""
        with path.open("rb") as file:
            content = (name, file, "application/jsonl")
            return _plain(lambda: self._files.create(file=content, purpose=PURPOSE))

    def files(self) -> Iterator[Answer]:
        """What was uploaded for fine-tuning, newest first."""
        return self._pages(lambda page: self._files.list(purpose=PURPOSE, **page), limit=1000)

    def file_content(self, file_id: str) -> bytes:
        """The first 5 MB of a file."""
        with _translated(), self._content.content(file_id) as response:
            content = b""
            for piece in response.iter_bytes():
                content += piece
                if len(content) >= MAX_RESULT_BYTES:
                    break
            return content[:MAX_RESULT_BYTES]

    def delete_file(self, file_id: str) -> Answer:
        return _plain(lambda: self._files.delete(file_id))

    def create_job(self, wanted: Mapping[str, Any], extra_body: Mapping[str, Any]) -> Answer:
        """One POST. Passing says that it may have been accepted all the same, unless it is `unsent`."""
        return _plain(lambda: self._jobs.create(**wanted, extra_body=dict(extra_body) or None))

    def jobs(self, limit: int = PAGE) -> Iterator[Answer]:
        """All jobs of the account, newest first at most providers."""
        return self._pages(lambda page: self._jobs.list(**page), limit)

    def job(self, job_id: str) -> Answer:
        return _plain(lambda: self._jobs.retrieve(job_id))

    def cancel(self, job_id: str) -> Answer:
        return _plain(lambda: self._jobs.cancel(job_id))

    def pause(self, job_id: str) -> Answer:
        return _plain(lambda: self._jobs.pause(job_id))

    def resume(self, job_id: str) -> Answer:
        return _plain(lambda: self._jobs.resume(job_id))

    def events(self, job_id: str) -> Iterator[Answer]:
        return self._pages(lambda page: self._jobs.list_events(job_id, **page))

    def checkpoints(self, job_id: str) -> Iterator[Answer]:
        return self._pages(lambda page: self._checkpoints.list(job_id, **page))

    def models(self) -> Iterator[Answer]:
        return iter(_rows(_plain(lambda: self._models.list())))

    def delete_model(self, name: str) -> Answer:
        return _plain(lambda: self._models.delete(name))

    def _pages(self, ask: Callable[[dict[str, Any]], Any], limit: int = PAGE) -> Iterator[Answer]:
        """Rows of all pages, each once. Ends where a page brings nothing new: some servers ignore `after`."""
        seen: set[str] = set()
        page: dict[str, Any] = {"limit": limit}
        for _number in range(MAX_PAGES):
            asked = dict(page)
            answer = _plain(lambda asked=asked: ask(asked))  # type: ignore[misc]
            new = [row for row in _rows(answer) if str(row.get("id")) not in seen]
            yield from {str(row.get("id")): row for row in new}.values()
            seen |= {str(row.get("id")) for row in new}
            if not new or answer.get("has_more") is False:
                return
            page["after"] = str(new[-1].get("id"))


@contextmanager
def connect(endpoint: Endpoint) -> Iterator[Api]:
    """An Api for as long as the block lasts. AddressRefused never leaves it: it is Forbidden with its sentence."""
    timeout = httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
    try:
        transport = GuardedTransport(endpoint.base_url)
        http = httpx2.Client(transport=transport, trust_env=False, follow_redirects=False, timeout=timeout)
    except (KeyError, httpx2.InvalidURL):
        raise Forbidden(_("This is no address of a provider. It looks like https://api.example.com/v1.")) from None
    key = endpoint.key or "none"
    headers = {"Authorization": f"Bearer {key}"}  # explicit: OPENAI_CUSTOM_HEADERS must not replace it
    with openai.OpenAI(
        base_url=endpoint.base_url,
        api_key=key,
        max_retries=0,
        timeout=timeout,
        http_client=http,
        default_headers=headers,
    ) as client:
        yield Api(client)


def availability(endpoint: Endpoint) -> Availability:
    """Asks for the list of models and of jobs: is the key good, and does the account train?"""
    try:
        with connect(endpoint) as api:
            models = sorted({str(row["id"]) for row in api.models() if row.get("id")})
            next(api.jobs(limit=1), None)
    except Unavailable as error:
        return Availability(False, [_("The key is valid."), str(error)], models)
    except NotFound:
        return Availability(False, [_("There is no fine-tuning at this address.")])
    except RemoteError as error:
        return Availability(False, [str(error)])
    known = _("The key is valid. The provider lists %(count)d models.") % {"count": len(models)}
    return Availability(True, [known, _("Fine-tuning is available.")], models)


def is_genuine(payload: bytes, headers: Mapping[str, str], secret: str) -> bool:
    """Whether a webhook's call was signed with `secret` (Standard Webhooks) within the last five minutes."""
    with openai.OpenAI(base_url="http://127.0.0.1", api_key="none", max_retries=0) as client:
        try:
            client.webhooks.verify_signature(payload, dict(headers), secret=secret)
        except (openai.InvalidWebhookSignatureError, ValueError):
            return False
    return True


def _rows(answer: Answer) -> list[Answer]:
    rows = answer.get("data")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _plain(ask: Callable[[], Any]) -> Answer:
    with _translated():
        found = json.loads(ask().text)
    if not isinstance(found, dict):
        raise unintelligible()
    return dict(clean(found))


@contextmanager
def _translated() -> Iterator[None]:
    """The SDK's errors become ours. The log gets kind, status and code: a message may repeat the person's words."""
    try:
        yield
    except AddressRefused as refused:
        raise Forbidden(str(refused)) from refused
    except (openai.APIError, httpx2.HTTPError, ValueError, RecursionError) as error:
        status, code = getattr(error, "status_code", None), getattr(error, "code", None)
        logger.info("provider: %s, status %s, code %s", type(error).__name__, status, code)
        raise _error_of(error) from error


def _error_of(error: Exception) -> RemoteError:
    match error:
        case openai.APIStatusError():
            return refusal(error.status_code, error.code or "", _words(error), _retry_after(error.response))
        case openai.APITimeoutError(__cause__=httpx2.ConnectTimeout()) | httpx2.ConnectTimeout():
            return unreachable("connect")
        case openai.APITimeoutError() | httpx2.TimeoutException():
            return unreachable("timeout")
        case openai.APIConnectionError(__cause__=httpx2.ConnectError()) | httpx2.ConnectError():
            return unreachable("connect")
        case openai.APIError() | httpx2.HTTPError():
            return unreachable("broken")
        case _:  # a body that is no JSON
            return unintelligible()


def _words(error: openai.APIStatusError) -> str:
    """What the provider said, without the SDK's "Error code: 400 - {...}" round it."""
    body = error.body if isinstance(error.body, dict) else {}
    inner = body.get("error") if isinstance(body.get("error"), dict) else body
    return str(clean((inner or {}).get("message") or (inner or {}).get("detail") or error.message))


def _retry_after(response: httpx2.Response) -> float:
    """Seconds, from a number or an HTTP date, an hour at most; 0 where neither is given."""
    told = response.headers.get("retry-after", "")
    try:
        seconds = float(told) if told.strip().isdigit() else (_date(told) - datetime.now(UTC)).total_seconds()
    except ValueError:
        return 0.0
    return min(max(0.0, seconds), LONGEST_WAIT)


def _date(text: str) -> datetime:
    found = parsedate_to_datetime(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
