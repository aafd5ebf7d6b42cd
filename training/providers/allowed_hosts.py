"""Which providers may be spoken to: every one for a single owner; where several people have accounts, those that the
program knows and those that whoever runs it named (PROVIDER_HOSTS).

Otherwise whoever may sign up could have this server ask addresses of the network that it stands in.
"""

from functools import cache
from urllib.parse import urlsplit

from django.conf import settings

from training.providers.presets import presets

TRANSLATORS = ("api.deepl.com", "api-free.deepl.com")  # of chat.translation, whose addresses are fixed


def host_allowed(host: str) -> bool:
    """Whether requests may go to `host`. A named ".example.com" stands for all hosts below it."""
    if settings.PROVIDER_HOSTS is None:
        return True
    name = host.casefold().rstrip(".")
    return any(
        name == each or (each.startswith(".") and name.endswith(each)) for each in (*_known(), *settings.PROVIDER_HOSTS)
    )


@cache
def _known() -> tuple[str, ...]:
    """Hosts of the presets and of the translators."""
    hosts = [urlsplit(preset.base_url).hostname or "" for preset in presets().values()]
    return (*(host for host in hosts if host), *TRANSLATORS)
