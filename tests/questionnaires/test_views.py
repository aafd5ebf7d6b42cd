"""Pages of the shelf, the writing room and the data room, as a browser asks for them."""

import io
import json

import pytest
from django.urls import reverse

from questionnaires import services
from questionnaires.bank import bank_load
from questionnaires.models import Answer, Persona, Question


@pytest.fixture
def bank(db):
    bank_load()


@pytest.fixture
def asked(persona):
    return services.question_create(persona=persona, text="What do you count?")


def put(client, persona, question, **body):
    address = reverse("answer", args=[persona.pk, question.slug])
    body = {"text": "Cars.", "revision": 0, "operation": "a"} | body
    return client.put(address, json.dumps(body), content_type="application/json")


def test_the_first_page_leads_to_the_shelf_and_then_to_the_open_question(visitor, bank):
    assert visitor.get("/").url == reverse("personas")
    response = visitor.post(reverse("personas"), {"name": "Ada", "language": "en"})
    persona = Persona.objects.get(name="Ada")
    assert response.url == reverse("write", args=[persona.pk])
    assert visitor.get("/").url == reverse("write", args=[persona.pk])
    page = visitor.get(response.url, follow=True)
    assert b"<answer-sheet" in page.content


def test_a_persona_without_a_name_is_refused_on_the_page(visitor):
    response = visitor.post(reverse("personas"), {"name": "  "})
    assert response.status_code == 400
    assert "needs a name" in response.content.decode()


def test_autosave_answers_with_revision_and_hash(visitor, persona, asked):
    reply = put(visitor, persona, asked).json()
    assert (reply["outcome"], reply["revision"]) == ("saved", 1)
    assert len(reply["sha256"]) == 64


def test_autosave_answers_a_conflict_with_both_texts(visitor, persona, asked):
    put(visitor, persona, asked)
    response = put(visitor, persona, asked, text="Trains.", operation="b")
    assert response.status_code == 409
    assert (response.json()["text"], response.json()["yours"]) == ("Cars.", "Trains.")


@pytest.mark.parametrize("body", [{"text": 5}, {"revision": True}, {"revision": "x"}, {"operation": None}])
def test_a_malformed_save_is_a_sentence(visitor, persona, asked, body):
    response = put(visitor, persona, asked, **body)
    assert response.status_code == 400
    assert response.json()["error"].endswith(".")


@pytest.mark.parametrize("content", ["", "[]", "{", '"x"', "\xff"])
def test_a_save_that_is_no_json_is_a_sentence(visitor, persona, asked, content):
    response = visitor.put(reverse("answer", args=[persona.pk, asked.slug]), content, content_type="application/json")
    assert response.status_code == 400


def test_the_plain_form_saves_and_moves_on(visitor, persona, asked):
    second = services.question_create(persona=persona, text="And then?")
    address = reverse("question", args=[persona.pk, asked.slug])
    # Own questions need a questionnaire order; without a bank they are the order.
    response = visitor.post(address, {"text": "One.\r\nTwo.", "revision": 0, "operation": "f", "action": "next"})
    assert response.url == reverse("question", args=[persona.pk, second.slug])
    assert Answer.objects.get().text == "One.\nTwo."
    visitor.post(address, {"text": "One.\nTwo.", "revision": 1, "operation": "g", "action": "later"})
    assert Answer.objects.get().state == "later"


def test_the_plain_form_shows_both_texts_of_a_conflict(visitor, persona, asked):
    put(visitor, persona, asked)
    address = reverse("question", args=[persona.pk, asked.slug])
    response = visitor.post(address, {"text": "Trains.", "revision": 0, "operation": "f"})
    assert response.status_code == 409
    assert "Cars." in response.content.decode()
    assert "Trains." in response.content.decode()


def test_a_demo_is_read_only(visitor, owner, asked):
    demo = Persona.objects.create(owner=owner, name="Demo", is_demo=True)
    bank_question = Question.objects.create(slug="q", texts={"en": {"text": "Why?"}})
    assert put(visitor, demo, bank_question).status_code == 403
    assert b"<textarea" not in visitor.get(reverse("question", args=[demo.pk, "q"])).content
    visitor.post(reverse("persona_delete", args=[demo.pk]))
    assert not Persona.objects.filter(pk=demo.pk).exists()


def test_ones_own_book_is_deleted_only_by_its_name(visitor, persona, asked):
    put(visitor, persona, asked)
    address = reverse("persona_delete", args=[persona.pk])
    assert "Nothing was deleted" in visitor.post(address, {"name": "Bob"}).content.decode()
    visitor.post(address, {"name": "Ada"})
    assert not Persona.objects.exists()


