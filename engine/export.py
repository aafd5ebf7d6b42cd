"""Takes a version out of the product, in the formats that other programs read.

    python -m engine.export VERSION_DIR --to gguf --out persona.zip

`gguf`: the base model as it is served, the adapter beside it, and a Modelfile for Ollama. `gguf-merged`: the same in
one file, for programs that take no adapter. `safetensors`: a whole model for transformers, vLLM and others. `peft`: the
adapter alone. `--out` names a zip file, or a folder where it does not end in .zip; either appears whole or not at all.

Base and adapter side by side are the faithful ones: of 20 greedy replies (persona Tomás, 92 rows) 20 were the server's
own letter by letter, against 14 of a merged F16 and 11 of a merged Q8_0; in a merged matrix the small numbers of the
adapter are rounded at the scale of the large ones.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.adapter_files import CONFIG, WEIGHTS, LoadedAdapter, check_fits, read_adapter
from engine.atomic import new_folder, sync_folder
from engine.base_models import DEFAULT_MODEL, BaseModel, BaseModelError, ProgressLine, resolve
from engine.errors import EXIT_BAD_INPUT, EXIT_DISK_FULL, BadInput, TrainingError, is_disk_full
from engine.llama_gguf import StepCallback
from engine.modelfile import Card, adds_bos, chat_template, modelfile, plain_template, read_card
from engine.serving.chat_template import ChatTemplate

GGUF, ADAPTER_GGUF = "model.gguf", "adapter.gguf"


@dataclass(frozen=True)
class Source:
    """What an export is made of."""

    version: Path
    adapter: LoadedAdapter
    base: BaseModel
    card: Card


Files = dict[str, Path]
"""Name in the export -> a file that lies elsewhere and is taken as it is."""


def export(version: Path, to: str, out: Path, cache: Path, card: Card, progress: StepCallback) -> None:
    """Write the version in the folder `version` to `out`. BadInput or BaseModelError with a sentence; OSError."""
    if out.suffix == ".zip":
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as made:
            write_zip(_make(Path(made), version, to, cache, card, progress), Path(made), out)
    else:
        with new_folder(out) as folder:
            for name, file in _make(folder, version, to, cache, card, progress).items():
                shutil.copyfile(file, folder / name)


def _make(folder: Path, version: Path, to: str, cache: Path, card: Card, progress: StepCallback) -> Files:
    """Fills `folder` with what has to be made, and names what is there already."""
    adapter = read_adapter(version)
    if to == "peft":
        return {name: version / name for name in (CONFIG, WEIGHTS)}
    base = resolve(adapter.base_model or DEFAULT_MODEL, cache)
    check_fits(adapter, base.folder)
    files = WRITERS[to](folder, Source(version, adapter, base, card), progress)
    (folder / "README.md").write_text(readme(to, card, base), encoding="utf-8")
    return files


def _make_safetensors(folder: Path, source: Source, progress: StepCallback) -> Files:
    from engine.merge import merge_safetensors

    merge_safetensors(source.adapter, source.base.folder, folder, progress)
    return {}


def _make_gguf(folder: Path, source: Source, progress: StepCallback) -> Files:
    base, adapter = gguf_files(source)
    _write_modelfile(folder, source, ADAPTER_GGUF)
    return {GGUF: base, ADAPTER_GGUF: adapter}


def _make_merged_gguf(folder: Path, source: Source, progress: StepCallback) -> Files:
    from engine.merge import merge_gguf

    base, adapter = gguf_files(source)
    merge_gguf(base, adapter, folder / GGUF, progress)
    _write_modelfile(folder, source)
    return {}


WRITERS: dict[str, Callable[[Path, Source, StepCallback], Files]] = {
    "gguf": _make_gguf,
    "gguf-merged": _make_merged_gguf,
    "safetensors": _make_safetensors,
}
FORMATS = (*WRITERS, "peft")


def gguf_files(source: Source) -> tuple[Path, Path]:
    """The base's GGUF and the version's adapter.gguf; BadInput where llama.cpp does not serve this base."""
    adapter = source.version / ADAPTER_GGUF
    if source.base.gguf is None or not adapter.is_file():
        name = source.base.name
        raise BadInput(f"{name} is not served by llama.cpp here, so there is no GGUF. Export as safetensors.")
    return source.base.gguf, adapter


def _write_modelfile(folder: Path, source: Source, adapter: str = "") -> None:
    text = modelfile(source.card, template_of(source.card, source.base), GGUF, adapter)
    (folder / "Modelfile").write_text(text, encoding="utf-8")


def template_of(card: Card, base: BaseModel) -> str:
    """The Go template of the version's prompts, for the base's GGUF."""
    if card.prompt:
        return plain_template(card.prompt)
    import gguf

    return chat_template(ChatTemplate(base.folder), adds_bos(gguf.GGUFReader(base.gguf)))


def readme(to: str, card: Card, base: BaseModel) -> str:
    """What the files are and how to use them, in a few lines."""
    use = {
        "gguf": "Ollama: `ollama create persona -f Modelfile`, then `ollama run persona`.\n"
        "llama.cpp: `llama-server -m model.gguf --lora adapter.gguf --cache-type-k q8_0`; "
        "with 8-bit keys it says letter by letter what the product says.",
        "gguf-merged": "Ollama: `ollama create persona -f Modelfile`. Any program that opens GGUF: `model.gguf`. "
        "Replies can differ in words from the product's: the adapter is rounded into the weights.",
        "safetensors": "`transformers.AutoModelForCausalLM.from_pretrained(folder)`, or `vllm serve folder`.",
    }[to]
    asked = f"Ask it with the system prompt “{card.system}”." if card.system else f"Ask it with “{card.prompt}”."
    facts = (
        "Facts come from the person's own answers, which the product puts beside each question; alone, the model has\n"
        "the voice and will invent facts."
    )
    licence = f"Base model: {base.name}; its licence holds for these files too."
    return f"# {card.title}\n\n{use}\n\n{asked}\n\n{facts}\n\n{licence}\n"


def write_zip(files: Files, made: Path, out: Path) -> None:
    """`files` and every file of `made` in the zip `out`, uncompressed: weights do not shrink. By one rename."""
    part = out.with_name(f".{out.name}.part")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
            for name, file in sorted({**files, **{file.name: file for file in made.iterdir()}}.items()):
                archive.write(file, name)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(out)
        sync_folder(out.parent)
    finally:
        part.unlink(missing_ok=True)


def main(arguments: list[str] | None = None) -> int:
    """Export a version; 0, or 2 (bad input) or 5 (disk full) after a sentence on stderr."""
    parser = argparse.ArgumentParser(prog="python -m engine.export", description=main.__doc__)
    parser.add_argument("version", type=Path, help="folder of a version: DATA_DIR/models/ID")
    parser.add_argument("--to", choices=FORMATS, required=True)
    parser.add_argument("--out", type=Path, required=True, help="a .zip file, or a folder that does not exist yet")
    parser.add_argument("--cache", type=Path, help="folder of base models; default: base beside the models' folder")
    parser.add_argument("--card", type=Path, help="JSON: title, system, stop, prompt; default: by result.json")
    options = parser.parse_args(arguments)
    cache = options.cache or options.version.resolve().parent.parent / "base"
    try:
        card = load_card(options.card, options.version)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        export(options.version, options.to, options.out, cache, card, ProgressLine())
    except (TrainingError, BaseModelError) as error:
        print(error, file=sys.stderr)
        return EXIT_BAD_INPUT
    except OSError as error:
        if not is_disk_full(error):
            raise
        print("The disk is full. Make room and export again.", file=sys.stderr)
        return EXIT_DISK_FULL
    return 0


def load_card(file: Path | None, version: Path) -> Card:
    """The card in `file`; without one, what the version's result.json tells of its format."""
    if file is not None:
        return read_card(_json(file))
    marker = _json(version / "result.json").get("format") == "marker" if (version / "result.json").is_file() else False
    return Card(stop=("###",), prompt="Q: {question} ->{reply}###") if marker else Card(stop=("<|im_end|>",))


def _json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{file} cannot be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise BadInput(f"{file} holds no JSON object.")
    return content


if __name__ == "__main__":
    sys.exit(main())
