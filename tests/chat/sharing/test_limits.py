"""How much visitors may say, and what the log has of them."""

import io
import logging
import uuid
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.quota_tables import Quota
from accounts.quotas import Kind, QuotaExceeded, usage_add
from chat.models import Conversation, Message, PersonaShare
from chat.sharing import speaking, visitor_views
from chat.sharing.redaction import TokensOut
from chat.sharing.visits import visit_find
from questionnaires.services import Refused
from tests.chat.sharing.visiting import Guest, words

pytestmark = pytest.mark.django_db


def test_a_message_every_two_seconds(link, engine, told):
    visitor = Guest(link[1])
    visitor.come()
    assert visitor.say("One").status_code == 200
    second = visitor.say("Two")
    assert second.status_code == 429
    assert second["Retry-After"] == "2"
    assert "Two" in words(second)  # the text is not lost
    Message.objects.update(created_at=timezone.now() - timedelta(seconds=3))
    assert visitor.say("Two").status_code == 200


def test_the_days_messages_are_counted_over_all_visitors(make, engine, told, no_hurry):
    _share, token = make(daily_messages=2)
    for _place in range(2):
        visitor = Guest(token)
        visitor.come()
        assert visitor.say().status_code == 200
        visitor.browser.post(visitor.at("shared_delete"))  # deleting gives nothing back
    late = Guest(token)
    late.come()
    assert "used up" in words(late.say())
    assert PersonaShare.objects.values_list("talks", "messages").get() == (2, 2)
    PersonaShare.objects.update(day_began=timezone.now() - timedelta(hours=25))
    assert late.say().status_code == 200


def test_a_visitor_with_many_keys_is_as_slow_as_one(link, monkeypatch):
    _share, token = link
    monkeypatch.setattr(speaking, "A_MINUTE", 3)
    for place in range(4):
        visit = visit_find(token=token, user=Guest(token).come().wsgi_request.user, key=f"key {place}")
        post = {"visit": visit, "conversation_id": uuid.uuid4(), "text": "Hi", "operation_id": "1"}
        if place < 3:
            speaking.visit_post(**post)
    with pytest.raises(Refused, match="very fast"):
        speaking.visit_post(**post)


@pytest.mark.parametrize("body", ["[]", '{"text": "Hi"}', '{"text": 1, "operation": "1"}', "\\xff"])
def test_what_is_no_message_is_refused_with_a_sentence(guest, body):
    response = guest.browser.post(guest.at("shared_message"), body, content_type="application/json")
    assert response.status_code == 400
    assert "JSON" in response.json()["error"] or "texts" in response.json()["error"]


@pytest.mark.parametrize(("text", "status"), [("", 400), ("word " * 1000, 413)])
def test_a_refused_message_counts_for_nothing(guest, engine, text, status):
    response = guest.say(text)
    assert response.status_code == status
    assert text.strip() in words(response)
    assert PersonaShare.objects.values_list("talks", "messages").get() == (0, 0)
    assert not Conversation.objects.exists()


def test_what_visitors_use_counts_to_the_owner_and_they_are_not_told_how_much_it_is(guest, engine, persona, version):
    Quota.objects.create(user=persona.owner, chat_tokens=10)
    usage_add(user=persona.owner, kind=Kind.CHAT_TOKENS, amount=10)
    page = guest.say()
    assert page.status_code == 429
    assert "used up here" in words(page)
    assert not Conversation.objects.exists()


def test_an_address_that_posts_too_much_waits(guest, monkeypatch):
    def too_much(**_request):
        raise QuotaExceeded("Slower, please.", "rate", 9)

    monkeypatch.setattr(visitor_views, "expensive_check", too_much)
    for response in (guest.post(), guest.say("Kept words")):
        assert (response.status_code, response["Retry-After"]) == (429, "9")
    assert "Kept words" in words(response)


def test_the_token_stands_in_no_log(guest, settings, engine, version):
    handler = settings.LOGGING["handlers"]["console"]
    assert "tokens_out" in handler["filters"]
    heard = io.StringIO()
    listener = logging.StreamHandler(heard)
    listener.addFilter(TokensOut())
    logging.getLogger().addHandler(listener)
    try:
        guest.browser.put(reverse("shared", args=[guest.token]))
        guest.say("word " * 1000)
        guest.browser.get(reverse("shared", args=["A" * 43]))
        guest.browser.get(guest.at("shared_talk"))
    finally:
        logging.getLogger().removeHandler(listener)
    assert "Method Not Allowed (PUT): " in heard.getvalue()
    assert "Not Found: " in heard.getvalue()
    assert guest.token not in heard.getvalue()
    assert "AAAA" not in heard.getvalue()
