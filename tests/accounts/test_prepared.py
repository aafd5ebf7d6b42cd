"""Statements that are made once say what Django's say."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.sessions.models import Session
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.prepared import PreparedInsert, PreparedRow, PreparedUpdate
from accounts.sessions import SessionStore
from questionnaires.models import Answer, AnswerRevision, Persona, Question

pytestmark = pytest.mark.django_db

ROW = PreparedRow(
    lambda persona, slug: Answer.objects.filter(
        persona=persona, question__slug=slug, persona__is_demo=False
    ).order_by(),
    persona=(Persona._meta.pk, type(uuid4())),
    slug=(Question._meta.get_field("slug"), str),
)


@pytest.fixture
def answer(persona):
    question = Question.objects.create(slug="q", texts={"en": {"text": "Why?"}})
    return Answer.objects.create(owner=persona.owner, persona=persona, question=question, text="Because.", revision=3)


def test_a_row_is_as_django_reads_it(answer, persona):
    with CaptureQueriesContext(
        connection,
    ) as asked:
        found = ROW.get(persona=persona.pk, slug="q")
        again = ROW.get(persona=persona.pk, slug="q")
    plain = Answer.objects.get(pk=answer.pk)
    for field in Answer._meta.concrete_fields:
        assert getattr(found, field.attname) == getattr(again, field.attname) == getattr(plain, field.attname)
    assert found.owner == persona.owner  # a whole object, with its relations
    assert len(asked) == 2
    assert ROW.get(persona=persona.pk, slug="another") is None
    assert ROW.get(persona=uuid4(), slug="q") is None
    Persona.objects.update(is_demo=True)
    assert ROW.get(persona=persona.pk, slug="q") is None


def test_the_sql_is_made_once_a_connection(answer, persona, monkeypatch):
    made = []
    row = PreparedRow(
        lambda persona: made.append(1) or Answer.objects.filter(persona=persona).order_by(),
        persona=(Persona._meta.pk, type(uuid4())),
    )
    assert row.get(persona=persona.pk).pk == row.get(persona=persona.pk).pk == answer.pk
    assert len(made) == 1
    connections["default"].__dict__.pop("prepared_statements")
    assert row.get(persona=uuid4()) is None
    assert len(made) == 2


def test_a_value_without_a_place_is_refused(persona):
    row = PreparedRow(lambda persona: Answer.objects.order_by(), persona=(Persona._meta.pk, type(uuid4())))
    with pytest.raises(ValueError, match="no place for persona"):
        row.get(persona=persona.pk)


def test_an_update_changes_its_row_alone(answer, persona):
    other = Question.objects.create(slug="other", texts={"en": {"text": "And?"}})
    untouched = Answer.objects.create(owner=persona.owner, persona=persona, question=other, text="Same.")
    update, now = PreparedUpdate(Answer, text=str, revision=int, updated_at=type(timezone.now())), timezone.now()
    for text in ("It's 50 % \u2028 'quoted'", "a sample, 0"):
        update.run(pk=answer.pk, text=text, revision=9, updated_at=now)
        answer.refresh_from_db()
        assert (answer.text, answer.revision, answer.updated_at, answer.state) == (text, 9, now, "open")
    untouched.refresh_from_db()
    assert (untouched.text, untouched.revision) == ("Same.", 0)


def test_an_insert_fills_what_django_fills(answer):
    insert = PreparedInsert(AnswerRevision)
    for number in (1, 2):
        insert.run(
            AnswerRevision(
                owner_id=answer.owner_id, answer=answer, revision=number, operation_id=f"o{number}", text="%s"
            )
        )
    first, second = AnswerRevision.objects.order_by("revision")
    assert (first.text, first.conflict, first.source, first.answer) == ("%s", False, "typed", answer)
    assert first.pk != second.pk
    assert abs(timezone.now() - second.created_at) < timedelta(minutes=1)


def test_a_session_is_read_until_it_ends(db):
    kept = SessionStore()
    kept["word"] = "ferry"
    kept.create()
    assert SessionStore(kept.session_key)["word"] == "ferry"
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    ended = SessionStore(kept.session_key)
    assert (ended.get("word"), ended.session_key) == (None, None)
    assert SessionStore("never-there").get("word") is None
