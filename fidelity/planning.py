"""What a report asks: the person's items that no training could have seen, and which controls answer them too."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from fidelity.measures.film_items import FILM_QUESTION, FilmChoice, film_choices, film_pairs
from fidelity.measures.items import fact_of, known_choices, known_films
from fidelity.measures.overlap import Mention, choices_left_out, films_left_out, question_mention
from fidelity.models import ItemAnswer, Report, ReportItem
from fidelity.report_schema import LeftOut
from questionnaires.dataset import Item, renderer
from questionnaires.models import Answer, Persona, Question
from questionnaires.services import dataset_build
from training.frozen import rows_bring
from training.models import PersonaModel
from training.row_files import TRAIN, VALIDATION

Kind = ReportItem.Kind
Control = ReportItem.Control
Form = Report.Form
FILMS_A_SET = 5
ALIKE = 1.0  # stars between the films of a pair: one step, the hard pairs
MOST_OWN = 0.2  # of the answers
CORRECTED = "correction"  # an answer's source
NEVER_TOLD = "never_told"  # facts without an answer, which have a limit of their own

# How many items of a kind a report has at most; what was drawn for the quick form stands in the full one, too.
LIMITS: dict[str, dict[str, int]] = {
    Form.QUICK: {
        Kind.CHOICE: 24,
        Kind.FILM: 4,
        Kind.PAIR: 8,
        Kind.FACT: 6,
        NEVER_TOLD: 4,
        Kind.TAUGHT: 6,
        Kind.VOICE: 4,
    },
    Form.FULL: {
        Kind.CHOICE: 120,
        Kind.FILM: 24,
        Kind.PAIR: 40,
        Kind.FACT: 24,
        NEVER_TOLD: 12,
        Kind.TAUGHT: 24,
        Kind.VOICE: 12,
    },
}
# In the order of asking: those that use one adapter stand together, since another one has to be loaded.
OF_CHOICES: dict[str, tuple[Control, ...]] = {
    Form.QUICK: (Control.PERSONA, Control.OTHER_PERSON, Control.BASE),
    Form.FULL: (
        *(Control.PERSONA, Control.NO_RETRIEVAL, Control.OTHER_NOTES),
        *(Control.OTHER_PERSON, Control.OTHER_ADAPTER, Control.BASE, Control.BASE_ANSWERS),
    ),
}
OF_FACTS: dict[str, tuple[Control, ...]] = {
    Form.QUICK: (Control.PERSONA,),
    Form.FULL: (Control.PERSONA, Control.NO_RETRIEVAL, Control.BASE_ANSWERS),
}
OF_TAUGHT = (Control.PERSONA, Control.NO_RETRIEVAL)
OF_VOICE = (Control.PERSONA, Control.BASE)


@dataclass(frozen=True)
class Asked:
    """An item as it is put to every control. Fields as in ReportItem."""

    kind: Kind
    item: str
    question: str
    options: tuple[str, ...] = ()
    answer: int | None = None
    own: str = ""
    ratings: tuple[int, ...] = ()

    def controls(self, form: str) -> tuple[Control, ...]:
        if self.kind is Kind.VOICE:
            return OF_VOICE
        if self.kind is Kind.TAUGHT:
            return OF_TAUGHT
        if self.kind is Kind.FACT:
            return OF_FACTS[form] if self.own else (Control.PERSONA,)
        return OF_CHOICES[form]


@dataclass(frozen=True)
class Seen:
    """What the version learned from: questions and answers of its rows, and answers that were held out there."""

    questions: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    held_out: tuple[tuple[str, str], ...] = ()


@dataclass
class Plan:
    items: list[Asked] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def plan_make(*, persona: Persona, version: PersonaModel, form: str) -> Plan:
    """The items that the person answered, less those that a training could have seen; a stable draw of each kind."""
    own, seen = dataset_build(persona=persona), seen_by(version)
    texts = [*seen.questions, *seen.answers, *(text for item in own for text in (item.question, item.answer))]
    plan = Plan()
    parts = [
        (Kind.CHOICE, _choices(plan, persona, texts)),
        *_films(plan, persona, texts),
        (Kind.FACT, _facts(plan, own, seen)),
        (NEVER_TOLD, _never_told(persona)),
        (Kind.TAUGHT, _taught(own, seen)),
        (Kind.VOICE, _voice(seen)),
    ]
    for kind, found in parts:
        plan.items += drawn(found, LIMITS[form][kind])
    return plan


def plan_of(items: Sequence[Asked], *, persona: Persona, version: PersonaModel) -> Plan:
    """The items of a file, less those that a training could have seen: all of them, in their order."""
    own, seen = dataset_build(persona=persona), seen_by(version)
    questions = [*seen.questions, *(text for item in own for text in item.ways_to_ask)]
    texts = [*questions, *seen.answers, *(item.answer for item in own)]
    plan = Plan()
    for item in items:
        if mention := question_mention([item.question], questions if item.kind is Kind.FACT else texts):
            plan.left_out.append(_left_out(item.kind, item.item, item.question, mention))
        else:
            plan.items.append(item)
    return plan


def drawn(items: Iterable[Asked], limit: int) -> list[Asked]:
    """At most `limit` of them, always the same, and of two limits the smaller draw within the larger."""
    return sorted(items, key=lambda each: hashlib.sha256(each.item.encode()).digest())[:limit]


def seen_by(version: PersonaModel) -> Seen:
    """The frozen rows of the version's training; empty where there are none here."""
    run = version.run
    if run is None:
        return Seen()
    rows_bring(run)
    parse, found = renderer(run.format).parse, {}
    for name in (TRAIN, VALIDATION):
        path = run.folder / name
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        found[name] = list(dict.fromkeys(parse(json.loads(line)) for line in lines))
    learned = {answer for _, answer in found[TRAIN]}
    held_out = {answer: (asked, answer) for asked, answer in found[VALIDATION] if answer not in learned}
    return Seen(tuple(asked for asked, _ in found[TRAIN]), tuple(learned), tuple(held_out.values()))


