"""Exports and imports of adapters, over a tiny base: files, checks and sentences."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine import export, importing
from engine.adapter_files import CONFIG, WEIGHTS, read_adapter
from engine.errors import BadInput
from engine.modelfile import Card, chat_template, modelfile, plain_template, read_card
from engine.serving.chat_template import ChatTemplate
from tests.engine.conftest import CHAT_TEMPLATE

Q_PROJ = "base_model.model.model.layers.0.self_attn.q_proj.lora_{}.weight"


@pytest.fixture
def adapter(tiny_model: Path, tmp_path: Path) -> Path:
    """A folder with a LoRA of rank 2 on two matrices of the tiny model."""
    folder = tmp_path / "adapter"
    folder.mkdir()
    torch.manual_seed(1)
    tensors = {}
    for module, inside, outside in (("self_attn.q_proj", 32, 32), ("mlp.down_proj", 64, 32)):
        name = f"base_model.model.model.layers.1.{module}"
        tensors |= {f"{name}.lora_A.weight": torch.randn(2, inside), f"{name}.lora_B.weight": torch.randn(outside, 2)}
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    (folder / "result.json").write_text('{"format": "chat"}')
    return configure(folder, base_model_name_or_path=str(tiny_model))


def configure(folder: Path, **changes: object) -> Path:
    config = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "bias": "none", "target_modules": ["q_proj", "down_proj"]}
    config |= {"layers_to_transform": [1]}
    (folder / CONFIG).write_text(json.dumps({**config, "task_type": "CAUSAL_LM", **changes}))
    return folder


def zipped(folder: Path, target: Path, *names: str) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for name in names or (CONFIG, WEIGHTS):
            archive.write(folder / name, name)
    return target


def bring_in(adapter: Path, tiny_model: Path, tmp_path: Path, archive: Path | None = None) -> Path:
    from engine.base_models import resolve

    out = tmp_path / "models" / "imported"
    source = archive or zipped(adapter, tmp_path / "adapter.zip")
    importing.import_adapter(source, out, resolve(str(tiny_model), tmp_path))
    return out


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
def test_merged_safetensors_compute_what_peft_computes(adapter: Path, tiny_model: Path, tmp_path: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    export.export(adapter, "safetensors", tmp_path / "whole", tmp_path, Card(), lambda *_: None)
    ids = torch.arange(40).reshape(1, -1)
    base = AutoModelForCausalLM.from_pretrained(tiny_model, dtype="float32")
    with torch.inference_mode():
        plain = base(ids).logits
        wanted = PeftModel.from_pretrained(base, adapter)(ids).logits
        found = AutoModelForCausalLM.from_pretrained(tmp_path / "whole", dtype="float32")(ids).logits
    assert (wanted - plain).abs().max() > 0.05  # the adapter does something
    torch.testing.assert_close(found, wanted, atol=2e-3, rtol=2e-3)  # weights are rounded to 11 bits
    assert json.loads((tmp_path / "whole" / "config.json").read_text())["dtype"] == "float16"
    assert (tmp_path / "whole" / "tokenizer.json").is_file()


def test_the_command_writes_a_zip_that_can_be_brought_in_again(adapter: Path, tiny_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "adapter.zip"
    assert export.main([str(adapter), "--to", "peft", "--out", str(out)]) == 0
    with zipfile.ZipFile(out) as archive:
        assert archive.namelist() == [CONFIG, WEIGHTS]
    imported = bring_in(adapter, tiny_model, tmp_path, out)
    before, after = load_file(adapter / WEIGHTS), load_file(imported / WEIGHTS)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert json.loads((imported / "result.json").read_text())["origin"] == "imported"
    assert not list(out.parent.glob(".*"))


def test_without_llama_cpp_there_is_no_gguf_and_a_sentence(
    adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.zip"
    assert export.main([str(adapter), "--to", "gguf", "--out", str(out), "--cache", str(tmp_path)]) == 2
    assert "Export as safetensors" in capsys.readouterr().err
    assert not out.exists()


def test_an_export_of_what_is_no_adapter_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export.main([str(tmp_path), "--to", "peft", "--out", str(tmp_path / "x.zip")]) == 2
    assert f"There is no {CONFIG}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"peft_type": "IA3"}, "describes no LoRA"),
        ({"r": 0}, "The rank"),
        ({"r": True}, "The rank"),
        ({"r": 3}, "another rank than the 3"),
        ({"lora_alpha": -1}, "above 0"),
        ({"lora_alpha": "many"}, "above 0"),
        ({"use_dora": True}, "use_dora"),
        ({"use_rslora": True}, "use_rslora"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"bias": "all"}, "bias"),
        ({"base_model_name_or_path": "HuggingFaceTB/SmolLM2-1.7B"}, "An adapter fits the base model alone"),
    ],
)
def test_a_config_that_cannot_be_served_is_refused(
    adapter: Path, tiny_model: Path, tmp_path: Path, changes: dict[str, object], sentence: str
) -> None:
    configure(adapter, **{"base_model_name_or_path": str(tiny_model), **changes})
    with pytest.raises(BadInput, match=sentence):
        bring_in(adapter, tiny_model, tmp_path)
    assert not (tmp_path / "models" / "imported").exists()


@pytest.mark.parametrize(
    ("tensors", "sentence"),
    [
        ({}, "is empty"),
        ({"base_model.model.lm_head.lora_A.weight": torch.ones(2, 32)}, "no LoRA of a layer"),
        ({"../../evil": torch.ones(2, 2)}, "no LoRA of a layer"),
        ({Q_PROJ.format("A"): torch.ones(2, 32)}, "only one of its two"),
        ({Q_PROJ.format("A"): torch.ones(2, 32), Q_PROJ.format("B"): torch.ones(32, 2).long()}, "floating-point"),
        ({Q_PROJ.format("A"): torch.ones(2, 32), Q_PROJ.format("B"): torch.full((32, 2), torch.nan)}, "not finite"),
        ({Q_PROJ.format("A"): torch.ones(2, 32), Q_PROJ.format("B"): torch.ones(64, 2)}, "another base model"),
        (
            {Q_PROJ.format(side).replace("q_proj", "z_proj"): torch.ones(2, 2) for side in "AB"},
            "The base model has no “model.layers.0.self_attn.z_proj”",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    adapter: Path, tiny_model: Path, tmp_path: Path, tensors: dict[str, torch.Tensor], sentence: str
) -> None:
    save_file(tensors, adapter / WEIGHTS)
    with pytest.raises(BadInput, match=sentence):
        bring_in(adapter, tiny_model, tmp_path)


def test_damaged_weights_are_refused(adapter: Path, tiny_model: Path, tmp_path: Path) -> None:
    (adapter / WEIGHTS).write_bytes(b"\x80\x04pickle")
    with pytest.raises(BadInput, match="is damaged"):
        bring_in(adapter, tiny_model, tmp_path)


@pytest.mark.parametrize("extra", ["adapter_model.bin", "../outside.txt", "folder/adapter_config.json", CONFIG])
def test_a_zip_with_anything_else_is_refused(adapter: Path, tiny_model: Path, tmp_path: Path, extra: str) -> None:
    archive = zipped(adapter, tmp_path / "more.zip")
    with zipfile.ZipFile(archive, "a") as opened, pytest.warns(UserWarning) if extra == CONFIG else no_warning():
        opened.writestr(extra, "{}")
    with pytest.raises(BadInput, match="alone, in no folder"):
        bring_in(adapter, tiny_model, tmp_path, archive)
    assert not (tmp_path / "outside.txt").exists()


def no_warning():  # type: ignore[no-untyped-def]
    from contextlib import nullcontext

    return nullcontext()


def test_a_zip_bomb_is_stopped(
    adapter: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(importing.MOST_BYTES, WEIGHTS, 1000)
    with pytest.raises(BadInput, match=r"larger than the 0\.001 MB"):
        bring_in(adapter, tiny_model, tmp_path)


def test_no_zip_at_all_is_refused_by_the_command(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.zip").write_bytes(b"no zip")
    options = ["--out", str(tmp_path / "m"), "--cache", str(tmp_path), "--base-model", str(tiny_model)]
    assert importing.main([str(tmp_path / "x.zip"), *options]) == 2
    assert "no zip file" in capsys.readouterr().err


def test_a_disk_that_is_full_leaves_nothing(adapter: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "engine.export", str(adapter), "--to", "safetensors", "--out", "whole.zip"]
    # Half a file of bytecode would be left for everybody.
    environment = {"PYTHONPATH": str(Path.cwd()), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        ["bash", "-c", 'ulimit -f 10; exec "$@"', "-", *command, "--cache", str(tmp_path)],
        cwd=tmp_path, capture_output=True, text=True, env=environment,
    )  # fmt: skip
    assert done.returncode == 5, done.stderr
    assert "The disk is full" in done.stderr
    assert [file.name for file in tmp_path.iterdir() if "whole" in file.name] == []


def test_the_modelfile_carries_template_stop_system_and_settings() -> None:
    card = Card("Ada", 'You are Ada """.', ("<|im_end|>",))
    text = modelfile(card, "T", "model.gguf", "adapter.gguf")
    assert text.splitlines() == [
        "FROM ./model.gguf",
        "ADAPTER ./adapter.gguf",
        'TEMPLATE """T"""',
        'SYSTEM """You are Ada \'\'\'."""',
        'PARAMETER stop "<|im_end|>"',
        "PARAMETER temperature 0",
        "PARAMETER num_predict 160",
        "PARAMETER num_ctx 2048",
    ]


