"""A report to take along: each answer as a table, or everything as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from fidelity.models import Report, ReportItem
from questionnaires.dataset.exports import neutralised

COLUMNS = (
    *("control", "kind", "item", "question", "options", "own_answer", "chosen", "shares", "points", "reply", "verdict"),
    *("ruling", "reasons", "notes", "seconds"),
)
FIELDS = (
    *("number", "control", "kind", "item", "question", "options", "answer", "own", "ratings", "scores", "shares"),
    *("chosen", "points", "reply", "verdict", "reasons", "ruling", "notes", "form", "seconds"),
)


def report_csv(report: Report) -> Iterator[bytes]:
    """A row an item and control, UTF-8 with a mark (without it Excel guesses wrong), formulas made harmless."""
    yield b"\xef\xbb\xbf"
    yield _line(list(COLUMNS))
    for row in report.rows.exclude(asked_at=None).iterator():
        yield _line(_cells(row))


def report_json(report: Report) -> Iterator[bytes]:
    """{"report", "result", "items"}: what fidelity.report_schema describes, and each row of the run."""
    about = {
        "id": str(report.pk),
        "persona": report.persona.name,
        "version": report.version.number,
        "model": report.version.name,
        "form": report.form,
        "started_at": report.started_at,
        "finished_at": report.finished_at,
    }
    items = list(report.rows.exclude(asked_at=None).values(*FIELDS))
    whole: dict[str, Any] = {"report": about, "result": report.result, "items": items}
    yield json.dumps(whole, ensure_ascii=False, indent=1, cls=DjangoJSONEncoder).encode()


def _cells(row: ReportItem) -> list[str]:
    own = row.own or (str(row.options[row.answer]) if row.answer is not None else "")
    return [
        *(row.control, row.kind, row.item, row.question, " | ".join(map(str, row.options)), own),
        *(" | ".join(map(str, row.best())), " | ".join(f"{share:.4f}" for share in row.shares)),
        *("" if row.points is None else f"{row.points:g}", row.reply, row.verdict, row.ruling),
        "; ".join(f"{reason['code']}: {', '.join(reason.get('terms', []))}" for reason in row.reasons),
        "; ".join(str(note.get("slug", "")) for note in row.notes),
        "" if row.seconds is None else f"{row.seconds:.3f}",
    ]


def _line(cells: list[str]) -> bytes:
    line = io.StringIO(newline="")
    csv.writer(line, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow(map(neutralised, cells))
    return line.getvalue().encode()


WRITERS = {"csv": (report_csv, "text/csv; charset=utf-8"), "json": (report_json, "application/json")}
