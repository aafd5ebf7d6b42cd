"""Passkeys, authenticator apps and recovery codes: their secrets are sealed, and the QR code is part of the page."""

from typing import Any
from urllib.parse import urlsplit

import qrcode
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.utils.html import format_html
from django.utils.translation import gettext as _

from training.sealing import seal, unseal

PURPOSE = "second-factor"
QUIET = 4  # modules of margin that scanners want (ISO/IEC 18004)


class SecondFactor(DefaultMFAAdapter):
    """allauth's adapter, with secrets encrypted at rest and no picture that the Content-Security-Policy forbids."""

    def encrypt(self, text: str) -> str:
        return seal(text, PURPOSE)

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(encrypted_text, PURPOSE)

    def get_totp_issuer(self) -> str:
        return _site_name()

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        entity: dict[str, str] = super().get_public_key_credential_rp_entity()
        return entity | {"name": _site_name()}

    def get_public_key_credential_user_entity(self, user: Any) -> dict[str, Any]:
        entity: dict[str, Any] = super().get_public_key_credential_user_entity(user)
        return entity | {"display_name": entity["name"]}

    def generate_authenticator_name(self, user: Any, type: Any) -> str:
        number = Authenticator.objects.filter(user=user, type=type).count() + 1
        return _("My passkey") if number == 1 else _("My passkey %d") % number

    def build_totp_svg(self, url: str) -> str:
        """The QR code as SVG to stand in the page: one path, one unit a module."""
        code = qrcode.QRCode(border=QUIET, error_correction=qrcode.constants.ERROR_CORRECT_M)
        code.add_data(url)
        code.make(fit=True)
        rows = code.get_matrix()
        path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark)
        return format_html(
            '<svg class="qr" viewBox="0 0 {0} {0}" role="img" aria-label="{1}">'
            '<rect width="{0}" height="{0}" fill="#fff"/><path d="{2}" fill="#000"/></svg>',
            len(rows),
            _("QR code"),
            path,
        )


def _site_name() -> str:
    host = urlsplit(settings.PUBLIC_URL).hostname
    return f"Persona ({host})" if host else "Persona"
