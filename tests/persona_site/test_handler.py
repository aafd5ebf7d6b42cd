"""Requests through the site's own ASGI application: plain views, streams, coroutines, static files."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import path

from persona_site.handler import Application

threads: list[str] = []


def plain(request):
    threads.append(threading.current_thread().name)
    response = HttpResponse(f"{request.method} {request.body.decode()}")
    response.set_cookie("a", "b")
    response.set_cookie("c", "d")
    return response


def stream(_request):
    def parts():
        for number in range(3):
            threads.append(threading.current_thread().name)
            yield f"{number} "

    return StreamingHttpResponse(parts())


async def coroutine(_request):
    async def parts() -> AsyncIterator[str]:
        yield "from a "
        await asyncio.sleep(0)
        yield "coroutine"

    return StreamingHttpResponse(parts())


def defect(_request):
    raise RuntimeError("secret")


def wait(_request):
    started.release()
    assert go.wait(10)
    return HttpResponse("waited")


started, go = threading.Semaphore(0), threading.Event()

for view in (plain, stream, coroutine, defect, wait):
    view.login_required = False

urlpatterns = [path(f"{view.__name__}/", view) for view in (plain, stream, coroutine, defect, wait)]


async def ask(application, address, body=b"", method="GET"):
    scope = {"type": "http", "method": method, "path": address, "query_string": b"", "http_version": "1.1"}
    scope |= {"headers": [(b"host", b"127.0.0.1")], "server": ("127.0.0.1", 80), "scheme": "http"}
    sent, given = [], False

    async def receive():
        nonlocal given
        if given:
            await asyncio.Event().wait()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    await application(scope, receive, send)
    return sent[0]["status"], sent[0]["headers"], b"".join(message.get("body", b"") for message in sent)


@pytest.fixture
def application(db):
    threads.clear()
    with override_settings(ROOT_URLCONF=__name__):
        yield Application()


def run(*questions):
    async def all_of_them():
        return [await question for question in questions]

    return asyncio.run(all_of_them())


def test_a_plain_view_answers_with_its_cookies_through_all_middleware(application):
    status, headers, body = run(ask(application, "/plain/", b"x", "PUT"))[0]
    assert (status, body) == (403, body)  # no CSRF token
    status, headers, body = run(ask(application, "/plain/"))[0]
    assert (status, body) == (200, b"GET ")
    assert [value for name, value in headers if name == b"set-cookie"] == [b"a=b; Path=/", b"c=d; Path=/"]
    assert b"content-security-policy" in dict(headers)


def test_requests_one_after_the_other_use_one_thread(application):
    run(*[ask(application, "/plain/") for _number in range(5)])
    assert len(set(threads)) == 1
    assert threads[0].startswith("view")


def test_a_stream_is_made_part_by_part_in_the_requests_thread(application):
    assert run(ask(application, "/stream/"))[0][2] == b"0 1 2 "
    assert len(set(threads)) == 1


@pytest.mark.parametrize(("address", "status"), [("/nowhere/", 404), ("/defect/", 500)])
def test_what_goes_wrong_has_a_page(application, address, status):
    found, _headers, body = run(ask(application, address))[0]
    assert found == status
    assert b"secret" not in body


def test_coroutines_and_static_files_go_djangos_way(application):
    assert run(ask(application, "/coroutine/"))[0][2] == b"from a coroutine"
    status, _headers, body = run(ask(application, "/static/css/book.css"))[0]
    assert (status, b"@layer" in body) == (200, True)


def test_a_slow_view_does_not_keep_the_others_waiting(application):
    go.clear()

    async def both():
        slow = asyncio.create_task(ask(application, "/wait/"))
        await asyncio.to_thread(started.acquire, timeout=10)
        quick = await ask(application, "/plain/")
        go.set()
        return quick, await slow

    quick, slow = asyncio.run(both())
    assert (quick[2], slow[2]) == (b"GET ", b"waited")


def test_a_visitor_who_leaves_does_not_free_the_thread_early(application):
    go.clear()

    async def leave():
        slow = asyncio.create_task(ask(application, "/wait/"))
        await asyncio.to_thread(started.acquire, timeout=10)
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
        idle = len(application._threads._idle)
        go.set()
        while not application._threads._idle:
            await asyncio.sleep(0.01)
        return idle

    assert asyncio.run(leave()) == 0
