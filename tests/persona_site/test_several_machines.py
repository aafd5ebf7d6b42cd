"""What is started on which machine, who may listen where, and which of several beats ticks."""

import pytest
from pydantic import ValidationError

from persona_site.environment import Environment
from persona_site.management.commands.up import reachable
from persona_site.programs import engine, io_worker, site_programs, train_worker
from tests.persona_site.valkey import valkey_running


def made(**values):
    return Environment(_env_file=None, **values)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "::"])
def test_a_site_without_accounts_listens_to_this_computer_alone(host):
    with pytest.raises(ValidationError, match="set SIGN_UP"):
        made(HOST=host)
    assert host == made(HOST=host, SIGN_UP="invitation").HOST
    assert host == made(HOST=host, OPEN_HOST=True).HOST


def test_a_model_server_that_others_reach_has_a_secret():
    with pytest.raises(ValidationError, match="set ENGINE_TOKEN"):
        made(ENGINE_HOST="0.0.0.0")
    assert made(ENGINE_HOST="0.0.0.0", ENGINE_TOKEN="x").ENGINE_HOST == "0.0.0.0"


def test_model_servers_are_listed_with_commas():
    assert made().engine_urls == ["http://127.0.0.1:8766"]
    assert made(ENGINE_URL="http://a:1/").engine_urls == ["http://a:1"]
    assert made(ENGINE_URLS="http://a:1, http://b:1/,", ENGINE_URL="http://c:1").engine_urls == [
        "http://a:1",
        "http://b:1",
    ]


@pytest.mark.parametrize("url", ["/folder", "ftp://x", "bucket"])
def test_what_is_no_store_is_refused(url):
    with pytest.raises(ValidationError, match="s3://bucket/prefix or file:///folder"):
        made(STORAGE_URL=url)


def names():
    return {program.name for program in site_programs()}


def test_one_machine_has_everything(settings):
    settings.REDIS_URL, settings.ENGINE_URLS = "", [f"http://127.0.0.1:{settings.ENGINE_PORT}"]
    assert {"valkey", "web", "io", "train", "engine"} <= names()


def test_what_is_elsewhere_is_not_started_here(settings):
    settings.REDIS_URL, settings.ENGINE_URLS = "redis://broker", ["http://engine1:8766"]
    assert not {"valkey", "engine"} & names()
    settings.ENGINE_HOST = "0.0.0.0"
    assert "engine" in names()


def test_machines_have_workers_of_their_own_names_and_one_beat(settings, tmp_path):
    settings.HOST_NAME, settings.REDIS_URL = "io7", "redis://broker"
    assert "io@io7" in io_worker(tmp_path).command
    assert "persona_site.beat:SharedScheduler" in io_worker(tmp_path).command
    settings.REDIS_URL = ""
    assert "train@localhost" in train_worker().command
    assert "persona_site.beat:SharedScheduler" not in io_worker(tmp_path).command


def test_a_model_server_fetches_where_there_is_a_store(settings, tmp_path):
    settings.ENGINE_TOKEN, settings.STORAGE_URL = "tell-nobody", ""
    assert "--fetch" not in engine(tmp_path).command
    settings.STORAGE_URL = "s3://b"
    command = engine(tmp_path).command
    assert command[command.index("--fetch") + 1].endswith("manage.py version_files")
    assert "tell-nobody" not in " ".join(command)  # a command line is for all to see
    assert engine(tmp_path).environment["ENGINE_TOKEN"] == "tell-nobody"


def test_a_server_on_all_addresses_is_asked_on_loopback():
    assert [reachable(host) for host in ("0.0.0.0", "::", "10.0.0.3", "127.0.0.1")] == [
        "127.0.0.1",
        "127.0.0.1",
        "10.0.0.3",
        "127.0.0.1",
    ]


def test_one_beat_ticks_until_it_is_gone(settings, tmp_path_factory):
    from persona_site.beat import KEY, LEASE_SECONDS, SharedScheduler

    def ticks(name):
        settings.HOST_NAME = name
        beat = SharedScheduler.__new__(SharedScheduler)  # without its file of times
        beat._broker = client
        return beat._holds_lease()

    with valkey_running(tmp_path_factory.mktemp("v")) as (_address, client):
        assert ticks("io1") and ticks("io1") and not ticks("io2")
        assert 0 < client.ttl(KEY) <= LEASE_SECONDS
        client.delete(KEY)  # the lease ran out
        assert ticks("io2") and not ticks("io1")
    assert not ticks("io2")  # the broker is away