FOLDED = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}{% set ns = m.content %}{% endif %}{% endfor %}"
    "{% for m in messages if m.role != 'system' %}<turn>{{ 'model' if m.role == 'assistant' else 'user' }}\n"
    "{% if loop.first %}{{ messages[0].content }}\n\n{% endif %}{{ m.content }}<end>\n{% endfor %}{{ '<turn>model\n' }}"
)


NO_SYSTEM = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}"
    "{% for m in messages %}<turn>{{ m.role }}\n{{ m.content | trim }}<end>\n{% endfor %}{{ '<turn>model\n' }}"
).replace("m.role }}", "'model' if m.role == 'assistant' else m.role }}")


@pytest.mark.parametrize("source", [CHAT_TEMPLATE, FOLDED, NO_SYSTEM])
@pytest.mark.parametrize("adds_bos", [True, False])
def test_the_go_template_says_what_the_server_renders(
    tiny_model: Path, tmp_path: Path, source: str, adds_bos: bool
) -> None:
    shutil.copyfile(tiny_model / "tokenizer_config.json", tmp_path / "tokenizer_config.json")
    (tmp_path / "chat_template.jinja").write_text(source)
    template = ChatTemplate(tmp_path)
    go = chat_template(template, adds_bos)
    texts = ["You are Ada.", "Where from?", "Nida.", "Why?"]
    roles = ["system", "user", "assistant", "user"]
    wanted = template.render([{"role": role, "content": text} for role, text in zip(roles, texts, strict=True)])
    found = say(go, texts[0], texts[1], texts[2]) + say(go, "", texts[3], None)
    assert found == (wanted.removeprefix(template.bos_token) if adds_bos else wanted)


