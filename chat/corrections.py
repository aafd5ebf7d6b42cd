"""What the person would really say instead of a reply: saved as an answer, so that retrieval finds it at once.

Nothing enters the data set unasked: a reply becomes an answer when the person writes what they would say, or says that
they would say just that.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from chat.conversations import kept
from chat.dialogue import dialogue_get
from chat.models import Correction, Message
from engine.follow_up import needs_context
from questionnaires.dataset import normalise
from questionnaires.models import Answer, Persona, Question
from questionnaires.services import MAX_QUESTION_CHARACTERS, Refused, answer_save, question_create
from training.models import PersonaModel

OWN, REPLACE, ADD = "own", "replace", "add"
PLACES = (OWN, REPLACE, ADD)
ENOUGH = 10  # corrections since the last training, after which another one is offered
REVIEWED = 30  # replies on the page


@dataclass(frozen=True)
class Target:
    """Where a correction goes: the question, and the answer that it has now ("" for none)."""

    question: Question
    before: str
    revision: int
    made: bool = False


def correction_save(
    *, reply: Message, text: str, source: str = "web", place: str = OWN, question: str = ""
) -> Correction:
    """Makes `text` the person's answer to what `reply` replied to.

    `place`: a question of its own ("own", in the words of `question` or of the message), or the answer that the reply
    rests on, whose text it takes the place of ("replace") or is added to ("add"). `source` says where it was made
    ("web", "telegram"). A second correction of a reply takes the place of the first. Refused with a sentence.
    """
    text = normalise(text)[0].strip()
    _check(reply, text, place)
    kind = Correction.Kind.APPROVED if text == reply.text.strip() else Correction.Kind.CORRECTED
    with transaction.atomic():
        earlier: Correction | None = Correction.objects.select_for_update().filter(reply=reply).first()
        if earlier and _is_same(earlier, text, place, question):
            return earlier
        if earlier:
            _forget(earlier)
        target = _target(reply, place, question)
        revision = _write(reply, target, _joined(target, place, text), kind)
        return _correction(reply, target, revision, text=text, place=place, kind=kind, source=source[:20])


def _check(reply: Message, text: str, place: str) -> None:
    if place not in PLACES:
        raise Refused(_("A correction goes to a question of its own, or replaces an answer, or is added to one."))
    if reply.role != Message.Role.PERSONA or reply.is_running:
        raise Refused(_("This reply is not finished. Wait for its end, or stop it."), status=409)
    if not text:
        raise Refused(_("Write what you would really say."))


def _is_same(earlier: Correction, text: str, place: str, question: str) -> bool:
    """A form that was sent twice."""
    stands = earlier.answer.question.text if earlier.answer else ""
    return (earlier.text, earlier.place) == (text, place) and _line(question) in {"", stands}


def _target(reply: Message, place: str, question: str) -> Target:
    if place == OWN:
        return _own(reply, question)
    found = question_under(reply)
    if found is None:
        raise Refused(_("The reply rests on no answer. Keep it as a question of its own."))
    return _as_it_is(reply.conversation.persona, found)


def _own(reply: Message, wanted: str) -> Target:
    """The question of these words, where the reply rests on it or the persona has it; else a new one."""
    persona = reply.conversation.persona
    text = _line(wanted) or question_suggested(reply=reply)
    same = text.casefold()
    under = question_under(reply)
    for question in [*([under] if under else []), *Question.objects.filter(persona=persona)]:
        if question.text.casefold() == same:
            return _as_it_is(persona, question)
    asked = _line(reply.asked_in_persona_language)
    ways = (asked,) if asked.casefold() != same and not needs_context(asked) else ()
    return Target(question_create(persona=persona, text=text, wordings=ways), "", 0, made=True)


def _as_it_is(persona: Persona, question: Question) -> Target:
    answer = Answer.objects.filter(persona=persona, question=question).first()
    return Target(question, answer.text if answer else "", answer.revision if answer else 0)


def question_suggested(*, reply: Message) -> str:
    """The message as a question that can stand alone: before "and why?" stands what it leans on."""
    asked = _line(reply.asked_in_persona_language)
    context = dialogue_get(reply=reply).context if needs_context(asked) else None
    return _line(f"{context} {asked}" if context else asked)


def _line(text: str) -> str:
    """On one line, and as long as a question may be."""
    line = " ".join(text.split())
    if len(line) <= MAX_QUESTION_CHARACTERS:
        return line
    return line[:MAX_QUESTION_CHARACTERS].rpartition(" ")[0] or line[:MAX_QUESTION_CHARACTERS]


def question_under(reply: Message) -> Question | None:
    """The question that the reply rests on, or that was offered where it was never told."""
    slug = reply.sources[0]["slug"] if reply.sources else reply.offer.get("slug", "")
    persona = reply.conversation.persona
    rows = Question.objects.filter(persona=None) | Question.objects.filter(persona=persona)
    return rows.filter(slug=slug).first() if slug else None


def _joined(target: Target, place: str, text: str) -> str:
    """What is added comes first: the model speaks of the beginning of an answer, and a correction is what is missed."""
    return f"{text}\n\n{target.before}" if place == ADD and target.before.strip() else text


def _write(reply: Message, target: Target, text: str, kind: str) -> int:
    """The revision that the answer has then."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    saved = answer_save(
        persona=reply.conversation.persona,
        question=target.question,
        text=text,
        base_revision=target.revision,
        operation_id=f"{reply.pk.hex}-{target.revision}-{digest}",
        source=kind,
    )
    if saved.outcome == "conflict":
        raise Refused(_("This answer was changed meanwhile in another window. Try again."), status=409)
    return saved.revision


