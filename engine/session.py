"""The course of one job: prepare, train, evaluate, check, publish; events and checkpoints on the way."""

from __future__ import annotations

import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

from engine.base_models import BaseModel, BaseModelError, resolve
from engine.checkpoints import Checkpoint, latest_checkpoint, remove_temporary, save_checkpoint
from engine.data import encode_all
from engine.errors import BadInput, Interrupted, Refused
from engine.job import Job
from engine.lora import Adapter
from engine.memory import peak_memory
from engine.model import CausalModel, faster_dtype, thread_count
from engine.progress import Progress
from engine.publish import publish
from engine.trainer import Evaluation, Trainer
from engine.trial import Trial

# What publishing takes, for the estimate of the time left.
_PUBLISHING_SECONDS = 5.0
# Parts of a batch at once: more would hold less than two rows each.
_MOST_PARTS = 4
# Above so many tokens in a row eager attention needs too much memory.
_LONG_ROW = 512
_DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}


class Session:
    """Runs a job once; `stopping` is looked at between steps."""

    def __init__(self, job: Job, progress: Progress, stopping: threading.Event) -> None:
        self.job, self.recipe = job, job.recipe
        self.progress, self.stopping = progress, stopping
        self.checkpoints, self.output = job.folder / "checkpoints", job.folder / "output"
        self.evaluation: Evaluation | None = None
        self.best: torch.Tensor | None = None
        self.best_loss, self.best_step, self.since_best = float("inf"), 0, 0
        self.seconds, self.tokens, self.evaluation_seconds = 0.0, 0, 0.0
        self.processor_seconds, self.tokens_before = 0.0, 0
        self.last_save = time.monotonic()
        self.parts = min(thread_count(), _MOST_PARTS)

    def run(self) -> None:
        """Do the whole job; the errors of engine.errors say how it failed, OSError that the disk did."""
        if self.output.exists():
            self.progress.write("done", result=json.loads((self.output / "result.json").read_bytes()))
            return
        # The parts of a batch run side by side (see Trainer); only cores beyond those help inside an operation.
        torch.set_num_threads(max(1, thread_count() // self.parts))
        with ThreadPoolExecutor(self.parts) as self.pool:
            self._prepare()
            self.progress.write("state", state="training")
            self._train()
            self.progress.write("state", state="publishing")
            self._publish()

    def _prepare(self) -> None:
        remove_temporary(self.checkpoints)
        self.base = self._resolve()
        self.model = CausalModel(self.base.folder)
        self.examples = encode_all(self.model.tokenizer, self.job.train, self.recipe.max_tokens)
        self.validation = encode_all(self.model.tokenizer, self.job.validation, self.recipe.max_tokens)
        self._log_cut_rows()
        if max(example.length for example in (*self.examples, *self.validation)) > _LONG_ROW:
            self.model.network.set_attn_implementation("sdpa")
        found = latest_checkpoint(self.checkpoints, self.job.data_hash)
        self.model.cast(_DTYPES[found.dtype] if found else faster_dtype(self.model.network))
        self.dtype = str(self.model.dtype).removeprefix("torch.")
        recipe = self.recipe
        self.adapter = Adapter(
            self.model.network,
            self.model.head,
            rank=recipe.rank,
            alpha=recipe.alpha,
            first_layer=recipe.first_layer,
            seed=self.job.seed,
        )
        self.trainer = Trainer(self.model, self.adapter, self.examples, recipe, self.job.seed, self.parts)
        self.trial = Trial(self.job, self.model, self.progress)
        if found:
            self._resume(found)
        self.progress.write("log", message=f"Training in {self.dtype} on {thread_count()} cores.")

    def _resolve(self) -> BaseModel:
        shown: set[str] = set()

        def progress(message: str, fraction: float) -> None:
            if message not in shown:
                self.progress.write("log", message=f"Base model: {message}.")
            shown.add(message)
            if self.stopping.is_set():
                raise Interrupted("The training was stopped before it began.")

        try:
            return resolve(self.job.base_model, self.job.cache_dir, progress)
        except BaseModelError as error:
            raise BadInput(str(error)) from error

    def _log_cut_rows(self) -> None:
        limit = self.recipe.max_tokens
        cut = sum(example.length >= limit for example in (*self.examples, *self.validation))
        if cut:
            self.progress.write("log", message=f"{cut} rows reach {limit} tokens; what goes beyond was left out.")

    def _resume(self, found: Checkpoint) -> None:
        self.trainer.restore(found.step, found.tensors)
        self.best, self.best_step, self.since_best = found.tensors.get("best"), found.best_step, found.since_best
        self.best_loss = float("inf") if found.best_loss is None else found.best_loss
        self.seconds, self.tokens, self.tokens_before = found.seconds, found.tokens, found.tokens
        self.progress.write("log", message=f"Resumed after step {found.step}.")

    def _finished(self) -> bool:
        stopped_early = 0 < self.recipe.patience <= self.since_best
        return stopped_early or self.trainer.step >= self.trainer.total_steps

    def _train(self) -> None:
        while not self._finished():
            if self.stopping.is_set():
                self._save()
                raise Interrupted(f"The training was stopped after step {self.trainer.step}; it can go on from there.")
            started, processor = time.monotonic(), time.process_time()
            loss, tokens = self.trainer.take_step(self.pool)
            self.seconds += time.monotonic() - started
            self.processor_seconds += time.process_time() - processor
            self.tokens += tokens
            self._write_step(loss)
            if self._evaluates_after(self.trainer.step):
                self._evaluate()
            if time.monotonic() - self.last_save > self.recipe.checkpoint_seconds and not self._finished():
                self._save()

    def _evaluates_after(self, step: int) -> bool:
        if step >= self.trainer.total_steps:
            return True
        every = max(1, self.trainer.steps_per_epoch // max(1, self.recipe.evaluations_per_epoch))
        return step % every == 0 and self.trainer.total_steps - step >= every // 2

    def _write_step(self, loss: float) -> None:
        trainer = self.trainer
        left = trainer.total_steps - trainer.step
        evaluations = sum(self._evaluates_after(step) for step in range(trainer.step, trainer.total_steps + 1))
        per_step = self.seconds / max(1, trainer.step)
        seconds_left = left * per_step + evaluations * self.evaluation_seconds + _PUBLISHING_SECONDS
        self.progress.write(
            "step",
            step=trainer.step,
            total_steps=trainer.total_steps,
            epoch=round(trainer.step / trainer.steps_per_epoch, 3),
            loss=round(loss, 6),
            seconds=round(self.seconds, 3),
            tokens_per_second=round(self.tokens / max(self.seconds, 1e-9), 1),
            seconds_left=round(seconds_left, 1),
        )

    def _evaluate(self) -> None:
        started = time.monotonic()
        step = self.trainer.step
        self.progress.write("state", state="evaluating")
        if self.validation:
            measured = self.trainer.evaluate(self.validation, self.pool)
            self.progress.write("validation", step=step, loss=measured.loss, token_accuracy=measured.token_accuracy)
            self._keep_best(measured)
        if step < self.trainer.total_steps:  # the finished model's replies come with the trial before publishing
            self.trial.show(step, self.pool)
        self.evaluation_seconds = time.monotonic() - started
        self.progress.write("state", state="training")

    def _keep_best(self, measured: Evaluation) -> None:
        self.since_best += 1
        if measured.loss < self.best_loss:
            self.best = self.adapter.flat.detach().clone()
            self.best_loss, self.best_step, self.since_best = measured.loss, self.trainer.step, 0
            self.evaluation = measured

    def _save(self) -> None:
        tensors = self.trainer.state()
        if self.best is not None:
            tensors["best"] = self.best
        checkpoint = Checkpoint(
            step=self.trainer.step,
            data_hash=self.job.data_hash,
            dtype=self.dtype,
            best_loss=None if self.best is None else self.best_loss,
            best_step=self.best_step,
            since_best=self.since_best,
            seconds=self.seconds,
            tokens=self.tokens,
            tensors=tensors,
        )
        save_checkpoint(self.checkpoints, checkpoint)
        self.last_save = time.monotonic()
        self.progress.write("checkpoint", step=self.trainer.step)

    def _publish(self) -> None:
        if self.best is not None:
            self.trainer.restore_adapter(self.best)
        if sentence := self.trial.refusal(self.trainer.step, self._longest_reply(), self.pool):
            self._save()
            raise Refused(sentence)
        result = self._result()
        publish(self.output, self.model, self.base, self.adapter, result)
        shutil.rmtree(self.checkpoints, ignore_errors=True)
        self.progress.write("done", result=result)

    def _longest_reply(self) -> int:
        """Half as long again as the longest answer learned, because a person's own length is no fault."""
        longest = max(len(example.answer) for example in self.examples)
        return min(192, longest * 3 // 2 + 16)

    def _result(self) -> dict[str, Any]:
        return {
            "base_model": self.job.base_model,
            "recipe": self.job.recipe_name,
            "format": self.job.format,
            "steps": self.trainer.step,
            "published_step": self.best_step or self.trainer.step,
            "validation_loss": None if self.best is None else self.best_loss,
            "token_accuracy": None if self.evaluation is None else self.evaluation.token_accuracy,
            "tokens": self.tokens,
            "seconds": round(self.seconds, 1),
            "tokens_per_second": round(self.tokens / max(self.seconds, 1e-9), 1),
            "tokens_per_processor_second": round(
                (self.tokens - self.tokens_before) / max(self.processor_seconds, 1e-9), 1
            ),
            "dtype": self.dtype,
            "peak_memory_bytes": peak_memory(),
        }
