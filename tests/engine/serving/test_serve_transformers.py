"""The fallback for base models without a GGUF, on a tiny random one."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from engine.base_models import BaseModel
from engine.serving.backend import Adapter, BrokenAdapter, Generation, Sampling, Token
from engine.serving.errors import ApiError

if TYPE_CHECKING:  # torch and transformers take seconds to import, which runs of the fast tests should not pay
    from engine.serving.torch_backend import TransformersBackend

pytestmark = [
    pytest.mark.slow,  # importing torch and transformers takes most of it
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning"),  # peft asks transformers for it
]

GREEDY = Sampling(temperature=0)


@pytest.fixture(scope="module")
def backend(tiny_model: Path) -> TransformersBackend:
    from engine.serving.torch_backend import TransformersBackend

    return TransformersBackend(BaseModel("tiny", tiny_model, None))


@pytest.fixture(scope="module")
def adapter(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Adapter:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("adapters") / "ann"
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(tiny_model),
        LoraConfig(r=4, target_modules=["q_proj", "down_proj"], init_lora_weights=False),
    )
    for name, values in model.named_parameters():
        if "lora_" in name:
            values.data.mul_(20)
    model.save_pretrained(folder)
    return Adapter("ann", folder, (1,), 0)


def generate(backend: TransformersBackend, request: Generation) -> tuple[str, list[Token], str | None]:
    tokens: list[Token] = []

    def keep(token: Token) -> bool:
        tokens.append(token)
        return False

    outcome = backend.generate(request, 0, keep)
    return "".join(one.text for one in tokens), tokens, outcome.finish


def test_greedy_text_is_what_transformers_generates(backend: TransformersBackend, tiny_model: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    ids = tokenizer("Hello there", return_tensors="pt", add_special_tokens=False)
    expected = model.generate(**ids, max_new_tokens=12, do_sample=False)[0, ids["input_ids"].shape[1] :]
    text, tokens, finish = generate(backend, Generation("Hello there", None, 12, GREEDY))
    assert text.rstrip("\ufffd") == tokenizer.decode(expected, skip_special_tokens=True).rstrip("\ufffd")
    assert finish == "stop" or len(tokens) == 12


def test_an_adapter_changes_the_text_and_the_base_stays(backend: TransformersBackend, adapter: Adapter) -> None:
    before = backend.score("Hello", " there", None, 0)
    assert not backend.is_loaded(adapter)
    backend.load(adapter)
    assert backend.is_loaded(adapter)
    tuned = backend.score("Hello", " there", adapter, 0)
    after = backend.score("Hello", " there", None, 0)
    assert [one.logprob for one in after] == pytest.approx([one.logprob for one in before])
    assert [one.logprob for one in tuned] != pytest.approx([one.logprob for one in before], abs=1e-3)


def test_logprobs_agree_with_scores(backend: TransformersBackend) -> None:
    requests = [Generation("abc", None, 1, Sampling(seed=seed), top_logprobs=2) for seed in range(20)]
    found = [tokens[0] for _, tokens, _ in (generate(backend, one) for one in requests) if tokens and tokens[0].text]
    drawn = {one.text: one.logprob for one in found}
    assert len(drawn) >= 3
    for text, entry in drawn.items():
        assert entry is not None
        assert len(entry.top) == 2
        assert entry.top[0].logprob >= entry.logprob
        assert backend.score("abc", text, None, 0)[0].logprob == pytest.approx(entry.logprob, abs=0.02)
    assert sum(math.exp(entry.logprob) for entry in drawn.values() if entry) <= 1


def read_plainly(backend: TransformersBackend, prompt: str, text: str) -> list[float]:
    """Log-probabilities of the text's tokens by one pass of transformers over the whole."""
    import torch

    before, after = backend._encode(prompt), backend._tokenizer.encode(text, add_special_tokens=False)
    with torch.inference_mode():
        logits = backend._network.under(None, torch.tensor([before + after]), None).logits[0].float()
    logs = torch.log_softmax(logits, dim=-1)[len(before) - 1 : -1]
    return [float(row[token]) for row, token in zip(logs, after, strict=True)]


