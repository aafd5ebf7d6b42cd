"""Trains at a provider that speaks OpenAI's fine-tuning API. A call looks for some seconds and never sleeps."""

import time
from collections.abc import Callable, Iterator

from django.utils.translation import gettext as _

from training.providers.base import IN_FLIGHT, Interrupted, Job, Update, Wish
from training.providers.errors import AuthFailed, RemoteError
from training.providers.openai_compatible import connect
from training.providers.remote_polling import poll
from training.providers.remote_session import Session
from training.providers.remote_submission import submit

LOCKED_OUT_SECONDS = 60.0


class RemoteProvider:
    """See Provider. One job at the provider a run, whatever is lost on the way."""

    name = "openai_compatible"

    def follow(self, job: Job, wish: Callable[[], Wish]) -> Iterator[Update]:
        """See Provider. Without an endpoint a job that may exist is kept in mind: a key can be entered again."""
        if job.endpoint is None:
            yield _locked_out(job, wish)
            return
        try:
            with connect(job.endpoint) as api:
                yield from self._follow(Session(api, job, wish))
        except RemoteError as error:
            if error.words:
                said = {"event": "log", "at": time.time(), "level": "error", "message": error.words}
                yield Update(events=({**said, "status": error.status, "code": error.code},))
            raise

    def _follow(self, session: Session) -> Iterator[Update]:
        job_id = session.job.remote_id
        if not job_id:
            job_id = yield from submit(session)
        if job_id:
            yield from poll(session, job_id)


def _locked_out(job: Job, wish: Callable[[], Wish]) -> Update:
    sentence = _("The key for the provider cannot be read. Enter it again at the connection.")
    if not job.remote_id and job.remote.get("stage") not in IN_FLIGHT:
        raise AuthFailed(sentence)
    if wish() is Wish.CANCEL:
        raise Interrupted
    return Update(remote={**job.remote, "trouble": sentence}, again_in=LOCKED_OUT_SECONDS)
