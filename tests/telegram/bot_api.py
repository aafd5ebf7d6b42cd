"""Telegram's Bot API on loopback (https://core.telegram.org/bots/api), as far as a chatting bot meets it.

Parameters are checked against the documented ones; `complaints` must stay empty. Chats hold what a person would see.
"""

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

TOKEN = "123456:loopback-token_of-a_test"
LONGEST_POLL = 0.4  # seconds
ACTIONS = {"typing", "upload_photo", "record_video", "upload_video", "record_voice", "upload_voice"}
SENDING = {
    "business_connection_id", "message_thread_id", "direct_messages_topic_id", "parse_mode", "entities",
    "link_preview_options", "disable_notification", "protect_content", "allow_paid_broadcast", "message_effect_id",
    "suggested_post_parameters", "reply_parameters", "reply_markup",
}  # fmt: skip
DOCUMENTED = {  # method: (required, optional)
    "getMe": (set(), set()),
    "getUpdates": (set(), {"offset", "limit", "timeout", "allowed_updates"}),
    "setWebhook": (
        {"url"},
        {"certificate", "ip_address", "max_connections", "allowed_updates", "drop_pending_updates", "secret_token"},
    ),
    "deleteWebhook": (set(), {"drop_pending_updates"}),
    "sendMessage": ({"chat_id", "text"}, SENDING),
    "editMessageText": (
        {"text"},
        {"business_connection_id", "chat_id", "message_id", "inline_message_id", "parse_mode", "entities",
         "link_preview_options", "reply_markup"},
    ),
    "deleteMessage": ({"chat_id", "message_id"}, set()),
    "sendChatAction": ({"chat_id", "action"}, {"business_connection_id", "message_thread_id"}),
    "answerCallbackQuery": ({"callback_query_id"}, {"text", "show_alert", "url", "cache_time"}),
    "setMyCommands": ({"commands"}, {"scope", "language_code"}),
}  # fmt: skip


class BotApi:
    """`faults`: method -> list of answers (status, description, parameters) that the next calls get instead."""

    def __init__(self, port=0):
        self.chats = {}  # chat id -> {message id: text}, in order of sending
        self.buttons = {}  # message id -> rows of (text, data)
        self.calls = []  # (method, parameters, seconds)
        self.complaints = []
        self.faults = {}
        self.updates = []
        self.menus = {}
        self.webhook = None
        self.drop_after = None  # a method whose answer is lost after it was done
        self.next_update = 1000
        self.next_message = 1
        self.news = threading.Condition()
        self.port = port
        self.server = None
        self.start()

    def start(self):
        handler = type("Bound", (Handler,), {"api": self})
        self.server = Server(("127.0.0.1", self.port), handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        """Telegram is down: nobody listens; `start` brings it back with all it knew."""
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}"

    def count(self, method):
        return sum(seen == method for seen, _parameters, _at in self.calls)

    def fail(self, method, status, description, **parameters):
        self.faults.setdefault(method, []).append((status, description, parameters))

    def push(self, update, update_id=None):
        """Gives the bot an update; the number counts on unless the test chooses it."""
        with self.news:
            number = self.next_update if update_id is None else update_id
            self.next_update = max(self.next_update, number) + 1
            self.updates.append({"update_id": number, **update})
            self.news.notify_all()
        return number

    def texts(self, chat):
        return list(self.chats.get(chat, {}).values())


class Phone:
    """A person with Telegram."""

    def __init__(self, api, user=77, name="Ada", language="en", is_bot=False, chat_type="private"):
        self.api, self.user = api, user
        self.who = {"id": user, "is_bot": is_bot, "first_name": name, "language_code": language}
        self.chat = {"id": user if chat_type == "private" else -user, "type": chat_type, "first_name": name}

    def message(self, text=None, reply_to=None, at=None, **more):
        number = self.api.next_message
        self.api.next_message += 1
        message = {"message_id": number, "date": int(at or time.time()), "chat": self.chat, "from": self.who, **more}
        if text is not None:
            message["text"] = text
            if text.startswith("/"):
                message["entities"] = [{"type": "bot_command", "offset": 0, "length": len(text.split()[0])}]
        if reply_to is not None:
            ours = {"id": 1, "is_bot": True, "first_name": "Bot"}
            message["reply_to_message"] = {
                "message_id": reply_to,
                "date": 1,
                "chat": self.chat,
                "from": ours,
                "text": "x",
            }
        return message

    def say(self, text, **named):
        update_id = named.pop("update_id", None)
        return self.api.push({"message": self.message(text, **named)}, update_id)

    def press(self, data):
        ours = {"message_id": 1, "date": int(time.time()), "chat": self.chat, "text": "?"}
        return self.api.push(
            {"callback_query": {"id": "9", "from": self.who, "chat_instance": "1", "message": ours, "data": data}}
        )

    @property
    def seen(self):
        return self.api.texts(self.chat["id"])

    @property
    def ids(self):
        return list(self.api.chats.get(self.chat["id"], {}))


class Refusal(Exception):
    pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_):
        """An asker that went away is no error here."""


