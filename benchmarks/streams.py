"""200 replies streamed at once by one web process: `python -m benchmarks.streams`.

The model server is replaced by one of a fixed rate, so that the figures are those of the site alone, at a process that
has streamed to some pages before and has its threads and connections. Printed are the times to the first event and to
the first words, the memory that the web process took for the streams, and at most while all of them reconnect three
times, what that storm is answered with, how many replies were generated, and how long after "stop" the model server is
free.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[1]
ANSWERS = 200
TOKENS, RATE = 20, 1.0  # of each reply; tokens a second: all together twice what the bundled model has on two cores
STORMS = 3
PATIENCE = 30  # seconds for the first words
STOPPED = 20
WARM = 40  # pages at once, before anything is measured


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# The model server of a fixed rate.


def engine_app() -> Any:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, StreamingResponse
    from starlette.routing import Route

    seen: dict[str, Any] = {"generations": 0, "gone": []}

    async def rerank(request: Request) -> JSONResponse:
        documents = (await request.json())["documents"]
        results = [{"index": n, "id": documents[n]["id"], "relevance_score": 2.0 - n} for n in range(3)]
        return JSONResponse({"results": results, "answerable": {"probability": 0.9, "known": True}})

    async def chat(request: Request) -> StreamingResponse:
        seen["generations"] += 1
        model = (await request.json())["model"]

        async def tokens() -> Any:
            try:
                for number in range(TOKENS):
                    await asyncio.sleep(1 / RATE)
                    yield chunk(model, {"index": 0, "delta": {"content": f" word{number}"}, "finish_reason": None})
                yield chunk(model, {"index": 0, "delta": {}, "finish_reason": "stop"}) + "data: [DONE]\n\n"
            finally:
                seen["gone"].append(time.time())

        return StreamingResponse(tokens(), media_type="text/event-stream")

    async def stats(request: Request) -> JSONResponse:
        return JSONResponse(seen)

    async def health(request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    posts = {"/v1/rerank": rerank, "/v1/chat/completions": chat}
    routes = [Route(path, view, methods=["POST"]) for path, view in posts.items()]
    return Starlette(routes=[*routes, Route("/stats", stats), Route("/health", health)])


def chunk(model: str, choice: dict[str, Any]) -> str:
    row = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": [choice]}
    return f"data: {json.dumps(row)}\n\n"


# The site's rows.


@dataclass(frozen=True)
class Rows:
    """A session's cookie and CSRF token, and the path of each pending reply."""

    cookie: str
    replies: list[str]


def rows_make(count: int) -> Rows:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.test import Client

    from chat.services import message_post
    from persona_site.entry import owner_get
    from questionnaires.models import Answer, Persona
    from questionnaires.services import question_create

    call_command("migrate", verbosity=0)
    owner = owner_get()
    persona = Persona.objects.create(owner=owner, name="Stream")
    for number in range(ANSWERS):
        question = question_create(persona=persona, text=f"What about thing number {number}?")
        text = f"Thing {number} is one that I made myself, one winter, out of what was left in the shed. " * 3
        Answer.objects.create(owner=owner, persona=persona, question=question, text=text, state=Answer.State.ANSWERED)
    paths = []
    for number in range(count):
        posted = message_post(
            persona=persona, conversation_id=uuid.uuid4(), text=f"What about thing {number}?", operation_id="1"
        )
        paths.append(f"/p/{persona.pk}/chat/{posted.conversation_id}/reply/{posted.pk}/")
    client = Client()
    client.force_login(owner)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    token = "a" * 32
    return Rows(f"{settings.SESSION_COOKIE_NAME}={session}; {settings.CSRF_COOKIE_NAME}={token}", paths)


# The browsers.


@dataclass
class Page:
    """One page that follows a reply: seconds to its first event and to the first words, status, and its events."""

    first: float | None = None
    words: float | None = None
    status: int = 0
    names: list[str] = field(default_factory=list)


async def follow(port: int, rows: Rows, path: str, page: Page) -> Page:
    begun = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request("GET", port, rows, path + "stream/"))
        page.status = int((await reader.readline()).split()[1])
        while line := await reader.readline():
            if line.startswith(b"event: "):
                name = line[7:].strip().decode()
                page.names.append(name)
                now = time.perf_counter() - begun
                page.first = page.first or now
                page.words = page.words or (now if name in {"text", "full"} else None)
                if name == "done":
                    return page
    finally:
        writer.close()
    return page


