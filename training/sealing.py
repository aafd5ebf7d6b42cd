"""Secrets of other services, encrypted at rest (Fernet: AES-128-CBC with HMAC-SHA256) under a key of their own.

The key is the file `keys` in DATA_DIR/secrets, not SECRET_KEY: a leaked session key opens no account elsewhere. What is
sealed carries the address that it is for, so that a row whose address was changed behind our back opens nothing.
"""

import base64
import hashlib
import json

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings


class Unreadable(Exception):
    """It was sealed under another key, or for another address."""


def seal(text: str, address: str) -> str:
    """`text` encrypted for `address`; empty for an empty text."""
    return _fernet().encrypt(json.dumps([address, text]).encode()).decode() if text else ""


def unseal(sealed: str, address: str) -> str:
    """The text again; empty for an empty one. Unreadable if it was not sealed here for this very address."""
    if not sealed:
        return ""
    try:
        bound, text = json.loads(_fernet().decrypt(sealed.encode()))
    except (InvalidToken, ValueError) as error:
        raise Unreadable("sealed under another key") from error
    if bound != address:
        raise Unreadable("sealed for another address")
    return str(text)


def is_readable(sealed: str) -> bool:
    """Whether it was sealed with this installation's secret, for whatever address."""
    try:
        _fernet().decrypt(sealed.encode())
    except InvalidToken:
        return False
    return True


def _fernet() -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(settings.SEALING_KEY.encode()).digest()))
