"""The model server, or the provider that serves a version, as a report speaks to it: score, complete, rank.

Address and key are explicit and nothing is taken from the environment; a provider gets its own key and nobody else's
(training.providers.addresses). Calls block; a client may be used by several threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import httpx2
from django.utils.translation import gettext as _

from questionnaires.dataset import Messages
from training.engines import engine_headers, engine_is_away, engines_for, patient_socket
from training.providers.addresses import AddressRefused, GuardedTransport, tls
from training.providers.base import Endpoint

CONNECT_SECONDS = 3.0
REPLY_SECONDS = 120.0  # a version of another base model is loaded before its first token
SCORED_AT_ONCE = 64  # prompts times texts; of engine.serving.completions


class EngineAway(Exception):
    """No answer now; trying again later makes sense. The message is a sentence for the person."""


class AskingRefused(Exception):
    """It will not do it, now or later: an unknown model, a wrong key. The message is a sentence for the person."""


class TooLong(Exception):
    """This one prompt does not fit the model's window."""


@dataclass(frozen=True)
class Score:
    """The log-probability of a text after a prompt, in nats, summed over its tokens."""

    logprob: float
    tokens: int


@dataclass(frozen=True)
class Completion:
    """The raw reply. `ended`: by the stop, not by the limit of length."""

    text: str
    ended: bool
    tokens: int


@dataclass(frozen=True)
class Document:
    """An answer as /v1/rerank takes it."""

    id: str
    questions: tuple[str, ...]
    answer: str


@dataclass(frozen=True)
class Ranking:
    """(index, score) of the best documents, best first; whether they hold the answer at all."""

    hits: tuple[tuple[int, float], ...]
    known: bool


Servers = Callable[[str], Sequence[str]]


class EngineClient:
    """`name` is what the person calls it."""

    def __init__(self, client: httpx2.Client, name: str, servers: Servers | None = None) -> None:
        """`servers` says where a model is asked for; without it the client's own address is the only one."""
        self._client, self._name, self._servers = client, name, servers

    @classmethod
    def local(cls, url: str = "") -> Self:
        """The server at `url`; without it those of the site, a version always at the same one as far as it is up."""
        timeout = httpx2.Timeout(REPLY_SECONDS, connect=CONNECT_SECONDS)
        transport = httpx2.HTTPTransport(verify=tls(), trust_env=False, socket_options=patient_socket())
        client = httpx2.Client(transport=transport, trust_env=False, timeout=timeout, headers=engine_headers())
        return cls(client, _("The model server"), lambda key: [url] if url else engines_for(key))

    @classmethod
    def at_provider(cls, endpoint: Endpoint, name: str) -> Self:
        timeout = httpx2.Timeout(REPLY_SECONDS, connect=CONNECT_SECONDS)
        headers = {"Authorization": f"Bearer {endpoint.key or 'none'}", "Accept-Encoding": "identity"}
        transport = GuardedTransport(endpoint.base_url)
        client = httpx2.Client(
            base_url=endpoint.base_url, transport=transport, trust_env=False, timeout=timeout, headers=headers
        )
        return cls(client, f"“{name}”")

    def close(self) -> None:
        self._client.close()

    def score(self, *, model: str, prompts: Sequence[str | Messages], texts: Sequence[str]) -> list[list[Score]]:
        """For each prompt, how probable each text is after it; at most SCORED_AT_ONCE of both together."""
        asked = {"prompt" if isinstance(prompts[0], str) else "messages": list(prompts)}
        found = self._post("/score", {"model": model, "continuations": list(texts), **asked})
        try:
            scores = [Score(float(one["logprob"]), max(1, len(one["tokens"]))) for one in found["data"]]
        except (KeyError, TypeError, ValueError):
            raise self._broken() from None
        if len(scores) != len(prompts) * len(texts):
            raise self._broken()
        return [scores[start : start + len(texts)] for start in range(0, len(scores), len(texts))]

    def complete(self, *, model: str, prompt: str | Messages, stop: Sequence[str], max_tokens: int) -> Completion:
        """The likeliest reply (greedy)."""
        is_text = isinstance(prompt, str)
        body: dict[str, Any] = {"model": model, "temperature": 0, "max_tokens": max_tokens}
        body |= {"prompt" if is_text else "messages": prompt} | ({"stop": list(stop)} if stop else {})
        found = self._post("/completions" if is_text else "/chat/completions", body)
        try:
            choice = found["choices"][0]
            text = choice["text"] if is_text else choice["message"]["content"]
            usage = (found.get("usage") or {}).get("total_tokens") or 0
            return Completion(str(text or ""), choice["finish_reason"] == "stop", int(usage))
        except (KeyError, IndexError, TypeError, ValueError):
            raise self._broken() from None

    def rank(self, *, query: str, documents: Sequence[Document], top_n: int) -> Ranking:
        """The documents that answer the query best."""
        sent = [{"id": one.id, "questions": list(one.questions), "answer": one.answer} for one in documents]
        found = self._post("/rerank", {"query": query, "context": None, "documents": sent, "top_n": top_n})
        try:
            hits = tuple((int(row["index"]), float(row["relevance_score"])) for row in found["results"])
            return Ranking(hits, bool(found["answerable"]["known"]))
        except (KeyError, TypeError, ValueError):
            raise self._broken() from None

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """From the first server that answers at all; a refusal is an answer."""
        if self._servers is None:
            return self._post_to("", path, body)
        urls = self._servers(str(body.get("model") or ""))
        for url in urls[:-1]:
            try:
                return self._post_to(f"{url}/v1", path, body)
            except EngineAway:
                engine_is_away(url)
        return self._post_to(f"{urls[-1]}/v1", path, body)

    def _post_to(self, base: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            response = self._client.post(f"{base}{path}", json=body)
            found = response.json() if response.status_code == httpx2.codes.OK else {}
        except AddressRefused as refused:
            raise AskingRefused(str(refused)) from refused
        except (httpx2.HTTPError, ValueError) as error:
            raise EngineAway(_("%(name)s did not answer. It is tried again.") % {"name": self._name}) from error
        if response.status_code != httpx2.codes.OK:
            raise self._refusal(response.status_code)
        if not isinstance(found, dict):
            raise self._broken()
        return found

    def _refusal(self, status: int) -> Exception:
        named = {"name": self._name, "status": status}
        if status in (400, 413):
            return TooLong()
        if status in (401, 403):
            return AskingRefused(_("%(name)s refused the key (%(status)d).") % named)
        if status in (404, 422):
            return AskingRefused(_("%(name)s cannot use this version (%(status)d). Train it again.") % named)
        return EngineAway(_("%(name)s is too busy or failed (%(status)d). It is tried again.") % named)

    def _broken(self) -> AskingRefused:
        return AskingRefused(_("%(name)s gave an answer that cannot be read.") % {"name": self._name})
