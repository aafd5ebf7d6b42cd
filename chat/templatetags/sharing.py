"""The list "Shared with you" for pages of rooms below this one."""

from typing import Any

from django import template

from chat.sharing.addresses import can_name_people
from chat.sharing.visits import shares_with

register = template.Library()


@register.inclusion_tag("chat/shared_with_me.html", takes_context=True)
def shared_with_me(context: dict[str, Any]) -> dict[str, Any]:
    """Of whoever looks at the page; nothing where nobody shared anything with them."""
    return {"shared_with_me": shares_with(user=context["request"].user) if can_name_people() else []}
