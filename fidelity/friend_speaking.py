"""Has the replies made that friends will see beside the person's own: the persona's, the bare model's, another's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from uuid import UUID

from django.utils.translation import gettext as _

from fidelity.asking import REPLY_TOKENS
from fidelity.controls import Asker, Cast, Notes, Unavailable
from fidelity.engine_client import AskingRefused, EngineAway, EngineClient, TooLong
from fidelity.friends import BASE, OTHER, PERSONA, held_out_ids, link_fail, link_prepare
from fidelity.models import FriendLink, Report
from fidelity.notes import notebook_of


def replies_make(*, link_id: UUID) -> None:
    """Makes what is missing; a failure is written to the link, whose page offers another try."""
    link = FriendLink.objects.select_related("persona", "version__run", "version__connection").filter(pk=link_id)
    found = link.filter(state=FriendLink.State.PREPARING).first()
    if found is None:
        return
    local = EngineClient.local()
    cast = Cast(Report(owner_id=found.owner_id, persona=found.persona, version=found.version), local)
    try:
        link_prepare(link=found, speakers=_speakers(found, cast))
    except (AskingRefused, EngineAway) as failure:
        link_fail(link=found, error=str(failure))
    except TooLong:
        link_fail(link=found, error=_("An answer is too long for the model. Choose other answers."))
    finally:
        cast.close()
        local.close()


def _speakers(link: FriendLink, cast: Cast) -> Mapping[str, Callable[[str], str]]:
    """Those who can be asked. The persona has its notes, but for the answers that this version did not learn from."""
    notebook = notebook_of(link.persona, cast.local, without=held_out_ids(version=link.version))
    askers = {PERSONA: cast.own(Notes.BEST, notebook), BASE: cast.base(Notes.NONE)}
    askers[OTHER] = cast.other(None, own_name=False)
    return {source: partial(_reply, asker) for source, asker in askers.items() if not isinstance(asker, Unavailable)}


def _reply(asker: Asker, question: str) -> str:
    """As in chat; but where nobody told it, chat says so, and here the model speaks without a note."""
    found = asker.notebook.find(question) if asker.notes is Notes.BEST else None
    notes = (found.note,) if found and found.note and found.known else ()
    prompt = asker.renderer.prompt(question, name=asker.name, notes=notes)
    stop = asker.renderer.stop
    completion = asker.engine.complete(model=asker.model, prompt=prompt, stop=stop, max_tokens=REPLY_TOKENS)
    return asker.renderer.clean(completion.text) or "…"
