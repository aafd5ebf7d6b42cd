"""A loopback server that speaks the engine's protocol and says what a test tells it to."""

import threading
import time

from tests import loopback
from tests.loopback import JsonHandler


class FakeEngine:
    """`replies`: one list of pieces a generation, the last one for all further ones. `requests`: (path, body)."""

    def __init__(self):
        self.replies = [["I grew", " up by", " the sea."]]
        self.finish = "stop"
        self.pause = 0.0  # seconds before each piece
        self.break_after = None  # pieces, then the connection is dropped
        self.status = {}  # path -> HTTP status of a failure
        self.bank_known = True  # the verdict on the bank's questions
        self.known, self.probability, self.scores = True, 0.9, [2.5, 2.4, 0.5]
        self.order = None  # of the indexes; none: as sent
        self.requests = []
        self.headers = []  # one mapping a request
        self.generations = 0
        self.gone = threading.Event()  # the client closed a stream before its end

    def bodies(self, path):
        return [body for seen, body in self.requests if seen == path]

    @property
    def generated(self):
        return [body for path, body in self.requests if path.endswith("completions")]


class Handler(JsonHandler):
    engine: FakeEngine

    def do_GET(self):
        self.answer(200 if self.path == "/health" else 404, {"status": "ok"})

    def do_POST(self):
        body = self.body()
        self.engine.requests.append((self.path, body))
        self.engine.headers.append({name.lower(): value for name, value in self.headers.items()})
        if status := self.engine.status.get(self.path):
            self.answer(status, {"error": {"message": f"no: {body}", "type": "error", "code": None, "param": None}})
        elif self.path == "/v1/rerank":
            self.rerank(body)
        else:
            self.stream(body, is_chat=self.path == "/v1/chat/completions")

    def rerank(self, body):
        count = len(body["documents"])
        order = [index for index in self.engine.order or range(count) if index < count]
        results = [
            {"index": index, "id": body["documents"][index]["id"], "relevance_score": score}
            for index, score in zip(order, self.engine.scores, strict=False)
        ][: body["top_n"]]
        known = self.engine.bank_known if body["documents"][0]["id"] == "q0" else self.engine.known
        verdict = {"probability": self.engine.probability, "known": known}
        self.answer(200, {"results": results, "answerable": verdict})

    def stream(self, body, is_chat):
        pieces = self.engine.replies[min(self.engine.generations, len(self.engine.replies) - 1)]
        self.engine.generations += 1
        self.begin_stream()
        try:
            for number, piece in enumerate(pieces):
                if number == self.engine.break_after:
                    return
                time.sleep(self.engine.pause)
                self.chunk(body, is_chat, piece, None)
            self.chunk(body, is_chat, "", self.engine.finish)
            usage = {"prompt_tokens": 9, "completion_tokens": len(pieces), "total_tokens": 9 + len(pieces)}
            self.data(self.shape(body, is_chat, []) | {"usage": usage})
            self.wfile.write(b"data: [DONE]\n\n")
        except (BrokenPipeError, ConnectionResetError):
            self.engine.gone.set()

    def chunk(self, body, is_chat, text, reason):
        said = {"delta": {"content": text}} if is_chat else {"text": text, "logprobs": None}
        self.data(self.shape(body, is_chat, [{"index": 0, "finish_reason": reason} | said]))

    def shape(self, body, is_chat, choices):
        kind = "chat.completion.chunk" if is_chat else "text_completion"
        return {"id": "x", "object": kind, "created": 1, "model": body["model"], "choices": choices}


def serve(engine):
    """A started server; `server.url` is its address."""
    return loopback.serve(Handler, engine)
