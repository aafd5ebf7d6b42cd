"""The list of versions, wherever a template shows it."""

from django import template
from django.db.models import QuerySet

from training.models import PersonaModel
from training.version_page import Card, cards

register = template.Library()


@register.simple_tag
def version_cards(versions: QuerySet[PersonaModel]) -> dict[str, list[Card]]:
    """{"shown", "archived"}: cards of a persona's versions, newest first."""
    found = cards(versions.select_related("run", "connection"))
    return {
        "shown": [card for card in found if not card.version.archived_at],
        "archived": [card for card in found if card.version.archived_at],
    }