def _correction(reply: Message, target: Target, revision: int, **fields: Any) -> Correction:
    persona = reply.conversation.persona
    return Correction.objects.create(
        owner_id=persona.owner_id,
        persona=persona,
        reply=reply,
        answer=Answer.objects.get(persona=persona, question=target.question),
        version=reply.version,
        asked=reply.asked_text,
        replied=reply.text,
        before=target.before,
        revision=revision,
        made_question=target.made,
        **fields,
    )


def correction_undo(*, correction: Correction) -> None:
    """Takes it back: the answer is as it was. Refused (409) if the answer was changed since."""
    with transaction.atomic():
        answer = _answer(correction)
        if answer and answer.revision != correction.revision:
            raise Refused(_("This answer was changed since. Open it: its history has every earlier text."), status=409)
        _forget(correction)


def _answer(correction: Correction) -> Answer | None:
    """As it is now."""
    rows = Answer.objects.select_for_update(of=("self",)).select_related("question")
    return rows.filter(pk=correction.answer_id).first()


def _forget(correction: Correction) -> None:
    answer = _answer(correction)
    correction.delete()
    if answer is None or answer.revision != correction.revision:
        return
    if correction.made_question:
        question = answer.question
        answer.delete()
        question.delete()
        return
    answer_save(
        persona=correction.persona,
        question=answer.question,
        text=correction.before,
        base_revision=answer.revision,
        operation_id=f"undo-{answer.pk.hex}-{answer.revision}",
        source="restored",
    )


def corrections_get(*, persona: Persona) -> QuerySet[Correction]:
    """Newest first, with what a page shows of them."""
    rows: QuerySet[Correction] = Correction.objects.filter(persona=persona)
    return rows.select_related("answer__question__topic", "version", "reply")


def corrections_untrained(*, persona: Persona) -> int:
    """How many were made since the newest version of the persona."""
    newest = PersonaModel.objects.filter(persona=persona).order_by("-created_at").first()
    rows = Correction.objects.filter(persona=persona)
    return (rows.filter(created_at__gt=newest.created_at) if newest else rows).count()


def training_offered(*, persona: Persona) -> int:
    """The number of corrections that no version has learned from, once they are enough for a training; else 0."""
    count = corrections_untrained(persona=persona)
    return count if count >= ENOUGH else 0


def replies_to_review(*, persona: Persona) -> list[Message]:
    """What was said in kept conversations and is no answer yet, newest first, each once."""
    rows = Message.objects.filter(conversation__in=kept(persona), role=Message.Role.PERSONA, correction=None)
    done = rows.filter(state__in=[Message.State.DONE, Message.State.STOPPED]).exclude(text="")
    newest = done.select_related("parent", "version", "conversation").order_by("-created_at", "-number")
    seen = {text.strip() for text in Answer.objects.filter(persona=persona).values_list("text", flat=True)}
    found: list[Message] = []
    for reply in newest[: 10 * REVIEWED]:
        if reply.text.strip() not in seen:
            seen.add(reply.text.strip())
            found.append(reply)
    return found[:REVIEWED]
