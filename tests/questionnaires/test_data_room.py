"""The data room: what a file is told, what leaves, what is found and mended."""

import io
import json

import pytest
from asgiref.sync import async_to_sync
from django.core.management import CommandError, call_command
from django.test import AsyncClient
from django.urls import reverse

from engine.token_count import openai_counter
from questionnaires import answer_stream, export_views, services
from questionnaires.answer_stream import dataset_stream
from questionnaires.dataset import split_items
from questionnaires.dataset.exports import FORMATS
from questionnaires.models import Answer, Question, Topic


def upload(visitor, persona, data, name="a.jsonl"):
    file = io.BytesIO(data)
    file.name = name
    return visitor.post(reverse("import", args=[persona.pk]), {"file": file})


def test_a_training_file_is_told_what_a_service_would_say_of_it(visitor, persona):
    rows = [{"prompt": f"Q: {n}? ->", "completion": f"I say {n}.###", "id": n} for n in "abc"]
    page = upload(visitor, persona, b"\n" + b"".join(json.dumps(row).encode() + b"\n" for row in rows))
    text = page.content.decode()
    assert "Line 2: id will be ignored" in text
    assert "Line 4: This completion does not begin with a space" in text
    assert page.context["report"].own == 3
    table = upload(visitor, persona, b"question,answer\nWho?,Ada.", "a.csv")
    assert table.context["file_findings"] == []


def answers(persona, count):
    """Own questions with answers, no two alike."""
    made = [
        Question(slug=f"own-{n}", persona=persona, position=n, texts={"en": {"text": f"What of the number {n}?"}})
        for n in range(count)
    ]
    questions = Question.objects.bulk_create(made)
    Answer.objects.bulk_create(
        Answer(
            owner=persona.owner, persona=persona, question=q, text=f"I like {n} more than {n + 1}.", state="answered"
        )
        for n, q in enumerate(questions)
    )


def rows_of(visitor, persona, file_format="marker", **query):
    reply = visitor.get(reverse("export", args=[persona.pk, file_format]), query)
    return [json.loads(line) for line in b"".join(reply.streaming_content).splitlines()]


def test_answers_are_streamed_in_order_across_topics_and_pieces(persona, monkeypatch):
    monkeypatch.setattr(answer_stream, "ROWS_AT_ONCE", 7)
    home = Topic.objects.create(slug="home", position=1)
    answers(persona, 30)
    Question.objects.filter(position__gte=20).update(topic=home)
    Answer.objects.filter(question__position=3).update(text="  ")
    Answer.objects.filter(question__position=4).update(state="skipped")
    found = [item.question for item in dataset_stream(persona=persona)]
    wanted = [n for n in (*range(20, 30), *range(20)) if n not in {3, 4}]  # own questions without a topic come last
    assert found == [f"What of the number {n}?" for n in wanted]
    assert {i.source: i for i in dataset_stream(persona=persona)} == {
        i.source: i for i in services.dataset_build(persona=persona)
    }


def test_the_parts_are_those_of_a_training_and_share_nothing(visitor, persona):
    answers(persona, 60)
    parts = {part: rows_of(visitor, persona, part=part) for part in ("all", "train", "validation")}
    prompts = {part: {row["prompt"] for row in rows} for part, rows in parts.items()}
    assert prompts["train"] | prompts["validation"] == prompts["all"]
    assert not prompts["train"] & prompts["validation"]
    held_out = split_items(services.dataset_build(persona=persona)).validation
    assert prompts["validation"] == {f"Q: {item.question} ->" for item in held_out}
    reply = visitor.get(reverse("export", args=[persona.pk, "chat"]), {"part": "train"})
    assert 'filename="ada-chat-train.jsonl"' in reply["Content-Disposition"]
    assert visitor.get(reverse("export", args=[persona.pk, "chat"]), {"part": "x"}).status_code == 404


@pytest.mark.parametrize("file_format", FORMATS)
def test_the_page_shows_what_will_be_in_the_file(visitor, persona, file_format):
    answers(persona, 20)
    page = visitor.get(reverse("take", args=[persona.pk]), {"format": file_format})
    file = page.context["file"]
    assert (file.rows, file.words) == (20, 120)
    assert "I like 0 more than 1." in file.first_lines
    data = b"".join(visitor.get(reverse("export", args=[persona.pk, file_format])).streaming_content)
    if not FORMATS[file_format].is_binary and file_format != "alpaca":  # whose list ends after the first ones
        assert data.decode("utf-8-sig").startswith(file.first_lines)
    assert f"Download .{FORMATS[file_format].extension}</a>" in page.content.decode()


def test_tokens_are_those_that_openai_counts(visitor, persona):
    answers(persona, 20)
    page = visitor.get(reverse("take", args=[persona.pk]), {"format": "chat", "part": "train"})
    (tokens,) = [each for each in page.context["file"].tokens if each.of.startswith("OpenAI")]
    rows = rows_of(visitor, persona, "chat", part="train")
    assert tokens.count == sum(openai_counter("o200k_base").count(rows))


def test_an_unknown_format_or_part_is_not_found(visitor, persona):
    address = reverse("take", args=[persona.pk])
    assert visitor.get(address, {"format": "yaml"}).status_code == 404
    assert visitor.get(address, {"part": "half"}).status_code == 404
    assert "There is nothing to take yet" in visitor.get(address).content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_server_sends_it_in_pieces(persona, monkeypatch):
    monkeypatch.setattr(export_views, "PIECE_BYTES", 100)
    answers(persona, 20)
    client = AsyncClient()

    async def fetch():
        await client.aforce_login(persona.owner)
        reply = await client.get(reverse("export", args=[persona.pk, "marker"]))
        return [piece async for piece in reply.streaming_content]

    pieces = async_to_sync(fetch)()
    assert len(pieces) > 5
    assert len(b"".join(pieces).splitlines()) == 20


def test_the_command_writes_any_format(persona, tmp_path):
    answers(persona, 12)
    file = tmp_path / "a.epub"
    call_command("export_dataset", "--persona", "Ada", "--format", "epub", "--out", str(file), stdout=io.StringIO())
    assert file.read_bytes()[30:38] == b"mimetype"
    with pytest.raises(CommandError, match="name a file with --out"):
        call_command("export_dataset", "--persona", "Ada", "--format", "pdf")
    printed = io.StringIO()
    call_command("export_dataset", "--persona", "Ada", "--part", "validation", stdout=printed)
    assert 0 < len(printed.getvalue().splitlines()) < 12
