"""What an erasure deletes at providers: asked once for all of it, what is away asked again, the rest listed."""

from __future__ import annotations

from itertools import groupby
from typing import cast

from django.utils.translation import gettext as _

from privacy.erasure_scope import Scope
from privacy.jobs import JobClaim
from privacy.models import Erasure
from privacy.receipts import Left, Receipt
from questionnaires.services import Refused
from training.connections import endpoint_of
from training.providers.errors import RemoteError
from training.providers.openai_compatible import Api, connect
from training.remote_deletion import Leftover, leftover_delete

AGAIN_SECONDS = (30.0, 120.0, 600.0)  # after which a provider that was away is asked again


def elsewhere_delete(claim: JobClaim, scope: Scope, receipt: Receipt) -> float | None:
    """In how many seconds it is worth another try; None when all is deleted, or listed on the receipt as left."""
    look, erasure = _Look(claim, receipt), cast(Erasure, claim.row)
    away: list[Left] = []
    found = [each for each in scope.leftovers() if each.id not in look.settled()]
    for _key, group in groupby(sorted(found, key=_connection_of), key=_connection_of):
        away += look.ask(list(group))
        claim.write(receipt=dict(receipt))
    if away and erasure.tries_elsewhere < len(AGAIN_SECONDS):
        claim.write(tries_elsewhere=erasure.tries_elsewhere + 1)
        return AGAIN_SECONDS[erasure.tries_elsewhere - 1]
    receipt["left_elsewhere"] += away
    return None


class _Look:
    """One round through the providers."""

    def __init__(self, claim: JobClaim, receipt: Receipt) -> None:
        self.claim, self.receipt = claim, receipt
        self.erasure = cast(Erasure, claim.row)

    def settled(self) -> set[str]:
        """Ids that are deleted, or listed as left."""
        return {row["id"] for row in self.receipt["left_elsewhere"]} | {*self.erasure.kept.get("gone", ())}

    def ask(self, leftovers: list[Leftover]) -> list[Left]:
        """What is worth another try. What cannot be reached at all goes on the list of what is left."""
        where = leftovers[0].connection
        if where is None:
            self._leave(leftovers, _("Its connection was deleted here before: delete it on the provider's own page."))
            return []
        try:
            with connect(endpoint_of(where)) as api:
                return [left for each in leftovers if (left := self._delete(api, each))]
        except Refused as refused:
            self._leave(leftovers, str(refused))
        except RemoteError as error:
            return [_left(each, str(error)) for each in leftovers]
        return []

    def _delete(self, api: Api, leftover: Leftover) -> Left | None:
        try:
            leftover_delete(api, leftover)
        except RemoteError as error:
            if error.retry:
                return _left(leftover, str(error))
            self._leave([leftover], str(error))
            return None
        counts = self.receipt["deleted_elsewhere"]
        counts[leftover.kind] = counts.get(leftover.kind, 0) + 1
        kept = {**self.erasure.kept, "gone": [*self.erasure.kept.get("gone", ()), leftover.id]}
        self.claim.write(receipt=dict(self.receipt), kept=kept)
        self.claim.beat(1, 3)
        return None

    def _leave(self, leftovers: list[Leftover], why: str) -> None:
        self.receipt["left_elsewhere"] += [_left(each, why) for each in leftovers]


def _connection_of(leftover: Leftover) -> str:
    return str(leftover.connection.pk) if leftover.connection else ""


def _left(leftover: Leftover, why: str) -> Left:
    return {"host": leftover.host, "kind": leftover.kind, "id": leftover.id, "why": why}