class Handler(BaseHTTPRequestHandler):
    api: BotApi
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:  # its asker went away before it had said all: no request yet
            self.close_connection = True
            return None
        raw = body.decode()
        parameters = {name: decoded(value) for name, value in parse_qsl(raw, keep_blank_values=True)}
        match = re.fullmatch(r"/bot([^/]+)/(\w+)", self.path)
        if self.api.server is None:
            self.close_connection = True
            return None
        if not match or match[1] != TOKEN:
            return self.answer(401, {"ok": False, "error_code": 401, "description": "Unauthorized"})
        method = {name.lower(): name for name in DOCUMENTED}.get(match[2].lower(), match[2])  # as Telegram reads them
        self.api.calls.append((method, parameters, time.monotonic()))
        if planned := self.api.faults.get(method):
            status, description, more = planned.pop(0)
            fault = {"ok": False, "error_code": status, "description": description}
            return self.answer(status, fault | ({"parameters": more} if more else {}))
        try:
            self.check(method, parameters)
            result = getattr(self, method)(**parameters)
        except Refusal as refusal:
            return self.answer(400, {"ok": False, "error_code": 400, "description": f"Bad Request: {refusal}"})
        if method == self.api.drop_after:
            self.api.drop_after = None
            self.close_connection = True
            return None
        return self.answer(200, {"ok": True, "result": result})

    def check(self, method, parameters):
        if method not in DOCUMENTED:
            self.api.complaints.append(f"unknown method {method}")
            raise Refusal("method not found")
        required, optional = DOCUMENTED[method]
        wrong = [f"missing {name}" for name in required - set(parameters)]
        wrong += [f"unknown {name}" for name in set(parameters) - required - optional]
        if wrong:
            self.api.complaints.append(f"{method}: {wrong}")
            raise Refusal("; ".join(wrong))

    def answer(self, status, value):
        content = json.dumps(value).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def getMe(self):
        can = {"can_join_groups": False, "can_read_all_group_messages": False, "supports_inline_queries": False}
        return {"id": 1, "is_bot": True, "first_name": "Bot", "username": "loopback_bot", **can}

    def getUpdates(self, offset=None, limit=100, timeout=0, allowed_updates=()):
        api = self.api
        if api.webhook:
            raise Refusal("can't use getUpdates method while webhook is active")
        with api.news:
            if offset is not None:
                api.updates = [update for update in api.updates if update["update_id"] >= offset]
            if not api.updates:
                api.news.wait(min(timeout, LONGEST_POLL))
            return api.updates[:limit]

    def setWebhook(self, url, secret_token="", **_):
        if not url.startswith("https://") or not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", secret_token):
            raise Refusal("bad webhook")
        self.api.webhook = (url, secret_token)
        return True

    def deleteWebhook(self, **_):
        self.api.webhook = None
        return True

    def sendMessage(self, chat_id, text, reply_markup=None, **_):
        self.fits(text)
        api = self.api
        number, api.next_message = api.next_message, api.next_message + 1
        api.chats.setdefault(chat_id, {})[number] = text
        if reply_markup:
            rows = reply_markup["inline_keyboard"]
            if any(len(each["callback_data"].encode()) > 64 for row in rows for each in row):
                raise Refusal("BUTTON_DATA_INVALID")
            api.buttons[number] = [[(each["text"], each["callback_data"]) for each in row] for row in rows]
        return self.shown(chat_id, number, text)

    def editMessageText(self, text, chat_id, message_id, **_):
        self.fits(text)
        chat = self.api.chats.get(chat_id, {})
        if message_id not in chat:
            raise Refusal("message to edit not found")
        if chat[message_id] == text:
            raise Refusal("message is not modified: specified new message content is the same")
        chat[message_id] = text
        return self.shown(chat_id, message_id, text)

    def deleteMessage(self, chat_id, message_id):
        if self.api.chats.get(chat_id, {}).pop(message_id, None) is None:
            raise Refusal("message to delete not found")
        return True

    def sendChatAction(self, chat_id, action, **_):
        if action not in ACTIONS:
            raise Refusal("wrong parameter action")
        return True

    def answerCallbackQuery(self, callback_query_id, **_):
        return True

    def setMyCommands(self, commands, language_code="", **_):
        for each in commands:
            if not re.fullmatch(r"[a-z0-9_]{1,32}", each["command"]) or not 1 <= len(each["description"]) <= 256:
                raise Refusal("BOT_COMMAND_INVALID")
        self.api.menus[language_code] = commands
        return True

    def fits(self, text):
        if not text.strip():
            raise Refusal("message text is empty")
        if len(text.encode("utf-16-le")) // 2 > 4096:
            raise Refusal("message is too long")

    def shown(self, chat_id, number, text):
        chat = {"id": chat_id, "type": "private", "first_name": "Ada"}
        return {"message_id": number, "date": int(time.time()), "chat": chat, "text": text}


def decoded(value):
    """Telegram takes numbers, booleans, lists and objects as JSON; any other text is text."""
    if re.fullmatch(r"-?\d+|true|false|[\[{].*", value, re.DOTALL):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
