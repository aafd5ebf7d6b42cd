"""Makes a job fit into memory, or refuses it before anything is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine.base_models import locate
from engine.catalogue import entry_named
from engine.errors import BadInput
from engine.job import Job, Row
from engine.memory import Shape, fitted, machine_memory, shape_in, why_impossible

_BYTES_PER_TOKEN = 4
"""Of English text with chat markers. Other scripts have more: this refuses too little, never too much."""


def fit_into_memory(job: Job) -> Job:
    """The job with parts of a batch that fit. Raises BadInput with a sentence if none do, or not into what is free.

    The size of the parts follows from the limit and not from what is free, so that a run taken up again computes the
    same.
    """
    shape, machine = _shape(job), machine_memory()
    if shape is None:
        return job
    limit = min(job.memory_limit or machine.limit, machine.limit)
    longest = max(_tokens(job.train), _tokens(job.validation))
    if sentence := why_impossible(shape, limit, machine.available, job.recipe, longest):
        raise BadInput(sentence)
    return replace(job, recipe=fitted(shape, job.recipe, limit, longest))


def _shape(job: Job) -> Shape | None:
    if found := entry_named(job.base_model).shape:
        return found
    base = locate(job.base_model, job.cache_dir)
    return shape_in(base.folder) if base else None


def _tokens(rows: Sequence[Row]) -> int:
    return max((len(_text(row).encode()) for row in rows), default=0) // _BYTES_PER_TOKEN


def _text(row: Row) -> str:
    texts = [message["content"] for message in row["messages"]] if "messages" in row else row.values()
    return "".join(text for text in texts if isinstance(text, str))
