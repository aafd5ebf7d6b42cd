"""Django's SQLite backend with a write-ahead log: readers never wait, writers take turns, a commit is on disk."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from django.db import OperationalError
from django.db.backends.sqlite3 import base

from persona_site.sqlite.writing import LogOnDisk, WriterLock

READING = {"SELECT", "PRAGMA", "EXPLAIN", "BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK"}
CHANGING = {"INSERT", "UPDATE", "DELETE", "REPLACE"}
CLOSE_SECONDS = 5.0


@cache
def lock_of(name: str) -> WriterLock:
    """The lock of the database file `name`; one a process."""
    return WriterLock(Path(f"{name}.lock"))


@cache
def log_of(name: str) -> LogOnDisk:
    return LogOnDisk(Path(f"{name}-wal"))


class Cursor(base.SQLiteCursorWrapper):
    """A cursor whose writes outside a transaction take their turn as well."""

    in_turn: Callable[[], AbstractContextManager[None]]
    _rows: list[Any] | None = None

    def execute(self, query: str, params: Any = None) -> Any:
        return self._run(query, lambda: base.SQLiteCursorWrapper.execute(self, query, params))

    def executemany(self, query: str, param_list: Any) -> Any:
        return self._run(query, lambda: base.SQLiteCursorWrapper.executemany(self, query, param_list))

    def _run(self, query: str, run: Callable[[], Any]) -> Any:
        self._rows = None
        verb = query.lstrip("( \n").split(None, 1)[0].upper()
        if self.connection.in_transaction or verb in READING:
            return run()
        with self.in_turn():
            if verb not in CHANGING:
                return run()
            return self._run_whole(run)

    def _run_whole(self, run: Callable[[], Any]) -> Any:
        """In a transaction that ends here: with rows still to be fetched (RETURNING) the statement's own would not."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            done = run()
            self._rows = super().fetchall() if self.description else None
            self.connection.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise
        return done

    def fetchone(self) -> Any:
        if self._rows is None:
            return super().fetchone()
        return self._rows.pop(0) if self._rows else None

    def fetchall(self) -> list[Any]:
        if self._rows is None:
            return super().fetchall()
        rows, self._rows = self._rows, []
        return rows


class DatabaseWrapper(base.DatabaseWrapper):
    """See the module. A database in memory has one connection and needs none of this."""

    _is_writer = False

    @property
    def _file(self) -> str:
        """The database's path; empty for one in memory."""
        return "" if self.is_in_memory_db() else str(self.settings_dict["NAME"])

    def get_new_connection(self, conn_params: dict[str, Any]) -> sqlite3.Connection:
        connection: sqlite3.Connection = super().get_new_connection(conn_params)
        (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        # A file system without shared memory keeps a rollback journal, which has to sync by itself.
        connection.execute(f"PRAGMA synchronous={'NORMAL' if mode == 'wal' else 'FULL'}")
        return connection

    def create_cursor(self, name: str | None = None) -> Any:
        if not self._file:
            return super().create_cursor(name)
        cursor = self.connection.cursor(factory=Cursor)
        cursor.in_turn = self._in_turn
        return cursor

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        self._take_turn(self._patience)
        try:
            yield
        finally:
            self._end_turn()
        self._wait_for_disk()

    def scrub(self) -> bool:
        """Rewrites the file without what deleted rows left in it, and empties its log, as the one writer.

        False where somebody was reading all the while: then the log still holds old pages until it is written over.
        sqlite3.OperationalError where the disk has no room for the new file.
        """
        self.ensure_connection()
        with self._in_turn():
            self.connection.execute("VACUUM")
        give_up = time.monotonic() + self._patience
        while time.monotonic() < give_up:
            with self._in_turn():
                busy, _pages, _moved = self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if not busy:
                return True
            time.sleep(0.2)
        return False

    @property
    def _patience(self) -> float:
        return float(self.settings_dict["OPTIONS"].get("timeout", 5.0))

    def _take_turn(self, seconds: float) -> None:
        if self._file and not self._is_writer:
            if not lock_of(self._file).acquire(seconds):
                raise OperationalError("database is locked")
            self._is_writer = True

    def _end_turn(self) -> None:
        if self._is_writer:
            self._is_writer = False
            lock_of(self._file).release()

    def _wait_for_disk(self) -> None:
        try:
            log_of(self._file).wait()
        except OSError as error:
            raise OperationalError(f"disk I/O error: {error}") from error

    def _start_transaction_under_autocommit(self) -> None:
        self._take_turn(self._patience)
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            self._end_turn()
            raise

    def _commit(self) -> None:
        super()._commit()  # type: ignore[misc]  # where it fails, Django rolls back
        if self._is_writer:
            self._end_turn()
            self._wait_for_disk()

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]
        finally:
            self._end_turn()

    def _set_autocommit(self, autocommit: bool) -> None:
        super()._set_autocommit(autocommit)  # type: ignore[misc]
        if autocommit:
            self._end_turn()

    def _close(self) -> None:
        """The last connection that closes writes the log to the database."""
        try:
            if self._file and not self._is_writer:
                self._is_writer = lock_of(self._file).acquire(CLOSE_SECONDS)
            super()._close()  # type: ignore[misc]
        finally:
            self._end_turn()
