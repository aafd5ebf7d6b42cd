"""How a translation can fail; the message is a sentence for the person."""


class TranslationFailed(Exception):
    """No translation came. The text itself is safe with whoever asked."""
