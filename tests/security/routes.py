"""Every address of the site, found through Django's resolver, and which of them are open to all, with the reason."""

import re
import uuid
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern

PUBLIC = {
    "open": "the one-time link itself is the way in",
    "locked": "the page that says how to come in",
    "health": "says that the process answers, and nothing else",
    "ready": "says of each part of the site whether it works, for load balancers; 503 is one of its answers",
    "metrics": "numbers alone, for this computer or with METRICS_TOKEN; nobody else finds it",
    "webhook": "a provider signs with the connection's secret",
    "telegram_webhook": "Telegram sends the secret that it was given",
    "friend": "friends of a person have no account; the open link's token is the key",
    "friend_begin": "as friend",
    "friend_guess": "as friend",
    "shared": "visitors of a persona have no account; the link's token is the key",
    **dict.fromkeys(
        ("shared_talk", "shared_message", "shared_export", "shared_delete", "shared_stream", "shared_stop"),
        "as shared, and the visitor's own cookie",
    ),
    "receipt": "of an account that is gone; the link's token is the key",
    "receipt_file": "as receipt",
    "invitation": "the one-time link is the way in",
    **dict.fromkeys(
        ("account_login", "account_signup", "account_inactive", "mfa_login_webauthn"),
        "the way in; allauth counts the tries",
    ),
    **dict.fromkeys(
        (
            "account_email_verification_sent",
            "account_confirm_email",
            "account_reset_password",
            "account_reset_password_done",
            "account_reset_password_from_key",
            "account_reset_password_from_key_done",
        ),
        "a letter brings somebody here who is not logged in",
    ),
    "rest:openapi-json": "describes the program, holds no row",
    "rest:nowhere": "says that there is nothing at a wrong address of the API",
}
SAMPLES = {"UUIDConverter": str(uuid.uuid4()), "IntConverter": "1", "StringConverter": "any", "SlugConverter": "any"}
REGEX_SAMPLES = {"uidb36": "1", "key": "any-key", "path": "x"}


@dataclass(frozen=True)
class Route:
    name: str  # with its namespaces; the pattern itself where it has none
    pieces: tuple[Any, ...]  # the patterns from the root on
    view: Any

    @property
    def arguments(self) -> set[str]:
        """Names of what stands in the address."""
        return {name for piece in self.pieces for name in piece.converters} | {
            name for piece in self.pieces for name in piece.regex.groupindex
        }

    def address(self, values: dict[str, Any]) -> str:
        """With `values` by name, or by route and name; what they lack is made up."""
        own = {name: values[key] for name in self.arguments if (key := f"{self.name}:{name}") in values}
        return "/" + "".join(_filled(piece, values | own) for piece in self.pieces)


def _filled(piece: Any, values: dict[str, Any]) -> str:
    if isinstance(piece, RoutePattern):
        kinds = {name: SAMPLES.get(type(each).__name__, "any") for name, each in piece.converters.items()}
        return re.sub(r"<(?:\w+:)?(\w+)>", lambda match: str(values.get(match[1], kinds[match[1]])), str(piece))
    text = re.sub(r"\(\?P<(\w+)>[^)]*\)", lambda match: str(values.get(match[1], REGEX_SAMPLES.get(match[1], "any"))),
                  str(piece))  # fmt: skip
    return text.replace("^", "").replace("$", "").replace("\\", "").replace("?", "")


def routes(resolver: Any = None, pieces: tuple[Any, ...] = (), names: tuple[str, ...] = ()) -> list[Route]:
    found: list[Route] = []
    for entry in (resolver or get_resolver()).url_patterns:
        path = (*pieces, entry.pattern)
        if isinstance(entry, URLResolver):
            found += routes(entry, path, (*names, entry.namespace) if entry.namespace else names)
        elif isinstance(entry, URLPattern):
            found.append(Route(":".join((*names, entry.name or str(entry.pattern))), path, entry.callback))
    return found


ROUTES = routes()