@pytest.mark.parametrize("sees_all", [True, False])
def test_texts_scored_together_get_what_each_gets_alone(
    backend: TransformersBackend, monkeypatch: pytest.MonkeyPatch, sees_all: bool
) -> None:
    monkeypatch.setattr(backend._network, "sees_all", sees_all)  # else as for a model with sliding windows
    texts = ["a", "abc there", "there we go again"]
    prompts = ("Hello you", "Hello yonder and more", "Hello")
    for several in (prompts, prompts[:1], prompts[1:]):  # the beginning of the ones before is read already
        together = list(backend.score_all(several, texts, None, 0))
        for (prompt, text), found in zip(product(several, texts), together, strict=True):
            backend._readers[0].cache = None
            alone = backend.score(prompt, text, None, 0)
            assert [one.logprob for one in alone] == pytest.approx(read_plainly(backend, prompt, text), abs=0.02)
            assert [one.token for one in found] == [one.token for one in alone]
            assert [one.logprob for one in found] == pytest.approx([one.logprob for one in alone], abs=0.02)


def test_texts_are_scored_at_once_as_each_alone(tiny_model: Path, adapter: Adapter) -> None:
    """In the form that scores: each slot reads with a cache of its own, and all under one adapter or none."""
    from engine.serving.torch_backend import TransformersBackend

    backend = TransformersBackend(BaseModel("tiny", tiny_model, None), fastest=True)
    backend.load(adapter)
    prompts, texts = [f"Hello you {number}" for number in range(backend.slots)], ["abc", "there again"]

    def scored(slot: int, under: Adapter | None) -> list[float]:
        return [one.logprob for found in backend.score_all([prompts[slot]], texts, under, slot) for one in found]

    slots = range(backend.slots)
    alone = {under: [scored(slot, under) for slot in slots] for under in (None, adapter)}
    assert alone[None] != alone[adapter]
    with ThreadPoolExecutor(backend.slots) as pool:
        for under in (None, adapter) * 10:
            assert list(pool.map(scored, slots, [under] * backend.slots)) == alone[under]


def test_it_stops_when_told_and_goes_on_from_there(backend: TransformersBackend) -> None:
    request = Generation("Hello", None, 10, Sampling(temperature=0, ignore_eos=True))
    whole, _, finish = generate(backend, request)
    assert finish == "length"
    seen: list[str] = []

    def stop_after_three(token: Token) -> bool:
        seen.append(token.text)
        return len(seen) == 3

    assert backend.generate(request, 0, stop_after_three).finish is None
    assert len(seen) == 3
    assert whole.startswith("".join(seen))


def test_a_long_prompt_is_refused(backend: TransformersBackend) -> None:
    with pytest.raises(ApiError, match="reads at most 1024"):
        generate(backend, Generation("x" * 2000, None, 3))


def test_a_damaged_adapter_is_refused_and_the_rest_goes_on(
    backend: TransformersBackend, adapter: Adapter, tmp_path: Path
) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "adapter_config.json").write_text((adapter.folder / "adapter_config.json").read_text())
    (folder / "adapter_model.safetensors").write_bytes(b"\xff" * 100)
    with pytest.raises(BrokenAdapter, match="Train it again"):
        backend.load(Adapter("bad", folder, (2,), 0))
    assert backend.score("a", "b", None, 0)


def draw(sampling: Sampling, count: int, eos_ids: frozenset[int] = frozenset()) -> list[int]:
    """Tokens that one sampler draws from the same four logits."""
    import torch

    from engine.serving.torch_sampling import Sampler

    sampler, logits = Sampler(sampling, eos_ids), torch.tensor([3.0, 2.0, 1.0, 0.0])
    return [sampler.draw(logits) for _ in range(count)]


@pytest.mark.parametrize(
    ("sampling", "possible"),
    [
        (Sampling(temperature=0), {0}),
        (Sampling(top_k=2), {0, 1}),
        (Sampling(top_p=0.01), {0}),
        (Sampling(top_p=0.7), {0, 1}),
        (Sampling(min_p=0.3), {0, 1}),
        (Sampling(), {0, 1, 2, 3}),
        (Sampling(temperature=0, ignore_eos=True), {1}),
    ],
)
def test_only_tokens_inside_the_cuts_are_drawn(sampling: Sampling, possible: set[int]) -> None:
    assert set(draw(sampling, 300, frozenset({0}))) == possible


def test_penalties_move_on_and_seeds_repeat() -> None:
    assert draw(Sampling(temperature=0, frequency_penalty=0.9), 4) == [0, 0, 1, 0]
    assert draw(Sampling(seed=5), 20) == draw(Sampling(seed=5), 20)
