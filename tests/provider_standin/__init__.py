"""A provider of fine-tuning as openai's SDK sees one: a real HTTP server on loopback, in a thread of the caller.

    standin = Standin().start()
    OpenAI(base_url=standin.base_url, api_key=standin.key)
    standin.tell("jobs.create", "drop", after=True)      # accepts the job; the answer is lost
    standin.stop()

Every request is checked against the published OpenAPI document and kept in `standin.requests`. A job moves on each
time it is looked at, so tests need no clock.
"""

from tests.provider_standin.account import Job, StoredFile
from tests.provider_standin.faults import Fault
from tests.provider_standin.server import Seen, Standin

__all__ = ["Fault", "Job", "Seen", "Standin", "StoredFile"]
