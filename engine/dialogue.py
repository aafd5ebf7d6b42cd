"""A dialogue as a base model's chat template writes it; training and serving alike go through `render_dialogue`.

Some templates know no system role: that of Gemma 1 and 2 raises an exception, others leave the text out in silence.
What the system message says then stands at the head of the first user turn, where Gemma 3's own template puts it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jinja2 import TemplateError

Message = dict[str, str]
Render = Callable[[Sequence[Message]], str]

TEMPLATE_OPTIONS = {"enable_thinking": False}
"""Variables for every template. Qwen3 and SmolLM3 would otherwise open a chain of thought that no answer here has."""


def render_dialogue(render: Render, messages: Sequence[Message]) -> str:
    """The text that `render` makes of `messages`, whose system message is folded into the first user turn if need be.

    Raises what `render` raises for the folded dialogue: jinja2.TemplateError or ValueError.
    """
    folded = fold_system(messages)
    if folded == list(messages):
        return render(messages)
    try:
        text = render(messages)
    except (TemplateError, ValueError):
        return render(folded)
    return text if messages[0]["content"].strip() in text else render(folded)


def fold_system(messages: Sequence[Message]) -> list[Message]:
    """`messages` with a leading system message put at the head of the first user turn, if there are both."""
    first = next((place for place, one in enumerate(messages) if one["role"] == "user"), None)
    if not messages or messages[0]["role"] != "system" or first is None:
        return list(messages)
    system, user = messages[0], messages[first]
    whole = {**user, "content": f"{system['content']}\n\n{user['content']}"}
    return [*messages[1:first], whole, *messages[first + 1 :]]
