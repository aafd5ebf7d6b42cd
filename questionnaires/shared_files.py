"""A questionnaire as a file that people pass on: texts, order and version, and no answers."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml
from django.utils.translation import gettext as _

from questionnaires.dataset.decoding import decode_text
from questionnaires.dataset.readers import MAX_BYTES
from questionnaires.models import Questionnaire
from questionnaires.own_questionnaires import MAX_QUESTIONS, purpose_clean, title_clean
from questionnaires.services import Refused, question_text_clean

FORMATS = {"yaml": "application/yaml", "json": "application/json"}
FORMAT_VERSION = 1  # of the file's own layout
MAX_DEPTH = 12  # brackets and blocks within one another; the layout has six
MAX_WORDINGS = 10
MAX_VERSION = 1_000_000
_LANGUAGE = re.compile(r"[a-z]{2}")
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Texts = dict[str, dict[str, Any]]  # by language: {"text", "wordings"?, "hint"?, "follow_up"?}


@dataclass(frozen=True)
class SharedQuestion:
    texts: Texts
    slug: str = ""  # of the bank's question; "" for an own one


@dataclass(frozen=True)
class SharedQuestionnaire:
    slug: str
    version: int
    title: dict[str, str]  # by language
    purpose: dict[str, str]
    questions: list[SharedQuestion]


def questionnaire_write(questionnaire: Questionnaire, file_format: str) -> str:
    """The questionnaire as `yaml` or `json`."""
    items = questionnaire.items.select_related("question")
    content = {
        "persona_questionnaire": FORMAT_VERSION,
        "slug": questionnaire.file_slug or questionnaire.slug,
        "version": questionnaire.version,
        "title": questionnaire.title,
        "purpose": questionnaire.purpose,
        "questions": [
            ({"slug": item.question.slug} if item.question.persona_id is None else {}) | {"texts": item.question.texts}
            for item in items
        ],
    }
    if file_format == "json":
        return json.dumps(content, ensure_ascii=False, indent=2) + "\n"
    return yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=100)


def questionnaire_read(data: bytes, language: str) -> SharedQuestionnaire:
    """The questionnaire in a YAML or JSON file of at most 5 MB and 1,000 questions.

    Texts that name no language are in `language`. A question may be a mere text. Refused with a sentence that says
    where; ImportFailure for bytes that are no text.
    """
    if len(data) > MAX_BYTES:
        raise Refused(_("The file is larger than 5 MB."), status=413)
    content = _load(decode_text(data))
    if not isinstance(content, dict) or not isinstance(content.get("questions"), list):
        raise Refused(_("The file is no questionnaire: it has no list “questions”."))
    if content.get("persona_questionnaire", FORMAT_VERSION) != FORMAT_VERSION:
        raise Refused(_("The file was written by a newer version of this program. Update the program first."))
    entries = content["questions"]
    if not 0 < len(entries) <= MAX_QUESTIONS:
        raise Refused(_("A questionnaire has 1 to 1,000 questions; this file has %(n)d.") % {"n": len(entries)})
    return SharedQuestionnaire(
        slug=_slug(content.get("slug")),
        version=_version(content.get("version", 1)),
        title=_by_language(content.get("title"), "title", language, title_clean),
        purpose=_by_language(content.get("purpose") or {}, "purpose", language, purpose_clean),
        questions=[_question(entry, number, language) for number, entry in enumerate(entries, 1)],
    )


def _load(text: str) -> Any:
    if not text.strip():
        raise Refused(_("The file is empty."))
    try:
        if text.lstrip().startswith("{"):
            return json.loads(text)
        _refuse_deep_or_aliased(text)
        return yaml.load(text, Loader=_LOADER)  # noqa: S506, a safe loader
    except json.JSONDecodeError as error:
        raise _broken(error.lineno) from None
    except yaml.MarkedYAMLError as error:
        raise _broken(_line(error.problem_mark)) from None
    except (yaml.YAMLError, ValueError, RecursionError):  # characters that YAML forbids, brackets nested thousands deep
        raise _broken(1) from None


def _broken(line: int) -> Refused:
    return Refused(_("Line %(line)d: this is neither JSON nor YAML. Mend it there.") % {"line": line})


def _refuse_deep_or_aliased(text: str) -> None:
    """An alias may stand for another a billion times over, and each level of depth is one of the stack."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH or isinstance(event, yaml.AliasEvent):
            line = {"line": _line(event.start_mark)}
            raise Refused(_("Line %(line)d: a questionnaire has no aliases and no such depth.") % line)


def _line(mark: Any) -> int:
    """From 1, of a mark of the YAML library."""
    return int(mark.line) + 1 if mark else 1


def _slug(value: Any) -> str:
    if isinstance(value, str) and _SLUG.fullmatch(value):
        return value
    raise Refused(_("The file needs a “slug” of small Latin letters, digits and hyphens, at most 80."))


def _version(value: Any) -> int:
    if type(value) is int and 0 < value <= MAX_VERSION:
        return value
    raise Refused(_("“version” is no whole number from 1 on."))


def _by_language(value: Any, name: str, language: str, clean: Callable[[str], str]) -> dict[str, str]:
    value = {language: value} if isinstance(value, str) else value
    if not isinstance(value, dict) or not all(_is_language(key) and isinstance(value[key], str) for key in value):
        raise Refused(_("“%(name)s” is no text, and no text by language (en, ru).") % {"name": name})
    if name == "title" and not value:
        raise Refused(_("A questionnaire needs a name."))
    cleaned = {key: clean(text) for key, text in value.items()}
    return {key: text for key, text in cleaned.items() if text}


def _is_language(value: Any) -> bool:
    return isinstance(value, str) and _LANGUAGE.fullmatch(value) is not None


def _question(entry: Any, number: int, language: str) -> SharedQuestion:
    try:
        entry = {"texts": {language: {"text": entry}}} if isinstance(entry, str) else entry
        if not isinstance(entry, dict):
            raise Refused(_("it is neither a text nor a question with “texts”."))
        texts = entry.get("texts", {language: entry})
        if not isinstance(texts, dict) or not texts or not all(_is_language(key) for key in texts):
            raise Refused(_("its “texts” are not by language (en, ru)."))
        slug = entry.get("slug", "")
        return SharedQuestion({key: _texts(texts[key]) for key in texts}, slug if isinstance(slug, str) else "")
    except Refused as refused:
        raise Refused(_("Question %(number)d: %(fault)s") % {"number": number, "fault": refused}) from None


def _texts(value: Any) -> dict[str, Any]:
    wordings = value.get("wordings") or [] if isinstance(value, dict) else None
    if not isinstance(wordings, list) or not isinstance(value.get("text"), str):
        raise Refused(_("it has no “text”, or its “wordings” are no list."))
    texts: dict[str, Any] = {"text": question_text_clean(value["text"])}
    texts["wordings"] = [question_text_clean(text) for text in wordings[:MAX_WORDINGS] if isinstance(text, str)]
    for name in ("hint", "follow_up"):
        if isinstance(value.get(name), str) and value[name].strip():
            texts[name] = question_text_clean(value[name])
    return texts
