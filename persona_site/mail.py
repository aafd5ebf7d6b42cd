"""The mail server as one address, in Django's words."""

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

PORTS = {"smtp": 587, "smtps": 465}
NO_MAIL = "django.core.mail.backends.dummy.EmailBackend"
SMTP = "django.core.mail.backends.smtp.EmailBackend"


@dataclass(frozen=True)
class MailServer:
    """Where letters are handed in. Without a host they go nowhere."""

    backend: str = NO_MAIL
    host: str = "localhost"
    port: int = 25
    user: str = ""
    password: str = field(default="", repr=False)
    use_ssl: bool = False  # TLS from the first byte
    use_tls: bool = False  # TLS after STARTTLS


def mail_server(url: str) -> MailServer:
    """The server at `url`, or none where it is empty. SystemExit with a sentence where it cannot be read.

    A letter to another machine always goes over TLS; one to this machine (localhost) need not.
    """
    if not url:
        return MailServer()
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise SystemExit("EMAIL_URL must read smtp://user:password@host:587 or smtps://. See docs/settings.md.")
    is_near = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    return MailServer(
        backend=SMTP,
        host=parts.hostname,
        port=parts.port or PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        use_ssl=parts.scheme == "smtps",
        use_tls=parts.scheme == "smtp" and not is_near,
    )


def sender(wanted: str, public_url: str) -> str:
    """`wanted`, or an address at the site's own host."""
    return wanted or f"persona@{urlsplit(public_url).hostname or 'localhost'}"
