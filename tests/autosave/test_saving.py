"""What the server does with a save: exact replay, a client's own lost saves, a merge for a conflict."""

import json
from datetime import timedelta

import pytest
from django.db import DatabaseError, OperationalError
from django.urls import reverse
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from questionnaires import saving_views, services
from questionnaires.comparing import merge
from questionnaires.models import Answer, AnswerRevision
from questionnaires.thinning import histories_thin


@pytest.fixture
def asked(persona):
    return services.question_create(persona=persona, text="What do you count?")


@pytest.fixture
def save(persona, asked):
    def save(text, base, operation, **more):
        return services.answer_save(
            persona=persona, question=asked, text=text, base_revision=base, operation_id=operation, **more
        )

    return save


def test_a_repeated_conflict_gets_its_first_reply_although_the_answer_went_on(save):
    save("Laptop.", 0, "a")
    first = save("Phone.", 0, "b")
    save("Laptop again.", 1, "c")
    assert save("Phone.", 0, "b") == first
    assert (first.text, first.revision, first.base) == ("Laptop.", 1, "")


def test_a_save_whose_reply_was_lost_is_no_conflict_for_the_next_one(save):
    save("One.", 0, "lost")
    assert save("One and two.", 0, "next", follows=["never came", "lost"]).outcome == "saved"
    assert save("From elsewhere.", 2, "x").outcome == "saved"
    assert save("One and two and three.", 0, "again", follows=["lost", "next"]).outcome == "conflict"


def test_a_save_that_comes_late_does_not_win_over_a_newer_one(save):
    save("Saved.", 0, "a")
    # Typed on, sent while leaving ("late"), then taken back: the text is the stored one, and still a new revision.
    assert (save("Saved.", 1, "b", follows=["late"]).outcome, Answer.objects.get().revision) == ("saved", 2)
    assert save("Saved, and more.", 1, "late", follows=["a"]).outcome == "conflict"
    assert Answer.objects.get().text == "Saved."
    assert save("Saved.", 2, "c", follows=["late"]).outcome == "unchanged"


def test_a_form_that_comes_back_with_its_old_id_and_a_new_text_is_saved(save):
    save("One.", 0, "form")
    assert save("One, two.", 0, "form").revision == 2
    assert save("One, two, three.", 0, "form").revision == 3
    assert save("One, two.", 0, "form").revision == 2  # repeated
    assert Answer.objects.get().text == "One, two, three."
    save("From elsewhere.", 3, "other")
    assert save("One, four.", 0, "form").outcome == "conflict"


@pytest.mark.django_db(transaction=True)
def test_an_operation_that_comes_again_with_a_newer_revision_is_still_the_same(save):
    first = save("One.", 0, "a")
    assert save("One.", 1, "a").outcome == "unchanged"
    save("Two.", 1, "b")
    assert save("One.", 2, "a") == first
    assert save("Three.", 2, "a").revision == 3
    assert AnswerRevision.objects.count() == 3


def test_what_is_sent_as_it_was_read_is_no_conflict(save):
    save("One.", 0, "a")
    save("Two.", 1, "b")
    untouched = save("One.", 1, "c")
    assert (untouched.outcome, untouched.revision, untouched.text) == ("unchanged", 1, "One.")
    assert save("", 0, "d").outcome == "unchanged"
    assert save("One.", 1, "e", state="skipped").outcome == "conflict"
    assert Answer.objects.get().text == "Two."


def test_a_conflict_whose_base_was_thinned_offers_no_merge(save):
    for number in range(5):
        save(f"Text {number}.", number, f"op-{number}")
    old = timezone.now() - timedelta(days=3)
    AnswerRevision.objects.update(created_at=old.replace(minute=30))
    histories_thin()
    assert save("Text 1, more.", 2, "late").merged is None
    assert save("Text 4, more.", 1, "later").base == "Text 0."


@pytest.mark.parametrize(
    ("base", "stored", "yours", "both"),
    [
        ("a b c d", "A b c d", "a b c D", "A b c D"),
        ("a b c", "a b c d", "z a b c", "z a b c d"),
        ("a b c", "x b c", "x b c", "x b c"),
        ("a b c", "a c", "a b c d", "a c d"),
        ("one\n\ntwo", "one!\n\ntwo", "one\n\ntwo!", "one!\n\ntwo!"),
        ("a b c", "a x c", "a y c", None),
        ("a b", "a b c", "a b d", None),
        ("a b c d", "a B c d", "a b C d", None),  # side by side: whether they fit is for a person to say
        ("", "one", "two", None),
    ],
)
def test_two_edits_are_merged_where_they_do_not_touch(base, stored, yours, both):
    assert merge(base, stored, yours) == merge(base, yours, stored) == both


WORDS = st.lists(st.sampled_from("abcd \n"), max_size=12).map("".join)


@settings(max_examples=150, deadline=None)
@given(WORDS, WORDS)
def test_a_merge_with_an_untouched_text_is_the_other_one(base, edited):
    assert merge(base, base, edited) == merge(base, edited, base) == edited


def put(client, persona, asked, **values):
    body = {"text": "Cars.", "revision": 0, "operation": "a"} | values
    address = reverse("answer", args=[persona.pk, asked.slug])
    return client.put(address, json.dumps(body), content_type="application/json")


def test_a_conflict_is_answered_with_both_texts_their_differences_and_a_merge(visitor, persona, asked):
    put(visitor, persona, asked, text="Cars and trams.")
    put(visitor, persona, asked, text="Red cars and trams.", revision=1, operation="b")
    response = put(visitor, persona, asked, text="Cars and trams. And boats.", revision=1, operation="c")
    reply = response.json()
    assert response.status_code == 409
    assert (reply["text"], reply["yours"]) == ("Red cars and trams.", "Cars and trams. And boats.")
    assert reply["merged"] == "Red cars and trams. And boats."
    assert ["gone", "Red cars"] in reply["parts"]


@pytest.mark.parametrize("follows", ["x", ["x"] * 21, [5], [""], ["x" * 65]])
def test_a_malformed_list_of_operations_is_a_sentence(visitor, persona, asked, follows):
    response = put(visitor, persona, asked, follows=follows)
    assert response.status_code == 400
    assert response.json()["error"].endswith(".")


@pytest.mark.parametrize(
    ("error", "status"),
    [(OperationalError("database or disk is full"), 507), (OperationalError("database is locked"), 503)],
)
def test_a_database_that_cannot_write_says_so_and_the_draft_stays(
    visitor, persona, asked, monkeypatch, error: DatabaseError, status
):
    def fail(**_values):
        raise error

    monkeypatch.setattr(saving_views, "answer_save_again", fail)
    response = put(visitor, persona, asked)
    assert response.status_code == status
    assert "on this device" in response.json()["error"]
