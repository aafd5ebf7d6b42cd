"""A run as its provider sees it, and what a provider told about a run that is over."""

from typing import Any

from django.utils import timezone
from django.utils.text import slugify

from questionnaires.services import Refused
from training.connections import endpoint_of
from training.models import LOCAL, TrainingRun
from training.providers.base import IN_FLIGHT, Endpoint, Job

FIGURES = ("trained_tokens", "cost", "currency", "checkpoint", "result_files")


def may_have_remote_job(run: TrainingRun) -> bool:
    """Whether a provider has a job of this run, or may have one though its answer was lost."""
    return bool(run.remote_id) or run.remote.get("stage") in IN_FLIGHT


def job_of(run: TrainingRun) -> Job:
    """The frozen job. Without an endpoint where the connection is gone or its key can no longer be read."""
    return Job(
        key=str(run.pk),
        folder=run.folder,
        cursor=run.cursor,
        remote_id=run.remote_id,
        remote=run.remote,
        endpoint=_endpoint(run),
        base_model=run.base_model,
        suffix=suffix_of(run),
        seed=run.seed,
        hyperparameters=run.overrides,
    )


def _endpoint(run: TrainingRun) -> Endpoint | None:
    if run.provider == LOCAL or run.connection is None:
        return None
    try:
        return endpoint_of(run.connection)
    except Refused:
        return None


def suffix_of(run: TrainingRun) -> str:
    """What a provider adds to the model's name: Latin letters, digits and hyphens."""
    return "-".join(filter(None, [slugify(run.spoken_name)[:30].strip("-"), run.recipe]))


def figures_of(run: TrainingRun) -> dict[str, Any]:
    """A version's figures from the events of a training elsewhere, by the names of the engine's result.json."""
    figures: dict[str, Any] = {"steps": run.step, "provider_job": run.remote_id, "seconds": _seconds(run)}
    for kind, names in (("step", {"loss": "training_loss"}), ("validation", {"loss": "validation_loss"})):
        last = run.events.filter(kind=kind).order_by("-number").values_list("data", flat=True).first() or {}
        figures |= {new: last[old] for old, new in names.items() if old in last}
        if kind == "validation" and "token_accuracy" in last:
            figures["token_accuracy"] = last["token_accuracy"]
    return figures | {name: run.remote[name] for name in FIGURES if run.remote.get(name)}


def _seconds(run: TrainingRun) -> float | None:
    """From the provider's yes to the end, as far as the looks at it can tell."""

    accepted = run.remote.get("accepted_at")
    return round(timezone.now().timestamp() - float(accepted), 1) if accepted else None
