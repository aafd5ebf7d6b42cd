"""A correction becomes an answer: where it goes, what retrieval and the next training see of it, and the way back."""

import pytest
from django.urls import reverse

from chat import corrections
from chat.corrections import correction_save, correction_undo
from chat.grounding import told_get
from chat.models import Correction
from questionnaires.models import Answer, Question
from questionnaires.services import Refused, dataset_build


def by_question(persona):
    return {item.question: item.answer for item in dataset_build(persona=persona)}


def test_it_is_an_answer_of_its_own_that_retrieval_and_training_see_at_once(engine, told, persona, answered):
    reply = answered("Where are you from?")
    made = correction_save(reply=reply, text="  From Klaipeda, really. ")
    assert by_question(persona)["Where are you from?"] == "From Klaipeda, really."
    assert "From Klaipeda, really." in [each.note.answer for each in told_get(persona=persona)]
    assert (made.kind, made.asked, made.replied) == ("correction", "Where are you from?", "I grew up by the sea.")
    assert (made.answer.source, made.answer.revisions.get().source) == ("correction", "correction")
    answered("Where are you from?")
    assert "From Klaipeda, really." in [doc["answer"] for doc in engine.bodies("/v1/rerank")[-1]["documents"]]


def test_it_can_replace_the_answer_that_the_reply_rests_on(engine, told, persona, answered):
    made = correction_save(reply=answered(), text="In Klaipeda.", place="replace")
    told[0].refresh_from_db()
    assert (told[0].text, told[0].source) == ("In Klaipeda.", "correction")
    assert made.before == "By the sea, in Nida."
    assert not Question.objects.filter(persona=persona).exists()


def test_what_is_added_stands_first(engine, told, answered):
    correction_save(reply=answered(), text="In a red house.", place="add")
    told[0].refresh_from_db()
    assert told[0].text == "In a red house.\n\nBy the sea, in Nida."


def test_a_reply_s_own_words_are_kept_as_approved(engine, told, persona, answered):
    reply = answered()
    made = correction_save(reply=reply, text=reply.text)
    assert (made.kind, made.answer.source) == ("approved", "approved")


def test_what_was_never_told_goes_to_the_question_that_was_offered(engine, told, answered):
    engine.known, engine.order = False, [3]
    correction_save(reply=answered("Do you have a sister?"), text="With two sisters.", place="replace")
    assert Answer.objects.get(question__slug="q3").text == "With two sisters."


def test_a_follow_up_becomes_a_question_that_stands_alone(engine, told, persona, answered):
    answered("Where did you grow up?")
    made = correction_save(reply=answered("And why?"), text="My father was a fisherman.")
    question = made.answer.question
    assert question.text == "Where did you grow up? And why?"
    assert question.in_language("en")["wordings"] == []


def test_the_question_can_be_worded_and_the_message_stays_a_way_to_ask_it(engine, told, persona, answered):
    made = correction_save(reply=answered("Which town is your home?"), text="Nida.", question="Where is home?")
    assert by_question(persona)["Where is home?"] == "Nida."
    assert made.answer.question.in_language("en")["wordings"] == ["Which town is your home?"]


def test_a_form_sent_twice_is_one_correction_and_another_text_takes_its_place(engine, told, persona, answered):
    reply = answered()
    first = correction_save(reply=reply, text="In Klaipeda.", question="Where are you from?")
    assert correction_save(reply=reply, text="In Klaipeda.", question="Where are you from?") == first
    correction_save(reply=reply, text="In Palanga.", place="replace")
    assert Correction.objects.get().text == "In Palanga."
    assert by_question(persona)["Where did you grow up?"] == "In Palanga."
    assert not Question.objects.filter(persona=persona).exists()


def test_the_same_question_corrected_again_later_is_one_question(engine, told, persona, answered):
    correction_save(reply=answered("Do you keep any pets?"), text="A cat.")
    correction_save(reply=answered("do you keep any pets?"), text="A cat and a dog.")
    assert Question.objects.filter(persona=persona).count() == 1
    assert by_question(persona)["Do you keep any pets?"] == "A cat and a dog."


