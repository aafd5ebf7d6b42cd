"""The pages of the versions in a real browser, under the real content policy."""

import re
import zipfile

import pytest
from django.urls import reverse

from tests.training.conftest import answer
from tests.training.test_in_browser import page, violations
from training import exports
from training.execution import run_execute
from training.models import PersonaModel
from training.services import run_create

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
__all__ = ["page"]


def train(author):
    run = run_create(persona=author, recipe="quick")[0]
    run_execute(run_id=run.pk)
    return PersonaModel.objects.get(pk=run.pk)


def test_a_version_is_opened_compared_noted_taken_along_and_put_away(page, author, fake, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    first = train(author)
    answer(author, 1, start=12)
    second = train(author)
    page.goto(reverse("train", args=(author.pk,)))
    page.get_by_role("link", name="Version 2", exact=True).click()
    assert violations(page) == []
    page.get_by_text("What is different from version 1").click()
    assert page.get_by_text("What is thing 12 of 444 to you, 12?").is_visible()
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url(re.compile(f"/compare/\\?with={first.pk}"))
    assert violations(page) == []
    page.get_by_role("link", name="Version 2", exact=True).click()
    page.get_by_role("textbox", name="Notes").fill("Better at jokes.")
    page.get_by_role("button", name="Save the notes").click()
    page.get_by_text("The notes are saved.").wait_for()
    page.get_by_role("button", name="Make the file peft").click()
    page.get_by_text("is being made").wait_for()
    page.evaluate("window.stays = true")
    with zipfile.ZipFile(exports.file_of(second, "peft"), "w") as archive:
        archive.writestr("adapter_config.json", "{}" * 40_000)
    link = page.get_by_role("link", name=re.compile("Download"))
    link.wait_for(timeout=15_000)
    assert page.evaluate("window.stays")
    assert link.get_attribute("href") == reverse("version_export_file", args=(author.pk, second.pk, "peft"))
    page.get_by_role("button", name="Archive").click()
    page.get_by_text("Version 2 is archived").wait_for()
    assert PersonaModel.objects.get(is_current=True) == first
    page.get_by_role("link", name="Delete…").click()
    assert violations(page) == []
    page.goto(reverse("version_import", args=(author.pk,)))
    assert violations(page) == []
