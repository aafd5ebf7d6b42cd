"""What happens here that others count: the rooms above listen, this one does not know them."""

from django.dispatch import Signal

reply_ended = Signal()  # owner_id: int | None, state: str (Message.State), figures: dict (chat.answering.Reply)
translation_ended = Signal()  # translator: str (a key of chat.translation.translators), is_done: bool
