"""That a training ended, told to its owner. The training knows nothing of it: its rows are looked at."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from chat.models import TelegramAccount, TelegramNews
from training.ended import RECENT, TOLD
from training.models import PersonaModel, TrainingRun


def news_collect() -> list[tuple[TelegramNews, str]]:
    """What is to be told now, each with its text: trainings that ended since the account was linked, each once."""
    for account in TelegramAccount.objects.filter(is_guest=False, blocked_at=None):
        since = max(account.created_at, timezone.now() - RECENT)
        for run in TrainingRun.objects.filter(owner=account.owner_id, state__in=TOLD, finished_at__gt=since):
            fields = {"owner_id": account.owner_id}
            TelegramNews.objects.get_or_create(
                account=account, run_id=run.pk, ended_at=run.finished_at, defaults=fields
            )
    return [(news, _text(news)) for news in _unsent()]


def news_sent(*, news: TelegramNews) -> None:
    TelegramNews.objects.filter(pk=news.pk).update(sent_at=timezone.now())


def news_forget() -> None:
    TelegramNews.objects.filter(ended_at__lt=timezone.now() - RECENT - timedelta(days=1)).delete()


def _unsent() -> list[TelegramNews]:
    rows = TelegramNews.objects.filter(sent_at=None, account__blocked_at=None).order_by("ended_at")
    return list(rows.select_related("account"))


def _text(news: TelegramNews) -> str:
    run = TrainingRun.objects.select_related("persona").filter(pk=news.run_id).first()
    with translation.override(news.account.language):
        return _sentence(run) if run else ""


def _sentence(run: TrainingRun) -> str:
    place = settings.PUBLIC_URL + reverse("run", args=(run.persona_id, run.pk)) if settings.PUBLIC_URL else ""
    if run.state == TrainingRun.State.READY:
        version = PersonaModel.objects.filter(run=run).first()
        what = {"name": run.persona.name, "n": version.number if version else 0}
        words = _("The training of %(name)s is done: version %(n)d. /model shows who answers.") % what
    else:
        words = _("The training of %(name)s failed. %(reason)s") % {"name": run.persona.name, "reason": run.error}
    return f"{words}\n{place}".strip()
