"""What the provider remembers: files, jobs with their events, models."""

import base64
import itertools
import json
import time
from dataclasses import dataclass, field
from typing import Any

FINAL = ("succeeded", "failed", "cancelled")
BASE_MODELS = ("gpt-4.1-mini-2025-04-14", "gpt-4o-mini-2024-07-18", "meta-llama/Llama-3.2-1B-Instruct")
CSV_HEAD = "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy"


@dataclass
class StoredFile:
    id: str
    filename: str
    purpose: str
    content: bytes
    created_at: int

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "file",
            "bytes": len(self.content),
            "created_at": self.created_at,
            "filename": self.filename,
            "purpose": self.purpose,
            "status": "processed",
        }


@dataclass
class Job:
    id: str
    body: dict[str, Any]  # of the request that made it
    created_at: int
    status: str = "validating_files"
    step: int = 0
    error: dict[str, Any] | None = None
    fine_tuned_model: str | None = None
    finished_at: int | None = None
    trained_tokens: int | None = None
    result_files: list[str] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)  # oldest first
    checkpoints: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "fine_tuning.job",
            "created_at": self.created_at,
            "status": self.status,
            "model": self.body["model"],
            "training_file": self.body["training_file"],
            "validation_file": self.body.get("validation_file"),
            "metadata": self.body.get("metadata"),
            "method": self.body.get("method"),
            "hyperparameters": {"n_epochs": 1, "batch_size": 1, "learning_rate_multiplier": 1.0},
            "seed": self.body.get("seed") or 0,
            "organization_id": "org-standin",
            "error": self.error,
            "fine_tuned_model": self.fine_tuned_model,
            "finished_at": self.finished_at,
            "trained_tokens": self.trained_tokens,
            "result_files": self.result_files,
        }


@dataclass
class Habits:
    """How the provider behaves when nothing goes wrong. All may be changed while it runs."""

    steps: int = 6
    steps_a_look: int = 2
    hold: str = ""  # a status that jobs do not leave
    outcome: str = "succeeded"
    failure: dict[str, Any] = field(
        default_factory=lambda: {"code": "server_error", "message": "The job failed.", "param": None}
    )
    training_available: bool = True
    can_pause: bool = True
    keeps_metadata: bool = True
    metrics_in_events: bool = True
    base64_results: bool = False
    events: frozenset[str] = (
        frozenset()
    )  # of "repeat", "reorder", "lose" (every second one, until the end), "oldest first"
    ignores_after: bool = False  # and leaves has_more out
    odd_status: str = ""  # told instead of "running"
    names_model: bool = True  # False: fine_tuned_model stays null, as where a deployment is needed
    deployment_needed: bool = False  # chat answers 404 for a trained model until `deployed` holds it
    reply: str = "This is what I would say."


class Account:
    """Not locked: the server asks under its own lock."""

    def __init__(self, habits: Habits) -> None:
        self.habits = habits
        self.files: dict[str, StoredFile] = {}
        self.jobs: dict[str, Job] = {}
        self.models: dict[str, str] = dict.fromkeys(BASE_MODELS, "system")
        self.deployed: set[str] = set()
        self._numbers = itertools.count(1)

    def _id(self, kind: str) -> str:
        return f"{kind}-{next(self._numbers):06d}"

    def add_file(self, filename: str, purpose: str, content: bytes) -> StoredFile:
        file = StoredFile(self._id("file"), filename, purpose, content, int(time.time()))
        self.files[file.id] = file
        return file

    def add_job(self, body: dict[str, Any]) -> Job:
        kept = body if self.habits.keeps_metadata else {key: body[key] for key in body if key != "metadata"}
        job = Job(self._id("ftjob"), kept, int(time.time()))
        self.jobs[job.id] = job
        self.tell(job, f"Created fine-tuning job: {job.id}")
        return job

    def tell(self, job: Job, message: str, kind: str = "message", **data: Any) -> None:
        event = {"object": "fine_tuning.job.event", "id": self._id("ftevent"), "created_at": int(time.time())}
        job.events.append({**event, "level": "info", "message": message, "type": kind, "data": data})

    def move_on(self, job: Job) -> None:
        """One step in a job's life: checked, queued, some training, over."""
        if job.status in FINAL or job.status in {self.habits.hold, "paused"}:
            return
        if job.status == "pausing":
            job.status = "paused"
        elif job.status == "validating_files":
            job.status = "queued"
            self.tell(job, "Files validated, moving job to queued state")
        elif job.status == "queued":
            job.status = "running"
            self.tell(job, "Fine-tuning job started")
        elif job.step < self.habits.steps and self.habits.outcome != "failed":
            self._train(job)
        else:
            self.finish(job, self.habits.outcome)

    def _train(self, job: Job) -> None:
        for _number in range(self.habits.steps_a_look):
            if job.step >= self.habits.steps:
                return
            job.step += 1
            if self.habits.metrics_in_events:
                metrics = self.metrics(job.step)
                self.tell(job, f"Step {job.step}", "metrics", **metrics, total_steps=self.habits.steps)

    @staticmethod
    def metrics(step: int) -> dict[str, Any]:
        figures = {"step": step, "train_loss": round(3 / step, 4), "train_mean_token_accuracy": round(1 - 1 / step, 4)}
        if step % 2 == 0:
            figures |= {"valid_loss": round(3.2 / step, 4), "valid_mean_token_accuracy": 0.5}
        return figures

    def finish(self, job: Job, status: str) -> None:
        """Ends a job as `status`; a good end leaves a model, a checkpoint and a result file."""
        job.status, job.finished_at = status, int(time.time())
        if status == "failed":
            job.error = self.habits.failure
            self.tell(job, str(self.habits.failure["message"]))
        elif status == "succeeded":
            name = f"ft:{job.body['model']}:standin:{job.body.get('suffix') or ''}:{job.id}"
            self.models[name] = "standin"
            job.fine_tuned_model = name if self.habits.names_model else None
            job.trained_tokens = 12_345
            job.checkpoints.append(self._checkpoint(job, name))
            job.result_files.append(self.add_file("results.csv", "fine-tune-results", self._results()).id)
            self.tell(job, "The job has successfully completed")

    def _checkpoint(self, job: Job, model: str) -> dict[str, Any]:
        return {
            "object": "fine_tuning.job.checkpoint",
            "id": self._id("ftckpt"),
            "created_at": int(time.time()),
            "fine_tuning_job_id": job.id,
            "fine_tuned_model_checkpoint": f"{model}:ckpt-step-{self.habits.steps}",
            "step_number": self.habits.steps,
            "metrics": self.metrics(self.habits.steps),
        }

    def _results(self) -> bytes:
        rows = [self.metrics(step) for step in range(1, self.habits.steps + 1)]
        names = ("step", "train_loss", "train_mean_token_accuracy", "valid_loss", "valid_mean_token_accuracy")
        lines = [CSV_HEAD, *(",".join(str(row.get(name, "")) for name in names) for row in rows)]
        content = "\n".join(lines).encode() + b"\n"
        return base64.b64encode(content) if self.habits.base64_results else content

    def faults_of_rows(self, file_id: str) -> str:
        """What a provider says about a training file that it cannot use; empty if it can."""
        if file_id not in self.files:
            return f"invalid training_file: {file_id}"
        lines = self.files[file_id].content.splitlines()
        for number, line in enumerate(lines, 1):
            row = json.loads(line)
            if not ("messages" in row or {"prompt", "completion"} <= row.keys()):
                return f"Line {number} has neither messages nor prompt and completion."
        return "" if len(lines) >= 10 else f"Training file has {len(lines)} example(s), but must have at least 10."