def test_a_base_without_a_chat_template_has_no_modelfile(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no chat template"):
        chat_template(ChatTemplate(tmp_path), adds_bos=False)


def say(go: str, system: str, prompt: str, response: str | None) -> str:
    """One turn as Ollama renders it: a template is cut at the response that is yet to come."""
    head, _, rest = go.partition("{{ end }}")
    head = head.removeprefix("{{ if .System }}").replace("{{ .System }}", system) if system else ""
    before, _, after = rest.replace("{{ .Prompt }}", prompt).partition("{{ .Response }}")
    return head + before + (response + after if response is not None else "")


def test_the_template_of_the_marker_format() -> None:
    assert plain_template("Q: {question} ->{reply}###") == "Q: {{ .Prompt }} ->{{ .Response }}###"


@pytest.mark.parametrize("content", [{"stop": "###"}, {"color": "red"}, {"system": 3}])
def test_a_card_with_anything_else_is_refused(content: dict[str, object]) -> None:
    with pytest.raises(BadInput, match="in the card"):
        read_card(content)


def test_a_version_without_a_card_is_asked_by_its_format(adapter: Path) -> None:
    assert export.load_card(None, adapter).stop == ("<|im_end|>",)
    (adapter / "result.json").write_text('{"format": "marker"}')
    assert export.load_card(None, adapter) == Card(stop=("###",), prompt="Q: {question} ->{reply}###")


def test_half_precision_adapters_are_read_as_float32(adapter: Path) -> None:
    halved = {name: tensor.bfloat16() for name, tensor in load_file(adapter / WEIGHTS).items()}
    save_file(halved, adapter / WEIGHTS)
    assert {a.dtype for _module, a, _b in read_adapter(adapter).tensors()} == {torch.float32}
    shutil.rmtree(adapter)
    with pytest.raises(BadInput, match="There is no"):
        read_adapter(adapter)