def test_taken_back_the_answer_is_as_it_was(engine, told, persona, answered):
    before = by_question(persona)
    replaced = correction_save(reply=answered(), text="In Klaipeda.", place="replace")
    own = correction_save(reply=answered("Do you keep any pets?"), text="A cat.")
    for correction in (own, replaced):
        correction_undo(correction=correction)
    assert by_question(persona) == before
    assert not Correction.objects.exists()
    assert not Question.objects.filter(persona=persona).exists()


def test_an_answer_that_was_changed_since_is_not_taken_back(engine, told, answered):
    made = correction_save(reply=answered(), text="In Klaipeda.", place="replace")
    Answer.objects.filter(pk=told[0].pk).update(text="In Vilnius.", revision=9)
    with pytest.raises(Refused, match="changed since"):
        correction_undo(correction=made)
    told[0].refresh_from_db()
    assert told[0].text == "In Vilnius."


@pytest.mark.parametrize(("fields", "word"), [({"text": " "}, "really say"), ({"text": "x", "place": "up"}, "goes to")])
def test_a_bad_correction_is_refused_with_a_sentence(engine, told, answered, fields, word):
    with pytest.raises(Refused, match=word):
        correction_save(reply=answered(), **fields)
    assert not Correction.objects.exists()


def test_the_demo_stays_as_it_is(engine, told, persona, answered):
    reply = answered()
    persona.is_demo = True
    persona.save()
    reply.conversation.persona.refresh_from_db()
    with pytest.raises(Refused, match="read-only"):
        correction_save(reply=reply, text="x", place="replace")


def test_after_enough_of_them_a_training_is_offered(engine, told, persona, version, answered, visitor, monkeypatch):
    monkeypatch.setattr(corrections, "ENOUGH", 2)
    correction_save(reply=answered("One thing?"), text="One.")
    assert "no version has learned yet" not in visitor.get(reverse("chat", args=[persona.pk])).content.decode()
    correction_save(reply=answered("Another thing?"), text="Two.")
    page = visitor.get(reverse("chat", args=[persona.pk])).content.decode()
    assert "2 corrections that no version has learned yet" in page


def test_a_version_trained_since_has_learned_them(engine, told, persona, answered):
    from tests.chat.conftest import make_version

    correction_save(reply=answered(), text="In Klaipeda.")
    assert corrections.corrections_untrained(persona=persona) == 1
    make_version(persona, number=1)
    assert corrections.corrections_untrained(persona=persona) == 0


def test_what_was_said_can_be_reviewed_and_nothing_enters_unasked(engine, told, persona, answered, visitor):
    before = by_question(persona)
    reply, kept = answered("Where?"), answered("Do you drink?")
    correction_save(reply=kept, text="No.", place="replace")
    assert corrections.replies_to_review(persona=persona) == [reply]
    page = visitor.get(reverse("corrections", args=[persona.pk])).content.decode()
    assert reverse("chat_correct", args=[persona.pk, reply.conversation_id, reply.pk]) in page
    assert by_question(persona) == before | {"Where did you grow up?": "No."}


def test_by_a_form_and_back_again(engine, told, persona, answered, visitor):
    reply = answered()
    address = reverse("chat_correct", args=[persona.pk, reply.conversation_id, reply.pk])
    page = visitor.post(address, {"text": "In <b>Klaipeda</b>.", "place": "own", "question": "Where?"}, follow=True)
    assert "You would say:" in page.content.decode()
    assert "In &lt;b&gt;Klaipeda" in page.content.decode()
    made = Correction.objects.get()
    visitor.post(reverse("correction_undo", args=[persona.pk, made.pk]))
    assert not Correction.objects.exists()
    refused = visitor.post(address, {"text": ""})
    assert refused.status_code == 400
    assert "Write what you would really say." in refused.content.decode()


def test_a_correction_outlives_its_conversation(engine, told, persona, answered):
    reply = answered()
    correction_save(reply=reply, text="In Klaipeda.")
    reply.conversation.delete()
    assert Correction.objects.get().reply is None
    assert by_question(persona)["Where are you from?"] == "In Klaipeda."


def test_a_running_reply_cannot_be_corrected(engine, told, post):
    with pytest.raises(Refused, match="not finished"):
        correction_save(reply=post(), text="x")
