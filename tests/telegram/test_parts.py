"""What the bot is made of, each by itself."""

import hmac
import inspect
import json
import socket
from datetime import timedelta

import pytest
import telegram
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from chat.models import TelegramAccount, TelegramBot, TelegramCode, TelegramUpdate
from chat.telegram import inbox, linking, webhook
from chat.telegram.limits import GUESSES, MOST_STRANGERS, Limits
from chat.telegram.splitting import split, units
from chat.telegram.talking import correction_of
from persona_site import programs
from tests.telegram.bot_api import DOCUMENTED, TOKEN


@given(st.text(alphabet="a б.\n🙂", max_size=400), st.integers(4, 60))
def test_parts_hold_every_word_and_none_is_too_long(text, limit):
    parts = split(text, limit)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(0 < units(part) <= limit for part in parts)


def test_a_text_is_parted_at_a_sentence():
    assert split("One two three. Four five.", 20) == ["One two three.", "Four five."]


@pytest.mark.parametrize("method", DOCUMENTED)
def test_the_loopback_telegram_knows_the_parameters_that_the_library_knows(method):
    """An independent reading of the documentation: every parameter checked here is one of python-telegram-bot's."""
    named = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in method)
    known = set(inspect.signature(getattr(telegram.Bot, named)).parameters)
    required, optional = DOCUMENTED[method]
    assert required | optional <= known


def test_the_loopback_telegram_ignores_a_request_that_broke_off(api):
    with socket.create_connection(("127.0.0.1", api.port)) as asker:
        asker.sendall(f"POST /bot{TOKEN}/setMyCommands HTTP/1.1\r\nContent-Length: 50\r\n\r\n".encode())
        asker.shutdown(socket.SHUT_WR)
        assert asker.recv(100) == b""
    assert api.calls == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I would say: borscht", "borscht"),
        ("i'd say - a\nb", "a\nb"),
        ("Я бы сказала: да", "да"),
        ("I would say", ""),
        ("What would I say: no", ""),
        ("I would say: ", ""),
    ],
)
def test_a_correction_is_known_by_its_beginning(text, words):
    assert correction_of(text) == words


def test_strangers_are_forgotten_before_they_fill_the_memory():
    limits = Limits()
    assert all(limits.may_be_told(user, 0.0) for user in range(1, MOST_STRANGERS + 50))
    assert len(limits._answered) == MOST_STRANGERS
    assert not limits.may_be_told(MOST_STRANGERS, 3599.0)
    assert limits.may_be_told(MOST_STRANGERS, 3600.0)


def test_guesses_come_again_after_an_hour():
    limits = Limits()
    assert [limits.may_guess(1, float(n)) for n in range(GUESSES + 1)] == [True] * GUESSES + [False]
    assert limits.may_guess(1, 3600.0)


@pytest.mark.django_db
class TestLinking:
    def redeem(self, code, user_id=7):
        return linking.code_redeem(code=code, user_id=user_id, name="Ada", language="en")

    def test_only_a_hash_of_a_code_is_kept(self, persona):
        code = linking.code_make(persona=persona)
        [row] = TelegramCode.objects.all()
        assert code not in json.dumps([row.digest, str(row)])
        assert self.redeem(f" {code[:5].lower()} {code[5:]}").persona == persona

    def test_a_code_that_ran_out_is_wrong(self, persona):
        code = linking.code_make(persona=persona)
        TelegramCode.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        assert self.redeem(code) is None
        linking.code_make(persona=persona)
        assert TelegramCode.objects.count() == 1

    def test_a_code_is_used_once(self, persona):
        code = linking.code_make(persona=persona)
        assert self.redeem(code, 1)
        assert self.redeem(code, 2) is None

    def test_a_linked_account_changes_its_persona(self, persona, owner):
        from questionnaires.models import Persona

        self.redeem(linking.code_make(persona=persona, is_guest=True))
        other = Persona.objects.create(owner=owner, name="Bo")
        account = self.redeem(linking.code_make(persona=other))
        assert (account.persona, account.is_guest, TelegramAccount.objects.count()) == (other, False, 1)


