"""The server as a client sees it, through OpenAI's own SDK."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.engine.serving.conftest import BASE, MakeAdapter, Running

pytestmark = pytest.mark.slow

# In the reply no token is nearly as probable as another one, so that rounding, which depends on how much of the prompt
# is remembered, decides nothing.
ASKED: list[Any] = [
    {"role": "system", "content": "You are Nora."},
    {"role": "user", "content": "Name the days of the week."},
]


def ask(client: openai.OpenAI, model: str = BASE, **options: Any) -> Any:
    return client.chat.completions.create(
        **{"model": model, "messages": ASKED, "max_tokens": 24, "temperature": 0, **options}
    )


def text_of(chunks: Any) -> str:
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def test_models_are_the_base_and_the_whole_adapters(client: openai.OpenAI) -> None:
    names = [one.id for one in client.models.list()]
    assert names[:3] == [BASE, "ann", "ben"]
    assert "unfinished" not in names
    assert client.models.retrieve("ann").id == "ann"


def test_adapters_change_what_is_said(client: openai.OpenAI) -> None:
    replies = {name: ask(client, name).choices[0].message.content for name in (BASE, "ann", "ben")}
    assert len(set(replies.values())) == 3
    assert ask(client, "ann").choices[0].message.content == replies["ann"]


def test_a_stream_says_the_same_and_counts(client: openai.OpenAI) -> None:
    whole = ask(client, max_tokens=8)  # fewer than any reply has
    chunks = list(ask(client, max_tokens=8, stream=True, stream_options={"include_usage": True}))
    assert text_of(chunks) == whole.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason == "length"
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert whole.usage.completion_tokens == 8


def test_a_stop_sequence_never_leaks(client: openai.OpenAI) -> None:
    full = ask(client, max_tokens=40).choices[0].message.content
    word = full.split()[3]
    stop = f"{word} {full.split()[4]}"
    chunks = list(ask(client, max_tokens=40, stream=True, stop=[stop]))
    assert text_of(chunks) == full[: full.index(stop)]
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert ask(client, max_tokens=40, stop=stop).choices[0].message.content == full[: full.index(stop)]


def test_logprobs_of_chat(client: openai.OpenAI) -> None:
    found = ask(client, max_tokens=5, logprobs=True, top_logprobs=3).choices[0]
    entries = found.logprobs.content
    assert "".join(one.token for one in entries) == found.message.content
    for one in entries:
        assert len(one.top_logprobs) == 3
        assert one.logprob == pytest.approx(max(other.logprob for other in one.top_logprobs))
        assert bytes(one.bytes).decode() == one.token
    streamed = [
        one.token
        for chunk in ask(client, max_tokens=5, logprobs=True, stream=True)
        if chunk.choices and chunk.choices[0].logprobs
        for one in chunk.choices[0].logprobs.content
    ]
    assert streamed == [one.token for one in entries]


def test_completions_and_their_logprobs(client: openai.OpenAI) -> None:
    reply = client.completions.create(
        model=BASE, prompt=["Monday, Tuesday, Wednesday,", "One, two, three,"], max_tokens=4, temperature=0, logprobs=2
    )
    days, numbers = (choice.text for choice in reply.choices)
    assert "Thursday" in days
    assert "four" in numbers
    found = reply.choices[0].logprobs
    assert found is not None
    assert found.tokens is not None
    assert found.text_offset is not None
    assert "".join(found.tokens) == days
    assert [days[offset] for offset in found.text_offset] == [token[0] for token in found.tokens]
    assert client.completions.create(model=BASE, prompt="One").usage.completion_tokens <= 16  # type: ignore[union-attr]


def test_seeds_repeat_and_choices_differ(client: openai.OpenAI) -> None:
    ask(client, temperature=1, seed=7)  # the prompt is in the cache from here on, so rounding is the same
    first, again = (ask(client, temperature=1, seed=7).choices[0].message.content for _ in range(2))
    other = ask(client, temperature=1, seed=8).choices[0].message.content
    assert first == again != other
    several = ask(client, temperature=1, seed=7, n=3)
    assert len({choice.message.content for choice in several.choices}) == 3
    assert [choice.index for choice in several.choices] == [0, 1, 2]


def test_penalties_reach_the_runtime(client: openai.OpenAI) -> None:
    prompt = "apple, apple, apple, apple, apple, apple,"
    plain, penalised = (
        client.completions.create(model=BASE, prompt=prompt, max_tokens=12, temperature=0, frequency_penalty=penalty)
        for penalty in (0, 2)
    )
    assert plain.choices[0].text.count("apple") > penalised.choices[0].text.count("apple")


def test_texts_with_parts_of_characters_are_scored_by_steps(client: openai.OpenAI) -> None:
    body = {"model": BASE, "prompt": "Tea or coffee?", "continuations": [" tea \U0001f375", " tea"]}
    data: Any = client.post("/score", body=body, cast_to=object)
    with_emoji, plain = (one["token_logprobs"] for one in data["data"])
    assert len(with_emoji) > len(plain)
    assert with_emoji[: len(plain)] == pytest.approx(plain, abs=0.05)
    assert all(value < 0 for value in with_emoji)


def test_texts_are_scored_after_each_of_several_prompts(client: openai.OpenAI) -> None:
    ways = [[{"role": "user", "content": text}] for text in ("Tea or coffee?", "Two and two?")]
    texts = ["four", "tea"]
    body = {"model": BASE, "messages": ways, "continuations": texts}
    data: Any = client.post("/score", body=body, cast_to=object)
    found = {(one["prompt_index"], one["index"]): one["logprob"] for one in data["data"]}
    alone: Any = client.post("/score", body={**body, "messages": ways[1]}, cast_to=object)
    assert len(found) == 4
    assert [found[1, 0], found[1, 1]] == pytest.approx([one["logprob"] for one in alone["data"]], abs=0.05)


def test_scores_prefer_what_follows(client: openai.OpenAI) -> None:
    body = {"model": BASE, "prompt": "The capital of France is", "continuations": [" Paris", " London", ' a "b"\n\\']}
    data: Any = client.post("/score", body=body, cast_to=object)
    scores = [one["logprob"] for one in data["data"]]
    assert scores[0] > scores[1] > scores[2]
    assert ["".join(one["tokens"]) for one in data["data"]] == body["continuations"]
    top = client.completions.create(model=BASE, prompt=str(body["prompt"]), max_tokens=1, temperature=0, logprobs=5)
    assert top.choices[0].logprobs is not None
    assert top.choices[0].logprobs.top_logprobs is not None
    assert scores[0] == pytest.approx(top.choices[0].logprobs.top_logprobs[0][" Paris"], abs=0.05)


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        ({"model": "nobody"}, 404, "There are: “smollm2-135m-instruct”, “ann”, “ben”"),
        ({"model": "unfinished"}, 422, "no adapter_config.json"),
        ({"model": "damaged"}, 422, "llama.cpp cannot use its adapter.gguf"),
        ({"temperature": 9}, 400, "`temperature` must be a number from 0 to 2."),
        ({"messages": [{"role": "user", "content": "word " * 3000}]}, 400, "the model reads at most 2048"),
        ({"messages": [{"role": "user", "content": "word " * 3000}], "stream": True}, 400, "reads at most 2048"),
    ],
)
def test_errors_are_sentences(client: openai.OpenAI, options: dict[str, Any], status: int, words: str) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        ask(client, **options)
    assert caught.value.status_code == status
    assert words in str(caught.value.body["message"])  # type: ignore[index]
    assert ask(client, "ann", max_tokens=2).choices[0].message.content


@pytest.mark.parametrize(
    ("path", "body", "kind", "status"),
    [
        ("/v1/chat/completions", b"{", "application/json", 400),
        ("/v1/chat/completions", b"[" * 100_000, "application/json", 400),
        ("/v1/chat/completions", b"\xff", "application/json", 400),
        ("/v1/chat/completions", b"[]", "application/json", 400),
        ("/v1/chat/completions", b"{}", "text/plain", 415),
        ("/v1/chat/completions", b'"' + b"x" * 9_000_000 + b'"', "application/json", 413),
        ("/v1/nothing", b"{}", "application/json", 404),
        ("/v1/models", b"{}", "application/json", 405),
    ],
)
def test_bad_http_has_openais_error_body(server: Running, path: str, body: bytes, kind: str, status: int) -> None:
    request = urllib.request.Request(server.url + path, body, {"Content-Type": kind})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10)
    with caught.value as answer:
        assert answer.status == status
        assert set(json.load(answer)["error"]) == {"message", "type", "param", "code"}


def test_a_page_that_calls_itself_by_another_name_reads_nothing(server: Running) -> None:
    request = urllib.request.Request(f"{server.url}/v1/models", headers={"Host": "evil.example:80"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10)
    with caught.value as answer:
        assert answer.status == 403


def test_a_new_folder_is_served_and_a_deleted_one_is_not(
    server: Running, client: openai.OpenAI, make_adapter: MakeAdapter
) -> None:
    folder = make_adapter(server.models / "new", seed=9)
    assert ask(client, "new", max_tokens=3).choices[0].message.content
    shutil.rmtree(folder)
    with pytest.raises(openai.NotFoundError):
        ask(client, "new")


def test_concurrent_personas_all_get_on(server: Running) -> None:
    async def talk(client: openai.AsyncOpenAI, model: str) -> tuple[float, str]:
        started, first, text = time.monotonic(), 0.0, ""
        stream: Any = await client.chat.completions.create(
            model=model, messages=ASKED, max_tokens=60, temperature=0, stream=True, extra_body={"ignore_eos": True}
        )
        async for chunk in stream:
            first = first or time.monotonic() - started
            text += chunk.choices[0].delta.content or ""
        return first / (time.monotonic() - started), text

    async def work() -> None:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
            found = await asyncio.gather(*(talk(client, name) for name in ("ann", "ben", "ann", BASE)))
        assert all(text for _, text in found)
        assert max(share for share, _ in found) < 0.9, "someone waited for the others' end"

    asyncio.run(work())


def test_a_killed_client_frees_its_slot(server: Running, client: openai.OpenAI) -> None:
    body = json.dumps(
        {"model": BASE, "messages": ASKED, "stream": True, "ignore_eos": True, "max_tokens": 1900}
    ).encode()
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    host, port = server.url.removeprefix("http://").split(":")
    killed = [socket.create_connection((host, int(port))) for _ in range(4)]
    for connection in killed:
        connection.sendall(request)
    assert killed[0].recv(100).startswith(b"HTTP/1.1 200")
    for connection in killed:
        connection.close()
    started = time.monotonic()
    ask(client, max_tokens=2)
    assert time.monotonic() - started < 5  # 1900 tokens would take half a minute


def test_memory_stays_small(server: Running, client: openai.OpenAI) -> None:
    for name in (BASE, "ann", "ben"):
        ask(client, name, max_tokens=4)
    assert server.memory_mb() <= 400


def test_a_key_is_required_where_one_is_set_and_sigterm_ends_all_within_three_seconds(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    key = tmp_path / "key"
    key.write_text("secret\n")
    running = start(tmp_path / "no-models-yet", "--api-key-file", str(key))
    with pytest.raises(openai.AuthenticationError):
        running.client("wrong").models.list()
    client = running.client("secret")
    assert [one.id for one in client.models.list()] == [BASE]
    stream = iter(ask(client, stream=True, max_tokens=1900, extra_body={"ignore_eos": True}))
    next(stream)
    started = time.monotonic()
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(10) == 0
    assert time.monotonic() - started < 6  # 3 s, and what a busy machine adds
    with pytest.raises(openai.APIError), client:
        list(stream)


def test_sigterm_ends_it_while_the_base_model_is_made_ready(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "engine.serve", "--port", "0", "--models", str(tmp_path), "--cache", str(tmp_path)]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(Path.cwd())}) as process:
        deadline = time.monotonic() + 30
        while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.05)
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert time.monotonic() - started < 6  # 3 s, and what a busy machine adds


def test_a_port_in_use_is_told_at_once(server: Running, start: Callable[..., Running]) -> None:
    port = server.url.rpartition(":")[2]
    with pytest.raises(AssertionError, match=f"Cannot listen on 127.0.0.1:{port}"):
        start(server.models, "--port", port)
