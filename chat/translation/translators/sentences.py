"""What a translator's failure means, and what the person can do."""

from django.utils.translation import gettext as _

from chat.translation.errors import TranslationFailed


def of_status(title: str, status: int) -> TranslationFailed:
    """Of an HTTP status that is no success."""
    if status in {401, 403}:
        sentence = _("%(name)s refused the key. Enter it again on the translation page.")
    elif status == 429 or status == 456:  # 456 is DeepL's word for a used-up quota
        sentence = _("%(name)s takes no more text now: too many requests, or the allowance is used up. Try later.")
    elif status == 413:
        sentence = _("%(name)s says that the text is too long.")
    elif status < 500:
        sentence = _("%(name)s refused the text or the pair of languages.")
    else:
        sentence = _("%(name)s has a fault of its own now. Try again later, or choose another translator.")
    return TranslationFailed(sentence % {"name": title})


def too_slow(title: str) -> TranslationFailed:
    return TranslationFailed(_("%(name)s did not answer in time. Try again later.") % {"name": title})


def unreachable(title: str) -> TranslationFailed:
    sentence = _("%(name)s cannot be reached. Check its address and your connection to the internet.")
    return TranslationFailed(sentence % {"name": title})


def unintelligible(title: str) -> TranslationFailed:
    return TranslationFailed(_("%(name)s answered something that is no translation.") % {"name": title})


def no_language(title: str, code: str) -> TranslationFailed:
    from chat.translation.languages import language_name

    sentence = _("%(name)s does not know this language: %(language)s.")
    return TranslationFailed(sentence % {"name": title, "language": language_name(code)})


def lacking(title: str) -> TranslationFailed:
    return TranslationFailed(_("%(name)s is not set up: open the translation page.") % {"name": title})
