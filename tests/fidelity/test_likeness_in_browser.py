"""The pages of a report and the friends' game in a real browser, under the real content policy."""

import pytest
from django.urls import reverse

from fidelity import friend_tasks, friends, tasks
from fidelity.models import FriendGuess, FriendLink, FriendQuestion, Report
from tests.fidelity.report_fixture import make_report, make_version
from tests.training.test_in_browser import page, violations

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
__all__ = ["page"]


@pytest.fixture(autouse=True)
def no_broker(monkeypatch):
    for module, name in ((tasks, "_publish"), (friend_tasks, "publish")):
        monkeypatch.setattr(module, name, lambda *_, **__: True)


def test_a_report_is_watched_opened_and_overruled_by_keyboard(page, persona):
    version = make_version(persona)
    older = make_report(persona, version, count=6)
    run = Report.objects.create(owner=persona.owner, persona=persona, version=version, state="running")
    page.goto(reverse("likeness", args=(persona.pk,)))
    assert violations(page) == []
    Report.objects.filter(pk=run.pk).update(progress={"done": 1, "total": 2, "seconds_left": None, "what": "base"})
    page.get_by_text("1 of 2 questions").wait_for(timeout=10_000)
    assert page.title().startswith("50 %")
    Report.objects.filter(pk=run.pk).update(state="done", result=older.result)
    page.wait_for_url(f"**/{run.pk}/", timeout=10_000)
    page.goto(reverse("likeness_report", args=(persona.pk, older.pk)))
    page.get_by_role("link", name="Facts, asked in other words").press("Enter")
    page.get_by_role("button", name="right").first.press("Enter")
    page.get_by_text("1 by your own verdict.").wait_for()
    assert violations(page) == []
    page.get_by_role("link", name="Report on version 1").click()
    page.get_by_role("link", name="Facts, asked in other words 1 of 2").wait_for()
    page.get_by_role("link", name="Side by side").first.press("Enter")
    page.get_by_role("heading", name="How like you").wait_for()
    assert violations(page) == []


def test_a_friend_guesses_without_an_account(page, persona):
    version = make_version(persona)
    link = FriendLink.objects.create(
        owner=persona.owner, persona=persona, version=version, token="a-token", state="ready"
    )
    replies = {"persona": "From the portrait.", "base": "From the model."}
    FriendQuestion.objects.create(
        owner=persona.owner, link=link, number=1, question="Where?", own="By the sea.", replies=replies
    )
    page.goto(reverse("friend_link", args=(persona.pk, link.pk)))
    assert violations(page) == []
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Open the link").click()
    address = page.get_by_label("Send it only").input_value()
    page.context.clear_cookies()
    page.goto(address)
    assert violations(page) == []
    page.get_by_role("button", name="Begin").click()
    assert violations(page) == []
    page.get_by_role("button", name="By the sea.").press("Enter")
    page.get_by_text("You found Ada in 1 of 1 question.").wait_for()
    assert FriendGuess.objects.get().picked == friends.OWN
    assert page.request.get(reverse("likeness", args=(persona.pk,)), max_redirects=0).status == 302
