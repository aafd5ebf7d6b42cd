"""A persona with answers, versions of it, and a server that plays the engine."""

import uuid

import pytest
from asgiref.sync import async_to_sync

from chat import replies
from chat.services import message_post
from questionnaires.models import Answer, Question, Topic
from tests.chat.fake_engine import FakeEngine, serve
from training.models import PersonaModel

TOLD = [("Where did you grow up?", "By the sea, in Nida."), ("Do you drink?", "I stopped eight years ago."),
        ("What do you cook?", "Soup, mostly.")]  # fmt: skip


@pytest.fixture(autouse=True)
def one_connection(monkeypatch):
    """Tests run in a transaction: closing its connection would end it. Django's test client does the same."""
    monkeypatch.setattr("questionnaires.threads.close_old_connections", lambda: None)


@pytest.fixture
def engine(settings):
    engine = FakeEngine()
    server = serve(engine)
    settings.ENGINE_URL = server.url
    yield engine
    server.shutdown()
    server.server_close()


@pytest.fixture
def told(persona):
    """Three answered questions and an open one, of the bank."""
    topic = Topic.objects.create(slug="life", title={"en": "Life"}, position=1)
    answers = []
    for place, (question, text) in enumerate([*TOLD, ("Who did you grow up with?", "")]):
        texts = {"en": {"text": question, "wordings": [f"{question} Tell me."], "hint": "", "follow_up": ""}}
        row = Question.objects.create(slug=f"q{place}", topic=topic, texts=texts, position=place)
        if text:
            answers.append(
                Answer.objects.create(
                    owner=persona.owner, persona=persona, question=row, text=text, state=Answer.State.ANSWERED
                )
            )
    return answers


@pytest.fixture
def version(persona):
    return make_version(persona, number=1)


def make_version(persona, *, number, current=True, format="chat"):
    PersonaModel.objects.filter(persona=persona).update(is_current=False)
    return PersonaModel.objects.create(
        owner=persona.owner, persona=persona, number=number, name=f"v{number}", base_model="base", format=format,
        spoken_name="Ada Frozen", data_hash="0" * 64, is_current=current,
    )  # fmt: skip


@pytest.fixture
def talk_id():
    return uuid.uuid4()


@pytest.fixture
def post(persona, talk_id):
    """Posts a message to the one conversation of a test and returns its pending reply."""

    def make(text="Where are you from?", operation_id=None, version=None):
        return message_post(
            persona=persona, conversation_id=talk_id, text=text, operation_id=operation_id or uuid.uuid4().hex,
            version=version,
        )  # fmt: skip

    return make


@pytest.fixture
def answered(post):
    """Posts a message, has it answered, and returns the finished reply."""

    def make(text="Where are you from?", version=None):
        reply = post(text, version=version)
        async_to_sync(replies.reply_write)(reply=reply)
        reply.refresh_from_db()
        return reply

    return make
