"""All translators, one line each."""

from chat.translation.translators.argos import Argos
from chat.translation.translators.base import Account, Translator
from chat.translation.translators.chat_model import ChatModel
from chat.translation.translators.deepl import DeepL
from chat.translation.translators.google import Google
from chat.translation.translators.libretranslate import LibreTranslate
from chat.translation.translators.mymemory import MyMemory

TRANSLATORS: dict[str, type[Translator]] = {
    kind.key: kind
    for kind in (
        Argos,
        LibreTranslate,
        DeepL,
        ChatModel,
        Google,
        MyMemory,
    )
}

__all__ = ["TRANSLATORS", "Account", "Translator"]
