"""Versions: what is told of each, two side by side, notes, archive, deletion here and elsewhere."""

import re

import pytest
from django.urls import reverse

from questionnaires.models import Answer
from tests.training.conftest import answer
from tests.training.remote import MODEL, connect_to, look_until, remote_run
from training.differences import difference
from training.execution import run_execute
from training.models import PersonaModel, TrainingRun
from training.services import run_create
from training.version_page import cards, changes_in_words
from training.versions import version_archive, version_make_current, version_unarchive

pytestmark = pytest.mark.django_db


@pytest.fixture
def trained(author, fake):
    """Trains and returns a version of the answers as they are."""

    def train(**more):
        run = run_create(persona=author, recipe="quick", **more)[0]
        run_execute(run_id=run.pk)
        return PersonaModel.objects.get(pk=run.pk)

    return train


@pytest.fixture
def elsewhere(author, owner, standin):
    """A version that was trained at the stand-in."""
    run = look_until(remote_run(author, connect_to(standin, owner)), {"ready"})
    return PersonaModel.objects.select_related("run", "connection").get(pk=run.pk)


def page(visitor, version, name="version", **query):
    return visitor.get(reverse(name, args=(version.persona_id, version.pk)), query).content.decode()


def post(visitor, version, name, **fields):
    return visitor.post(reverse(name, args=(version.persona_id, version.pk)), fields)


def test_the_difference_names_what_was_added_changed_and_removed(trained, author):
    first = trained()
    answer(author, 1, start=12)
    changed, removed = Answer.objects.filter(persona=author).order_by("created_at")[:2]
    Answer.objects.filter(pk=changed.pk).update(text="I changed my mind about that door in the street.")
    Answer.objects.filter(pk=removed.pk).update(state="empty", text="")
    found = difference(first, trained())
    assert [question for question, _text in found.added] == ["What is thing 12 of 444 to you, 12?"]
    assert [(each.before, each.after) for each in found.changed] == [
        (changed.text, "I changed my mind about that door in the street.")
    ]
    assert [text for _question, text in found.removed] == [removed.text]


def test_another_wording_of_the_same_question_is_no_difference(trained, author):
    for row in Answer.objects.filter(persona=author).select_related("question"):
        texts = row.question.texts["en"]
        row.question.texts = {"en": {**texts, "wordings": [f"{texts['text']} Tell me!", f"So: {texts['text']}"]}}
        row.question.save()
    first, second = trained(seed=0), trained(seed=1)
    assert first.data_hash != second.data_hash
    assert difference(first, second).count == 0
    assert changes_in_words(first, second) == "the same answers as version 1"


def test_what_an_imported_version_learned_from_is_not_guessed(trained, author):
    first = trained()
    other = PersonaModel.objects.create(
        owner=author.owner, persona=author, number=2, name="x", base_model="b", format="chat", spoken_name="Ada"
    )
    assert difference(first, other) is None
    assert [card.changes for card in cards([other, first])] == ["", ""]


def test_the_list_tells_versions_apart_and_leads_to_each(trained, author, visitor):
    trained()
    answer(author, 2, start=12)
    second = trained()
    text = visitor.get(reverse("train", args=(author.pk,))).content.decode()
    assert "2 answers added since version 1" in text
    assert reverse("version", args=(author.pk, second.pk)) in text
    assert text.count("in use") == 1


def test_the_page_of_a_version_tells_what_it_is_made_of(trained, author, visitor):
    version = trained()
    text = page(visitor, version)
    assert version.name in text
    assert version.data_hash[:12] in text
    assert "12 answers" in text
    assert "this computer" in text
    assert re.search(r"Surprise \(loss\) at answers kept aside</dt><dd>0.50", text)


def test_notes_are_kept_and_too_long_ones_are_not_lost(trained, visitor):
    version = trained()
    assert post(visitor, version, "version_notes", notes="Good at jokes.\r\nInvents a dog.").status_code == 302
    version.refresh_from_db()
    assert version.notes == "Good at jokes.\nInvents a dog."
    refused = post(visitor, version, "version_notes", notes="x" * 4001)
    assert refused.status_code == 400
    assert "longer than 4000 characters" in refused.content.decode()
    assert "x" * 4001 in refused.content.decode()


def test_an_archived_version_is_folded_and_the_newest_other_takes_over(trained, author, visitor):
    first, second = trained(), trained()
    assert post(visitor, second, "version_archive").status_code == 302
    assert PersonaModel.objects.get(is_current=True) == first
    text = visitor.get(reverse("train", args=(author.pk,))).content.decode()
    shown, folded = text[text.index('<h2 id="versions">') :].split("1 archived version")
    assert (str(first.pk) in shown, str(second.pk) in shown) == (True, False)
    assert str(second.pk) in folded
    post(visitor, second, "version_archive")
    second.refresh_from_db()
    assert (second.archived_at, second.is_current) == (None, False)


def test_the_only_version_archived_leaves_none_in_use_until_it_is_back(trained):
    version = trained()
    version_archive(version=version)
    assert not PersonaModel.objects.filter(is_current=True).exists()
    version_unarchive(version=version)
    assert PersonaModel.objects.get().is_current


