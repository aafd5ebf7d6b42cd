"""What is remembered of a job at a provider.

What must not be forgotten stands in the run's row (`remote`) before the step that it is about:

    stage           "" uploading  submitting  unsure  ask  accepted  resuming
    training_file, validation_file      ids at the provider
    submissions     how often a job was asked for; above one, duplicates are looked for
    unsure_since, looks     since when an answer is missing, and how often it was looked for
    extra           jobs of ours that are one too many and still have to be cancelled
    raw_status, trouble     what the provider last said, and the sentence about what is in the way just now
    seen            ids of events that are recorded
    trained_tokens, cost, currency, checkpoint, result_files    at the end
"""

from collections.abc import Callable
from typing import Any

from training.providers.base import Event, Job, Update, Wish
from training.providers.openai_compatible import Api
from training.providers.presets import Preset, presets


class Session:
    """A call of `follow`: the client, the job, and what is remembered of it."""

    def __init__(self, api: Api, job: Job, wish: Callable[[], Wish]) -> None:
        self.api, self.job, self.wish = api, job, wish
        self.preset = preset_named(job.endpoint.preset if job.endpoint else "")
        self.kept: dict[str, Any] = dict(job.remote)

    @property
    def stage(self) -> str:
        return str(self.kept.get("stage") or "")

    def note(
        self,
        *,
        state: str = "",
        remote_id: str = "",
        events: tuple[Event, ...] = (),
        again_in: float | None = None,
        **changes: Any,
    ) -> Update:
        """An update with what changed. It is committed when it was yielded."""
        self.kept |= changes
        return Update(events=events, remote_id=remote_id, remote=dict(self.kept), state=state, again_in=again_in)


def preset_named(key: str) -> Preset:
    """That preset; "other" for one whose file was removed."""
    known = presets()
    return known.get(key) or known["other"]
