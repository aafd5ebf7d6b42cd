"""`python manage.py up`: starts the whole site and prints the link that opens it."""

import asyncio
import logging
import os
import sys
import webbrowser
from argparse import ArgumentParser
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, connections

from persona_site.programs import private_folder, site_programs
from persona_site.startup import folder_fault, port_fault, python_fault, take_lock
from persona_site.supervisor import Program, Supervisor

PATIENCE_SECONDS = 60
MIGRATING = 0x706572  # the advisory lock of this site's migrations
LAST_STOP_SECONDS = 60  # the longest that programs of an earlier start may take to end


class Command(BaseCommand):
    help = "Starts everything: broker, web server, workers, model server. Ctrl-C stops them."
    requires_system_checks = ()  # they import every view, which the web server does anyway

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-browser", action="store_true", help="print the link and open no browser")
        parser.add_argument("--only", metavar="NAMES", help="start these alone, for example web,valkey")

    def handle(self, *_: Any, no_browser: bool, only: str | None, **__: Any) -> None:
        refuse([python_fault(), folder_fault(settings.DATA_DIR)])
        run = settings.DATA_DIR / "run"
        private_folder(run)
        running = take_lock(run / "up.lock")
        if running is None:
            self.stdout.write(f"It runs already with this DATA_DIR ({settings.DATA_DIR}). Open {new_link()}")
            return
        try:
            self.supervise(self.lock_programs(run / "programs.lock"), no_browser, only)
        finally:
            os.close(running)

    def supervise(self, lock: int, no_browser: bool, only: str | None) -> None:
        programs = chosen(site_programs(), only)
        names = {program.name for program in programs}
        refuse(
            [
                port_fault(settings.HOST, settings.PORT, "PORT") if "web" in names else None,
                port_fault(settings.ENGINE_HOST, settings.ENGINE_PORT, "ENGINE_PORT") if "engine" in names else None,
            ]
        )
        self.announce_socket(names)
        prepare_database()
        logging.raiseExceptions = False  # a full disk or a closed terminal must not end the site
        logs, bare = settings.DATA_DIR / "logs", settings.LOG_FORMAT == "json"
        supervisor = Supervisor(programs, logs, settings.BASE_DIR, lock=lock, bare=bare)
        browser = not no_browser and has_display()
        asyncio.run(supervisor.run(welcome(supervisor.log, browser) if "web" in names else None))

    def lock_programs(self, path: Path) -> int:
        """The lock that lasts as long as the programs: after SIGKILL they outlive the supervisor for some seconds."""
        lock = take_lock(path)
        if lock is None:
            self.stdout.write("The programs of the last start are still ending; a moment.")
            lock = take_lock(path, LAST_STOP_SECONDS)
        if lock is None:
            raise CommandError(f"Programs of the last start still use {settings.DATA_DIR}: end them and start again.")
        return lock

    def announce_socket(self, names: set[str]) -> None:
        """Tells the person where the broker's socket is if DATA_DIR is too long for one."""
        socket = settings.VALKEY_SOCKET
        if "valkey" in names and settings.DATA_DIR not in socket.parents:
            self.stdout.write(f"The path of DATA_DIR is too long for a socket; the broker's is {socket}.")


def refuse(faults: Sequence[str | None]) -> None:
    """CommandError with every sentence there is."""
    if sentences := [fault for fault in faults if fault]:
        raise CommandError("\n".join(sentences))


def chosen(programs: list[Program], only: str | None) -> list[Program]:
    """The programs that `--only` names, or all. CommandError for a name that is none."""
    if not only:
        return programs
    wanted = {name.strip() for name in only.split(",")}
    if unknown := wanted - {program.name for program in programs}:
        known = ", ".join(program.name for program in programs)
        raise CommandError(f"--only knows no {', '.join(sorted(unknown))}; there are {known}.")
    return [program for program in programs if program.name in wanted]


def prepare_database() -> None:
    """Brings tables and questionnaires up to date; a fraction of a second where they are."""
    if connection.vendor == "postgresql":  # machines that start at once take turns; closing the connection lets go
        connection.cursor().execute("select pg_advisory_lock(%s)", [MIGRATING])
    call_command("migrate", interactive=False, verbosity=0)
    call_command("load_questionnaires", stdout=StringIO())
    connections.close_all()


async def welcome(log: logging.Logger, browser: bool) -> None:
    """Waits for the web server, then prints the link and opens it."""
    try:
        await asyncio.wait_for(web_answers(), PATIENCE_SECONDS)
    except TimeoutError:
        log.warning("The web server does not answer yet; its lines above and in logs/web.log say why.")
        await web_answers()
    link = await asyncio.to_thread(new_link)
    print(f"\n    Ready. Open {link}\n", flush=True)  # to the screen alone: the link is a key and no log keeps it
    if browser:
        await asyncio.to_thread(webbrowser.open, link)


def new_link() -> str:
    """A fresh one-time link."""
    from persona_site.entry import entry_link

    try:
        return entry_link()
    finally:
        connections.close_all()


def reachable(host: str) -> str:
    """An address of this machine by which a server on `host` can be asked."""
    return "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104  (compared, not bound)


async def web_answers() -> None:
    """Returns when GET /healthz answers 200."""
    host = reachable(settings.HOST)
    request = f"GET /healthz HTTP/1.1\r\nHost: {host}:{settings.PORT}\r\nConnection: close\r\n\r\n".encode()
    pause = 0.1
    while True:
        try:
            reader, writer = await asyncio.open_connection(host, settings.PORT)
            writer.write(request)
            status = await asyncio.wait_for(reader.readline(), 5)
            writer.close()
        except OSError:  # nobody listens yet; TimeoutError is one too
            status = b""
        if b" 200 " in status:
            return
        if status:
            pause = 2.0  # it listens and fails: its log must not fill with this question
        await asyncio.sleep(pause)


def has_display() -> bool:
    """Whether a browser can be seen here; never in continuous integration."""
    display = sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(display) and "CI" not in os.environ
