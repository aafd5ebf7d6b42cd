"""What the checks find in a person's data set, in their language, and what they chose to leave as it is."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from questionnaires.comparisons import comparison_findings
from questionnaires.dataset import Finding, Item
from questionnaires.dataset.checks import check
from questionnaires.dataset.file_checks import check_file
from questionnaires.dataset.findings import MESSAGES
from questionnaires.dataset.mends import Mend, mend_of
from questionnaires.models import LeftFinding, Persona, Topic
from questionnaires.services import dataset_build


@dataclass(frozen=True)
class FindingView:
    """A finding of the data checks, for a page: `slug` is the question to open, or empty; `key` tells it apart."""

    severity: str
    label: str
    message: str
    slug: str
    key: str
    left: bool = False  # the person looked at it and left it so
    mend: str = ""  # what one click does about it, in words; empty where only the person can
    other_slug: str = ""  # of the other answer that it names
    place: str = ""  # the question whose answer it is about


def findings_get(*, items: list[Item], slugs: dict[str, str], persona: Persona | None = None) -> list[FindingView]:
    """What the checks found, errors first, what the `persona` left as it is last.

    `slugs` maps the key of an answer to its question's slug.
    """
    left = set(LeftFinding.objects.filter(persona=persona).values_list("key", flat=True)) if persona else set()
    questions = {item.source: item.question for item in items}
    views = [_view(found, slugs, questions, left) for found in _all_findings(items, persona)]
    if silent := _silent_topics(items):
        key = hashlib.sha256(silent.encode()).hexdigest()
        views.append(FindingView("advice", severity_labels()["advice"], silent, "", key, key in left))
    return sorted(views, key=lambda view: (view.left, list(severity_labels()).index(view.severity)))


def _all_findings(items: list[Item], persona: Persona | None) -> list[Finding]:
    return [*check(items), *(comparison_findings(persona=persona, items=items) if persona else [])]


def _view(found: Finding, slugs: dict[str, str], questions: dict[str, str], left: set[str]) -> FindingView:
    key, mend = finding_key(found), mend_of(found)
    return FindingView(
        severity=found.severity,
        label=severity_labels()[found.severity],
        message=_sentence(found.code, found.params),
        slug=slugs.get(found.source, ""),
        key=key,
        left=key in left and found.severity != "error",
        mend=mend_labels()[mend] if mend else "",
        other_slug=slugs.get(str(found.params.get("other_source", "")), ""),
        place=questions.get(found.source, ""),
    )


def mend_labels() -> dict[Mend, str]:
    """What one click does, in words."""
    return {
        "take_out": _("Take it out"),
        "shorten": _("Shorten the surname"),
        "lower_case": _("Write it in small letters"),
        "cut_start": _("Cut it from all answers"),
        "set_aside": _("Set this answer aside"),
    }


def finding_find(*, persona: Persona, key: str) -> tuple[Finding | None, list[Item]]:
    """The finding of that key as things stand now, None if there is none; and the data set that it is about."""
    items = dataset_build(persona=persona)
    return next((found for found in _all_findings(items, persona) if finding_key(found) == key), None), items


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
