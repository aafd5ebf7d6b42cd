"""Which one is me? Friends see a question and several replies and say which is the person's own.

The person's own replies are answers that were held out of the training (validation), so that the version cannot repeat
them. The person looks at every question and every reply before the link opens; friends see nothing else.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from fidelity.controls import other_version
from fidelity.models import FriendLink, FriendQuestion, Report
from fidelity.planning import seen_by
from questionnaires.models import Answer
from questionnaires.services import Refused
from training.models import PersonaModel

State = FriendLink.State

OWN, PERSONA, BASE, OTHER = SOURCES = ("own", "persona", "base", "other")
LIVES = (7, 14, 30)  # days
PATIENCE = timedelta(minutes=5)
FEWEST, MOST = 3, 20  # questions
SHOWN_CHARACTERS = 320  # of an own answer: a long one would give itself away among short replies
_SENTENCE_END = re.compile(r"[.!?…](?=\s|\Z)")


@dataclass(frozen=True)
class Candidate:
    """A held-out answer that friends could see, as they would see it."""

    id: str
    question: str
    text: str


def candidates_get(*, version: PersonaModel) -> list[Candidate]:
    """Answers that this version did not learn from, unchanged since; none where its rows are not known."""
    return [
        Candidate(str(row.pk), str(row.question.in_language(row.persona.language)["text"]), beginning(row.text))
        for row in _held_out(version)
    ]


def held_out_ids(*, version: PersonaModel) -> frozenset[str]:
    """The ids of those answers."""
    return frozenset(str(row.pk) for row in _held_out(version))


def _held_out(version: PersonaModel) -> list[Answer]:
    """By the validation rows that were frozen for the version's run."""
    kept_aside = {answer.strip() for _question, answer in seen_by(version).held_out}
    answers = Answer.objects.filter(persona=version.persona_id, state=Answer.State.ANSWERED)
    return [row for row in answers.select_related("question", "persona") if row.text.strip() in kept_aside]


def beginning(text: str) -> str:
    """Whole sentences of at most `SHOWN_CHARACTERS`; a first sentence that is longer is cut at a word."""
    plain = " ".join(text.split())
    if len(plain) <= SHOWN_CHARACTERS:
        return plain
    ends = [match.end() for match in _SENTENCE_END.finditer(plain) if match.end() <= SHOWN_CHARACTERS]
    return plain[: ends[-1]] if ends else plain[:SHOWN_CHARACTERS].rpartition(" ")[0] + "…"


def link_create(*, version: PersonaModel, answers: Collection[str]) -> FriendLink:
    """A link in the making, with the chosen held-out answers. Refused for too few or too many of them."""
    chosen = [each for each in candidates_get(version=version) if each.id in answers]
    if not FEWEST <= len(chosen) <= MOST:
        words = _("Choose %(fewest)d to %(most)d answers; you chose %(n)d.")
        raise Refused(words % {"fewest": FEWEST, "most": MOST, "n": len(chosen)})
    owned = {"owner_id": version.owner_id}
    with transaction.atomic():
        link = FriendLink.objects.create(
            persona=version.persona,
            version=version,
            other=other_of(version=version),
            token=secrets.token_urlsafe(24),
            **owned,
        )
        FriendQuestion.objects.bulk_create(
            FriendQuestion(link=link, number=number, question=each.question, own=each.text, **owned)
            for number, each in enumerate(chosen, start=1)
        )
    return link


def _report(version: PersonaModel) -> Report:
    """One that is not saved: the rule who the other person is belongs to the reports."""
    return Report(owner_id=version.owner_id, persona=version.persona, version=version)


def link_prepare(*, link: FriendLink, speakers: Mapping[str, Callable[[str], str]]) -> None:
    """Has the replies made that are not there yet, each kept at once, then gives the link to the person to look at.

    `speakers`: source -> what makes a question into a reply. A second call goes on where the first one stopped. What a
    speaker raises is the caller's.
    """
    for question in link.questions.all():
        for source, speak in speakers.items():
            if source not in question.replies:
                question.replies[source] = beginning(speak(question.question))
                question.save(update_fields=["replies"])
    FriendLink.objects.filter(pk=link.pk, state=State.PREPARING).update(state=State.READY, error="")


def link_fail(*, link: FriendLink, error: str) -> None:
    """Says why the replies could not be made."""
    FriendLink.objects.filter(pk=link.pk, state=State.PREPARING).update(state=State.FAILED, error=error)


def link_retry(*, link: FriendLink) -> None:
    """Back to the making of what is missing."""
    FriendLink.objects.filter(pk=link.pk, state=State.FAILED).update(state=State.PREPARING, error="")


def is_slow(link: FriendLink) -> bool:
    """Whether the replies should be there by now, so that a worker may have been lost over them."""
    return link.state == State.PREPARING and link.created_at < timezone.now() - PATIENCE


def link_open(*, link: FriendLink, approved: Collection[str], days: int) -> None:
    """Opens the link with the approved questions (ids) alone. Refused unless it was looked through."""
    if link.state != State.READY:
        raise Refused(_("This link is not ready to be opened."), 409)
    if days not in LIVES:
        raise Refused(_("Choose for how long the link stays open."))
    known = [question for question in link.questions.all() if str(question.pk) in approved]
    if not known:
        raise Refused(_("Approve at least one question. Friends see only what you approve."))
    with transaction.atomic():
        link.questions.filter(pk__in=[question.pk for question in known]).update(approved=True)
        expires = timezone.now() + timedelta(days=days)
        FriendLink.objects.filter(pk=link.pk, state=State.READY).update(state=State.OPEN, expires_at=expires)


def link_close(*, link: FriendLink) -> None:
    """Nobody comes in from now on. The guesses stay."""
    FriendLink.objects.filter(pk=link.pk).update(state=State.CLOSED)


def link_delete(*, link: FriendLink) -> None:
    """Deletes the link with its questions and guesses."""
    link.delete()


def other_of(*, version: PersonaModel) -> PersonaModel | None:
    """The version of another person whose replies would stand there, too."""
    return other_version(_report(version))


def replies_wanted(link: FriendLink) -> int:
    """How many replies a question gets beside the person's own, as far as is known before they are made."""
    return 3 if link.other_id else 2


def is_open(link: FriendLink) -> bool:
    return link.state == State.OPEN and link.expires_at is not None and link.expires_at > timezone.now()
