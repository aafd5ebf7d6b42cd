"""Files between machines: what is shared, what is fetched, and what happens where the store lies, lags or fails."""

import os
import shutil
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from questionnaires.models import Answer
from tests.training.conftest import answer
from training import storage
from training.differences import answers_of
from training.execution import run_execute
from training.leases import run_claim
from training.models import PersonaModel, TrainingRun
from training.services import run_create
from training.storage import Damaged, StoreAway, fetch, forget, listed, share
from training.store_upkeep import store_clear
from training.version_files import cache_thin, version_fetch

BUCKET = "versions"


@pytest.fixture(scope="module")
def s3():
    """The address of an S3-compatible server on loopback with one bucket."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    names = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=url, **names)
    client.create_bucket(Bucket=BUCKET)
    yield url
    server.stop()


@pytest.fixture(params=["folder", "s3"])
def store(request, settings, tmp_path):
    """A store that all machines reach; each kind in turn."""
    settings.DATA_DIR = tmp_path
    settings.HOST_NAME = "first"
    settings.UPLOADS_DIR = tmp_path / "uploads"
    if request.param == "folder":
        settings.STORAGE_URL = f"file://{tmp_path}/shared"
    else:
        use_s3(settings, request.getfixturevalue("s3"), tmp_path.name)


def use_s3(settings, endpoint, prefix="p"):
    settings.STORAGE_URL, settings.AWS_ENDPOINT_URL = f"s3://{BUCKET}/{prefix}", endpoint
    settings.AWS_KEY, settings.AWS_REGION = ("k", "s"), "us-east-1"


@pytest.fixture
def elsewhere(settings, tmp_path):
    """Turns this process into another machine, with folders of its own."""

    def go(name):
        settings.HOST_NAME = name
        settings.MODELS_DIR, settings.RUNS_DIR = tmp_path / name / "models", tmp_path / name / "runs"

    return go


@pytest.fixture
def trained(author, fake):
    def train():
        run = run_create(persona=author, recipe="quick")[0]
        run_execute(run_id=run.pk)
        return PersonaModel.objects.select_related("run").get(pk=run.pk)

    return train


@pytest.mark.django_db
def test_a_version_travels_with_the_hashes_of_its_files(store, trained, elsewhere):
    version = trained()
    before = (version.folder / "adapter_model.safetensors").read_bytes()
    assert set(version.files) == {"adapter_model.safetensors", "result.json"}
    elsewhere("second")
    assert not version.folder.exists()
    assert version_fetch(version)
    assert (version.folder / "adapter_model.safetensors").read_bytes() == before


@pytest.mark.django_db
def test_what_was_changed_in_the_store_is_not_served(store, trained, elsewhere):
    version = trained()
    entry = version.files["adapter_model.safetensors"]
    weights = version.folder / "adapter_model.safetensors"
    weights.write_bytes(b"poison!")
    share(weights, f"models/{version.pk}/{entry['sha256']}/{weights.name}")
    elsewhere("second")
    with pytest.raises(Damaged):
        version_fetch(version)
    assert not version.folder.exists()
    assert not list(version.folder.parent.glob(".*.tmp"))


@pytest.mark.django_db
def test_what_was_changed_here_is_fetched_anew(store, trained):
    version = trained()
    weights = version.folder / "adapter_model.safetensors"
    weights.write_bytes(b"WEIGHTS")
    assert version_fetch(version)
    assert weights.read_bytes() == b"weights"


@pytest.mark.django_db
def test_a_version_that_the_store_lost_is_said_to_be_nowhere(store, trained, elsewhere):
    version = trained()
    forget(version.folder)
    elsewhere("second")
    assert not version_fetch(version)
    assert not version.folder.exists()


@pytest.mark.django_db(transaction=True)
def test_a_deleted_version_leaves_the_store(store, trained):
    version = trained()
    run, key = version.run, f"models/{version.pk}"
    assert listed(key) and listed(f"runs/{run.pk}")
    version.delete()
    run.delete()
    assert not listed(key) and not listed(f"runs/{run.pk}")


@pytest.mark.django_db
def test_another_machine_trains_the_very_rows_that_were_frozen(store, author, fake, elsewhere):
    run = run_create(persona=author, recipe="quick")[0]
    fake(steps=4, at=2, exit=1)
    run_execute(run_id=run.pk)
    frozen = TrainingRun.objects.get(pk=run.pk).data_hash
    Answer.objects.filter(persona=author).update(text="Something else altogether, with more words than before.")
    answer(author, 3, start=20)
    TrainingRun.objects.update(state="queued", not_before=None, failures=0)
    fake()
    elsewhere("second")
    run_execute(run_id=run.pk)
    run.refresh_from_db()
    assert (run.state, run.data_hash, run.host) == ("ready", frozen, "second")
    assert run.items == 12
    told = [event.data["message"] for event in run.events.filter(kind="log")]
    assert any("moved from first to second" in line and "begins again" in line for line in told)
    steps = [event.data["step"] for event in run.events.filter(kind="step")]
    assert steps[:2] == [1, 2] and steps[-6:] == [1, 2, 3, 4, 5, 6]


@pytest.mark.django_db
def test_back_on_the_machine_with_the_checkpoint_it_goes_on_from_there(store, author, fake, settings, tmp_path):
    run = run_create(persona=author, recipe="quick")[0]
    fake(at=4, exit=1)
    run_execute(run_id=run.pk)
    TrainingRun.objects.update(state="queued", not_before=None, failures=0, host="second", cursor="3")
    fake()
    run_execute(run_id=run.pk)
    run.refresh_from_db()
    assert run.state == "ready"
    assert any("goes on from its checkpoint" in event.data["message"] for event in run.events.filter(kind="log"))
    steps = [event.data["step"] for event in run.events.filter(kind="step")]
    assert steps == [1, 2, 3, 4, 5, 6]


@pytest.mark.django_db
def test_rows_can_be_compared_on_a_machine_that_did_not_train(store, trained, elsewhere):
    version = trained()
    said = answers_of(version)
    elsewhere("second")
    assert said and answers_of(version) == said


@pytest.mark.django_db
def test_the_longest_unused_versions_make_way(store, trained, settings):
    versions = [trained() for _ in range(3)]
    for age, version in enumerate(reversed(versions)):
        os.utime(version.folder, (time.time() - 1000 * (age + 1),) * 2)
    sizes = sum(each["bytes"] for each in versions[0].files.values())
    settings.STORAGE_CACHE_GB = 2.5 * sizes / 1e9
    assert cache_thin() == [str(versions[0].pk)]
    assert version_fetch(versions[0])


@pytest.mark.django_db
def test_one_that_is_used_now_stays_though_it_is_too_much(store, trained, settings):
    settings.STORAGE_CACHE_GB = 1e-9
    assert trained().folder.is_dir()
    assert cache_thin() == []


@pytest.mark.django_db
def test_a_training_waits_for_a_store_that_is_away_and_is_not_failed_for_it(store, author, fake, monkeypatch):
    real, left = storage.share, [2]

    def away_at_first(*arguments, **named):
        if left[0]:
            left[0] -= 1
            raise StoreAway("away")
        return real(*arguments, **named)

    monkeypatch.setattr("training.version_files.share", away_at_first)
    monkeypatch.setattr("training.versions.STORE_LOOK_SECONDS", 0.01)
    run = run_create(persona=author, recipe="quick")[0]
    run_execute(run_id=run.pk)
    run.refresh_from_db()
    assert (run.state, run.failures, left) == ("ready", 0, [0])


@pytest.mark.django_db
def test_a_run_whose_rows_cannot_be_shared_now_comes_again(store, author, fake, monkeypatch):
    def away(*_arguments, **_named):
        raise StoreAway("away")

    monkeypatch.setattr("training.frozen.share", away)
    run = run_create(persona=author, recipe="quick")[0]
    assert run_execute(run_id=run.pk) is not None
    run.refresh_from_db()
    assert (run.state, run.failures, run.lease_until) == ("queued", 0, None)


@pytest.mark.django_db
def test_a_late_result_overwrites_nothing(store, trained, elsewhere):
    """A worker that lost its run shares its own weights after the other one published."""
    from training.version_files import version_share

    version = trained()
    folder = version.folder
    shutil.copytree(folder, folder.parent / "copy")
    (folder / "adapter_model.safetensors").write_bytes(b"another result")
    version_share(folder)
    elsewhere("third")
    assert version_fetch(version)
    assert (version.folder / "adapter_model.safetensors").read_bytes() == b"weights"


def test_without_a_store_nothing_is_copied(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    file = tmp_path / "x"
    file.write_bytes(b"1")
    share(file)
    assert fetch(file) and not fetch(tmp_path / "y") and listed("models") == {}
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


class Failing(BaseHTTPRequestHandler):
    """An S3 server that answers 500, or not at all."""

    seconds = 0.0

    def do_GET(self):
        time.sleep(self.seconds)
        self.send_error(500)

    do_PUT = do_HEAD = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture
def failing():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Failing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_store_that_fails_is_told_apart_from_a_missing_file(settings, tmp_path, failing):
    settings.DATA_DIR = tmp_path
    use_s3(settings, failing)
    with pytest.raises(StoreAway):
        fetch(tmp_path / "models" / "x")


def test_a_store_that_nobody_answers_for_ends_soon(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    use_s3(settings, f"http://127.0.0.1:{port}")
    began = time.monotonic()
    file = tmp_path / "x"
    file.write_bytes(b"1")
    with pytest.raises(StoreAway):
        share(file)
    assert not forget(file)
    assert time.monotonic() - began < 10


def test_a_slow_store_is_given_up(settings, tmp_path, failing, monkeypatch):
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(storage, "READ_SECONDS", 0.3)
    monkeypatch.setattr(Failing, "seconds", 1.5)
    use_s3(settings, failing, "slow")
    began = time.monotonic()
    with pytest.raises(StoreAway):
        fetch(tmp_path / "models" / "x")
    assert time.monotonic() - began < 6


@pytest.mark.django_db
def test_a_lease_is_renewed_while_a_large_file_is_on_its_way(store, run, tmp_path):
    claim = run_claim(run_id=run.pk)
    ticks = []
    file = Path(tmp_path) / "large"
    file.write_bytes(os.urandom(3 << 20))
    share(file, tick=lambda: ticks.append(claim.renew()))
    assert len(ticks) > 1
    assert fetch(tmp_path / "models" / "copy", key="large")


@pytest.mark.django_db
def test_a_file_that_one_machine_made_is_handed_out_by_another(store, trained, settings, tmp_path, monkeypatch):
    from training import exports

    version = trained()

    def made(command, **_):
        Path(command[command.index("--out") + 1]).write_bytes(b"zip")
        return type("Done", (), {"returncode": 0, "stderr": ""})

    monkeypatch.setattr(exports.subprocess, "run", made)
    settings.DATA_DIR = tmp_path / "io1"
    settings.MODELS_DIR = tmp_path / "io1" / "models"
    exports.export_ask(version=version, kind="peft")
    assert exports.export_make(version=version, kind="peft")
    settings.DATA_DIR = tmp_path / "web1"
    assert [(each.kind, each.size, each.under_way) for each in exports.exports_of(version)][-1] == ("peft", 3, False)
    assert exports.file_bring(version, "peft").read_bytes() == b"zip"


def test_a_note_that_one_machine_changes_is_read_as_it_is_now(store, settings, tmp_path):
    settings.DATA_DIR = tmp_path / "web1"
    storage.text_write(settings.DATA_DIR / "trials" / "x.json", "asked")
    settings.DATA_DIR = tmp_path / "train1"
    storage.remove(settings.DATA_DIR / "trials" / "x.json")
    settings.DATA_DIR = tmp_path / "web1"
    with pytest.raises(FileNotFoundError):
        storage.text_read(settings.DATA_DIR / "trials" / "x.json")


@pytest.mark.django_db
def test_what_was_deleted_while_the_store_was_away_goes_later(store, trained, monkeypatch):
    kept, version = trained(), trained()
    monkeypatch.setattr("training.models.forget", lambda path: False)
    PersonaModel.objects.filter(pk=version.pk)._raw_delete("default")
    TrainingRun.objects.filter(pk=version.run_id).update(state="cancelled")
    assert store_clear() == 0  # it may be about to get its row
    monkeypatch.setattr("training.store_upkeep.YOUNG_SECONDS", -1)
    assert store_clear() == 2
    assert not listed(f"models/{version.pk}") and listed(f"models/{kept.pk}")
