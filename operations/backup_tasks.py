"""Celery's side of backups: looked at once an hour, so that a laptop that was asleep has its daily one, too."""

import logging
from pathlib import Path

from celery import shared_task
from django.conf import settings

from operations.backup import backup_is_due, backup_make
from operations.backup_archive import BackupRefused

logger = logging.getLogger(__name__)


@shared_task(name="operations.backup_tasks.daily_backup")  # type: ignore[untyped-decorator]
def daily_backup() -> None:
    folder = Path(settings.BACKUP_DIR)
    if not settings.BACKUP_DIR or not backup_is_due(folder):
        return
    try:
        made = backup_make(folder=folder, keep=settings.BACKUP_KEEP)
    except BackupRefused as refused:
        logger.error("%s", refused)  # tried again in an hour
    else:
        logger.info("Backup %s: %d rows, %d files.", made.path.name, made.rows, made.files)
