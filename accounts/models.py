"""Who may come in and what they did."""

from accounts.audit import AuditEvent
from accounts.invitations import Invitation
from accounts.quota_tables import Quota, Usage

__all__ = ["AuditEvent", "Invitation", "Quota", "Usage"]
