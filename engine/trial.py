"""Lets the model in training speak: samples for the person to read, and the trial before it is published."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from engine.data import encode_prompt
from engine.job import Job, Row
from engine.model import CausalModel
from engine.progress import Progress
from engine.replies import Reply, refusal, reply_to


class Trial:
    """Asks the samples of a job, and further rows where they are too few to judge by."""

    def __init__(self, job: Job, model: CausalModel, progress: Progress) -> None:
        self._job, self._model, self._progress = job, model, progress
        # Encoded before the training, so that a row that does not fit the chat template costs no time.
        self._samples = [encode_prompt(model.tokenizer, sample.row) for sample in job.samples]
        more = self._further_rows(job.recipe.check_replies - len(job.samples))
        self._prompts = [*self._samples, *(encode_prompt(model.tokenizer, row) for row in more)]

    def _further_rows(self, count: int) -> list[Row]:
        """Rows from the end of the validation, or the training, where the samples were not taken from."""
        return list(islice(reversed(self._job.validation or self._job.train), max(0, count)))

    def show(self, step: int, pool: ThreadPoolExecutor) -> None:
        """Write what the model says to the first samples now."""
        recipe = self._job.recipe
        self._write(step, reply_to(self._model, self._samples[: recipe.sample_count], recipe.sample_tokens, pool))

    def refusal(self, step: int, max_tokens: int, pool: ThreadPoolExecutor) -> str | None:
        """Write what the finished model says; a sentence if that is not fit to be published."""
        replies = reply_to(self._model, self._prompts[: self._job.recipe.check_replies], max_tokens, pool)
        self._write(step, replies)
        return refusal(replies)

    def _write(self, step: int, replies: list[Reply]) -> None:
        for sample, reply in zip(self._job.samples, replies, strict=False):
            self._progress.write(
                "sample", step=step, question=sample.question, expected=sample.expected, reply=reply.text
            )
