"""The data card: a page of facts that lies beside an exported data set (Gebru et al. 2018, arXiv 1803.09010)."""

from collections import Counter

from django.db.models import Max, Min, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from questionnaires.models import Answer, Persona, Topic
from questionnaires.services import dataset_build


def topic_titles() -> dict[str, str]:
    """The titles of all topics, by slug, in the active language."""
    return {topic.slug: str(topic) for topic in Topic.objects.all()} | {"own": _("Your own questions")}


def card_get(*, persona: Persona) -> str:
    """Markdown: counts, languages, dates, sources, topics, and what it may be used for."""
    items = dataset_build(persona=persona)
    rows = Answer.objects.filter(persona=persona, state=Answer.State.ANSWERED)
    lengths = sorted(len(item.answer.split()) for item in items)
    facts = [
        (_("Answers"), str(len(items))),
        (_("Words"), str(sum(lengths))),
        (_("Words of an answer (shortest, middle, longest)"), _spread(lengths)),
        (_("Languages"), _counted(Counter(item.language for item in items))),
        (_("Written"), _between(rows)),
        (_("Sources"), _counted(Counter(rows.values_list("source", flat=True)))),
        (_("Exported"), f"{timezone.localdate():%Y-%m-%d}"),
    ]
    titles = topic_titles()
    topics = Counter(titles.get(item.topic, item.topic) for item in items)
    lines = [f"# {_('Data card')}: {persona.name}", "", _origin(persona), ""]
    lines += [f"- {name}: {value}" for name, value in facts]
    lines += ["", f"## {_('Topics')}", "", *(f"- {title}: {count}" for title, count in topics.items()), ""]
    return "\n".join(lines)


def _origin(persona: Persona) -> str:
    if persona.is_demo:
        return _("The person is invented; so is every answer.")
    text = _(
        "Answers of one person about themselves, written by that person. They are meant for a model of this person, "
        "made with their consent; they are not meant for models of anybody else, nor for finding out who the person is."
    )
    return f"{text} {_agreement(persona)}"


def _agreement(persona: Persona) -> str:
    if persona.agreed_at is None:
        return _("Nobody has confirmed yet that this person agreed.")
    return _("That this person agreed was confirmed on %s.") % f"{persona.agreed_at:%Y-%m-%d}"


def _spread(lengths: list[int]) -> str:
    return f"{lengths[0]}, {lengths[len(lengths) // 2]}, {lengths[-1]}" if lengths else "0"


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in counts.most_common()) or "0"


def _between(rows: QuerySet[Answer]) -> str:
    dates = rows.aggregate(first=Min("created_at"), last=Max("updated_at"))
    return f"{dates['first']:%Y-%m-%d} – {dates['last']:%Y-%m-%d}" if dates["first"] else "–"
