"""Many clicks at once are one training."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from scripts.faults.people import Visitor, persona
from scripts.faults.site import Site
from training.models import TrainingRun


def click_together(site: Site, count: int) -> bool:
    """`count` browsers press the button of one persona at the same moment."""
    address, person = site.start_web(), persona("Clicked")
    visitors = [Visitor(address) for _number in range(count)]
    with ThreadPoolExecutor(count) as pool:
        answers = list(pool.map(lambda visitor: visitor.click(person), visitors))
    runs = TrainingRun.objects.filter(persona=person).count()
    print(f"clicks: {count} at once, answers {dict(Counter(answers))}, runs {runs}")
    return runs == 1 and set(answers) == {302}


def click(visitor: Visitor, person: Any) -> TrainingRun:
    """One click, and the run that came of it."""
    visitor.click(person)
    found: TrainingRun = TrainingRun.objects.filter(persona=person).latest("created_at")
    return found
