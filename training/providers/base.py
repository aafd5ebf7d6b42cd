"""What a provider of training is: it takes a frozen job and tells how it goes. Knows no Django models."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

Event = dict[str, Any]  # a line of progress.jsonl, as docs/architecture.md describes it


class Wish(Enum):
    """What the run's owner, or the worker, wants of the provider."""

    GO_ON = "go on"
    PAUSE = "pause"  # the worker stops: keep what is needed to go on later
    CANCEL = "cancel"


@dataclass(frozen=True)
class Job:
    """`folder` holds the rows and job.json. `key` is the run's id, by which a remote provider finds its job again."""

    key: str
    folder: Path
    cursor: str = ""  # of the last recorded update
    remote_id: str = ""


@dataclass(frozen=True)
class Update:
    """What is new since the cursor. `done`: the result is there. `again_in`: seconds until it is worth asking again."""

    events: tuple[Event, ...] = ()
    cursor: str = ""
    remote_id: str = ""
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
    """

    retry = False
    resumable = True


class Transient(ProviderError):
    """It may pass by itself."""

    retry = True


class InvalidJob(ProviderError):
    """The provider does not take this data or these settings."""

    resumable = False


class ModelRejected(ProviderError):
    """It was trained, and is not good enough to be offered."""

    resumable = False


class OutOfRoom(ProviderError):
    """No disk space or memory: the person has to make room first."""
