"""People who write and chat all the time, each over one web machine and, where that fails, over the other.

What was acknowledged is noted; nothing that was not is given up.
"""

import json
import random
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx2

TOKEN = "a" * 32
SAVE_SECONDS, CHAT_EVERY = 3.0, 4  # a message after so many saves


@dataclass
class Ledger:
    """What a person was told by the site, and how often it had to be asked again."""

    answers: dict[str, str] = field(default_factory=dict)  # slug -> the last acknowledged text
    messages: dict[str, str] = field(default_factory=dict)  # id of the reply -> what was asked
    states: dict[str, str] = field(default_factory=dict)  # id of the reply -> its last state
    saves: int = 0
    again: int = 0
    wrong: list[str] = field(default_factory=list)
    last_save: float = 0.0
    last_reply: float = 0.0


class Person(threading.Thread):
    def __init__(
        self,
        persona_id: str,
        slugs: list[str],
        questions: list[str],
        cookies: dict[str, str],
        webs: list[str],
        seed: int,
    ) -> None:
        """`slugs` are the answers that are written all the time, `questions` what the persona knows and is asked."""
        super().__init__(daemon=True)
        self.persona_id, self.slugs, self.questions, self.webs = persona_id, slugs, questions, webs
        self.ledger, self.stopping, self.random = Ledger(), threading.Event(), random.Random(seed)  # noqa: S311
        self.revisions = dict.fromkeys(slugs, 0)
        self.conversation = str(uuid.uuid4())
        headers = {"X-CSRFToken": TOKEN}
        timeout = httpx2.Timeout(30, connect=4)
        self.clients = [
            httpx2.Client(base_url=web, cookies=cookies, headers=headers, timeout=timeout, trust_env=False)
            for web in self.webs
        ]
        self.at = seed % len(webs)

    def run(self) -> None:
        time.sleep(self.random.random() * SAVE_SECONDS)
        number = 0
        while not self.stopping.is_set():
            number += 1
            self.save(f"This is what I think of it for the {number}. time, says {self.persona_id[:8]}.")
            if number % CHAT_EVERY == 0:
                self.chat(self.random.choice(self.questions))
            self.stopping.wait(SAVE_SECONDS)

    def until_done(self, method: str, path: str, good: int, body: dict[str, Any]) -> dict[str, Any] | None:
        """The reply to a request that may be sent again as it is; None where the end came first."""
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            try:
                reply = self.clients[self.at].request(method, path, json=body)
                if reply.status_code == good:
                    return dict(reply.json())
                if reply.status_code < 500 and reply.status_code != 429:
                    self.ledger.wrong.append(f"{method} {path}: {reply.status_code} {reply.text[:120]}")
                    return None
            except httpx2.HTTPError:
                pass
            self.ledger.again += 1
            self.at = (self.at + 1) % len(self.clients)
            time.sleep(1)
        self.ledger.wrong.append(f"{method} {path}: given up after three minutes")
        return None

    def save(self, text: str) -> None:
        slug = self.random.choice(self.slugs)
        body = {"text": text, "revision": self.revisions[slug], "operation": str(uuid.uuid4())}
        if reply := self.until_done("PUT", f"/p/{self.persona_id}/answers/{slug}/", 200, body):
            self.revisions[slug] = reply["revision"]
            self.ledger.answers[slug] = text
            self.ledger.saves += 1
            self.ledger.last_save = time.monotonic()

    def chat(self, text: str) -> None:
        path = f"/p/{self.persona_id}/chat/{self.conversation}/message/"
        posted = self.until_done("POST", path, 201, {"text": text, "operation": str(uuid.uuid4())})
        if posted is None:
            return
        self.ledger.messages[posted["reply"]] = text
        for _try in range(6):
            state = self.listen(posted["stream"])
            self.ledger.states[posted["reply"]] = state
            if state not in {"broken", "waiting", "streaming"}:
                break
            self.at = (self.at + 1) % len(self.clients)
            time.sleep(2)
        if state == "done":
            self.ledger.last_reply = time.monotonic()

    def listen(self, path: str) -> str:
        """The state of a reply at the end of its stream; "broken" where the stream broke off."""
        name = ""
        try:
            with self.clients[self.at].stream("GET", path, timeout=httpx2.Timeout(100, connect=4)) as stream:
                for line in stream.iter_lines():
                    if line.startswith("event: "):
                        name = line.removeprefix("event: ")
                    elif line.startswith("data: ") and name == "done":
                        return str(json.loads(line.removeprefix("data: "))["state"])
        except (httpx2.HTTPError, ValueError):
            return "broken"
        return "broken"
