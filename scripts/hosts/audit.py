"""What is in the database at the end, against what people were told."""

from dataclasses import dataclass

from scripts.hosts.people import Person


@dataclass(frozen=True)
class Audit:
    """Counts of what was acknowledged and of what is not there; `open` replies never came to an end."""

    saves: int
    answers_lost: int
    messages: int
    messages_lost: int
    open: int
    unanswered: int
    runs: int
    runs_lost: int
    versions_damaged: int
    moved: int
    sent_again: int
    wrong: list[str]

    @property
    def fine(self) -> bool:
        lost = self.answers_lost + self.messages_lost + self.open + self.runs_lost + self.versions_damaged
        return not lost and not self.wrong and self.saves > 0 and self.messages > 0


def audit(people: list[Person]) -> Audit:
    from chat.models import Message
    from training.models import RunEvent, TrainingRun

    rows = {str(m.pk): m for m in Message.objects.filter(role=Message.Role.PERSONA).select_related("parent")}
    told = {reply: text for person in people for reply, text in person.ledger.messages.items()}
    kept = {key: rows[key] for key in told if key in rows and rows[key].parent and rows[key].parent.text == told[key]}
    runs = TrainingRun.objects.all()
    return Audit(
        saves=sum(person.ledger.saves for person in people),
        answers_lost=sum(_answers_lost(person) for person in people),
        messages=len(told),
        messages_lost=len(told) - len(kept),
        open=sum(row.state in Message.RUNNING for row in kept.values()),
        unanswered=sum(row.state in {Message.State.CUT, Message.State.FAILED} for row in kept.values()),
        runs=runs.count(),
        runs_lost=runs.exclude(state=TrainingRun.State.READY).count(),
        versions_damaged=_damaged(),
        moved=RunEvent.objects.filter(kind="log", data__message__contains="moved from").count(),
        sent_again=sum(person.ledger.again for person in people),
        wrong=[fault for person in people for fault in person.ledger.wrong],
    )


def _answers_lost(person: Person) -> int:
    """Acknowledged texts that are not the answer now: each question had one writer, who wrote one text at a time."""
    from questionnaires.models import Answer

    rows = Answer.objects.filter(persona_id=person.persona_id).values_list("question__slug", "text")
    stored = dict(rows)
    return sum(stored.get(slug) != text for slug, text in person.ledger.answers.items())


def _damaged() -> int:
    """Versions that a machine which has none of them cannot fetch whole."""
    from training.models import PersonaModel
    from training.storage import Damaged, StoreAway
    from training.version_files import version_fetch

    bad = 0
    for version in PersonaModel.objects.all():
        try:
            bad += not version_fetch(version)
        except (Damaged, StoreAway):
            bad += 1
    return bad