def test_the_marker_export_has_the_articles_bytes(visitor, persona, asked):
    put(visitor, persona, asked)
    response = visitor.get(reverse("export", args=[persona.pk, "marker"]))
    content = b"".join(response.streaming_content)
    assert content == b'{"prompt": "Q: What do you count? ->", "completion": " Cars.###"}\n'
    assert 'filename="ada-marker.jsonl"' in response["Content-Disposition"]
    assert visitor.get(reverse("export", args=[persona.pk, "yaml"])).status_code == 404


def test_an_import_is_shown_before_it_is_done(visitor, persona):
    file = io.BytesIO(b'[{"question": "Why?", "answer": "Because."}]')
    file.name = "mine.json"
    page = visitor.post(reverse("import", args=[persona.pk]), {"file": file})
    assert "mine.json" in page.content.decode()
    assert not Answer.objects.exists()
    address = reverse("import_confirm", args=[persona.pk, page.context["upload_id"]])
    assert visitor.post(address, follow=True).status_code == 200
    assert Answer.objects.get().text == "Because."
    assert "is gone" in visitor.post(address, follow=True).content.decode()


def test_an_unreadable_import_is_a_sentence_on_the_page_and_keeps_the_text(visitor, persona):
    page = visitor.post(reverse("import", args=[persona.pk]), {"pasted": '[{"question": '})
    assert page.status_code == 400
    assert "Nothing was changed." in page.content.decode()
    assert "[{&quot;question&quot;: " in page.content.decode()


def test_the_data_room_lists_findings_with_the_way_to_the_answer(visitor, persona, asked):
    put(visitor, persona, asked, text="Cars")
    page = visitor.get(reverse("data", args=[persona.pk])).content.decode()
    assert "At least 10 answers are needed" in page
    assert reverse("question", args=[persona.pk, asked.slug]) in page


CHAT = b"12/03/2024, 10:15 - Ben: Where do you live now?\n12/03/2024, 10:16 - Ada: In Ghent, still\n"


def test_a_chat_is_imported_once_it_is_said_who_answers(visitor, persona):
    asked = visitor.post(reverse("import", args=[persona.pk]), {"file": io.BytesIO(CHAT)})
    assert "Which of them is you?" in asked.content.decode()
    wrong = visitor.post(reverse("import_person", args=[persona.pk, asked.context["upload_id"]]), {"person": "Zoe"})
    assert "Nobody called Zoe" in wrong.content.decode()
    report = visitor.post(reverse("import_person", args=[persona.pk, wrong.context["upload_id"]]), {"person": "Ada"})
    assert report.context["report"].own == 1
    assert not Answer.objects.exists()
    address = reverse("import_confirm", args=[persona.pk, report.context["upload_id"]])
    visitor.post(address, {"person": "Ada"})
    assert Answer.objects.get().text == "In Ghent, still"


def test_the_report_names_the_encoding(visitor, persona):
    data = "question,answer\nКто?,Ада.".encode("windows-1251")
    report = visitor.post(reverse("import", args=[persona.pk]), {"file": io.BytesIO(data)})
    assert "windows-1251" in report.content.decode()


def test_the_data_card_counts(visitor, persona, asked):
    put(visitor, persona, asked, text="Cars and trams.")
    text = visitor.get(reverse("card", args=[persona.pk])).content.decode()
    assert "- Answers: 1\n- Words: 3\n" in text
    assert "typed (1)" in text
    assert "- Your own questions: 1" in text
    assert "invented" not in text


def test_a_finding_that_is_left_moves_aside_until_its_answer_changes(visitor, persona, asked):
    put(visitor, persona, asked, text="Cars, cars.")
    address = reverse("data", args=[persona.pk])
    short = next(f for f in visitor.get(address).context["findings"] if f.slug)
    visitor.post(reverse("finding", args=[persona.pk]), {"key": short.key})
    page = visitor.get(address)
    assert short.key not in {f.key for f in page.context["findings"]}
    assert [f.key for f in page.context["left"]] == [short.key]
    visitor.post(reverse("finding", args=[persona.pk]), {"key": short.key, "again": "1"})
    assert short.key in {f.key for f in visitor.get(address).context["findings"]}
    visitor.post(reverse("finding", args=[persona.pk]), {"key": short.key})
    put(visitor, persona, asked, text="Cars, cars, cars.", revision=1, operation="b")
    assert any(f.slug for f in visitor.get(address).context["findings"])


def test_an_error_cannot_be_left(visitor, persona, asked):
    put(visitor, persona, asked)
    address = reverse("data", args=[persona.pk])
    error = next(f for f in visitor.get(address).context["findings"] if f.severity == "error")
    visitor.post(reverse("finding", args=[persona.pk]), {"key": error.key})
    assert error.key in {f.key for f in visitor.get(address).context["findings"]}
    assert visitor.post(reverse("finding", args=[persona.pk]), {"key": "x"}).status_code == 404
