"""A run that comes to another machine: what that one knows of it, in words and in bytes."""

from django.utils.translation import gettext as _

from training.models import TrainingRun


def arrival_cursor(run: TrainingRun) -> str:
    """The provider's cursor on this machine: what its trainer wrote here in earlier days is not told twice."""
    try:
        return str((run.folder / "progress.jsonl").stat().st_size)
    except FileNotFoundError:
        return ""


def arrival_words(run: TrainingRun, here: str) -> str:
    """Whether it goes on from a checkpoint, which stays on the machine that wrote it, or begins again."""
    names = {"before": run.host, "here": here}
    if any((run.folder / "checkpoints").glob("*")):
        return _("The training moved from %(before)s to %(here)s and goes on from its checkpoint there.") % names
    return (
        _(
            "The training moved from %(before)s to %(here)s, which has no checkpoint of it. It begins again, from the "
            "same answers as before."
        )
        % names
    )
