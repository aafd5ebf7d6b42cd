"""A reply on its way: one process writes it to its end, and any number of pages look on.

The writing is a task of its own, so a page that is closed or loaded again neither cuts nor doubles it. Pages of the
process that writes it hear each token; others read what is stored about every second.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from django.utils import translation

from accounts.request_id import fresh_context
from chat import lifecycle
from chat.answering import Again, Asked, Reply, answer
from chat.dialogue import dialogue_get
from chat.errors import EngineError, EngineStarting
from chat.grounding import Kind, Told, answered_slugs, bank_get, offer_find
from chat.models import Message
from chat.running import Heard, Progress, progress_of, registered
from chat.sharing.notes import told_in
from chat.speakers import Speaker, speaker_get
from chat.translation.errors import TranslationFailed
from chat.translation.interpreting import message_hear
from questionnaires.threads import in_thread

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5  # of a page that looks on from another process
OFFER_SECONDS = 3  # the first one ever has the engine read the whole bank, and is not worth the wait
WARM_UP_SECONDS = 45  # that a message waits for a model server that is still starting

Result = TypeVar("Result")
State = Message.State

_tasks: set[asyncio.Task[Any]] = set()  # the loop itself holds its tasks weakly


@dataclass(frozen=True)
class Task:
    """Everything that a reply needs from the database, read once."""

    reply_id: UUID
    speaker: Speaker
    told: list[Told]
    asked: Asked


async def reply_stream(*, reply: Message) -> AsyncIterator[Heard]:
    """Events for one page: "text" (more of it), "full" (all so far), "again" (begin anew), "waiting" (warm-up).

    The first page that comes sets the writing going. Ends when the reply has its final state in the database.
    """
    # A page that is closed at this very moment must not take a claimed reply along: the task is not its own.
    claim = _task_of(_claim(reply, translation.get_language()))
    if progress := await asyncio.shield(claim) or progress_of(reply.pk):
        heard = progress.listen()
    else:
        heard = _look_on(reply.pk)
    async for event in heard:
        yield event


async def _claim(reply: Message, language: str) -> Progress | None:
    """Begins the writing if nobody else does. Nothing is awaited between the beginning and the return."""
    if not await in_thread(lifecycle.reply_claim)(reply=reply):
        return None
    progress = Progress(reply.pk, reply.text)

    async def write() -> None:
        with translation.override(language):
            await _write(reply, progress)

    _task_of(write())
    return progress


def _task_of(work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
    """A task in a context of its own, because the request's one, with its database thread, ends with the request."""
    task = asyncio.get_running_loop().create_task(work, context=fresh_context())
    _tasks.add(task)
    task.add_done_callback(_ended)
    return task


async def reply_begin(*, reply: Message) -> None:
    """Sets the writing going and returns: for programs that ask again later. Nothing if it is under way."""
    await asyncio.shield(_task_of(_claim(reply, translation.get_language())))


async def reply_write(*, reply: Message) -> None:
    """Answers and returns when the reply is whole: for pages without JavaScript. Nothing if somebody else does."""
    if await in_thread(lifecycle.reply_claim)(reply=reply):
        await _write(reply, Progress(reply.pk, reply.text))


def _ended(task: asyncio.Task[Any]) -> None:
    _tasks.discard(task)
    if not task.cancelled() and (error := task.exception()):
        logger.error("a reply failed", exc_info=error)


async def _look_on(reply_id: UUID) -> AsyncIterator[Heard]:
    shown: str | None = None
    while True:
        text, state = await in_thread(_stored)(reply_id)
        if text != shown:
            shown = text
            yield "full", {"text": text}
        if state not in Message.RUNNING:
            return
        await asyncio.sleep(POLL_SECONDS)


def _stored(reply_id: UUID) -> tuple[str, str]:
    row = Message.objects.filter(pk=reply_id).select_related("conversation").first()
    if row and row.state == State.STREAMING and lifecycle.replies_repair(conversation=row.conversation):
        row.refresh_from_db()
    return (row.text, row.state) if row else ("", State.CUT)


