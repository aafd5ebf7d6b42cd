"""How often the person agrees with themselves: what they answered again two weeks later."""

from __future__ import annotations

from math import isfinite

from fidelity.figures import Points, figure_of, mean
from fidelity.measures.bootstrap import Normalised, accuracy, normalised
from fidelity.measures.film_items import film_pairs
from fidelity.models import ItemAnswer, ReportItem
from fidelity.planning import ALIKE, values_of
from fidelity.report_schema import Ceiling, Figure
from questionnaires.models import Persona

Kind = ReportItem.Kind


def ceiling_make(persona: Persona, points: Points, guessed: Points) -> Ceiling | None:
    """What the person answered two weeks later, against the first time. Sets of five films are not asked again."""
    retest = _retest(persona)
    own = {f"{kind}:{item}": value for (kind, item), value in points.items() if kind != Kind.FILM}
    if not retest or not own:
        return None
    level = mean(share for (kind, _item), share in guessed.items() if kind != Kind.FILM) or 0.0
    above, plain = normalised(own, retest, chance=level), normalised(own, retest)
    return {
        "self_agreement": figure_of(accuracy(list(retest.values()))),
        "normalised": _ratio(above),
        "plain": _ratio(plain),
    }


def _ratio(found: Normalised | None) -> Figure | None:
    """None also where the interval has no upper end, since some resamples leave no ceiling: JSON has no infinity."""
    return figure_of(found.ratio) if found and isfinite(found.ratio.high) else None


def _retest(persona: Persona) -> dict[str, float]:
    """Points of the second answers: choices made again, and pairs of films liked in the same order again."""
    first, second = ([values_of(persona, kind, round) for kind in ItemAnswer.Kind.values] for round in (1, 2))
    (films, choices), (films_again, choices_again) = first, second
    found = {
        f"{Kind.CHOICE}:{slug}": float(choices[slug] == value)
        for slug, value in choices_again.items()
        if slug in choices
    }
    stars = {name: float(films[name]) for name, value in films_again.items() if value and films.get(name)}
    for pair in film_pairs(stars, stars, ALIKE):
        better, worse = pair.films[pair.best], pair.films[1 - pair.best]
        step = films_again[better] - films_again[worse]
        found[f"{Kind.PAIR}:{'|'.join(pair.films)}"] = 1.0 if step > 0 else 0.5 if step == 0 else 0.0
    return found
