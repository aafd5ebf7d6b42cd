"""A loopback server that scores, completes and ranks as a test tells it to."""

from tests import loopback
from tests.loopback import JsonHandler


class FakeEngine:
    """`likes(model, prompt, text)` gives the log-probability of a text, `says(model, prompt)` a reply.

    `prompt` is the text of the prompt, with the notes in it.
    """

    def __init__(self):
        self.likes = lambda model, prompt, text: -float(len(text))
        self.says = lambda model, prompt: "I do not know."
        self.known = True
        self.status = {}  # path -> HTTP status of a failure
        self.requests = []  # (path, body)
        self.missing = set()  # models that it does not know

    def bodies(self, path):
        return [body for seen, body in self.requests if seen == path]


class Handler(JsonHandler):
    engine: FakeEngine

    def do_GET(self):
        self.answer(200, {"status": "ok"})

    def do_POST(self):
        body = self.body()
        self.engine.requests.append((self.path, body))
        if status := self.engine.status.get(self.path):
            self.answer(status, {"error": {"message": "no"}})
            return
        if body.get("model") in self.engine.missing:
            self.answer(404, {"error": {"message": "no such model"}})
            return
        make = {"/v1/score": self.score, "/v1/rerank": self.rerank}.get(self.path, self.complete)
        self.answer(200, make(body))

    def score(self, body):
        found = [
            self.engine.likes(body["model"], prompt, text.strip())
            for prompt in prompts_of(body)
            for text in body["continuations"]
        ]
        return {"data": [{"index": n, "logprob": value, "tokens": ["x"]} for n, value in enumerate(found)]}

    def rerank(self, body):
        """The document that shares most words with the query."""
        asked = set(body["query"].casefold().split())
        shared = [len(asked & set(" ".join(one["questions"]).casefold().split())) for one in body["documents"]]
        best = max(range(len(shared)), key=shared.__getitem__)
        known = self.engine.known if isinstance(self.engine.known, bool) else self.engine.known(body["query"])
        hit = {"index": best, "id": body["documents"][best]["id"], "relevance_score": float(shared[best])}
        return {"results": [hit], "answerable": {"probability": 0.9, "known": known}}

    def complete(self, body):
        reply = self.engine.says(body["model"], text_of(body))
        message = {"text": reply} if "prompt" in body else {"message": {"role": "assistant", "content": reply}}
        return {"choices": [{"index": 0, "finish_reason": "stop", **message}], "usage": {"total_tokens": 20}}


def prompts_of(body):
    """The texts of a list of prompts."""
    if "prompt" in body:
        return body["prompt"]
    return [text_of({"messages": messages}) for messages in body["messages"]]


def text_of(body):
    return body["prompt"] if "prompt" in body else "\n".join(message["content"] for message in body["messages"])


def serve(engine):
    """A started server; `server.url` is its address."""
    return loopback.serve(Handler, engine)
