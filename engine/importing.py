"""Brings an adapter that was trained elsewhere, over the same base model, in as a version.

    python -m engine.importing adapter.zip --out MODELS_DIR/NAME --cache DIR --base-model smollm2-135m-instruct

The zip holds `adapter_config.json` and `adapter_model.safetensors`, as peft saves them, and nothing else. Both are read
strictly and written anew, so nothing of the upload itself is ever served.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import zipfile
from pathlib import Path

from engine.adapter_files import CONFIG, WEIGHTS, LoadedAdapter, check_fits, read_adapter, write_adapter
from engine.atomic import new_folder
from engine.base_models import DEFAULT_MODEL, BaseModel, BaseModelError, resolve
from engine.errors import EXIT_BAD_INPUT, EXIT_DISK_FULL, BadInput, TrainingError, is_disk_full

MOST_BYTES = {CONFIG: 100_000, WEIGHTS: 500_000_000}
"""A LoRA of rank 64 on a model of 1.7 billion parameters has 290 MB."""
_PIECE = 1 << 20


def import_adapter(archive: Path, out: Path, base: BaseModel) -> None:
    """Write the adapter in the zip `archive` as the folder `out`, ready to be served over `base`.

    BadInput with a sentence if it is not the adapter of this base model; OSError. `out` appears whole or not at all.
    """
    with tempfile.TemporaryDirectory(prefix="import-") as unpacked:
        unpack(archive, Path(unpacked))
        adapter = read_adapter(Path(unpacked))
    check_same_base(adapter, base)
    check_fits(adapter, base.folder)
    with new_folder(out) as folder:
        write_adapter(adapter, base.name, folder)
        _write_gguf(adapter, base, folder / "adapter.gguf")
        result = {"origin": "imported", "base_model": base.name, "rank": adapter.rank, "alpha": adapter.alpha}
        (folder / "result.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def unpack(archive: Path, folder: Path) -> None:
    """Put the two files of the zip into `folder`. BadInput if it holds anything else, or too much."""
    try:
        with zipfile.ZipFile(archive) as opened:
            names = opened.namelist()
            if sorted(names) != sorted(MOST_BYTES):
                found = ", ".join(f"“{name[:60]}”" for name in names[:5]) or "nothing"
                raise BadInput(f"The zip must hold {CONFIG} and {WEIGHTS} alone, in no folder; it holds {found}.")
            for name in names:
                _take(opened, name, folder / name)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError) as error:
        raise BadInput(f"This is no zip file that can be read ({error}). Zip the two files again.") from error


def _take(archive: zipfile.ZipFile, name: str, target: Path) -> None:
    """Reads in pieces: what the zip says of the size may be untrue."""
    left = MOST_BYTES[name]
    with archive.open(name) as source, target.open("wb") as file:
        while piece := source.read(_PIECE):
            left -= len(piece)
            if left < 0:
                raise BadInput(f"{name} is larger than the {MOST_BYTES[name] / 1e6:g} MB that it may have.")
            file.write(piece)


def check_same_base(adapter: LoadedAdapter, base: BaseModel) -> None:
    """BadInput if the adapter names another base model. Names count by their last part: hub name, folder or own."""
    named = _last_part(adapter.base_model)
    if named and named != _last_part(base.name):
        raise BadInput(
            f"The adapter was trained on “{adapter.base_model}”, and this is “{base.name}”. "
            "An adapter fits the base model alone that it was trained on."
        )


def _last_part(name: str) -> str:
    return name.rstrip("/").rpartition("/")[2].lower()


def _write_gguf(adapter: LoadedAdapter, base: BaseModel, target: Path) -> None:
    """For llama.cpp, where it serves this base."""
    if base.gguf is None:
        return
    from engine.gguf_families import family_of
    from engine.gguf_lora import write_gguf

    config = json.loads((base.folder / "config.json").read_text(encoding="utf-8"))
    heads = int(config["num_attention_heads"])
    kv_heads = int(config.get("num_key_value_heads") or heads)
    try:
        write_gguf(adapter.tensors(), adapter.alpha, heads, kv_heads, target, family_of(config))
    except KeyError as error:
        raise BadInput(f"The adapter changes {error}, which llama.cpp cannot adapt. Use LoRA on layers.") from error


def main(arguments: list[str] | None = None) -> int:
    """Import an adapter; 0, or 2 (bad input) or 5 (disk full) after a sentence on stderr."""
    parser = argparse.ArgumentParser(prog="python -m engine.importing", description=main.__doc__)
    parser.add_argument("archive", type=Path, help="zip with the two files of peft's save_pretrained")
    parser.add_argument("--out", type=Path, required=True, help="folder to make: a name in the models' folder")
    parser.add_argument("--cache", type=Path, required=True, help="folder of base models")
    parser.add_argument("--base-model", default=DEFAULT_MODEL, help="bundled name, folder or hub name")
    options = parser.parse_args(arguments)
    try:
        import_adapter(options.archive, options.out, resolve(options.base_model, options.cache))
    except (TrainingError, BaseModelError) as error:
        print(error, file=sys.stderr)
        return EXIT_BAD_INPUT
    except OSError as error:
        if not is_disk_full(error):
            raise
        print("The disk is full. Make room and import again.", file=sys.stderr)
        return EXIT_DISK_FULL
    return 0


if __name__ == "__main__":
    sys.exit(main())
