"""What a person changes about their account, noted in the audit trail: that it was done, never to what."""

from typing import Any

from allauth.account import signals as account
from allauth.mfa import signals as mfa
from django.contrib.auth.models import User
from django.dispatch import Signal

from accounts.audit import audit_record

ACTIONS: dict[Signal, str] = {
    account.user_signed_up: "account-made",
    account.password_changed: "password-changed",
    account.password_set: "password-changed",
    account.password_reset: "password-reset",
    account.email_changed: "address-changed",
    mfa.authenticator_added: "second-factor-added",
    mfa.authenticator_removed: "second-factor-removed",
    mfa.authenticator_reset: "recovery-codes-made",
}


def note(signal: Signal, user: User, **_values: Any) -> None:
    """The receiver of each of them."""
    audit_record(action=ACTIONS[signal], actor=user)


for _signal in ACTIONS:
    _signal.connect(note, dispatch_uid=f"audit-{id(_signal)}")
