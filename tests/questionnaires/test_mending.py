"""Findings are set right with one click, taken back with another, and the meaning of answers is looked at."""

import uuid

import numpy as np
import pytest
from django.urls import reverse

from questionnaires import comparisons, tasks
from questionnaires.models import Answer, AnswerVectors, Comparison, LeftFinding, Persona
from questionnaires.saving import answer_save
from questionnaires.services import question_create

PHONE = "Ring me at +7 912 345-67-89, if you must."


def tell(persona, question, text):
    asked = question_create(persona=persona, text=question)
    answer_save(persona=persona, question=asked, text=text, base_revision=0, operation_id=uuid.uuid4().hex)
    return Answer.objects.get(persona=persona, question=asked)


def page(visitor, persona):
    return visitor.get(reverse("data", args=[persona.pk]))


def finding(visitor, persona, mend):
    return next(each for each in page(visitor, persona).context["findings"] if each.mend == mend)


def test_looking_changes_nothing(visitor, persona):
    answer = tell(persona, "How?", PHONE)
    page(visitor, persona)
    answer.refresh_from_db()
    assert (answer.text, answer.revision) == (PHONE, 1)


def test_one_click_mends_and_one_takes_it_back(visitor, persona):
    answer = tell(persona, "How?", PHONE)
    found = finding(visitor, persona, "Take it out")
    assert (found.place, found.slug) == ("How?", answer.question.slug)
    after = visitor.post(reverse("mend", args=[persona.pk]), {"key": found.key}, follow=True)
    answer.refresh_from_db()
    assert (answer.text, answer.source) == ("Ring me at […], if you must.", "mended")
    assert found.key not in {each.key for each in after.context["findings"]}
    assert "The earlier text stays in the history" in after.content.decode()
    back = visitor.post(reverse("mend_undo", args=[persona.pk]), follow=True)
    answer.refresh_from_db()
    assert answer.text == PHONE
    assert "It is as it was before" in back.content.decode()
    assert [r.text for r in answer.revisions.order_by("revision")] == [PHONE, "Ring me at […], if you must.", PHONE]
    again = visitor.post(reverse("mend_undo", args=[persona.pk]), follow=True)
    assert "nothing to undo any more" in again.content.decode()


def test_an_answer_that_is_set_aside_keeps_its_text_and_comes_back(visitor, persona):
    text = "I count trams because they are honest."
    tell(persona, "Why?", text)
    copy = tell(persona, "What for?", text)
    visitor.post(reverse("mend", args=[persona.pk]), {"key": finding(visitor, persona, "Set this answer aside").key})
    copy.refresh_from_db()
    assert (copy.state, copy.text) == ("skipped", text)
    visitor.post(reverse("mend_undo", args=[persona.pk]))
    copy.refresh_from_db()
    assert (copy.state, copy.text) == ("answered", text)


def test_a_beginning_leaves_all_answers_with_one_click(visitor, persona):
    answers = [tell(persona, f"{n}?", f"Well, honestly, {n} it is.") for n in ("two", "three", "ten")]
    visitor.post(reverse("mend", args=[persona.pk]), {"key": finding(visitor, persona, "Cut it from all answers").key})
    assert sorted(Answer.objects.values_list("text", flat=True)) == ["Ten it is.", "Three it is.", "Two it is."]
    visitor.post(reverse("mend_undo", args=[persona.pk]))
    assert all(Answer.objects.get(pk=a.pk).text.startswith("Well, honestly") for a in answers)


def test_what_was_written_since_is_not_undone(visitor, persona):
    answer = tell(persona, "How?", PHONE)
    visitor.post(reverse("mend", args=[persona.pk]), {"key": finding(visitor, persona, "Take it out").key})
    answer_save(
        persona=persona, question=answer.question, text="I have no phone.", base_revision=2, operation_id="later"
    )
    visitor.post(reverse("mend_undo", args=[persona.pk]))
    answer.refresh_from_db()
    assert answer.text == "I have no phone."


def test_a_finding_that_is_gone_mends_nothing(visitor, persona):
    answer = tell(persona, "How?", PHONE)
    after = visitor.post(reverse("mend", args=[persona.pk]), {"key": "0" * 64}, follow=True)
    assert "nothing was done" in after.content.decode()
    answer.refresh_from_db()
    assert answer.revision == 1


def test_the_demo_is_not_mended(visitor, persona):
    tell(persona, "How?", PHONE)
    key = finding(visitor, persona, "Take it out").key
    Persona.objects.update(is_demo=True)
    assert "read-only" in visitor.post(reverse("mend", args=[persona.pk]), {"key": key}, follow=True).content.decode()
    assert Answer.objects.get().text == PHONE
    assert "Take it out" not in page(visitor, persona).content.decode()


