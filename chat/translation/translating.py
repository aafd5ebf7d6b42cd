"""A whole text through a translator: in pieces, names kept, nothing believed that is no translation."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence

from django.utils.translation import gettext as _

from chat.signals import translation_ended
from chat.translation.errors import TranslationFailed
from chat.translation.names import Name, Protected, protect
from chat.translation.pieces import pieces_of
from chat.translation.translators import Translator, sentences

logger = logging.getLogger(__name__)

WHOLE_SECONDS = 60.0  # of all pieces together
MOST_PIECES = 40
SAME_WORDS = 2  # a text of fewer words may be the same in both languages: "Taxi"


async def text_translate(
    translator: Translator, text: str, *, source: str, target: str, names: Sequence[Name] = (), outward: bool
) -> str:
    """`text` in `target`. `outward`: away from the persona's language, to which the names belong.

    Raises TranslationFailed, also for an empty answer, none, and the same text back.
    """
    try:
        async with asyncio.timeout(WHOLE_SECONDS):
            found = await _translate(translator, text, source, target, protect(text, names, outward=outward))
    except TimeoutError:
        translation_ended.send(sender=Translator, translator=translator.key, is_done=False)
        raise sentences.too_slow(translator.title) from None
    except TranslationFailed as failed:
        translation_ended.send(sender=Translator, translator=translator.key, is_done=False)
        logger.info("translator %s failed: %s to %s, %d characters", translator.key, source, target, len(text))
        raise failed
    translation_ended.send(sender=Translator, translator=translator.key, is_done=True)
    return found


async def _translate(translator: Translator, text: str, source: str, target: str, safe: Protected) -> str:
    whole = await _in_pieces(translator, safe.text, source, target)
    restored = safe.restored(whole)
    if restored is None:  # it lost a sign: what stands between the names goes alone
        texts = [await _in_pieces(translator, part, source, target) for part in safe.between]
        restored = "".join(part for pair in zip(texts, [*safe.names, ""], strict=True) for part in pair)
    if restored.strip() == text.strip() and len(_words(safe.text)) >= SAME_WORDS:
        raise TranslationFailed(_("%(name)s gave the text back as it was, untranslated.") % {"name": translator.title})
    return restored


async def _in_pieces(translator: Translator, text: str, source: str, target: str) -> str:
    pieces = pieces_of(text, translator.longest, translator.measure)
    if len(pieces) > MOST_PIECES:
        raise sentences.of_status(translator.title, 413)
    return "".join([await _piece(translator, piece, source, target) for piece in pieces])


async def _piece(translator: Translator, piece: str, source: str, target: str) -> str:
    """The piece in the other language, between the same white space."""
    core = piece.strip()
    if not _words(core):
        return piece
    found = await translator.translate(core, source, target)
    if not isinstance(found, str) or not found.strip():
        raise TranslationFailed(_("%(name)s gave no translation back.") % {"name": translator.title})
    start = piece.index(core)
    return piece[:start] + found.strip() + piece[start + len(core) :]


def _words(text: str) -> list[str]:
    """Words to translate: no numbers, no signs in the place of names."""
    return re.findall(r"[^\W\d_]+", text)
