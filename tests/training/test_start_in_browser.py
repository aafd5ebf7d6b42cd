"""The page before a training in a real browser, under the real content policy."""

import re

import pytest
from django.urls import reverse

from tests.training.remote import connect_to
from tests.training.test_in_browser import page, violations
from training.models import TrainingRun

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
__all__ = ["page"]


def test_price_and_faults_follow_the_choice_and_a_provider_gets_nothing_without_a_yes(page, author, owner, standin):
    from playwright.sync_api import expect

    connection = connect_to(standin, owner)
    page.goto(f"{reverse('train', args=(author.pk,))}?where={connection.pk}")
    assert violations(page) == []
    assert page.get_by_role("button", name="Reckon anew").is_hidden()
    facts = page.locator("[data-live=facts]")
    mini = facts.inner_text()
    page.get_by_label("gpt-4.1-2025-04-14").check()
    expect(facts).not_to_have_text(mini, use_inner_text=True)
    page.get_by_text("For experts").click()
    passes = page.get_by_label("Passes over the rows")
    passes.fill("99")
    page.get_by_text("must be a whole number from 1 to 20").wait_for()
    passes.fill("2")
    expect(page.locator("#fault-epochs")).to_be_empty()
    assert passes.evaluate("field => field === document.activeElement")
    page.get_by_role("button", name="Look at what leaves").click()
    page.wait_for_url(re.compile("/consent/"))
    assert "model=gpt-4.1-2025-04-14" in page.url
    assert violations(page) == []
    page.get_by_role("button", name="Send and start").click()  # the browser asks for the tick first
    assert (TrainingRun.objects.count(), standin.requests) == (0, [])
    page.get_by_label(re.compile("I agree")).check()
    page.get_by_role("button", name="Send and start").click()
    page.wait_for_url(re.compile(r"/train/[0-9a-f-]{36}/$"))
    run = TrainingRun.objects.get()
    assert (run.base_model, run.overrides) == ("gpt-4.1-2025-04-14", {"epochs": 2})