class Fake:
    """Every sentence about meat points one way, every other one its own."""

    def __init__(self):
        self.read = []

    def embed(self, texts):
        self.read += texts
        rows = np.zeros((len(texts), comparisons.DIMENSION), np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[0 if "meat" in text else 1 + hash(text) % 300] = 1
        return rows


@pytest.fixture
def encoder(monkeypatch):
    fake = Fake()
    monkeypatch.setattr(comparisons, "encoder_of", lambda _space: fake)
    monkeypatch.setattr(tasks, "_publish", lambda task, *arguments: task(*arguments) or True)
    return fake


@pytest.fixture
def eaters(persona):
    return [
        tell(persona, "What do you eat?", "I eat meat on most days. Bread too."),
        tell(persona, "What do you never eat?", "I don't eat meat. It was alive."),
        tell(persona, "And to drink?", "Tea with milk. Nothing else at all."),
    ]


def compare(visitor, persona):
    return visitor.post(reverse("compare", args=[persona.pk]), follow=True)


def test_a_contradiction_is_shown_with_both_places_and_can_be_left(visitor, persona, encoder, eaters):
    assert page(visitor, persona).context["comparison"].state == "never"
    after = compare(visitor, persona)
    (found,) = [each for each in after.context["findings"] if "does that agree with" in each.message]
    assert "“I don't eat meat.” – does that agree with “I eat meat on most days.”" in found.message
    assert (found.slug, found.other_slug) == (eaters[1].question.slug, eaters[0].question.slug)
    assert "compared in meaning, too" in after.content.decode()
    visitor.post(reverse("finding", args=[persona.pk]), {"key": found.key})
    assert LeftFinding.objects.get().key == found.key
    assert found.key not in {each.key for each in page(visitor, persona).context["findings"]}


def test_only_what_changed_is_read_again_and_what_changed_is_no_longer_accused(visitor, persona, encoder, eaters):
    compare(visitor, persona)
    assert len(encoder.read) == 6
    asked = eaters[1].question
    answer_save(persona=persona, question=asked, text="Liver is what I leave.", base_revision=1, operation_id="later")
    now = page(visitor, persona)
    assert not [each for each in now.context["findings"] if "does that agree" in each.message]
    assert (now.context["comparison"].state, now.context["comparison"].changed) == ("done", 1)
    compare(visitor, persona)
    assert encoder.read[6:] == ["Liver is what I leave."]
    assert AnswerVectors.objects.count() == 3


def test_a_look_under_way_is_said_and_one_that_was_lost_can_be_asked_for_again(visitor, persona, eaters, monkeypatch):
    monkeypatch.setattr(tasks, "_publish", lambda *_arguments: True)
    assert "data-making" in compare(visitor, persona).content.decode()
    Comparison.objects.update(asked_at="2020-01-01T00:00:00Z")
    assert "Compare the answers in meaning" in page(visitor, persona).content.decode()


def test_without_a_worker_there_is_a_sentence(visitor, persona, eaters, monkeypatch):
    monkeypatch.setattr(tasks, "_publish", lambda *_arguments: False)
    after = compare(visitor, persona)
    assert "The worker cannot be reached" in after.content.decode()
    assert after.context["comparison"].state == "never"


def test_deleting_the_persona_deletes_what_was_kept_of_it(visitor, persona, encoder, eaters):
    compare(visitor, persona)
    visitor.post(reverse("persona_delete", args=[persona.pk]), {"name": "Ada"})
    assert not AnswerVectors.objects.exists()
    assert not Comparison.objects.exists()
    tasks.compare(str(persona.pk))  # a bell that rings late


@pytest.mark.slow
def test_the_real_encoder_finds_most_planted_contradictions_and_accuses_few_others(persona):
    planted = [
        ("I have two brothers.", "I grew up with three brothers in a small house."),
        ("I don't eat meat.", "I eat meat almost every day."),
        ("I never drink coffee.", "I drink coffee every morning before work."),
        ("I was born in 1979.", "I was born in 1981 in a snowstorm."),
        ("I always get up early.", "I never get up early if I can help it."),
        ("I believe in God.", "I do not believe in God."),
    ]
    for n, pair in enumerate(planted):
        for m, text in enumerate(pair):
            tell(persona, f"{n} {m}?", text)
    tell(persona, "Sunday?", "On Sundays I sleep long, bake bread and call my sister.")
    tell(persona, "The day of rest?", "Sunday: I stay in bed, I make bread, then I ring my sister up.")
    comparisons.comparison_make(persona_id=persona.pk)
    found = Comparison.objects.get().pairs
    assert ["Sunday?", "The day of rest?"] in [asked(pair) for pair in found if pair["kind"] == "same_meaning"]
    pairs = [pair["texts"] for pair in found if pair["kind"] == "contradiction"]
    assert {tuple(pair) for pair in pairs} <= set(planted)
    assert len(pairs) >= 5


def asked(pair) -> list[str]:
    return [Answer.objects.get(pk=answer).question.text for answer in pair["answers"]]
