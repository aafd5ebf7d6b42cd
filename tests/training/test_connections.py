"""Accounts at providers: whose they are, what a key may do, and what a test of one says."""

import uuid

import pytest
from django.urls import reverse

from questionnaires.services import Refused
from training.connections import Fields, connection_create, connection_update, endpoint_of, webhook_secret_of
from training.models import Connection, TrainingRun
from training.sealing import seal

pytestmark = pytest.mark.django_db
KEY = "sk-canary-4f5e6d7c8b9a-WXYZ"


@pytest.fixture
def connection(owner, standin):
    fields = Fields("Stand-in", standin.base_url, standin.key)
    return connection_create(owner=owner, preset="openai", fields=fields)


def pages(connection):
    """(name, method, address) of each page about one connection."""
    for name, method in (("connection", "get"), ("connection_test", "post"), ("connection_delete", "get")):
        yield name, method, reverse(name, args=(connection.pk,))


def test_a_stranger_finds_nothing(connection, stranger, client_of):
    browser = client_of(stranger)
    for name, method, address in pages(connection):
        assert getattr(browser, method)(address).status_code == 404, name
        assert browser.post(address).status_code == 404, name
    assert "Stand-in" not in browser.get(reverse("connections")).content.decode()
    assert Connection.objects.filter(tested_at=None).count() == 1


def test_nobody_without_a_session_comes_in(connection, client):
    addresses = [address for _name, _method, address in pages(connection)]
    for address in [*addresses, reverse("connections"), reverse("connection_new", args=("openai",))]:
        assert client.get(address).status_code == 302


def test_an_unknown_kind_of_provider_is_not_found(visitor):
    assert visitor.get(reverse("connection_new", args=("nowhere",))).status_code == 404


def test_a_provider_is_added_and_its_key_is_never_shown_again(visitor):
    page = visitor.get(reverse("connection_new", args=("openai",))).content.decode()
    assert "https://api.openai.com/v1" in page
    form = {"name": "", "base_url": "https://api.openai.com/v1/", "key": f" {KEY}\n"}
    reply = visitor.post(reverse("connection_new", args=("openai",)), form, follow=True)
    connection = Connection.objects.get()
    assert (connection.name, connection.base_url) == ("OpenAI", "https://api.openai.com/v1")
    assert endpoint_of(connection).key == KEY
    page = reply.content.decode()
    assert "A key that ends in WXYZ is kept" in page
    assert KEY not in page
    assert KEY not in connection.sealed_key
    assert KEY not in repr(endpoint_of(connection))


