"""The shape of `Report.result`. Figures are shares from 0 to 1 unless they say otherwise."""

from __future__ import annotations

from typing import TypedDict


class Figure(TypedDict):
    """A mean with its 95 % interval over `items` items."""

    value: float
    low: float
    high: float
    items: int


class LeftOut(TypedDict):
    """An item that a training could have seen, with the sentence that gives it away."""

    kind: str  # film, choice, fact
    item: str
    title: str
    phrase: str
    sentence: str


class Cost(TypedDict, total=False):
    """What a provider is paid for a report; money in `currency`, null where prices are not known."""

    tokens: int
    low: float | None
    high: float | None
    currency: str
    spent_tokens: int


class Against(TypedDict):
    """The persona minus a control on the same items. `more_items`: about how many more would tell; null: cannot
    say, or more than anybody answers."""

    difference: Figure
    p_value: float
    tells: bool
    more_items: int | None


class Control(TypedDict):
    """`name` is a ReportItem.Control, "chance" or "common". `why` says why it is not available, else it is empty."""

    name: str
    available: bool
    why: str
    agreement: Figure | None
    by_kind: dict[str, Figure]  # choice, film, pair
    against: Against | None  # null for the persona itself
    facts: dict[str, int]  # outcome -> count, of facts that were told; empty: not asked


class Ceiling(TypedDict):
    """How often the person agrees with themselves, and the persona's agreement as a share of it."""

    self_agreement: Figure
    normalised: Figure | None  # (agreement - chance) / (self-agreement - chance); may be above 1
    plain: Figure | None  # agreement / self-agreement, as Park et al. report it


class Facts(TypedDict):
    """Counts by outcome; `overruled` of them were decided by the person."""

    items: int
    right: int
    wrong: int
    unknown: int
    unclear: int
    overruled: int
    share: Figure | None  # told: share right; never told: share that says so. Unclear ones are left out


class Films(TypedDict):
    """Mean ratings, in stars of 1 to 5: of the film chosen, of the best of each set, of the set."""

    chosen: float
    best: float
    mean: float
    regret: float
    sets: int


class Style(TypedDict):
    """See fidelity.measures.style.Style. `answers`: held-out answers that it was compared with."""

    length_ratio: float
    vocabulary: float
    distance: float
    replies: int
    answers: int


class Form(TypedDict):
    """Counts of replies."""

    replies: int
    clean: int
    unended: int
    repeats: int
    markers: int
    switches: int


class Before(TypedDict):
    """Against the version before, on the items that both were asked. `regression`: it is worse, beyond chance."""

    report: str
    version: str
    number: int
    agreement: Figure
    difference: Figure  # this version minus the one before
    p_value: float
    tells: bool
    regression: bool


class Result(TypedDict):
    schema: int  # 1
    form: str
    language: str
    method: str  # "probability" or "replies"
    agreement: Figure | None  # null: no choice or film was asked
    correct: float  # points
    asked: int
    by_kind: dict[str, Figure]  # choice, film, pair
    chance: float | None
    controls: list[Control]  # the persona first, then chance, common, base, ...
    ceiling: Ceiling | None
    films: Films | None
    facts: dict[str, Facts]  # "told", "never_told"
    taught: dict[str, Facts]  # corrected replies: control -> counts; empty: none was learned
    style: dict[str, Style]  # control -> style; empty: no held-out answers
    form_of_replies: dict[str, Form]  # control -> form
    left_out: list[LeftOut]
    before: Before | None
    cost: Cost
    seconds: float
