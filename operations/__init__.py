"""Health, metrics, backups and the doctor."""
