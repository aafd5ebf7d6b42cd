"""`manage.py fidelity_run`, its file of items, and that a report asks as chat does."""

import io
import json
import os
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.core.management import CommandError, call_command

from fidelity.asking import notes_for
from fidelity.controls import Cast
from fidelity.engine_client import EngineClient
from fidelity.items_file import items_read
from fidelity.measures.items import ItemsError
from tests.fidelity.test_run import a_version, author, demo, engine, report, surroundings  # noqa: F401

ITEMS = """
choices:
  - {id: drink, text: "In the morning you drink", options: [tea, coffee], answer: coffee}
  - {id: seen, text: "What do you do?", options: [mending, baking], answer: 0}
facts:
  - {id: town, question: "In which town do you wake up?", answer: "In Nida."}
  - {id: car, question: "What car do you drive?"}
"""


@pytest.fixture
def items(tmp_path):
    path = tmp_path / "items.yaml"
    path.write_text(ITEMS)
    return path


def measured(*arguments):
    output = io.StringIO()
    call_command("fidelity_run", "--persona", "Ada", *arguments, stdout=output)
    return output.getvalue()


def test_it_reports_on_the_current_version(engine, report):  # noqa: F811
    text = measured("--form", "quick")
    assert "persona" in text
    assert "chance" in text
    assert "facts, told" in text


def test_a_file_of_items_takes_the_place_of_one_s_own_and_the_overlap_guard_holds(engine, author, items):  # noqa: F811
    a_version(author)
    engine.likes = lambda model, prompt, text: -1.0 if text == "coffee" else -2.0
    found = json.loads(measured("--items", str(items), "--json"))
    result = found["result"]
    assert found["version"] == 1
    assert (result["asked"], result["correct"]) == (1, 1)
    assert [gone["item"] for gone in result["left_out"]] == ["seen"]
    assert result["facts"]["told"]["items"] == result["facts"]["never_told"]["items"] == 1


def test_the_demo_persona_is_trained_first_if_it_never_was(engine, report, demo, monkeypatch):  # noqa: F811
    trained = []

    def train(command, **options):
        trained.append((command, options["persona"], options["here"]))
        a_version(demo)

    monkeypatch.setattr("fidelity.management.commands.fidelity_run.call_command", train)
    for _ in range(2):
        measured("--form", "quick", "--train-demo")
    assert trained == [("train", "Max", True)]
    assert report.version.reports.first().rows.filter(control="other_person").exists()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[1]", "has to hold"),
        ("choices: 3", "has to be a list"),
        ("choices: [{id: a, text: b}]", "2 to 5 different options"),
        ("choices: [{id: a, text: b, options: [x, y], answer: z}]", "one of the options"),
        ("choices: [{id: a, text: b, options: [x, y], answer: 2}]", "number from 0"),
        ("facts: [{id: a}]", "facts, entry 1 needs id, question and answer"),
        ("facts: [{id: a, question: b}, {id: a, question: c}]", "stands twice"),
        ("facts: [", "cannot be read"),
    ],
)
def test_a_bad_file_is_refused_with_its_entry(tmp_path, text, complaint):
    path = tmp_path / "items.yaml"
    path.write_text(text)
    with pytest.raises(ItemsError, match=complaint):
        items_read(path)


def test_a_version_that_is_not_there_is_refused_with_those_that_are(author):  # noqa: F811
    a_version(author, 3)
    with pytest.raises(CommandError, match="There are: 3"):
        measured("--version", "7")


def test_a_fact_is_asked_as_chat_asks(engine, author, report):  # noqa: F811
    from chat.grounding import ground, told_get
    from chat.speakers import speaker_get

    question = "Which town do you live in?"
    speaker = speaker_get(persona=author, version=report.version)
    grounding = async_to_sync(ground)(text=question, context=None, told=told_get(persona=author))
    local = EngineClient.local(engine_url())
    asker = Cast(report, local, lambda: local).asker("persona")
    notes, _shown = notes_for(asker, question)
    assert asker.renderer.prompt(question, name=asker.name, notes=notes) == speaker.prompt(question, grounding.notes)
    assert (asker.model, notes) == (speaker.model, grounding.notes)
    first, second = engine.bodies("/v1/rerank")
    assert first["documents"] == second["documents"]
    local.close()


def engine_url():
    from django.conf import settings

    return settings.ENGINE_URL


@pytest.mark.slow
def test_a_report_by_the_real_engine(author, items, settings, tmp_path, monkeypatch):  # noqa: F811
    """A random adapter: the figures mean nothing, but each control has its own."""
    from tests.engine.serving.conftest import write_gguf

    settings.ENGINE_URL = "http://127.0.0.1:9"  # nobody listens there
    settings.BASE_DIR_CACHE = Path(os.environ.get("ENGINE_TEST_CACHE") or tmp_path / "base")
    version = a_version(author)
    version.folder.mkdir(parents=True)
    write_gguf(version.folder / "adapter.gguf", seed=1, scale=0.1)
    config = {"peft_type": "LORA", "base_model_name_or_path": "smollm2-135m-instruct"}
    (version.folder / "adapter_config.json").write_text(json.dumps(config))
    (version.folder / "adapter_model.safetensors").write_bytes(b"not read by llama.cpp")
    result = json.loads(measured("--items", str(items), "--json"))["result"]
    made = version.reports.get()
    scores = {row.control: row.scores for row in made.rows.filter(item="drink")}
    assert scores["persona"] != scores["base"] != scores["base_answers"]
    assert scores["persona"] != scores["no_retrieval"]
    assert all(len(orders) == 2 and all(value < 0 for order in orders for value in order["logprobs"])
               for orders in scores.values())  # fmt: skip
    assert result["form_of_replies"]["persona"]["replies"] >= 0
    assert made.state == "done"