def request(method: str, port: int, rows: Rows, path: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Cookie: {rows.cookie}", "Connection: close"]
    if method == "POST":
        lines += [f"X-CSRFToken: {'a' * 32}", "Content-Length: 0", "Accept: application/json"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def post(port: int, rows: Rows, path: str) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request("POST", port, rows, path))
    status = int((await reader.readline()).split()[1])
    writer.close()
    return status


async def stats(port: int) -> dict[str, Any]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /stats HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
    body = (await reader.read()).rpartition(b"\r\n\r\n")[2]
    writer.close()
    found: dict[str, Any] = json.loads(body)
    return found


async def measure(web: int, engine: int, process: psutil.Process, rows: Rows, count: int) -> dict[str, Any]:
    await asyncio.gather(*(follow(web, rows, path, Page()) for path in rows.replies[:WARM]))
    before = process.memory_info().rss
    generated = (await stats(engine))["generations"]
    streamed, stopped = rows.replies[WARM : WARM + count], rows.replies[WARM + count :]
    pages = [Page() for _path in streamed]
    used = sum(process.cpu_times()[:2])
    tasks = [asyncio.create_task(follow(web, rows, path, page)) for path, page in zip(streamed, pages, strict=True)]
    await all_have("first", pages)
    to_first = sum(process.cpu_times()[:2]) - used
    await all_have("words", pages)
    to_words = sum(process.cpu_times()[:2]) - used
    streaming = process.memory_info().rss
    storm = await reconnect(web, rows, streamed, tasks)
    peak = max(streaming, process.memory_info().rss)
    firsts, words = ([getattr(page, name) for page in pages if getattr(page, name)] for name in ("first", "words"))
    return {
        "streams": count,
        "first event, s": spread(firsts),
        "first words, s": spread(words),
        "processor time until all had their first event, and words, s": [round(to_first, 2), round(to_words, 2)],
        "memory of the streams, MiB": round((streaming - before) / 2**20, 1),
        "memory at most, with the storm, MiB": round((peak - before) / 2**20, 1),
        "reconnections": storm,
        "generated": (await stats(engine))["generations"] - generated,
        "stop to free, s": spread(await stop_all(web, engine, rows, stopped)),
    }


async def all_have(name: str, pages: list[Page]) -> None:
    for _look in range(20 * PATIENCE):
        if all(getattr(page, name) for page in pages):
            return
        await asyncio.sleep(0.05)


def spread(values: list[float]) -> dict[str, float]:
    if not values:
        return {"n": 0}
    return {"median": round(statistics.median(values), 3), "most": round(max(values), 3), "n": len(values)}


async def reconnect(web: int, rows: Rows, paths: list[str], tasks: list[asyncio.Task[Page]]) -> dict[str, Any]:
    """Every page is closed and opened again, some times; the last ones are followed to the end."""
    statuses: list[int] = []
    for _storm in range(STORMS):
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        pages = [Page() for _path in paths]
        tasks = [asyncio.create_task(follow(web, rows, path, page)) for path, page in zip(paths, pages, strict=True)]
        await asyncio.sleep(1)
        statuses += [page.status for page in pages if page.status]
    done = await asyncio.gather(*tasks)
    statuses += [page.status for page in done]
    codes = {str(code): statuses.count(code) for code in sorted(set(statuses))}
    return {"statuses": codes, "ended with done": sum(page.names[-1:] == ["done"] for page in done)}


async def stop_all(web: int, engine: int, rows: Rows, paths: list[str]) -> list[float]:
    """Seconds from the click to the moment at which the model server is rid of the stream; one after another."""
    found = []
    for path in paths:
        task = asyncio.create_task(follow(web, rows, path, page := Page()))
        while not page.words:
            await asyncio.sleep(0.02)
        count = len((await stats(engine))["gone"])
        clicked = time.time()
        await post(web, rows, path + "stop/")
        while len(gone := (await stats(engine))["gone"]) == count:
            await asyncio.sleep(0.01)
        found.append(gone[-1] - clicked)
        await task
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--engine", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.engine:
        import uvicorn

        uvicorn.run(engine_app(), port=options.engine, log_level="error")
        return
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), options.streams)


def run(folder: Path, count: int) -> None:
    web, engine = free_port(), free_port()
    settings = {"DATA_DIR": str(folder), "PORT": str(web), "ENGINE_URL": f"http://127.0.0.1:{engine}"}
    os.environ.update(settings, DJANGO_SETTINGS_MODULE="persona_site.settings")
    rows = rows_make(WARM + count + STOPPED)
    serve = [sys.executable, "-m", "uvicorn", "persona_site.asgi:application", "--port", str(web)]
    serve += ["--lifespan", "off", "--no-access-log", "--log-level", "warning"]
    commands = [[sys.executable, "-m", "benchmarks.streams", "--engine", str(engine)], serve]
    environment = os.environ | {"MALLOC_ARENA_MAX": "2"}  # as persona_site.programs starts it
    programs = [subprocess.Popen(command, cwd=ROOT, env=environment) for command in commands]
    try:
        for port in (web, engine):
            wait_for(port)
        found = asyncio.run(measure(web, engine, psutil.Process(programs[1].pid), rows, count))
        print(json.dumps(found, indent=1))
    finally:
        for program in programs:
            program.terminate()
            program.wait(15)


def wait_for(port: int) -> None:
    for _try in range(300):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)
    raise SystemExit(f"Nothing listens on port {port}.")


if __name__ == "__main__":
    main()
