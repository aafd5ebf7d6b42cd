"""How a remote provider can refuse or fail; each message is a sentence for the person. Knows no client library."""

from typing import Any

from django.utils.translation import gettext as _

from training.providers.base import InvalidJob, ProviderError, Transient

MAX_WORDS = 2000  # of the provider's own text, which the log keeps word for word


class RemoteError(ProviderError):
    """`words` is what the provider itself said, for the log; `status` and `code` its HTTP status and error code."""

    def __init__(self, sentence: str, *, words: str = "", status: int = 0, code: str = "") -> None:
        super().__init__(sentence)
        self.words, self.status, self.code = words[:MAX_WORDS], status, code


class Unavailable(RemoteError):
    """It does not train for this account, or no longer for anybody."""

    mend = "settings"


class AuthFailed(RemoteError):
    """The key is wrong, or not allowed to do this."""

    mend = "connection"


class Forbidden(RemoteError):
    """Nothing is sent to that address."""

    mend = "connection"


class InvalidData(RemoteError, InvalidJob):
    """It does not take this data or these settings."""

    mend = "settings"


class InvalidRows(InvalidData):
    """It read the rows and does not take them."""

    mend = "data"


class OutOfCredit(RemoteError):
    """The account there has no money left."""


class NotFound(RemoteError):
    """It does not know the job, file or model."""

    mend = "settings"


class NotSupported(RemoteError):
    """It cannot do this at all."""

    mend = "settings"


class Cancelled(RemoteError):
    """The job was cancelled there by somebody else."""


class Passing(RemoteError, Transient):
    """It may pass by itself. `unsent`: it certainly never reached the provider."""

    def __init__(self, sentence: str, *, unsent: bool = False, **told: Any) -> None:
        super().__init__(sentence, **told)
        self.unsent = unsent


class RateLimited(Passing):
    """Too many requests; `retry_after` seconds from now it is worth another try."""

    def __init__(self, sentence: str, *, retry_after: float = 0.0, **told: Any) -> None:
        super().__init__(sentence, **told)
        self.retry_after = retry_after


def refusal(status: int, code: str, words: str, retry_after: float = 0.0) -> RemoteError:
    """The kind of an error answer, with its sentence."""
    told: dict[str, Any] = {"words": words, "status": status, "code": code}
    if code == "training_not_available":
        return Unavailable(
            _(
                "The provider no longer fine-tunes models for this account. Train on this computer, or choose another "
                "provider: the data set is the same."
            ),
            **told,
        )
    if status == 401:
        return AuthFailed(_("The provider does not accept the key. Enter a valid one at the connection."), **told)
    if status == 403:
        return AuthFailed(_("The provider does not allow this with this key: “%(words)s”") % _short(words), **told)
    if status == 404:
        return NotFound(_("The provider does not know what was asked for: “%(words)s”") % _short(words), **told)
    if code == "insufficient_quota" or status == 402:
        return OutOfCredit(_("The account at the provider has no credit left. Add some there, then try again."), **told)
    if status == 429:
        sentence = _("The provider takes no more requests at the moment.")
        return RateLimited(sentence, retry_after=retry_after, **told)
    if status in {408, 409} or status >= 500:
        return Passing(_("The provider had a failure of its own (%(status)d).") % {"status": status}, **told)
    return InvalidData(_("The provider did not accept it: “%(words)s”") % _short(words), **told)


def _short(words: str) -> dict[str, str]:
    return {"words": words if len(words) <= 300 else words[:300] + "…"}


def unreachable(kind: str) -> Passing:
    """No answer came: `kind` is "connect" where nothing was sent, else "timeout" or "broken"."""
    if kind == "connect":
        return Passing(_("The provider cannot be reached. Check the address and the network."), unsent=True)
    if kind == "timeout":
        return Passing(_("The provider did not answer in time."))
    return Passing(_("The connection to the provider broke off."))


def unintelligible() -> Passing:
    return Passing(_("What came from that address is not a provider's answer. Check the address and the network."))
