"""SQLite under several threads and processes: writers take turns, nothing is "locked", a commit waits for the disk."""

import multiprocessing
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, models

from persona_site.sqlite import base, writing
from persona_site.sqlite.base import DatabaseWrapper, lock_of
from persona_site.sqlite.writing import LogOnDisk, WriterLock

SETTINGS = {
    "ENGINE": "persona_site.sqlite",
    "USER": "",
    "PASSWORD": "",
    "HOST": "",
    "PORT": "",
    "TIME_ZONE": None,
    "CONN_MAX_AGE": None,
    "CONN_HEALTH_CHECKS": False,
    "AUTOCOMMIT": True,
    "ATOMIC_REQUESTS": False,
    "TEST": {},
}


@pytest.fixture
def connect(tmp_path, django_db_blocker):
    """Makes connections to one file; call it in the thread that uses the connection."""
    made = []

    def make(timeout=5.0):
        options = {"transaction_mode": "IMMEDIATE", "timeout": timeout}
        wrapper = DatabaseWrapper(SETTINGS | {"NAME": tmp_path / "a.sqlite3", "OPTIONS": options}, "other")
        wrapper.inc_thread_sharing()
        made.append(wrapper)
        return wrapper

    with django_db_blocker.unblock():
        with make().cursor() as cursor:
            cursor.execute("CREATE TABLE counts (id integer PRIMARY KEY, n integer)")
            cursor.execute("INSERT INTO counts VALUES (1, 0)")
        yield make
        for wrapper in made:
            wrapper.close()


class Transaction:
    """What `atomic` does, for a connection that Django does not know."""

    def __init__(self, wrapper):
        self.wrapper = wrapper

    def __enter__(self):
        self.wrapper.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
        return self.wrapper.cursor()

    def __exit__(self, kind, *_):
        (self.wrapper.rollback if kind else self.wrapper.commit)()
        self.wrapper.set_autocommit(True)


def value(wrapper):
    with wrapper.cursor() as cursor:
        return cursor.execute("SELECT n FROM counts").fetchone()[0]


def test_the_log_is_written_ahead_and_synced_by_hand(connect):
    with connect().cursor() as cursor:
        assert cursor.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert cursor.execute("PRAGMA synchronous").fetchone() == (1,)  # NORMAL


def test_threads_that_read_and_then_write_lose_nothing(connect):
    def count(_number):
        wrapper = connect(timeout=30)
        for _turn in range(50):
            with Transaction(wrapper) as cursor:
                n = cursor.execute("SELECT n FROM counts").fetchone()[0]
                cursor.execute("UPDATE counts SET n = %s", [n + 1])
            with wrapper.cursor() as cursor:
                cursor.execute("UPDATE counts SET n = n + 1")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    assert value(connect()) == 400


def test_a_reader_does_not_wait_for_a_writer_and_a_writer_gives_up_in_time(connect):
    writer, other = connect(), connect(timeout=0.2)
    with Transaction(writer) as cursor:
        cursor.execute("UPDATE counts SET n = 7")
        assert value(other) == 0
        with pytest.raises(OperationalError, match="locked"), other.cursor() as late:
            late.execute("UPDATE counts SET n = 8")
        with pytest.raises(OperationalError, match="locked"):
            Transaction(other).__enter__()
    with other.cursor() as cursor:
        cursor.execute("UPDATE counts SET n = n + 1")
    assert value(writer) == 8


def test_a_failure_gives_the_turn_back(connect):
    wrapper, other = connect(), connect(timeout=0.2)
    with pytest.raises(ZeroDivisionError), Transaction(wrapper) as cursor:
        cursor.execute("UPDATE counts SET n = 5")
        _ = 1 / 0
    with pytest.raises(sqlite3.OperationalError), wrapper.cursor() as cursor:
        base.Cursor.execute(cursor.cursor, "INSERT INTO nowhere VALUES (1)")
    with other.cursor() as cursor:
        cursor.execute("UPDATE counts SET n = n + 1")
    assert value(wrapper) == 1


def test_a_statement_with_rows_ends_before_its_rows_are_fetched(connect):
    wrapper, other = connect(), connect(timeout=0.2)
    with wrapper.cursor() as cursor:
        cursor.execute("INSERT INTO counts (n) VALUES (%s), (%s) RETURNING id, n", [1, 2])
        with other.cursor() as second:
            second.execute("UPDATE counts SET n = 0 WHERE id = 1")
        assert cursor.fetchone() == (2, 1)
        assert cursor.fetchall() == [(3, 2)]
        assert cursor.fetchone() is None
        assert cursor.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.django_db(transaction=True)
def test_models_are_written_and_read_as_ever(owner):
    from questionnaires.models import Persona, Topic

    Persona.objects.bulk_create([Persona(owner=owner, name=name) for name in "ab"])
    assert Persona.objects.filter(owner=owner).update(name="c") == 2
    topic = Topic.objects.create(slug="t", title={})
    assert Topic.objects.filter(pk=topic.pk).update(position=models.F("position") + 1) == 1
    assert Persona.objects.all().delete()[0] == 2


def hold(path, taken, done):
    lock = WriterLock(path)
    assert lock.acquire(5)
    taken.set()
    done.wait(10)


def test_another_process_waits_and_a_killed_one_holds_nothing(tmp_path):
    context = multiprocessing.get_context("spawn")
    taken, done = context.Event(), context.Event()
    process = context.Process(target=hold, args=(tmp_path / "lock", taken, done))
    process.start()
    assert taken.wait(30)
    lock = WriterLock(tmp_path / "lock")
    assert not lock.acquire(0.1)
    process.kill()
    process.join()
    assert lock.acquire(5)
    lock.release()


def test_a_forked_child_does_not_share_the_turn(tmp_path):
    lock = WriterLock(tmp_path / "lock")
    assert lock.acquire(1)
    context = multiprocessing.get_context("fork")
    found = context.Queue()
    process = context.Process(target=lambda: found.put(lock.acquire(0.1)))
    process.start()
    assert found.get(timeout=10) is False
    process.join()
    lock.release()


def test_commits_that_wait_together_share_one_sync(tmp_path, monkeypatch):
    log = tmp_path / "log"
    log.write_bytes(b"x")
    begun, go, calls = threading.Event(), threading.Event(), []

    def slow(file):
        calls.append(file)
        begun.set()
        assert go.wait(10)

    disk = LogOnDisk(log)
    disk._known = log.stat().st_dev, log.stat().st_ino
    monkeypatch.setattr(writing.os, "fsync", slow)
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(disk.wait)
        assert begun.wait(10)
        others = [pool.submit(disk.wait) for _number in range(8)]
        while disk._counter < 9:
            time.sleep(0.001)
        assert not any(each.done() for each in (first, *others))
        go.set()
    assert len(calls) == 2  # one was under way and may have missed them


def test_a_disk_that_fails_fails_the_commit(connect, monkeypatch):
    def fail(_file):
        raise OSError(28, "No space left on device")

    wrapper = connect()
    monkeypatch.setattr(writing.os, "fsync", fail)
    with pytest.raises(OperationalError, match="No space left"), wrapper.cursor() as cursor:
        cursor.execute("UPDATE counts SET n = 1")
    monkeypatch.undo()
    assert lock_of(str(wrapper.settings_dict["NAME"])).acquire(1)
    lock_of(str(wrapper.settings_dict["NAME"])).release()
