"""All translation services in one loopback server, which does to a test what such services do."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PAGE = '<html><body><div class="result-container">{}</div></body></html>'


class TranslationServer:
    """`how`: slow, trickle, 429, 500, 403, none, empty, same, garbage; else the text with "«ru» " before it."""

    def __init__(self):
        self.how, self.seconds = "", 30.0
        self.requests = []  # (path, what was asked as a dict, headers)
        self.released = threading.Event()
        handler = type("Bound", (Handler,), {"home": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    def answer(self, text, target):
        return {"none": None, "empty": "", "same": text}.get(self.how, f"«{target}» {text}")


class Handler(BaseHTTPRequestHandler):
    home: TranslationServer

    def log_message(self, *_):
        pass

    def do_GET(self):
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if len(self.path) > 8000:
            return self.send(400, b"too long")
        if parts.path == "/m":
            self.serve(parts.path, asked, asked["q"], asked["tl"], self.google)
        else:
            if len(asked["q"].encode()) > 500:
                return self.send(
                    200,
                    json.dumps(
                        {"responseData": {"translatedText": "QUERY LENGTH LIMIT EXCEEDED"}, "responseStatus": "403"}
                    ).encode(),
                )
            self.serve(parts.path, asked, asked["q"], asked["langpair"].split("|")[1][:2], self.mymemory)
        return None

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/translate":
            self.serve(self.path, asked, asked["q"], asked["target"], lambda text: {"translatedText": text})
        else:
            shape = lambda text: {"translations": [{"detected_source_language": "EN", "text": text}]}  # noqa: E731
            self.serve(self.path, asked, asked["text"][0], asked["target_lang"].lower()[:2], shape)

    def google(self, text):
        return PAGE.format(text or "").encode()

    def mymemory(self, text):
        if self.home.how == "quota":  # its way to say 429
            return {"responseData": {"translatedText": "MYMEMORY WARNING: YOU USED ALL"}, "responseStatus": 429}
        return {"responseData": {"translatedText": text}, "responseStatus": 200, "matches": []}

    def serve(self, path, asked, text, target, shape):
        home = self.home
        home.requests.append((path, asked, {name.lower(): value for name, value in self.headers.items()}))
        if home.how == "slow":
            home.released.wait(home.seconds)
        if home.how in {"429", "500", "403"}:
            return self.send(int(home.how), b"no")
        if home.how == "garbage":
            return self.send(200, b"<html>Before you continue</html>")
        found = shape(home.answer(text, target))
        return self.send(200, found if isinstance(found, bytes) else json.dumps(found).encode())

    def send(self, status, content):
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.home.how == "trickle":
                for byte in content:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    time.sleep(0.1)
            self.wfile.write(content)
        except (BrokenPipeError, ConnectionResetError):
            pass
