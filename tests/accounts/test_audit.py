"""The audit trail: who did what, without texts."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import transaction

from accounts.audit import AuditEvent, audit_record, events_about, events_by_others


def test_an_act_is_about_the_actor_unless_it_says_otherwise(owner, stranger):
    audit_record(action="archive-made", actor=owner)
    audit_record(action="account-closed", actor=owner, subject=stranger, target="user:7", where="command")
    assert [(e.action, e.subject) for e in AuditEvent.objects.all()] == [
        ("account-closed", stranger),
        ("archive-made", owner),
    ]
    assert [event.action for event in events_about(subject=stranger)] == ["account-closed"]
    assert [event.action for event in events_by_others()] == ["account-closed"]


def test_who_is_not_logged_in_is_nobody(db):
    audit_record(action="link-opened", actor=AnonymousUser())
    event = AuditEvent.objects.get()
    assert event.actor is None and event.subject is None


def test_an_act_that_is_rolled_back_was_none(owner):
    with pytest.raises(RuntimeError), transaction.atomic():
        audit_record(action="archive-made", actor=owner)
        raise RuntimeError
    assert not AuditEvent.objects.exists()


def test_coming_and_going_are_noted(owner, client):
    client.force_login(owner)
    client.logout()
    assert [event.action for event in events_about(subject=owner)] == ["logged-out", "logged-in"]


def test_acts_go_with_the_account_they_are_about_and_stay_when_their_actor_goes(owner, stranger):
    audit_record(action="quota-changed", actor=stranger, subject=owner)
    audit_record(action="logged-in", actor=stranger)
    stranger.delete()
    assert [(e.action, e.actor) for e in AuditEvent.objects.all()] == [("quota-changed", None)]
