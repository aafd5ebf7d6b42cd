"""Who may speak with a persona in Telegram, and what was received and sent."""

from django.db import models
from django.utils import timezone

from questionnaires.models import Persona
from questionnaires.owned import Owned


class TelegramCode(Owned):
    """A one-time code that links a Telegram account. Only its hash is kept."""

    persona = models.ForeignKey(Persona, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64, unique=True)
    is_guest = models.BooleanField(default=False)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.persona} {self.expires_at:%F %T}"


class TelegramAccount(Owned):
    """A linked Telegram account; the owner's own, or a guest's, who may talk and no more."""

    persona = models.ForeignKey(Persona, on_delete=models.CASCADE, related_name="telegram_accounts")
    user_id = models.BigIntegerField(unique=True)  # Telegram's; in a private chat it is the chat's id, too
    name = models.CharField(max_length=120, blank=True)
    is_guest = models.BooleanField(default=False)
    language = models.CharField(max_length=8, default="en")  # of the bot's own sentences
    conversation_id = models.UUIDField()  # the one that is spoken in; its row comes with the first message
    blocked_at = models.DateTimeField(null=True)  # the person blocked the bot

    class Meta:
        ordering = ["created_at"]

    def __str__(self) -> str:
        return self.name or str(self.user_id)


class TelegramUpdate(models.Model):
    """An update, stored before it is worked on, so that it is neither lost nor worked on twice."""

    bot = models.CharField(max_length=16)  # chat.telegram.inbox.bot_name: another token is another bot
    update_id = models.BigIntegerField()
    payload = models.JSONField(default=dict)  # emptied when it is done: words are kept in the conversation alone
    received_at = models.DateTimeField(default=timezone.now)
    done_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["update_id"]
        constraints = [models.UniqueConstraint(fields=["bot", "update_id"], name="a_telegram_update_once")]

    def __str__(self) -> str:
        return f"{self.bot} {self.update_id}"


class TelegramDelivery(Owned):
    """A reply on its way into a Telegram chat; unfinished ones are taken up again after a restart."""

    account = models.ForeignKey(TelegramAccount, on_delete=models.CASCADE, related_name="deliveries")
    reply = models.OneToOneField("chat.Message", on_delete=models.CASCADE, related_name="telegram")
    message_ids = models.JSONField(default=list)  # Telegram's, of the parts, in order
    done_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["created_at"]

    def __str__(self) -> str:
        return f"{self.account}: {self.reply_id}"


class TelegramNews(Owned):
    """That a training ended, told once to each linked account."""

    account = models.ForeignKey(TelegramAccount, on_delete=models.CASCADE, related_name="+")
    run_id = models.UUIDField()
    ended_at = models.DateTimeField()  # a training that is taken up again ends again
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "run_id", "ended_at"], name="telegram_news_once")]

    def __str__(self) -> str:
        return f"{self.account}: {self.run_id}"


class TelegramBot(models.Model):
    """What the bot's process found out, for the page."""

    bot = models.CharField(max_length=16, primary_key=True)
    username = models.CharField(max_length=64, blank=True)
    seen_at = models.DateTimeField(default=timezone.now)  # when Telegram last answered
    trouble = models.TextField(blank=True)  # one sentence

    def __str__(self) -> str:
        return self.username