async def _write(reply: Message, progress: Progress) -> None:
    """To the end of a claimed reply, which gets its final state whatever happens."""
    fields: dict[str, Any] = {"state": State.CUT}
    with registered(progress):
        stop = asyncio.create_task(progress.stopped.wait())
        work = asyncio.create_task(_work(reply, progress))
        try:
            await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                fields = work.result()
            else:
                work.cancel()
                await asyncio.wait({work})
                fields = {"state": State.STOPPED}
        finally:
            work.cancel()
            stop.cancel()
            try:
                fields = {"text": progress.text} | fields
                await in_thread(lifecycle.reply_finish)(reply_id=reply.pk, fields=fields)
            finally:
                progress.end()


async def _work(reply: Message, progress: Progress) -> dict[str, Any]:
    """Answers; the fields that the finished row gets."""
    try:
        interpreter = await message_hear(reply_id=reply.pk)
        task = await in_thread(_task)(reply.pk)
        final = await _when_warm(task, progress)
        fields = await _fields(task, final, progress)
        return fields | await interpreter.say(fields["text"])
    except (EngineError, TranslationFailed) as error:
        return {"state": State.CUT if progress.text else State.FAILED, "error": str(error)}


def _task(reply_id: UUID) -> Task:
    reply = Message.objects.select_related(
        "conversation__persona", "conversation__share", "version__connection", "parent"
    ).get(pk=reply_id)
    persona = reply.conversation.persona
    dialogue = dialogue_get(reply=reply)
    share = reply.conversation.share
    how = {"manner": reply.conversation.manner, "attempt": reply.attempt, "begun": reply.text}
    return Task(
        reply_id=reply_id,
        speaker=speaker_get(persona=persona, version=reply.version),
        told=told_in(conversation=reply.conversation),
        asked=Asked(dialogue.text, dialogue.context, dialogue.turns, may_quote=share is None or share.may_quote, **how),
    )


async def _when_warm(task: Task, progress: Progress) -> Reply:
    """The reply of a server that may still be starting: asked again each second until it is up."""
    give_up = asyncio.get_running_loop().time() + WARM_UP_SECONDS
    while True:
        try:
            return await _answer(task, progress)
        except EngineStarting:
            if progress.text != task.asked.begun or asyncio.get_running_loop().time() >= give_up:
                raise
        progress.wait()
        await asyncio.sleep(1)


async def _answer(task: Task, progress: Progress) -> Reply:
    async with aclosing(answer(speaker=task.speaker, told=task.told, asked=task.asked)) as events:
        async for event in events:
            if isinstance(event, Reply):
                return event
            if isinstance(event, Again):
                progress.restart()
            else:
                progress.add(event)
    raise RuntimeError("answer() ended without a Reply")


async def _fields(task: Task, final: Reply, progress: Progress) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "state": State.FAILED if final.error else State.DONE,
        "text": final.text,
        "error": final.error,
        "sources": list(final.grounding.sources),
        "figures": final.figures,
    }
    if final.grounding.kind is Kind.UNKNOWN:
        fields |= {"state": State.UNKNOWN, "sources": [], "offer": await _offer(task)}
    return fields


async def _offer(task: Task) -> dict[str, str]:
    bank, answered = await in_thread(_open_questions)(task.reply_id)
    try:
        async with asyncio.timeout(OFFER_SECONDS):
            return await offer_find(text=task.asked.text, bank=bank, answered=answered)
    except (EngineError, TimeoutError):  # the reply is right without it
        return {}


def _open_questions(reply_id: UUID) -> tuple[list[Any], set[str]]:
    conversation = Message.objects.select_related("conversation__persona").get(pk=reply_id).conversation
    persona = conversation.persona
    if persona.is_demo or conversation.share_id:
        return [], set()
    return bank_get(language=persona.language), answered_slugs(persona=persona)
