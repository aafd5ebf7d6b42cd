"""Puts one item to one control, and says what came out as fields of a ReportItem. No database here: threads call it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from time import perf_counter
from typing import Any

from fidelity.controls import Asker, Notes
from fidelity.engine_client import Completion, TooLong
from fidelity.measures.facts import Outcome, Reason, Verdict, judge
from fidelity.measures.items import Fact, listed
from fidelity.measures.scoring import Preference, choose, choose_by_votes, option_named, points, rotations
from fidelity.measures.style import form
from fidelity.models import ReportItem
from questionnaires.dataset import Messages, Note

Kind = ReportItem.Kind
Fields = dict[str, Any]
REPLY_TOKENS = 160  # as in chat
FACT_TOKENS = 80  # of a control: a fact stands in the first sentences, and nobody counts how such a reply ends
VOTE_TOKENS = 24
FACT_POINTS = {Outcome.RIGHT: 1.0, Outcome.WRONG: 0.0, Outcome.UNKNOWN: 0.0, Outcome.UNCLEAR: None}
ONE_OPTION = {
    "en": "Answer with the words of one of the options and nothing else.",
    "ru": "Ответьте словами одного из вариантов, больше ничего.",
}


def item_ask(row: ReportItem, *, asker: Asker, language: str) -> Fields:
    """The fields that the asking fills in, `asked_at` apart. Raises EngineAway, AskingRefused."""
    begun = perf_counter()
    try:
        fields = _ask(row, asker, language)
    except TooLong:
        fields = {"points": None, "reasons": [{"code": "too_long", "terms": []}]}
    return fields | {"seconds": round(perf_counter() - begun, 3)}


def _ask(row: ReportItem, asker: Asker, language: str) -> Fields:
    if row.kind == Kind.VOICE:
        return _spoken(row, asker, language)
    if row.kind in (Kind.FACT, Kind.TAUGHT):
        return _fact(row, asker, language)
    return _choice(row, asker, language)


def _choice(row: ReportItem, asker: Asker, language: str) -> Fields:
    """By probability where the engine tells it, else by replies; in each order of the options."""
    notes, shown = notes_for(asker, listed(row.question, row.options, range(len(row.options))))
    ask = _by_probability if asker.scoring else _by_replies
    preference, scores = ask(row, asker, notes, language)
    chosen = list(preference.best)
    gained = None if row.answer is None else points(preference, row.answer)
    shares = [round(share, 4) for share in _shares(preference.scores, asker.scoring is not None)]
    return {"notes": shown, "scores": scores, "shares": shares, "chosen": chosen, "points": gained}


def _by_probability(
    row: ReportItem, asker: Asker, notes: Sequence[Note], language: str
) -> tuple[Preference, list[Fields]]:
    engine = asker.scoring() if asker.scoring else asker.engine
    orders = rotations(len(row.options))
    prompts = [_prompt(asker, listed(row.question, row.options, order), notes) for order in orders]
    space = " " if isinstance(prompts[0], str) else ""  # a completion begins with one
    found = engine.score(model=asker.model, prompts=prompts, texts=[space + each for each in row.options])
    sums = [[round(each.logprob, 4) for each in scores] for scores in found]
    preference = choose(sums, [each.tokens for each in found[0]])
    return preference, [{"order": list(order), "logprobs": of} for order, of in zip(orders, sums, strict=True)]


def _prompt(asker: Asker, text: str, notes: Sequence[Note]) -> str | Messages:
    return asker.renderer.prompt(text, name=asker.name, notes=notes)


def _by_replies(row: ReportItem, asker: Asker, notes: Sequence[Note], language: str) -> tuple[Preference, list[Fields]]:
    votes, scores = [], []
    for order in rotations(len(row.options)):
        text = f"{listed(row.question, row.options, order)} {ONE_OPTION.get(language, ONE_OPTION['en'])}"
        prompt = asker.renderer.prompt(text, name=asker.name, notes=notes)
        reply = asker.renderer.clean(_completed(asker, prompt, VOTE_TOKENS).text)
        votes.append(option_named(reply, row.options, order))
        scores.append({"order": list(order), "reply": reply})
    return choose_by_votes(votes, len(row.options)), scores


def _fact(row: ReportItem, asker: Asker, language: str) -> Fields:
    """As chat would answer; what chat would not answer at all, since nobody told it, is honestly unknown."""
    fact = Fact(row.item, row.question, row.own, language)
    if asker.notes is Notes.BEST and not asker.notebook.find(row.question).known:
        verdict, fields = Verdict(Outcome.UNKNOWN, (Reason("never_told"),)), Fields(notes=[])
    else:
        most = REPLY_TOKENS if asker.notes is Notes.BEST else FACT_TOKENS
        fields = _reply(row, asker, language, *notes_for(asker, row.question), most)
        verdict = judge(str(fields["reply"]), fact)
    reasons = [asdict(reason) for reason in verdict.reasons]
    honest = not fact.was_told and verdict.outcome is Outcome.UNKNOWN
    gained = 1.0 if honest else FACT_POINTS[verdict.outcome]
    return fields | {"verdict": verdict.outcome.value, "reasons": reasons, "points": gained}


def _spoken(row: ReportItem, asker: Asker, language: str) -> Fields:
    """Without a note: a copied one would say nothing of the voice."""
    return _reply(row, asker, language, (), [])


def _reply(
    row: ReportItem, asker: Asker, language: str, notes: Sequence[Note], shown: list[Fields], most: int = REPLY_TOKENS
) -> Fields:
    prompt = asker.renderer.prompt(row.question, name=asker.name, notes=notes)
    raw = _completed(asker, prompt, most)
    looks = asdict(form(raw.text, language, raw.ended)) if most == REPLY_TOKENS else {}
    return {"reply": asker.renderer.clean(raw.text), "form": looks, "notes": shown}


def _completed(asker: Asker, prompt: Any, most: int) -> Completion:
    return asker.engine.complete(model=asker.model, prompt=prompt, stop=asker.renderer.stop, max_tokens=most)


def notes_for(asker: Asker, text: str) -> tuple[tuple[Note, ...], list[Fields]]:
    """The notes before the question, and the rows that show them."""
    if asker.notes is Notes.NONE:
        return (), []
    found = asker.notebook.find(text)
    best = (found.note,) if found.note else ()
    if asker.notes is Notes.BEST:
        return best, [found.row] if best else []
    block = asker.notebook.block()
    return (*block, *best), [{"block": len(block)}, *([found.row] if best else [])]


def _shares(scores: Sequence[float], is_logarithm: bool) -> list[float]:
    """Shares of one: of mean log-probabilities by the softmax, of votes as they are."""
    weights = [math.exp(score - max(scores)) for score in scores] if is_logarithm else list(scores)
    total = sum(weights)
    return [weight / total if total else 1 / len(weights) for weight in weights]
