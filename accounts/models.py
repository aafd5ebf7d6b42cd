"""Who may come in and what they did."""

from accounts.audit import AuditEvent

__all__ = ["AuditEvent"]