def test_using_an_archived_version_takes_it_back(trained):
    first = trained()
    trained()
    version_archive(version=first)
    version_make_current(version=first)
    first.refresh_from_db()
    assert (first.archived_at, first.is_current) == (None, True)


def test_two_side_by_side_with_figures_settings_and_replies(trained, visitor):
    first = trained(overrides={"epochs": 2})
    second = trained(overrides={"epochs": 4, "rank": 8})
    text = page(visitor, second, "version_compare", **{"with": first.pk})
    assert "Version 1 beside version 2" in text
    rows = {
        re.sub("<.*?>", "", row).strip(): re.findall(r"<td>(.*?)</td>", text.split(row)[1].split("</tr>")[0])
        for row in re.findall(r'<th scope="row">.*?</th>', text)
    }
    assert rows["Passes (epochs)"] == ["2", "4"]
    assert rows["Rank of the adapter"] == ["as usual", "8"]
    assert rows["Surprise (loss) at answers kept aside"] == ["0.500", "0.500"]
    assert text.count('<p class="reply"><span class="soft small">Version') == 2
    assert text.count("Reply 6") == 2
    assert "the same answers as version 1" in text


def test_comparing_with_a_stranger_s_or_no_version_is_not_found(trained, visitor):
    where = reverse("version_compare", args=(trained().persona_id, PersonaModel.objects.get().pk))
    for other in ("", "x", "00000000-0000-0000-0000-000000000000"):
        assert visitor.get(where, {"with": other}).status_code == 404


def test_a_remote_version_says_where_it_is_what_it_cost_and_when_it_ends(elsewhere, visitor):
    text = page(visitor, elsewhere)
    assert elsewhere.remote_model in text
    assert "Stand-in" in text
    assert "OpenAI shuts its base model down on Jan. 14, 2027" in text
    assert "there is nothing here to take along" in text
    assert "Deployed at" not in text


def test_after_the_end_of_the_base_model_the_warning_says_so(elsewhere, visitor, monkeypatch):
    from datetime import date

    from training import version_page

    monkeypatch.setattr(version_page.timezone, "localdate", lambda: date(2027, 1, 14))
    assert "OpenAI shut its base model down on Jan. 14, 2027: it answers no more." in page(visitor, elsewhere)


def test_where_a_deployment_is_needed_its_name_can_be_given(elsewhere, owner, visitor):
    elsewhere.connection.preset = "nebius"
    elsewhere.connection.save()
    assert "Before you can talk to it" in page(visitor, elsewhere)
    refused = post(visitor, elsewhere, "version_deployment", deployment="two words")
    assert refused.status_code == 400
    assert 'value="two words"' in refused.content.decode()
    assert post(visitor, elsewhere, "version_deployment", deployment=" ada-1 ").status_code == 302
    elsewhere.refresh_from_db()
    assert elsewhere.deployment == "ada-1"
    assert "Deployed at the provider" in page(visitor, elsewhere)


def test_deleting_at_the_provider_takes_the_model_and_the_files(elsewhere, standin, visitor):
    assert elsewhere.remote_model in standin.account.models
    assert standin.account.files
    assert "Delete it at Stand-in too" in page(visitor, elsewhere, "version_delete")
    assert post(visitor, elsewhere, "version_delete", at_provider="on").status_code == 302
    assert elsewhere.remote_model not in standin.account.models
    assert standin.account.files == {}
    assert standin.wrong_keys == []
    assert not PersonaModel.objects.exists()


def test_without_the_tick_nothing_is_deleted_there(elsewhere, standin, visitor):
    post(visitor, elsewhere, "version_delete")
    assert elsewhere.remote_model in standin.account.models
    assert not PersonaModel.objects.exists()


def test_what_is_gone_there_already_is_no_obstacle(elsewhere, standin, visitor):
    standin.account.models.pop(elsewhere.remote_model)
    standin.account.files.clear()
    assert post(visitor, elsewhere, "version_delete", at_provider="on").status_code == 302


def test_a_provider_that_refuses_the_deletion_leaves_the_version(elsewhere, standin, visitor):
    standin.tell("models.delete", "status", status=500)
    refused = post(visitor, elsewhere, "version_delete", at_provider="on")
    assert refused.status_code == 502
    assert "Nothing was deleted here." in refused.content.decode()
    assert PersonaModel.objects.get() == elsewhere
    assert post(visitor, elsewhere, "version_delete", at_provider="on").status_code == 302


def test_a_version_whose_connection_is_gone_names_what_stays_there(elsewhere, visitor):
    elsewhere.connection.delete()
    assert f"under the name {elsewhere.remote_model}" in page(visitor, elsewhere, "version_delete")
    assert post(visitor, elsewhere, "version_delete", at_provider="on").status_code == 409
    assert "a connection that was deleted" in page(visitor, elsewhere)


def test_the_run_of_a_remote_version_is_the_one_that_was_paid(elsewhere):
    run = TrainingRun.objects.get()
    assert (elsewhere.run, elsewhere.base_model) == (run, MODEL)
