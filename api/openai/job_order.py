"""The body of POST /v1/fine_tuning/jobs, read into what is to be trained."""

from typing import Any

from api.openai.door import Call
from api.openai.errors import ApiError, invalid, model_not_found, unsupported
from api.openai.files import file_find
from api.openai.model_names import FINE_TUNED, base_models
from api.openai.reading import Body, metadata, number, optional_text, text
from engine.recipes import RECIPES
from training.file_runs import FileOrder
from training.models import UploadedFile
from training.uploads import FINE_TUNE

MOST_EPOCHS, MOST_ROWS, MOST_MULTIPLIER = 50, 256, 100.0
MOST_SEED = 2**31 - 1
SUFFIX = 64


def order_read(call: Call, body: Body) -> FileOrder:
    """What the program ordered. ApiError with a sentence for the first thing that cannot be."""
    given = _hyperparameters(body)
    if body.get("integrations"):
        raise unsupported("integrations", "This server reports to nobody else. Leave `integrations` out.")
    return FileOrder(
        base_model=_base_model(text(body, "model")),
        training=_file(call, body, "training_file"),
        validation=_file(call, body, "validation_file") if body.get("validation_file") is not None else None,
        suffix=optional_text(body, "suffix", SUFFIX).strip(),
        seed=int(number(body, "seed", 0, MOST_SEED, whole=True) or 0),
        overrides=_overrides(given),
        hyperparameters=given,
        metadata=metadata(body),
    )


def _base_model(name: str) -> str:
    known = base_models()
    if name in known:
        return known[name]
    if name.startswith(FINE_TUNED):
        raise unsupported("model", "A training here begins with a base model: going on from a version is not done yet.")
    raise model_not_found(name, list(known))


def _file(call: Call, body: Body, field: str) -> UploadedFile:
    identifier = text(body, field, 100)
    file = file_find(call, identifier)
    if file is None or file.purpose != FINE_TUNE:
        raise ApiError(
            400, f"invalid {field}: {identifier}. Upload it with purpose “{FINE_TUNE}”.", "invalid_file", field
        )
    if file.fault:
        raise ApiError(400, f"{file.filename}: {file.fault}", f"invalid_{field}", field)
    return file


def _hyperparameters(body: Body) -> dict[str, Any]:
    """Those of `method`, or of the older field; without those left to this server."""
    method = body.get("method")
    if method is None:
        return _read(body.get("hyperparameters"), "hyperparameters")
    kind = method.get("type") if isinstance(method, dict) else None
    if kind != "supervised":
        raise unsupported("method", f"The method “{kind}” is not done here. There is: “supervised”.")
    supervised = method.get("supervised")
    if supervised is not None and not isinstance(supervised, dict):
        raise invalid("method", "`method.supervised` must be an object.")
    found = _read((supervised or {}).get("hyperparameters"), "method.supervised.hyperparameters")
    return found or _read(body.get("hyperparameters"), "hyperparameters")


def _read(given: Any, where: str) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise invalid(where, f"`{where}` must be an object.")
    wanted = {
        "n_epochs": number(given, "n_epochs", 1, MOST_EPOCHS, whole=True, where=f"{where}.n_epochs"),
        "batch_size": number(given, "batch_size", 1, MOST_ROWS, whole=True, where=f"{where}.batch_size"),
        "learning_rate_multiplier": number(
            given,
            "learning_rate_multiplier",
            1e-3,
            MOST_MULTIPLIER,
            whole=False,
            where=f"{where}.learning_rate_multiplier",
        ),
    }
    return {name: value for name, value in wanted.items() if value is not None}


def _overrides(given: dict[str, Any]) -> dict[str, Any]:
    """By the engine's names. The multiplier is of the recipe's learning rate."""
    found = {new: given[old] for old, new in (("n_epochs", "epochs"), ("batch_size", "batch_rows")) if old in given}
    if "learning_rate_multiplier" in given:
        found["learning_rate"] = RECIPES["quick"].learning_rate * given["learning_rate_multiplier"]
    return found
