"""Every text that an answer had, and the search."""

import uuid

import pytest
from django.urls import reverse
from hypothesis import given, settings
from hypothesis import strategies as st

from questionnaires import services
from questionnaires.history import GONE, NEW, answer_restore, differences, history_get
from questionnaires.models import Answer
from questionnaires.search import search
from questionnaires.services import Refused


@pytest.fixture
def asked(persona):
    return services.question_create(persona=persona, text="What do you count?")


def save(persona, asked, text, base, **more):
    return services.answer_save(
        persona=persona, question=asked, text=text, base_revision=base, operation_id=uuid.uuid4().hex, **more
    )


@pytest.fixture
def written(persona, asked):
    save(persona, asked, "Red cars.", 0)
    save(persona, asked, "Red cars and trams.", 1, source="imported")
    save(persona, asked, "Blue cars.", 1)  # from a device that did not know of the trams


def test_the_history_tells_when_from_where_and_what_changed(persona, asked, written):
    conflict, now, first = history_get(persona=persona, question=asked)
    assert (conflict.conflict, conflict.is_now, conflict.parts[0]) == (True, False, (GONE, "Red"))
    assert (now.source, now.is_now, now.words) == ("imported", True, 4)
    assert now.parts == [("same", "Red cars"), (NEW, " and trams"), ("same", ".")]
    assert (first.source, first.is_now, first.parts) == ("written", False, [("same", "Red cars.")])


def test_any_text_comes_back_as_a_new_revision(persona, asked, written):
    for entry in history_get(persona=persona, question=asked):
        result = answer_restore(persona=persona, question=asked, revision_id=entry.id, operation_id=uuid.uuid4().hex)
        assert result.outcome in {"saved", "unchanged"}
    assert Answer.objects.get().text == "Red cars."
    assert history_get(persona=persona, question=asked)[0].source == "brought back"


def test_a_text_of_another_question_cannot_be_brought_back(persona, asked, written):
    other = services.question_create(persona=persona, text="And why?")
    entry = history_get(persona=persona, question=asked)[0]
    with pytest.raises(Refused, match="gone"):
        answer_restore(persona=persona, question=other, revision_id=entry.id, operation_id="a")


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_differences_hold_both_texts(before, after):
    parts = list(differences(before, after))
    assert "".join(text for kind, text in parts if kind != GONE) == after
    assert "".join(text for kind, text in parts if kind != NEW) == before


def test_a_very_long_text_is_compared_by_lines():
    before = "word word\n" * 2000
    assert list(differences(before, before + "more")) == [("same", before), (NEW, "more")]


def test_the_page_brings_a_text_back(visitor, persona, asked, written):
    address = reverse("history", args=[persona.pk, asked.slug])
    page = visitor.get(address)
    assert "<ins> and trams</ins>" in page.content.decode()
    first = page.context["entries"][-1]
    visitor.post(address, {"revision": str(first.id), "operation": page.context["operation"]})
    assert Answer.objects.get().text == "Red cars."
    for wrong in ("x", str(uuid.uuid4())):
        answer = visitor.post(address, {"revision": wrong, "operation": "b"}, follow=True)
        assert "gone" in answer.content.decode()


def test_search_finds_all_words_in_question_or_answer(persona, asked, written):
    other = services.question_create(persona=persona, text="What about trams?")
    found = search(persona=persona, text="TRAMS")
    assert [result.question for result in found] == [other, asked]
    assert found[0].title == ["What about ", "trams", "?"]
    assert [r.question for r in search(persona=persona, text="cars count")] == [asked]
    assert search(persona=persona, text="zebra") == search(persona=persona, text="  ") == []


def test_a_result_shows_the_words_around(persona, asked):
    save(persona, asked, "word " * 50 + "needle " + "tail " * 60, 0)
    excerpt = "".join(search(persona=persona, text="needle")[0].excerpt)
    assert excerpt.startswith("… word")
    assert "needle" in excerpt
    assert excerpt.endswith("…")
    assert len(excerpt) < 200


def test_the_search_page_escapes_what_was_searched(visitor, persona):
    page = visitor.get(reverse("find", args=[persona.pk]), {"q": "<script>(["}).content.decode()
    assert "&lt;script&gt;([" in page
    assert "<script>([" not in page
