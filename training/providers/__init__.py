"""Who can train. A new provider is a module beside these and one line here."""

from training.providers.base import Provider
from training.providers.local import LocalProvider
from training.providers.remote import RemoteProvider

PROVIDERS: dict[str, Provider] = {each.name: each for each in (LocalProvider(), RemoteProvider())}
