"""Several base models in one server: loaded on demand, dropped when memory is short, refused with a sentence."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import openai
import pytest

from engine.base_models import DEFAULT_MODEL, BaseModel
from engine.memory import MachineMemory
from engine.serving import bases
from engine.serving.backend import Adapter, Generation
from engine.serving.bases import Bases, memory_cost
from engine.serving.catalog import Catalog
from engine.serving.errors import ApiError
from tests.engine.families import make_family
from tests.engine.job_folder import JobFolder, chat_row
from tests.engine.serving.conftest import Running
from tests.engine.serving.test_serve_scheduler import Speller

MEGABYTE = 10**6


class Counted(Speller):
    """A backend that remembers whether it was closed."""

    def __init__(self, base: BaseModel) -> None:
        super().__init__(slots=1 if base.name == "one-slot" else 2)
        self.closed = False

    def close(self) -> None:
        self.closed = True


class Shelf:
    """Base models of 100 MB each, and the backends made of them."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._patch = folder, monkeypatch
        self.made: dict[str, list[Counted]] = {}
        monkeypatch.setattr(bases, "memory_cost", lambda base: 100 * MEGABYTE)
        self.free(1000)

    def free(self, megabytes: int) -> None:
        self._patch.setattr(bases, "machine_memory", lambda: MachineMemory(10**10, megabytes * MEGABYTE))

    def make(self, base: BaseModel) -> Counted:
        self.made.setdefault(base.name, []).append(Counted(base))
        return self.made[base.name][-1]

    def open(self, limit_mb: int | None = None) -> Bases:
        limit = None if limit_mb is None else limit_mb * MEGABYTE
        return Bases(BaseModel("default", self.folder, None), self.folder, self.make, limit)

    def adapter(self, base: str) -> Adapter:
        return Adapter(f"on-{base}", self.folder, (1,), 0, BaseModel(base, self.folder / base, None))

    def alive(self) -> list[str]:
        return [name for name, made in self.made.items() if not made[-1].closed]


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    return Shelf(tmp_path, monkeypatch)


def ask(served: Bases, adapter: Adapter | None) -> None:
    if not served.is_loaded(adapter):
        assert adapter is not None
        served.load(adapter)
    served.generate(Generation("", adapter, 1), 0, lambda token: False)


def test_another_base_model_is_loaded_when_it_is_asked_for_and_stays(shelf: Shelf) -> None:
    served = shelf.open()
    assert shelf.alive() == ["default"]
    for _ in range(2):
        ask(served, shelf.adapter("a"))
        ask(served, None)
    assert [len(made) for made in shelf.made.values()] == [1, 1]
    assert (len(shelf.made["a"][0].log), len(shelf.made["default"][0].log)) == (2, 2)


def test_the_longest_unused_base_model_makes_way_but_never_the_default(shelf: Shelf) -> None:
    served = shelf.open(limit_mb=250)
    for base in ("a", "b", "a", "c"):
        ask(served, shelf.adapter(base))
    assert shelf.alive() == ["default", "a", "c"]
    assert not served.is_loaded(shelf.adapter("b"))
    served.close()
    assert shelf.alive() == []


def test_what_is_free_on_the_machine_counts_too(shelf: Shelf) -> None:
    served = shelf.open()
    ask(served, shelf.adapter("a"))
    shelf.free(50)
    with pytest.raises(ApiError, match="“b” takes about") as caught:
        served.load(shelf.adapter("b"))
    assert caught.value.status == 503
    assert shelf.alive() == ["default"]
    ask(served, None)


def test_a_base_model_above_the_limit_is_refused_whatever_is_free(shelf: Shelf) -> None:
    with pytest.raises(ApiError, match="smaller base model"):
        shelf.open(limit_mb=99).load(shelf.adapter("a"))


