"""Import: a report first, then all or nothing."""

import json
from pathlib import Path

import pytest

from questionnaires import services
from questionnaires.bank import bank_load
from questionnaires.dataset.records import ImportFailure
from questionnaires.importing import import_answers
from questionnaires.models import Answer, AnswerRevision, Question
from questionnaires.services import Refused

NORA = Path(__file__).parents[3] / "shared" / "data" / "persona_nora.json"


def records(*pairs) -> bytes:
    return json.dumps([{"question": q, "answer": a} for q, a in pairs]).encode()


def test_a_dry_run_changes_nothing(persona):
    report = import_answers(persona=persona, data=records(("Why?", "Because.")), filename="a.json", dry_run=True)
    assert (report.rows, report.own, report.stored) == (1, 1, 1)
    assert not Answer.objects.exists()
    assert not Question.objects.exists()


def test_a_question_of_the_bank_is_recognised_in_any_wording_and_language(persona):
    bank_load()
    asked = Question.objects.get(slug="who-i-am-introduction")
    wording = asked.texts["ru"]["wordings"][0].upper().rstrip("?") + " ?!"
    report = import_answers(persona=persona, data=records((wording, "Ich bin's.")), filename="a.json")
    assert (report.new, report.own) == (1, 0)
    assert Answer.objects.get().question == asked


def test_an_import_again_is_recognised(persona):
    data = records(("Why?", "Because."), ("Why?", "Because."), ("How?", "So."))
    assert import_answers(persona=persona, data=data, filename="a.json").stored == 2
    again = import_answers(persona=persona, data=data, filename="a.json")
    assert (again.stored, again.same) == (0, 3)


def test_a_written_answer_stays_unless_replacing_is_asked_for(persona):
    import_answers(persona=persona, data=records(("Why?", "Old.")), filename="a.json")
    assert import_answers(persona=persona, data=records(("Why?", "New.")), filename="a.json").kept == 1
    assert Answer.objects.get().text == "Old."
    assert (
        import_answers(persona=persona, data=records(("Why?", "New.")), filename="a.json", replace=True).replaced == 1
    )
    assert Answer.objects.get().text == "New."
    assert list(AnswerRevision.objects.values_list("text", flat=True)) == ["Old.", "New."]


def test_one_fault_imports_nothing_and_names_the_line(persona):
    data = records(("Why?", "Because."), ("How?", "x" * 100_001))
    with pytest.raises(Refused, match=r"Line \d+: the answer is longer than 100 kB"):
        import_answers(persona=persona, data=data, filename="a.json")
    assert not Answer.objects.exists()


def test_an_unreadable_file_is_a_sentence(persona):
    with pytest.raises(ImportFailure, match="comma"):
        import_answers(persona=persona, data=b'[{"question": "Why?", "answer": "x"},]', filename="a.json")


def test_the_wordings_of_a_file_are_kept(persona):
    data = json.dumps({"qa": [{"q": "Why?", "alts": ["What for?"], "a": "Because."}]}).encode()
    import_answers(persona=persona, data=data, filename="a.json")
    (item,) = services.dataset_build(persona=persona)
    assert item.wordings == ("What for?",)


@pytest.mark.skipif(not NORA.exists(), reason="shared test data is not here")
def test_a_whole_person_is_imported(persona):
    report = import_answers(persona=persona, data=NORA.read_bytes(), filename=NORA.name)
    assert report.stored == 150
    assert len(services.dataset_build(persona=persona)) == 150
