"""Who may come in and what they may use: sign-up, invitations, quotas, the audit trail."""
