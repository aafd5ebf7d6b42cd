"""A loopback server that plays the model server: it repeats the last word it was told, and notes what it was asked."""

import threading
import time

from tests import loopback
from tests.loopback import JsonHandler


class EngineStandin:
    """`status`: HTTP status of a failure with the body `failure`; `pause`: seconds before each piece of a stream."""

    def __init__(self):
        self.words = ["Once", " upon", " a time"]
        self.status, self.failure, self.pause = 0, {}, 0.0
        self.requests = []  # (path, body)
        self.gone = threading.Event()  # a program closed a stream before its end


class Handler(JsonHandler):
    engine: EngineStandin

    def do_GET(self):
        self.answer(200, {"status": "ok"})

    def do_POST(self):
        body = self.body()
        self.engine.requests.append((self.path, body))
        if self.engine.status:
            self.answer(self.engine.status, self.engine.failure)
        elif self.path == "/v1/rerank":
            self.answer(200, {"results": [], "answerable": {"probability": 0.1, "known": False}})
        elif self.path == "/v1/embeddings":
            self.embeddings(body)
        elif body.get("stream"):
            self.stream(body)
        else:
            self.answer(200, self.shape(body, "".join(self.engine.words), "stop", whole=True) | {"usage": self.usage()})

    def embeddings(self, body):
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        vector = "AACAPwAAAAA=" if body.get("encoding_format") == "base64" else [1.0, 0.0]
        data = [{"object": "embedding", "index": place, "embedding": vector} for place, _ in enumerate(texts)]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        self.answer(200, {"object": "list", "data": data, "model": body["model"], "usage": usage})

    def stream(self, body):
        self.begin_stream()
        try:
            for word in self.engine.words:
                time.sleep(self.engine.pause)
                self.data(self.shape(body, word, None, whole=False))
            self.data(self.shape(body, "", "stop", whole=False))
            if (body.get("stream_options") or {}).get("include_usage"):
                self.data(self.shape(body, "", "stop", whole=False) | {"choices": [], "usage": self.usage()})
            self.wfile.write(b"data: [DONE]\n\n")
        except (BrokenPipeError, ConnectionResetError):
            self.engine.gone.set()

    def usage(self):
        count = len(self.engine.words)
        return {"prompt_tokens": 9, "completion_tokens": count, "total_tokens": 9 + count}

    def shape(self, body, text, reason, whole):
        common = {"id": "x-1", "created": 1, "model": body["model"]}
        if self.path == "/v1/completions":
            choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": reason}
            return common | {"object": "text_completion", "choices": [choice]}
        said = {"role": "assistant", "content": text, "refusal": None} if whole else {"content": text}
        kind = "chat.completion" if whole else "chat.completion.chunk"
        choice = {"index": 0, "message" if whole else "delta": said, "logprobs": None, "finish_reason": reason}
        return common | {"object": kind, "choices": [choice]}


def serve(engine):
    """A started server; `server.url` is its address."""
    return loopback.serve(Handler, engine)
