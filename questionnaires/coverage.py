"""How much of a person is told, topic by topic: the figures, and a flower that shows them."""

from collections import defaultdict
from dataclasses import dataclass
from math import cos, pi, sin, sqrt

from questionnaires.models import Answer, Persona
from questionnaires.services import progress_get

INNER, OUTER = 34.0, 200.0  # radius at which petals begin, and of the longest one; the picture is 640 wide
FULL_WORDS = 900  # of a topic: ten answers of ninety words reach the rim
DEEP_WORDS = 90  # of an answer: a scene with its reason
DEPTHS = 4  # shades


@dataclass(frozen=True)
class Petal:
    """A topic. `path` is its outline and `x`, `y` the place of its title, in the picture's units, centre at 0, 0."""

    title: str
    answered: int
    total: int
    words: int
    depth: int  # 0 to 4, of the mean words of an answer
    path: str
    x: float
    y: float
    anchor: str  # of the title: start, middle, end

    @property
    def mean_words(self) -> int:
        return round(self.words / self.answered) if self.answered else 0


def coverage_get(*, persona: Persona) -> list[Petal]:
    """A petal a topic, clockwise from the top: as long as its words are many, as dark as its answers are detailed."""
    words: dict[object, int] = defaultdict(int)
    rows = Answer.objects.filter(persona=persona, state=Answer.State.ANSWERED)
    for topic, text in rows.values_list("question__topic", "text"):
        words[topic] += len(text.split())
    topics = progress_get(persona=persona).topics
    step = 2 * pi / max(1, len(topics))
    petals = []
    for number, topic in enumerate(topics):
        told = words[topic.topic.pk if topic.topic else None]
        shape = _shape(number * step, step, min(1.0, sqrt(told / FULL_WORDS)))
        petals.append(Petal(topic.title, topic.answered, topic.total, told, _depth(told, topic.answered), *shape))
    return petals


def _depth(words: int, answers: int) -> int:
    return min(DEPTHS, 1 + int(DEPTHS * words / answers / DEEP_WORDS)) if answers else 0


def _shape(angle: float, step: float, share: float) -> tuple[str, float, float, str]:
    """A leaf from the inner circle outwards, and where its title stands."""
    length = INNER + (OUTER - INNER) * share
    middle, spread = INNER + (length - INNER) * 0.6, step * 0.85
    base, tip = _point(angle, INNER), _point(angle, max(length, INNER + 3))
    left, right = _point(angle - spread, middle), _point(angle + spread, middle)
    x, y = _point(angle, OUTER + 16)
    anchor = "middle" if abs(x) < 20 else "start" if x > 0 else "end"
    path = f"M{_text(base)} Q{_text(left)} {_text(tip)} Q{_text(right)} {_text(base)}Z"
    return path, x, y, anchor


def _point(angle: float, radius: float) -> tuple[float, float]:
    return round(radius * sin(angle), 1), round(-radius * cos(angle), 1)


def _text(point: tuple[float, float]) -> str:
    return f"{point[0]} {point[1]}"