def test_a_base_model_that_fails_to_load_is_a_sentence(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    served = shelf.open()

    def fail(base: BaseModel) -> Counted:
        raise OSError("no such file")

    monkeypatch.setattr(served, "_make", fail)
    with pytest.raises(ApiError, match="“a” cannot be loaded: no such file") as caught:
        served.load(shelf.adapter("a"))
    assert caught.value.status == 422


def test_slots_are_those_of_the_base_model_in_use(shelf: Shelf) -> None:
    served, single = shelf.open(), shelf.adapter("one-slot")
    assert served.slots_for(single) == 1
    ask(served, single)
    ask(served, shelf.adapter("a"))
    assert (served.slots_for(single), served.slots_for(shelf.adapter("a")), served.slots_for(None)) == (1, 2, 2)


def test_the_catalog_names_the_base_model_or_says_that_it_is_gone(tmp_path: Path) -> None:
    other = BaseModel("org/other", tmp_path / "base", None)
    for name, base in (("ann", "base"), ("ben", "org/other"), ("eve", "org/gone")):
        (tmp_path / name).mkdir()
        config = {"peft_type": "LORA", "base_model_name_or_path": base}
        (tmp_path / name / "adapter_config.json").write_text(json.dumps(config))
        (tmp_path / name / "adapter_model.safetensors").write_text("x")
    (tmp_path / "ann" / "adapter.gguf").write_text("x")
    catalog = Catalog(tmp_path, "base", "adapter.gguf", lambda name: other if name == "org/other" else None)
    assert [(one.name, one.base) for one in catalog.usable()] == [("ann", None), ("ben", other)]
    with pytest.raises(
        ApiError, match=r"“org/gone”, which is not on this computer. Fetch .* --model org/gone"
    ) as caught:
        catalog.find("eve")
    assert caught.value.status == 422


def test_the_cost_of_a_base_model_is_mostly_its_file(tmp_path: Path) -> None:
    for name in ("model-1.safetensors", "model-2.safetensors", "model.gguf"):
        (tmp_path / name).write_bytes(b"x" * 1000)
    converted = memory_cost(BaseModel("a", tmp_path, tmp_path / "model.gguf"))
    assert memory_cost(BaseModel("a", tmp_path, None)) - converted == 300 * MEGABYTE + 1000


ANSWERS = {"cats": "I have three cats.", "work": "I tune pianos."}


def learn(family: str, folder: Path, output: Path) -> None:
    """Train a tiny model of `family` until it knows ANSWERS, as the product does, into `output`."""
    from engine import train

    base = make_family(family, folder / "base" / family)
    rows = [chat_row(f"What about {topic}?", answer) for topic, answer in ANSWERS.items()] * 2
    overrides = {"epochs": 40, "learning_rate": 0.01, "batch_rows": 4, "check_replies": 2}
    job = JobFolder(
        folder / f"job-{family}", str(base), folder / "cache", rows=rows, validation=[], overrides=overrides
    )
    assert train.run(job.write()) == 0
    (job.folder / "output").rename(output)


@pytest.fixture
def models(real_model: BaseModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for versions, beside a cache of its own in which the bundled model is ready."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # engine.train sets one
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / real_model.folder.name).symlink_to(real_model.folder)
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


@pytest.mark.slow
@pytest.mark.parametrize("family", ["qwen3", "gemma3"])
def test_a_version_of_another_family_answers_what_it_learned(
    family: str, start: Callable[..., Running], models: Path
) -> None:
    learn(family, models.parent, models / "version")
    client = start(models, "--cache", str(models.parent / "cache")).client()
    system = {"role": "system", "content": "You are Ada."}
    for topic, answer in ANSWERS.items():
        asked = [system, {"role": "user", "content": f"What about {topic}?"}]
        reply = client.chat.completions.create(model="version", messages=asked, temperature=0, max_tokens=64)  # type: ignore[arg-type]
        assert reply.choices[0].message.content == answer
        assert reply.choices[0].finish_reason == "stop"
    plain = client.completions.create(
        model=DEFAULT_MODEL, prompt="The capital of France is", max_tokens=8, temperature=0
    )
    assert "Paris" in plain.choices[0].text


@pytest.mark.slow
def test_without_its_gguf_transformers_serves_it_and_memory_limits_hold(
    start: Callable[..., Running], models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine import converted

    monkeypatch.setattr(converted, "gguf_of", lambda folder, cache_dir: None)
    monkeypatch.setattr(converted, "_convert", lambda folder, into, progress: None)
    learn("llama3", models.parent, models / "version")
    assert not (models / "version" / "adapter.gguf").exists()
    asked = [{"role": "system", "content": "You are Ada."}, {"role": "user", "content": "What about cats?"}]
    request = {"model": "version", "messages": asked, "temperature": 0, "max_tokens": 64}
    cache = ["--cache", str(models.parent / "cache")]
    reply = start(models, *cache).client().chat.completions.create(**request)  # type: ignore[call-overload]
    assert reply.choices[0].message.content == ANSWERS["cats"]
    small = start(models, *cache, "--memory-mb", "100").client()
    with pytest.raises(openai.InternalServerError, match="Close other programs") as caught:
        small.chat.completions.create(**request)  # type: ignore[call-overload]
    assert caught.value.status_code == 503
