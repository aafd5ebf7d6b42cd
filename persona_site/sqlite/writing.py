"""Who may write to an SQLite file, and when what was written is on disk."""

import fcntl
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

POLL_SECONDS = 0.002


class WriterLock:
    """Held by one thread of all threads and processes that use the file `path`.

    Two connections that write or checkpoint at the same instant can corrupt a write-ahead log in SQLite 3.7.0 to 3.51.2
    (sqlite.org/wal.html, "WAL-reset bug"); with this lock round each of their transactions there are never two. The
    kernel frees it when a process ends, however it ends.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._forget()
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        """A forked child holds nothing; POSIX record locks are not inherited either."""
        self._thread, self._file = threading.Lock(), -1

    def acquire(self, seconds: float) -> bool:
        """Whether it was free within that time. Raises OSError where the file cannot be made."""
        deadline = time.monotonic() + seconds
        if not self._thread.acquire(timeout=seconds):
            return False
        try:
            if self._lock_file(deadline):
                return True
        except OSError:
            self._thread.release()
            raise
        self._thread.release()
        return False

    def _lock_file(self, deadline: float) -> bool:
        if self._file < 0:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        while True:
            with suppress(BlockingIOError, PermissionError):  # both mean "held elsewhere"
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)

    def release(self) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN)
        self._thread.release()


class LogOnDisk:
    """Brings the write-ahead log to the disk, once for all commits that wait for it.

    With `synchronous=NORMAL` a commit is in the log, but a power failure may take it. Only after `wait` is it told to
    anybody; `synchronous=FULL` would do the same inside each transaction, one after the other.
    """

    def __init__(self, log: Path) -> None:
        self.log = log
        self._known = (0, 0)  # device and inode of the log whose folder entry is on disk
        self._counter, self._covered = 0, 0
        self._forget()
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self._count, self._sync = threading.Lock(), threading.Lock()

    def wait(self) -> None:
        """Returns when everything that was in the log at the call is on disk. Raises OSError where the disk fails."""
        with self._count:
            self._counter += 1
            mine = self._counter
        with self._sync:
            if self._covered >= mine:
                return
            covers = self._counter
            self._flush()
            self._covered = covers

    def _flush(self) -> None:
        try:
            file = os.open(self.log, os.O_RDWR)
        except FileNotFoundError:
            return  # the last connection closed: SQLite wrote all of it to the database and synced that
        try:
            os.fsync(file)
            status = os.fstat(file)
        finally:
            os.close(file)
        if (status.st_dev, status.st_ino) != self._known:
            self._flush_folder()
            self._known = status.st_dev, status.st_ino

    def _flush_folder(self) -> None:
        folder = os.open(self.log.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
