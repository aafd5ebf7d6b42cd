"""The catalogues: whole, in step with the sources, and nothing in a template that they miss."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import polib
import pytest

ROOT = Path(__file__).parent.parent
CATALOGUES = sorted((ROOT / "locale").glob("*/LC_MESSAGES/django.po"))
APPS = (
    *("persona_site", "accounts", "questionnaires", "training", "chat"),
    *("fidelity", "privacy", "api", "operations", "engine"),
)
FORMS = {"ru": 3}
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|(?<!\{)\{\w*\}(?!\})|</?\w+>|%%")

each_catalogue = pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])


def test_russian_is_there():
    assert "ru" in {path.parts[-3] for path in CATALOGUES}


@each_catalogue
def test_every_entry_is_translated(path):
    catalogue = polib.pofile(path)
    assert [entry.msgid for entry in catalogue.untranslated_entries()] == []
    assert [entry.msgid for entry in catalogue.fuzzy_entries()] == []
    assert [entry.msgid for entry in catalogue.obsolete_entries()] == []


@each_catalogue
def test_every_plural_form_is_there(path):
    catalogue = polib.pofile(path)
    count = FORMS[path.parts[-3]]
    assert f"nplurals={count};" in catalogue.metadata["Plural-Forms"]
    counted = [entry for entry in catalogue if entry.msgid_plural]
    assert counted
    for entry in counted:
        assert sorted(entry.msgstr_plural) == list(range(count)), entry.msgid
        assert all(entry.msgstr_plural.values()), entry.msgid


@each_catalogue
def test_placeholders_are_those_of_the_source(path):
    wrong = {}
    for entry in polib.pofile(path):
        wanted = sorted(PLACEHOLDER.findall(entry.msgid_plural or entry.msgid))
        for text in entry.msgstr_plural.values() if entry.msgid_plural else [entry.msgstr]:
            if sorted(PLACEHOLDER.findall(text)) != wanted:
                wrong[entry.msgid] = text
    assert wrong == {}


@each_catalogue
def test_compiled_file_is_up_to_date(path):
    source, compiled = polib.pofile(path), polib.mofile(path.with_suffix(".mo"))
    assert entries(compiled) == entries(source)
    assert compiled.metadata["Plural-Forms"] == source.metadata["Plural-Forms"]


def entries(catalogue):
    return {(entry.msgctxt, entry.msgid): entry.msgstr_plural or entry.msgstr for entry in catalogue}


@pytest.mark.slow
@each_catalogue
def test_no_sentence_of_the_sources_is_missing(path, tmp_path):
    """Runs makemessages over a copy of the sources, with an empty catalogue, as a translator would."""
    if shutil.which("xgettext") is None:
        pytest.skip("xgettext is not installed (package gettext)")
    for folder in (*APPS, "templates"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors"))
    shutil.copy(ROOT / "manage.py", tmp_path)
    (tmp_path / "locale").mkdir()
    language = path.parts[-3]
    subprocess.run(
        [sys.executable, "manage.py", "makemessages", "-l", language, "--no-location", "--no-wrap"],
        cwd=tmp_path,
        env={**os.environ, "DATA_DIR": str(tmp_path / "data")},
        check=True,
        capture_output=True,
    )
    found = polib.pofile(tmp_path / "locale" / language / "LC_MESSAGES" / "django.po")
    wanted = {(entry.msgid, entry.msgid_plural) for entry in found}
    assert len(wanted) > 300
    assert {(entry.msgid, entry.msgid_plural) for entry in polib.pofile(path)} == wanted


TRANSLATED = re.compile(r"{%\s*blocktrans(?:late)?\b.*?{%\s*endblocktrans(?:late)?\s*%}|{#.*?#}", re.DOTALL)
CODE = re.compile(r"(<pre\b[^>]*>).*?</pre>|<code\b.*?</code>", re.DOTALL)  # what is typed is the same in all languages
TEMPLATE_TAG = re.compile(r"{%.*?%}|{{.*?}}", re.DOTALL)
SPOKEN_ATTRIBUTE = re.compile(r"\b(?:aria-label|title|placeholder|alt)=\"([^\"]*)\"")
HTML_TAG = re.compile(r"<[^>]*>")
WORD = re.compile(r"[^\W\d_]{2,}")
# Names of keys, languages and formats, files' endings, and entities.
THE_SAME_EVERYWHERE = {
    *("Alt", "Ctrl", "Esc", "EN", "RU", "English", "Русский", "ShareGPT", "Alpaca"),
    *("Enter", "JSON", "YAML", "Markdown", "Telegram", "TELEGRAM", "TOKEN", "Python", "Node", "curl"),
    *("jsonl", "md", "doctype", "nbsp", "middot", "http", "focus"),
}


def untranslated(template):
    """The words that every visitor sees in the same language."""
    bare = TEMPLATE_TAG.sub(" ", CODE.sub(r"\1", TRANSLATED.sub(" ", template)))
    texts = [*SPOKEN_ATTRIBUTE.findall(bare), HTML_TAG.sub(" ", bare)]
    return [word for text in texts for word in WORD.findall(text) if word not in THE_SAME_EVERYWHERE]


@pytest.mark.parametrize("path", sorted((ROOT / "templates").rglob("*.html")), ids=lambda path: path.stem)
def test_no_word_of_a_template_escapes_the_catalogues(path):
    assert untranslated(path.read_text("utf-8")) == []


def test_a_forgotten_word_is_found():
    assert untranslated('<p title="Hidden">{% translate "Good" %} Bad {{ it }} <kbd>Esc</kbd></p>') == ["Hidden", "Bad"]
