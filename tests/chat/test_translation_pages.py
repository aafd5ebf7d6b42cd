"""The translation page."""

import pytest
from django.urls import reverse

from chat.models import Conversation, TranslationSetup
from chat.translation import services
from chat.translation.suggestions import names_suggested
from tests.chat.translation_server import TranslationServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def server():
    server = TranslationServer()
    yield server
    server.close()


@pytest.fixture
def page(persona):
    return reverse("translation", args=(persona.pk,))


@pytest.fixture
def libre(visitor, persona, server):
    """Set up as a person does it."""
    address = reverse("translator", args=(persona.pk, "libretranslate"))
    visitor.post(address, {"address": server.address, "key": "sk-of-libre", "consent": "yes"})
    return TranslationSetup.objects.get()


def test_each_translator_has_a_form_that_says_who_gets_the_text(visitor, persona, page):
    content = visitor.get(page).content.decode()
    for key in ("argos", "libretranslate", "deepl", "chat", "google", "mymemory"):
        address = reverse("translator", args=(persona.pk, key))
        assert address in content
        form = visitor.get(address).content.decode()
        assert ("I agree that" in form) != (key == "argos")
    assert visitor.get(reverse("translator", args=(persona.pk, "babel"))).status_code == 404


def test_it_is_on_after_the_agreement_and_the_key_is_not_shown(visitor, libre, page, persona, server):
    assert (libre.translator, libre.mode) == ("libretranslate", "auto")
    shown = visitor.get(page).content.decode()
    assert f"the text goes to {server.address.removeprefix('http://')}" in shown
    form = visitor.get(reverse("translator", args=(persona.pk, "libretranslate"))).content.decode()
    assert "sk-of-libre" not in shown + form


def test_without_the_agreement_nothing_is_stored_and_the_typed_address_stays(visitor, persona, server):
    address = reverse("translator", args=(persona.pk, "libretranslate"))
    response = visitor.post(address, {"address": server.address, "key": "sk-of-libre"})
    assert response.status_code == 400
    assert server.address in response.content.decode()
    assert "sk-of-libre" not in response.content.decode()
    assert not TranslationSetup.objects.exists()


def test_the_mode_of_one_conversation(visitor, libre, page, persona, owner):
    talk = Conversation.objects.create(owner=owner, persona=persona)
    response = visitor.post(f"{page}?conversation={talk.pk}", {"mode": "fixed", "language": "de"})
    assert response["Location"] == reverse("chat_conversation", args=(persona.pk, talk.pk))
    talk.refresh_from_db()
    assert (talk.translation, services.setup_get(persona=persona).mode) == ("de", "auto")
    visitor.post(page, {"mode": "off"})
    assert services.setup_get(persona=persona).mode == "off"
    assert visitor.post(page, {"mode": "xx"}).status_code == 400


@pytest.mark.parametrize("key", ["x", "00000000-0000-0000-0000-000000000000"])
def test_a_conversation_that_is_none_is_not_found(visitor, page, key):
    assert visitor.get(f"{page}?conversation={key}").status_code == 404


def test_it_is_tried_with_a_sentence_of_ours(visitor, libre, persona, server):
    response = visitor.post(reverse("translation_try", args=(persona.pk,)), follow=True)
    assert "«ru» Good morning" in response.content.decode()
    server.how = "429"
    response = visitor.post(reverse("translation_try", args=(persona.pk,)), follow=True)
    assert "takes no more text now" in response.content.decode()


def test_names_are_listed_and_offered_from_the_answers(visitor, told, persona, page):
    told[0].text = "We saw “Inside Out” twice, I and Vera Lind. My aunt Olga too."
    told[0].save()
    assert names_suggested(persona=persona, known=[]) == ["Inside Out", "Vera Lind"]
    visitor.post(reverse("translation_names", args=(persona.pk,)), {"names": "Nida = Нида", "add": ["Vera Lind"]})
    assert names_suggested(persona=persona, known=["inside out"]) == ["Vera Lind"]
    shown = visitor.get(page).content.decode()
    assert "Nida = Нида\nVera Lind</textarea>" in shown
    assert 'value="Inside Out"' in shown
    response = visitor.post(reverse("translation_names", args=(persona.pk,)), {"names": "= wrong"})
    assert response.status_code == 400
    assert "= wrong" in response.content.decode()


def test_stopping_forgets_the_key(visitor, libre, persona):
    visitor.post(reverse("translation_drop", args=(persona.pk,)))
    assert TranslationSetup.objects.get().sealed_key == ""