def test_a_short_key_shows_nothing_of_itself(owner):
    connection = connection_create(owner=owner, preset="other", fields=Fields("x", "https://a.example/v1", "abc-1234"))
    assert connection.key_hint == ""


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("base_url", "", "The address is missing"),
        ("base_url", "api.example.com/v1", "This is no address of a provider"),
        ("base_url", "https://user:secret@a.example/v1", "This is no address of a provider"),
        ("base_url", "http://169.254.169.254/v1", "is not the address of a provider"),
        ("base_url", "http://1.1.1.1/v1", "begin with https://"),
        ("base_url", "https://a.example/" + "v" * 300, "longer than 300"),
        ("key", "sk with spaces", "without spaces"),
        ("key", "ключ", "Latin letters"),
        ("key", "k" * 1001, "longer than 1000"),
        ("key", "", "The key is missing"),
        ("name", "n" * 81, "longer than 80"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(visitor, field, value, sentence):
    form = {"name": "Mine", "base_url": "https://a.example/v1", "key": KEY, field: value}
    reply = visitor.post(reverse("connection_new", args=("azure",)), form)
    page = reply.content.decode()
    assert reply.status_code == 400
    assert sentence in page
    assert KEY not in page
    if field != "name":
        assert 'value="Mine"' in page
    assert not Connection.objects.exists()


def test_another_address_clears_the_key_and_says_so(connection, visitor):
    where = reverse("connection", args=(connection.pk,))
    reply = visitor.post(where, {"name": "Stand-in", "base_url": "https://b.example/v1"}, follow=True)
    assert "the key was cleared" in reply.content.decode()
    connection.refresh_from_db()
    assert (connection.sealed_key, connection.key_hint) == ("", "")
    assert endpoint_of(connection).key == ""


def test_another_address_with_its_own_key_takes_that_one(connection):
    dropped = connection_update(connection=connection, fields=Fields("", "https://b.example/v1", KEY))
    assert not dropped
    assert (endpoint_of(connection).key, endpoint_of(connection).base_url) == (KEY, "https://b.example/v1")


def test_an_empty_key_keeps_the_key_and_the_last_test(connection, standin, visitor):
    visitor.post(reverse("connection_test", args=(connection.pk,)))
    where = reverse("connection", args=(connection.pk,))
    visitor.post(where, {"name": "New name", "base_url": standin.base_url, "key": ""})
    connection.refresh_from_db()
    assert (connection.name, endpoint_of(connection).key) == ("New name", standin.key)
    assert connection.test_result["ok"]


def test_the_secret_of_the_webhook_is_kept_and_goes_with_the_address(connection, standin):
    connection_update(connection=connection, fields=Fields("", standin.base_url, webhook_secret="whsec_abc"))
    assert webhook_secret_of(connection) == "whsec_abc"
    connection_update(connection=connection, fields=Fields("", standin.base_url))
    assert webhook_secret_of(connection) == "whsec_abc"
    connection_update(connection=connection, fields=Fields("", "https://b.example/v1"))
    assert webhook_secret_of(connection) == ""


def test_a_key_whose_address_was_changed_behind_our_back_opens_nothing(connection):
    Connection.objects.update(base_url="https://thief.example/v1")
    connection.refresh_from_db()
    with pytest.raises(Refused, match="Enter it again"):
        endpoint_of(connection)


def test_the_test_says_that_the_key_is_good_and_which_models_there_are(connection, standin, visitor):
    page = visitor.post(reverse("connection_test", args=(connection.pk,)), follow=True).content.decode()
    assert "The key is valid" in page
    assert "Fine-tuning is available" in page
    assert "can train" in page
    assert {seen.key for seen in standin.requests} == {standin.key}


def test_a_wrong_key_is_a_sentence(owner, standin, visitor):
    fields = Fields("Wrong", standin.base_url, KEY)
    connection = connection_create(owner=owner, preset="openai", fields=fields)
    page = visitor.post(reverse("connection_test", args=(connection.pk,)), follow=True).content.decode()
    assert "does not accept the key" in page
    assert "cannot train" in page


def test_an_account_that_may_not_train_is_told_what_to_do_instead(connection, standin, visitor):
    standin.tell("jobs.list", "status", status=403, code="training_not_available", message="Not for you.")
    page = visitor.post(reverse("connection_test", args=(connection.pk,)), follow=True).content.decode()
    assert "Train on this computer, or choose another" in page
    assert "From 6 January 2027" in page  # the closing date, beside it
    assert "cannot train" in page


def test_a_provider_that_is_away_is_a_sentence(connection, standin, visitor):
    standin.stop()
    page = visitor.post(reverse("connection_test", args=(connection.pk,)), follow=True).content.decode()
    assert "cannot be reached" in page


def test_a_key_from_another_computer_is_a_sentence(connection, visitor):
    Connection.objects.update(sealed_key=seal(KEY, "https://elsewhere.example"))
    reply = visitor.post(reverse("connection_test", args=(connection.pk,)), follow=True)
    assert "sealed on another computer" in reply.content.decode()


def test_deleting_asks_first(connection, visitor):
    where = reverse("connection_delete", args=(connection.pk,))
    assert "Delete “Stand-in”?" in visitor.get(where).content.decode()
    assert Connection.objects.exists()
    visitor.post(where)
    assert not Connection.objects.exists()


def test_neither_deleted_nor_moved_while_a_training_is_under_way(connection, run, visitor):
    TrainingRun.objects.update(connection=connection)
    page = visitor.post(reverse("connection_delete", args=(connection.pk,)), follow=True).content.decode()
    assert "A training is under way there" in page
    where = reverse("connection", args=(connection.pk,))
    assert visitor.post(where, {"name": "x", "base_url": "https://b.example/v1"}).status_code == 409
    TrainingRun.objects.update(state="failed")
    visitor.post(reverse("connection_delete", args=(connection.pk,)))
    assert not Connection.objects.exists()
    assert TrainingRun.objects.get().connection is None


def test_the_way_back_leads_to_ones_own_portrait_only(visitor, persona, stranger):
    here = reverse("connections")
    assert "Training of Ada" in visitor.get(here, {"from": persona.pk}).content.decode()
    for nonsense in ("", "x", str(uuid.uuid4())):
        assert "Training of" not in visitor.get(here, {"from": nonsense}).content.decode()
    persona.owner = stranger
    persona.save()
    assert "Training of" not in visitor.get(here, {"from": persona.pk}).content.decode()
