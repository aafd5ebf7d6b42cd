"""What the checks find in a person's data set, in their language, and what they chose to leave as it is."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from questionnaires.dataset import Finding, Item
from questionnaires.dataset.checks import check
from questionnaires.dataset.file_checks import check_file
from questionnaires.dataset.findings import MESSAGES
from questionnaires.models import LeftFinding, Persona, Topic


@dataclass(frozen=True)
class FindingView:
    """A finding of the data checks, for a page: `slug` is the question to open, or empty; `key` tells it apart."""

    severity: str
    label: str
    message: str
    slug: str
    key: str
    left: bool = False  # the person looked at it and left it so


def findings_get(*, items: list[Item], slugs: dict[str, str], persona: Persona | None = None) -> list[FindingView]:
    """What the checks found, errors first, what the `persona` left as it is last.

    `slugs` maps the key of an answer to its question's slug.
    """
    labels = severity_labels()
    left = set(LeftFinding.objects.filter(persona=persona).values_list("key", flat=True)) if persona else set()
    views = []
    for found in check(items):
        key = finding_key(found)
        sentence = _sentence(found.code, found.params)
        is_left = key in left and found.severity != "error"
        views.append(
            FindingView(found.severity, labels[found.severity], sentence, slugs.get(found.source, ""), key, is_left)
        )
    if silent := _silent_topics(items):
        key = hashlib.sha256(silent.encode()).hexdigest()
        views.append(FindingView("advice", labels["advice"], silent, "", key, key in left))
    return sorted(views, key=lambda view: (view.left, list(labels).index(view.severity)))


@dataclass(frozen=True)
class FileFinding:
    """What an imported training file would be told by a fine-tuning service; `line` is 0 for the whole file."""

    label: str
    message: str
    line: int


def file_findings_get(*, data: bytes, filename: str, person: str = "") -> list[FileFinding]:
    """What the checks say of a file with prompt and completion, or messages; nothing of others.

    Raises as `import_answers` does.
    """
    labels = severity_labels()
    return [
        FileFinding(labels[found.severity], _sentence(found.code, found.params), int(found.source or 0))
        for found in check_file(data, filename, person)
    ]


def severity_labels() -> dict[str, str]:
    """How much a finding weighs, in words, the worst first."""
    return {"error": _("must be mended"), "warning": _("look at it"), "advice": _("advice")}


def finding_key(found: Finding) -> str:
    """The same as long as the finding is; what it says of a changed answer is another finding."""
    text = json.dumps([found.code, found.source, {k: str(v) for k, v in found.params.items()}], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def finding_leave(*, persona: Persona, key: str) -> None:
    """The person has looked at it and leaves it as it is."""
    LeftFinding.objects.get_or_create(persona=persona, key=key, defaults={"owner_id": persona.owner_id})


def finding_take_up(*, persona: Persona, key: str) -> None:
    """It is shown with the others again."""
    LeftFinding.objects.filter(persona=persona, key=key).delete()


def _sentence(code: str, params: Mapping[str, object]) -> str:
    return _(MESSAGES[code]).format(**params)


def _silent_topics(items: list[Item]) -> str:
    """One sentence on all topics without answers, since a list of twenty would hide the rest; empty if none."""
    heard = {item.topic for item in items}
    silent = [str(topic) for topic in Topic.objects.all() if topic.slug not in heard]
    if not silent:
        return ""
    if len(silent) == 1:
        return _sentence("topic_without_answers", {"topic": silent[0]})
    return _("There are no answers yet on: %(topics)s.") % {"topics": ", ".join(silent)}