def values_of(persona: Persona, kind: str, round: int = ItemAnswer.FIRST) -> dict[str, int]:
    """The person's answers of a round by item, those to items that left the data files apart."""
    known = known_choices() if kind == ItemAnswer.Kind.CHOICE else known_films()
    rows = ItemAnswer.objects.filter(persona=persona, kind=kind, round=round)
    return {item: value for item, value in rows.values_list("item", "value") if item in known}


def _choices(plan: Plan, persona: Persona, texts: Sequence[str]) -> Iterator[Asked]:
    values = values_of(persona, ItemAnswer.Kind.CHOICE)
    choices = [known_choices()[slug] for slug in values]
    gone = choices_left_out(choices, texts)
    for choice in choices:
        asked = choice.asked(persona.language)
        if choice.slug in gone:
            plan.left_out.append(_left_out("choice", choice.slug, asked.text, gone[choice.slug]))
        elif values[choice.slug] < len(asked.options):
            yield Asked(Kind.CHOICE, choice.slug, asked.text, asked.options, values[choice.slug])


def _films(plan: Plan, persona: Persona, texts: Sequence[str]) -> list[tuple[Kind, list[Asked]]]:
    """Sets of films and pairs of them. No film stands in both, so that the two kinds are independent."""
    rated = {film: stars for film, stars in values_of(persona, ItemAnswer.Kind.FILM).items() if stars}
    films = {name: known_films()[name] for name in rated}
    gone = films_left_out(films.values(), texts)
    for name, mention in gone.items():
        plan.left_out.append(_left_out("film", name, films[name].title(persona.language), mention))
    stars = {name: float(value) for name, value in rated.items() if name not in gone}
    for_sets = {name: value for name, value in stars.items() if hashlib.sha256(name.encode()).digest()[0] % 2}
    for_pairs = {name: value for name, value in stars.items() if name not in for_sets}
    sets, pairs = film_choices(for_sets, FILMS_A_SET), film_pairs(for_pairs, for_pairs, ALIKE)
    return [
        (Kind.FILM, [_film_item(Kind.FILM, each, rated, persona.language) for each in sets]),
        (Kind.PAIR, [_film_item(Kind.PAIR, each, rated, persona.language) for each in pairs]),
    ]


def _film_item(kind: Kind, choice: FilmChoice, rated: dict[str, int], language: str) -> Asked:
    titles = tuple(known_films()[name].title(language) for name in choice.films)
    question = FILM_QUESTION.get(language, FILM_QUESTION["en"])
    return Asked(
        kind, "|".join(choice.films), question, titles, choice.best, ratings=tuple(rated[f] for f in choice.films)
    )


def _facts(plan: Plan, own: Sequence[Item], seen: Seen) -> Iterator[Asked]:
    slugs = dict(Answer.objects.filter(pk__in=[item.source for item in own]).values_list("pk", "question__slug"))
    named = {str(key): slug for key, slug in slugs.items()}
    for item in own:
        if (fact := fact_of(item)) is None:
            continue
        slug = named.get(item.source, item.source)
        if mention := question_mention([fact.question], [text for text in seen.questions if text != item.question]):
            plan.left_out.append(_left_out("fact", slug, fact.question, mention))
        else:
            yield Asked(Kind.FACT, slug, fact.question, own=fact.answer)


def _never_told(persona: Persona) -> Iterator[Asked]:
    """Open questions of the bank. None for who mostly answers questions of their own: those may have told the same."""
    answers = Answer.objects.filter(persona=persona, state=Answer.State.ANSWERED)
    if answers.exclude(question__persona=None).count() > MOST_OWN * answers.count():
        return
    silent = [Answer.State.ANSWERED, Answer.State.REFUSED]
    told = Answer.objects.filter(persona=persona, state__in=silent).values_list("question", flat=True)
    for question in Question.objects.filter(persona=None, retired=False).exclude(pk__in=told):
        yield Asked(Kind.FACT, question.slug, str(question.in_language(persona.language)["text"]))


def _taught(own: Sequence[Item], seen: Seen) -> Iterator[Asked]:
    """What the person said instead of a reply and the version has learned since, in the words of its training."""
    sources = [item.source for item in own if item.answer in seen.answers]
    corrected = Answer.objects.filter(pk__in=sources, source=CORRECTED).values_list("pk", "question__slug")
    slugs = {str(key): slug for key, slug in corrected}
    for item in own:
        if item.source in slugs:
            yield Asked(Kind.TAUGHT, slugs[item.source], item.question, own=item.answer)


def _voice(seen: Seen) -> Iterator[Asked]:
    for question, answer in seen.held_out:
        yield Asked(Kind.VOICE, hashlib.sha256(question.encode()).hexdigest()[:16], question, own=answer)


def _left_out(kind: str, item: str, title: str, mention: Mention) -> LeftOut:
    return {"kind": kind, "item": item, "title": title, "phrase": mention.phrase, "sentence": mention.sentence}
