"""What a provider of training is: it takes a frozen job and tells how it goes. Knows no Django models."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

Event = dict[str, Any]  # a line of progress.jsonl, as docs/architecture.md describes it
IN_FLIGHT = ("submitting", "unsure", "ask")  # stages of `remote` in which a job may exist whose id nobody knows yet


class Wish(Enum):
    """What the run's owner, or the worker, wants of the provider."""

    GO_ON = "go on"
    LEAVE = "leave"  # the worker stops: keep what is needed to go on later
    PAUSE = "pause"  # the person wants it to rest
    CANCEL = "cancel"


@dataclass(frozen=True)
class Endpoint:
    """Where a remote provider is, and the key for it, which no repr and no log shows."""

    base_url: str
    key: str = field(repr=False)
    preset: str


@dataclass(frozen=True)
class Job:
    """`folder` holds the rows and job.json. `key` is the run's id, by which a remote provider finds its job again.

    `remote` is what the provider kept of it in earlier updates; `hyperparameters` have the engine's names.
    """

    key: str
    folder: Path
    cursor: str = ""  # of the last recorded update
    remote_id: str = ""
    remote: Mapping[str, Any] = field(default_factory=dict)
    endpoint: Endpoint | None = None
    base_model: str = ""
    suffix: str = ""
    seed: int = 0
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Update:
    """What is new since the cursor. It is committed before the provider goes on, so a step that must not be repeated
    is announced in `remote` first.

    `state` is one of the run's, where the events do not tell it. `done`: the result is there, at a remote provider
    under the name `model`. `again_in`: seconds until it is worth asking again.
    """

    events: tuple[Event, ...] = ()
    cursor: str = ""
    remote_id: str = ""
    remote: Mapping[str, Any] | None = None
    state: str = ""
    model: str = ""
    done: bool = False
    again_in: float | None = None


class Provider(Protocol):
    """Somewhere a model can be trained."""

    name: str

    def follow(self, job: Job, wish: Callable[[], Wish]) -> Iterator[Update]:
        """Start the job, or find it started, and yield updates: one at least every second, empty ones too.

        The last one is `done`, or has `again_in`. `wish` is asked between updates; when it says otherwise the job is
        stopped, what it still tells is yielded, and Interrupted is raised. Closing the iterator ends a local job.
        Raises ProviderError.
        """


class Interrupted(Exception):
    """The job was stopped in good order and can go on from its last checkpoint."""


class ProviderError(Exception):
    """It failed; the message is a sentence for the person.

    `retry`: worth another try without asking. `resumable`: worth another try of the same job at all.
    `mend`: what the person can do about it: "retry", "connection", "data" or "settings".
    """

    retry = False
    resumable = True
    mend = "retry"


class Transient(ProviderError):
    """It may pass by itself."""

    retry = True


class InvalidJob(ProviderError):
    """The provider does not take this data or these settings."""

    resumable = False
    mend = "data"


class ModelRejected(ProviderError):
    """It was trained, and is not good enough to be offered."""

    resumable = False


class OutOfRoom(ProviderError):
    """No disk space or memory: the person has to make room first."""