@pytest.mark.django_db
class TestInbox:
    def test_old_rows_go_but_the_newest_says_where_to_go_on(self):
        inbox.updates_store(bot="b", updates=[{"update_id": 1}, {"update_id": 2}])
        TelegramUpdate.objects.update(done_at=timezone.now() - timedelta(days=9))
        inbox.updates_forget(bot="b")
        assert inbox.offset_get(bot="b") == 3
        assert TelegramUpdate.objects.count() == 1

    def test_another_bot_has_numbers_of_its_own(self):
        inbox.updates_store(bot="b", updates=[{"update_id": 1}])
        assert inbox.offset_get(bot="c") is None
        assert inbox.updates_store(bot="c", updates=[{"update_id": 1}]) == 1

    def test_a_bot_s_name_gives_its_token_away_to_nobody(self):
        assert inbox.bot_name(TOKEN) not in TOKEN
        assert len(inbox.bot_name(TOKEN)) == 16


@pytest.mark.django_db
class TestWebhook:
    def call(self, body, secret=None):
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {webhook.HEADER: webhook.secret_of(TOKEN) if secret is None else secret}
        client = Client(enforce_csrf_checks=True)
        return client.post("/telegram/webhook/", payload, content_type="application/json", headers=headers).status_code

    @pytest.fixture(autouse=True)
    def public(self, settings):
        settings.TELEGRAM_TOKEN, settings.PUBLIC_URL = TOKEN, "https://ada.example"

    def test_a_genuine_call_is_stored_once(self):
        assert [self.call({"update_id": 5}), self.call({"update_id": 5})] == [200, 200]
        assert TelegramUpdate.objects.get().bot == inbox.bot_name(TOKEN)

    @pytest.mark.parametrize("secret", ["", "x", TOKEN, hmac.new(b"x", b"telegram", "sha256").hexdigest()])
    def test_another_secret_is_refused(self, secret):
        assert self.call({"update_id": 5}, secret) == 403
        assert not TelegramUpdate.objects.exists()

    @pytest.mark.parametrize("body", [b"", b"\xff", b"[]", {"update_id": "5"}, {"update_id": True}, {}])
    def test_a_body_that_is_no_update_is_refused(self, body):
        assert self.call(body) == 400

    def test_a_long_body_is_refused(self):
        assert self.call({"update_id": 1, "x": "x" * webhook.MAX_BYTES}) == 413

    def test_without_a_public_address_there_is_none(self, settings):
        settings.PUBLIC_URL = ""
        assert self.call({"update_id": 5}) == 404


@pytest.mark.django_db
class TestPage:
    @pytest.fixture
    def address(self, persona):
        return reverse("telegram", args=(persona.pk,))

    def test_without_a_token_it_says_how_to_get_one(self, visitor, address, settings):
        settings.TELEGRAM_TOKEN = ""
        content = visitor.get(address).content.decode()
        assert "@BotFather" in content
        assert "A code for me" not in content
        visitor.post(address, {"who": "me"})
        assert not TelegramCode.objects.exists()

    def test_a_code_is_shown_once(self, visitor, address):
        TelegramBot.objects.create(bot=inbox.bot_name(TOKEN), username="ada_bot")
        response = visitor.post(address, {"who": "guest"})
        code = response.context["code"]
        assert f"https://t.me/ada_bot?start={code}" in response.content.decode()
        assert "no-store" in response["Cache-Control"]
        assert code not in visitor.get(address).content.decode()
        assert TelegramCode.objects.get().is_guest

    def test_a_linked_account_is_unlinked(self, visitor, address, persona, linked, stranger, client_of):
        assert "Ada" in visitor.get(address).content.decode()
        unlink = reverse("telegram_unlink", args=(persona.pk, linked.pk))
        assert client_of(stranger).post(unlink).status_code == 404
        visitor.post(unlink)
        assert not TelegramAccount.objects.exists()

    def test_a_bot_in_trouble_is_told(self, visitor, address):
        TelegramBot.objects.create(bot=inbox.bot_name(TOKEN), trouble="Telegram refuses the token.")
        assert "Telegram refuses the token." in visitor.get(address).content.decode()


def test_the_site_starts_the_bot_where_there_is_a_token(settings):
    assert "bot" in {program.name for program in programs.site_programs()}
    settings.TELEGRAM_TOKEN = ""
    assert "bot" not in {program.name for program in programs.site_programs()}


def test_the_command_says_what_is_missing(settings):
    from django.core.management import CommandError, call_command

    settings.TELEGRAM_TOKEN = ""
    with pytest.raises(CommandError, match="BotFather"):
        call_command("telegram_bot")
