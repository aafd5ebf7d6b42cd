"""What Prometheus reads at /metrics: numbers alone, with labels of few values; no texts, no names, no keys of persons.

What has rows is counted from the rows, with queries that an index or a small table answers; what has none is counted
as it happens (operations.tallies, operations.request_times). Each web process tells its own requests; all else is the
same from each.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from django.db import Error
from django.db.models import Count, Min, Q
from django.utils import timezone
from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from chat.models import TelegramDelivery
from fidelity.models import Report
from operations.broker import BrokerError, queue_lengths
from operations.readiness import parts_get
from operations.receivers import FIRST_TOKEN_SECONDS
from operations.request_times import registry
from operations.tallies import tallies
from training.models import LOCAL, TrainingRun

logger = logging.getLogger(__name__)

State = TrainingRun.State


class Installation(Collector):
    """What is the same from each web process."""

    def collect(self) -> Iterator[Metric]:
        for part in (_parts, _runs, _queues, _telegram, _tallied):
            try:
                yield from list(part())
            except Error as error:  # what needs no database is told all the same; persona_part_ok says the rest
                logger.warning("Metrics of the database are missing: %s", type(error).__name__)

    def describe(self) -> list[Metric]:
        """Nothing is asked for when the collector is registered."""
        return []


def _parts() -> Iterator[Metric]:
    parts = parts_get()
    well = GaugeMetricFamily("persona_part_ok", "Whether a part of the site works, as /readyz says", labels=["part"])
    for name, part in parts.items():
        well.add_metric([name], float(part.ok))
    yield well
    if (age := parts["canary"].age) is not None:
        yield GaugeMetricFamily("persona_canary_age_seconds", "Since the task of the minute was done", value=age)


def _runs() -> Iterator[Metric]:
    runs = GaugeMetricFamily("persona_runs", "Trainings that there are", labels=["state", "where"])
    found = TrainingRun.objects.order_by().values_list("state", "provider").annotate(n=Count("pk"))
    counts: Counter[tuple[str, str]] = Counter()
    for state, provider, count in found:
        counts[str(state), "here" if provider == LOCAL else "provider"] += count
    for state in State.values:
        for where in ("here", "provider"):
            runs.add_metric([state, where], counts[state, where])
    yield runs
    remote = TrainingRun.objects.filter(state__in=TrainingRun.ACTIVE).exclude(provider=LOCAL)
    troubles = sum(1 for kept in remote.values_list("remote", flat=True) if kept.get("trouble"))
    yield GaugeMetricFamily("persona_provider_troubles", "Trainings whose provider is in trouble now", value=troubles)
    reports = GaugeMetricFamily("persona_reports", "Reports that there are", labels=["state"])
    for state, count in Report.objects.order_by().values_list("state").annotate(n=Count("pk")):
        reports.add_metric([state], count)
    yield reports


def _queues() -> Iterator[Metric]:
    lengths = GaugeMetricFamily("persona_queue_length", "Messages that wait in the broker", labels=["queue"])
    try:
        for name, length in queue_lengths().items():
            lengths.add_metric([name], length)
    except (BrokerError, OSError):  # persona_part_ok says so
        pass
    yield lengths
    oldest = GaugeMetricFamily(
        "persona_queue_oldest_seconds",
        "Since the oldest row that waits for a worker was made; 0: none",
        labels=["work"],
    )
    waiting = TrainingRun.objects.filter(state=State.QUEUED, lease_until=None)
    oldest.add_metric(["training"], _age(waiting.aggregate(at=Min("created_at"))["at"]))
    reports = Report.objects.filter(state=Report.State.QUEUED, lease_until=None)
    oldest.add_metric(["report"], _age(reports.aggregate(at=Min("created_at"))["at"]))
    yield oldest


def _telegram() -> Iterator[Metric]:
    found = TelegramDelivery.objects.aggregate(
        done=Count("pk", filter=~Q(done_at=None)),
        waiting=Count("pk", filter=Q(done_at=None)),
        since=Min("created_at", filter=Q(done_at=None)),
    )
    deliveries = GaugeMetricFamily("persona_telegram_deliveries", "Replies for Telegram", labels=["state"])
    for state in ("done", "waiting"):
        deliveries.add_metric([state], found[state])
    yield deliveries
    yield GaugeMetricFamily(
        "persona_telegram_oldest_seconds", "Age of the oldest that waits", value=_age(found["since"])
    )


def _tallied() -> Iterator[Metric]:
    sums = tallies()
    replies = CounterMetricFamily("persona_replies", "Replies that ended", labels=["state"])
    translations = CounterMetricFamily("persona_translations", "Texts translated", labels=["translator", "outcome"])
    for (name, *labels), amount in sums.items():
        if name == "replies":
            replies.add_metric(labels, amount)
        elif name == "translations":
            translations.add_metric(labels, amount)
    yield from (replies, translations)
    tokens, seconds = sums.get(("tokens",), 0.0), sums.get(("token_seconds",), 0.0)
    yield CounterMetricFamily("persona_reply_tokens", "Tokens of replies", value=tokens)
    yield CounterMetricFamily("persona_reply_token_seconds", "Seconds in which they were written", value=seconds)
    yield _first_token(sums)


def _first_token(sums: dict[tuple[str, ...], float]) -> Metric:
    """From the message to the first token of its reply."""
    so_far, buckets = 0.0, []
    for bound in (*map(str, FIRST_TOKEN_SECONDS), "+Inf"):
        so_far += sums.get(("first_token", bound), 0.0)
        buckets.append((bound, so_far))
    sum_value = sums.get(("first_token_sum",), 0.0)
    return HistogramMetricFamily(
        "persona_first_token_seconds", "From a message to the first token", buckets=buckets, sum_value=sum_value
    )


def _age(since: datetime | None) -> float:
    return max(0.0, (timezone.now() - since).total_seconds()) if since else 0.0


registry.register(Installation())


def metrics_text() -> bytes:
    """All of it, in Prometheus' text format."""
    return generate_latest(registry)
