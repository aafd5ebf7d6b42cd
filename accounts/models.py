"""Who may come in and what they did."""

from accounts.audit import AuditEvent
from accounts.quota_tables import Quota, Usage

__all__ = ["AuditEvent", "Quota", "Usage"]
