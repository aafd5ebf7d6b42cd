"""How much of the installation a person may use, and how much they used."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Kind(models.TextChoices):
    """What is limited. Its value is the name of Quota's column, and of the setting QUOTA_..."""

    TRAININGS = "trainings", _("trainings a day")
    TRAINING_MINUTES = "training_minutes", _("minutes of training on this computer a day")
    CHAT_TOKENS = "chat_tokens", _("words of the model (tokens) a day")
    MONEY_A_DAY = "money_a_day", _("US dollars at providers a day")
    MONEY_A_MONTH = "money_a_month", _("US dollars at providers a month")
    PERSONAS = "personas", _("portraits")
    STORAGE_MB = "storage_mb", _("megabytes kept")
    REQUESTS = "requests", _("requests of programs a minute")


class Quota(models.Model):
    """A person's own limits. Empty: the installation's; 0: no limit."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="quota")
    trainings = models.PositiveIntegerField(_("trainings a day"), null=True, blank=True)
    training_minutes = models.PositiveIntegerField(_("minutes of training here a day"), null=True, blank=True)
    chat_tokens = models.PositiveIntegerField(_("tokens of replies a day"), null=True, blank=True)
    money_a_day = models.DecimalField(
        _("US dollars at providers a day"), max_digits=9, decimal_places=2, null=True, blank=True
    )
    money_a_month = models.DecimalField(
        _("US dollars at providers a month"), max_digits=9, decimal_places=2, null=True, blank=True
    )
    personas = models.PositiveIntegerField(_("portraits"), null=True, blank=True)
    storage_mb = models.PositiveIntegerField(_("megabytes kept"), null=True, blank=True)
    requests = models.PositiveIntegerField(_("requests of programs a minute"), null=True, blank=True)

    class Meta:
        app_label = "accounts"

    def __str__(self) -> str:
        return f"quota of {self.user_id}"


class Usage(models.Model):
    """What a person used of a kind on a day. A ledger, since what it is about may be deleted and still was used.

    An amount with a `reference` is a promise (a training's foretold minutes and dollars); it becomes what it really
    was when the training has ended. Those without are summed up in one row.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=20)  # trainings, training_minutes, chat_tokens, money
    day = models.DateField()  # in the installation's time zone
    reference = models.CharField(max_length=60, blank=True)
    amount = models.FloatField(default=0.0)
    is_settled = models.BooleanField(default=True)

    class Meta:
        app_label = "accounts"
        constraints = [models.UniqueConstraint(fields=["user", "kind", "day", "reference"], name="a_usage_once")]
        indexes = [
            models.Index(fields=["kind"], condition=models.Q(is_settled=False), name="usage_unsettled"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.day}: {self.amount:g}"
