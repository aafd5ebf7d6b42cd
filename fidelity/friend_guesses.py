"""What friends see of an open link, what they guess, and what comes of it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fidelity.friends import BASE, OTHER, OWN, PERSONA, SOURCES, State, is_open
from fidelity.measures.bootstrap import Estimate, accuracy
from fidelity.models import FriendGuess, FriendLink, FriendQuestion
from fidelity.report_words import between, percent
from questionnaires.models import Persona
from questionnaires.services import Refused
from training.models import PersonaModel

POSTS_AN_HOUR = 400  # of one link: twenty friends with twenty questions each
HOUR = timedelta(hours=1)
ENOUGH_FRIENDS = 10  # a bootstrap over fewer groups gives intervals that are too narrow (Cameron et al., 2008)


@dataclass(frozen=True)
class Shown:
    """A question as a friend sees it; the place of a reply says nothing about who said it."""

    question: FriendQuestion
    replies: tuple[str, ...]
    number: int
    total: int


@dataclass(frozen=True)
class Score:
    """How often friends took each for the person. `figures`: source -> share with its interval over friends."""

    friends: int
    guesses: int
    counts: dict[str, int]
    figures: dict[str, Estimate]
    chance: float


def link_find(*, token: str) -> FriendLink | None:
    """The link of that token, open or not any more; one that was never opened is not found."""
    states = [State.OPEN, State.CLOSED]
    found = FriendLink.objects.filter(token=token, state__in=states, owner__is_active=True).exclude(expires_at=None)
    return found.select_related("persona").first()


def post_allow(*, link: FriendLink) -> bool:
    """Counts a post to the link; False if the hour has had too many."""
    now = timezone.now()
    rows = FriendLink.objects.filter(pk=link.pk)
    rows.exclude(window_began__gt=now - HOUR).update(window_began=now, window_posts=0)
    return bool(rows.filter(window_posts__lt=POSTS_AN_HOUR).update(window_posts=F("window_posts") + 1))


def next_shown(*, link: FriendLink, friend: UUID) -> Shown | None:
    """The first approved question that the friend has not answered; None at the end."""
    approved = list(link.questions.filter(approved=True))
    random.Random(f"{friend}").shuffle(approved)  # noqa: S311  (an order of asking, no secret)
    done = set(FriendGuess.objects.filter(friend=friend, question__link=link).values_list("question", flat=True))
    left = [question for question in approved if question.pk not in done]
    if not left:
        return None
    texts = tuple(_text(left[0], source) for source in order_of(left[0], friend))
    return Shown(left[0], texts, len(approved) - len(left) + 1, len(approved))


def order_of(question: FriendQuestion, friend: UUID) -> list[str]:
    """Who says what at which place: drawn for each friend and question, the same at each look."""
    sources = [OWN, *sorted(question.replies)]
    random.Random(f"{friend} {question.pk}").shuffle(sources)  # noqa: S311
    return sources


def _text(question: FriendQuestion, source: str) -> str:
    return question.own if source == OWN else str(question.replies[source])


def guess_save(*, link: FriendLink, friend: UUID, question_id: str, place: int) -> None:
    """Keeps which reply the friend took for the person's; the first guess counts. Refused for what is not shown."""
    question = next((each for each in link.questions.filter(approved=True) if str(each.pk) == question_id), None)
    if not is_open(link) or question is None or not 0 <= place <= len(question.replies):
        raise Refused(_("Choose one of the replies below."))
    picked = order_of(question, friend)[place]
    try:
        with transaction.atomic():
            FriendGuess.objects.create(owner_id=link.owner_id, question=question, friend=friend, picked=picked)
    except IntegrityError:
        return


def score_get(*, persona: Persona, version: PersonaModel | None = None) -> Score | None:
    """Of all guesses on a version, or on all versions; None without any.

    Each share is over all guesses, its interval over friends: guesses of one friend depend on each other.
    """
    guesses = FriendGuess.objects.filter(question__link__persona=persona).select_related("question")
    if version is not None:
        guesses = guesses.filter(question__link__version=version)
    return score_of(list(guesses))


def score_of(guesses: Sequence[FriendGuess]) -> Score | None:
    """See `score_get`. A source counts only where it was among the replies."""
    if not guesses:
        return None
    figures, counts = {}, {}
    for source in SOURCES:
        asked = [guess for guess in guesses if source == OWN or source in guess.question.replies]
        counts[source] = sum(guess.picked == source for guess in asked)
        if asked:
            hits = [float(guess.picked == source) for guess in asked]
            figures[source] = accuracy(hits, groups=[guess.friend for guess in asked])
    chance = sum(1 / (1 + len(guess.question.replies)) for guess in guesses) / len(guesses)
    return Score(len({guess.friend for guess in guesses}), len(guesses), counts, figures, chance)


def score_sentence(score: Score) -> str:
    """The score in one sentence."""
    words = ngettext(
        "Of %(n)d guess %(persona)d fell on your portrait and %(own)d on you.",
        "Of %(n)d guesses %(persona)d fell on your portrait and %(own)d on you.",
        score.guesses,
    )
    return words % {"n": score.guesses, "persona": score.counts[PERSONA], "own": score.counts[OWN]}


def score_lines(score: Score, name: str) -> list[tuple[str, int, str, str]]:
    """(who, guesses, share, interval) of each that was among the replies."""
    labels = {
        OWN: name,
        PERSONA: _("The portrait"),
        BASE: _("The bare model"),
        OTHER: _("Another person's portrait"),
    }
    return [
        (labels[source], score.counts[source], percent(figure.value), _ends(figure))
        for source, figure in score.figures.items()
    ]


def _ends(figure: Estimate) -> str:
    return between({"value": figure.value, "low": figure.low, "high": figure.high, "items": figure.items})


def found_by(*, link: FriendLink, friend: UUID) -> int:
    """In how many questions the friend found the person."""
    return FriendGuess.objects.filter(question__link=link, friend=friend, picked=OWN).count()
