"""What a person answered to the items, and the reports on versions, down to each item under each control."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from questionnaires.leases import Job
from questionnaires.models import Persona
from questionnaires.owned import Owned
from training.models import PersonaModel


class ItemAnswer(Owned):
    """The person's own answer to an item. Never exported, never trained on."""

    class Kind(models.TextChoices):
        FILM = "film", _("film")
        CHOICE = "choice", _("choice")

    FIRST, RETEST = 1, 2
    UNKNOWN_FILM = 0

    persona = models.ForeignKey(Persona, on_delete=models.CASCADE, related_name="item_answers")
    kind = models.CharField(max_length=8, choices=Kind)
    item = models.CharField(max_length=120)  # a film's id or a choice's slug, as the data files have them
    value = models.PositiveSmallIntegerField()  # film: 1 to 5 stars, 0 not known; choice: index of the option, from 0
    round = models.PositiveSmallIntegerField(default=FIRST)  # 2: the same item again, two weeks later
    seconds = models.FloatField(default=0.0)  # from showing the item to the answer
    answered_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["answered_at"]
        constraints = [
            models.UniqueConstraint(fields=["persona", "kind", "item", "round"], name="an_item_once_a_round")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.item}: {self.value}"


class Report(Job, Owned):
    """How like its person one version is."""

    class Form(models.TextChoices):
        QUICK = "quick", _("quick")
        FULL = "full", _("full")

    persona = models.ForeignKey(Persona, on_delete=models.CASCADE, related_name="reports")
    version = models.ForeignKey(PersonaModel, on_delete=models.CASCADE, related_name="reports")
    form = models.CharField(max_length=8, choices=Form, default=Form.FULL)
    is_automatic = models.BooleanField(default=False)  # begun by itself after a training
    items = models.PositiveIntegerField(default=0)  # asked of the persona; the controls answer the same ones
    result = models.JSONField(default=dict)  # fidelity.report_schema.Result; empty until it is done
    left_out = models.JSONField(default=list)  # [fidelity.report_schema.LeftOut]
    unavailable = models.JSONField(default=dict)  # {control: why it could not be run}
    cost = models.JSONField(default=dict)  # fidelity.report_schema.Cost, where a provider is paid

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["version"],
                condition=models.Q(state__in=["queued", "running"]),
                name="one_active_report_a_version",
            )
        ]

    def __str__(self) -> str:
        return f"{self.version} {self.created_at:%F %T}: {self.state}"


class ReportItem(Owned):
    """One item under one control. Made when the run begins, filled in as it goes, so a run resumes where it stopped.

    Fields that a kind does not use stay empty.
    """

    class Control(models.TextChoices):
        PERSONA = "persona", _("the persona")
        BASE = "base", _("the untouched base model")
        BASE_ANSWERS = "base_answers", _("the base model with your answers before it")
        OTHER_PERSON = "other_person", _("another person's persona")
        OTHER_ADAPTER = "other_adapter", _("another person's training with your notes")
        NO_RETRIEVAL = "no_retrieval", _("the persona without notes")
        OTHER_NOTES = "other_notes", _("the persona with another person's notes")

    class Kind(models.TextChoices):
        CHOICE = "choice", _("choice")  # attitudes, tastes and habits
        FILM = "film", _("choice among films")  # the best of several
        PAIR = "pair", _("pair of films")  # of similarly liked ones
        FACT = "fact", _("fact")  # a question of the bank in a wording that training did not see
        TAUGHT = "taught", _("corrected reply")  # a question that a reply was corrected for, as training saw it
        VOICE = "voice", _("held-out answer")  # a question whose answer was held out: style and form

    class Ruling(models.TextChoices):
        NONE = "", ""
        RIGHT = "right", _("right")
        WRONG = "wrong", _("wrong")
        UNKNOWN = "unknown", _("says that it does not know")

    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="rows")
    number = models.PositiveIntegerField()  # in the order in which they are asked
    control = models.CharField(max_length=16, choices=Control)
    kind = models.CharField(max_length=8, choices=Kind)
    item = models.CharField(max_length=200)  # a choice's slug, a question's slug, or the ids of films joined by "|"
    question = models.TextField()
    options = models.JSONField(default=list)  # [str], as they are in the data file
    answer = models.PositiveSmallIntegerField(null=True)  # index of the person's own option
    own = models.TextField(blank=True)  # the person's own answer in words; empty: never told
    ratings = models.JSONField(default=list)  # the person's stars of the films, in the order of the options
    scores = models.JSONField(default=list)  # [{"order": [int], "logprobs": [nats, by option]}] or {"order", "reply"}
    shares = models.JSONField(default=list)  # by option: how probable it was for the model, 0 to 1, all orders together
    chosen = models.JSONField(default=list)  # indices of the options preferred; several in a tie
    points = models.FloatField(null=True)  # 0 to 1; null: not asked yet, or a fact that waits for the person
    reply = models.TextField(blank=True)
    verdict = models.CharField(max_length=8, blank=True)  # fidelity.measures.facts.Outcome
    reasons = models.JSONField(default=list)  # [{"code", "terms": [str]}]
    notes = models.JSONField(default=list)  # [{"slug", "question", "answer", "score"}] that stood in the prompt
    form = models.JSONField(default=dict)  # {"ended", "repeats", "marker", "switches"} of the reply
    ruling = models.CharField(max_length=8, choices=Ruling, blank=True, default="")  # the person's own verdict
    seconds = models.FloatField(null=True)
    asked_at = models.DateTimeField(null=True)  # null: still to be asked

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["report", "control", "kind", "item"], name="an_item_once_a_control")
        ]

    def __str__(self) -> str:
        return f"{self.control} {self.kind} {self.item}"

    @property
    def outcome(self) -> str:
        """The verdict that counts: the person's own, else the one by rules."""
        return self.ruling or self.verdict

    @property
    def is_right(self) -> bool:
        return bool(self.points and self.points >= 1)

    def best(self) -> list[Any]:
        """The words of the options that were preferred."""
        return [self.options[index] for index in self.chosen]


class FriendLink(Owned):
    """A private address under which friends guess which of several replies is the person's own.

    Friends see a question only if it is `approved` and the link is open. `token` is kept as it is, since the person
    copies the address again and again, and everything that it opens stands beside it in the same database.
    """

    class State(models.TextChoices):
        PREPARING = "preparing", _("replies are being made")
        READY = "ready", _("for you to look through")
        OPEN = "open", _("open")
        CLOSED = "closed", _("closed")
        FAILED = "failed", _("failed")

    persona = models.ForeignKey(Persona, on_delete=models.CASCADE, related_name="friend_links")
    version = models.ForeignKey(PersonaModel, on_delete=models.CASCADE, related_name="friend_links")
    other = models.ForeignKey(PersonaModel, null=True, on_delete=models.SET_NULL, related_name="+")  # another person's
    token = models.CharField(max_length=64, unique=True)
    state = models.CharField(max_length=10, choices=State, default=State.PREPARING)
    error = models.TextField(blank=True)  # one sentence for the person
    expires_at = models.DateTimeField(null=True)  # set when it is opened
    window_began = models.DateTimeField(null=True)  # of the hour in which `window_posts` are counted
    window_posts = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.persona} {self.created_at:%F}: {self.state}"


class FriendQuestion(Owned):
    """A question with the beginning of the person's held-out answer and what each model said to it."""

    link = models.ForeignKey(FriendLink, on_delete=models.CASCADE, related_name="questions")
    number = models.PositiveIntegerField()
    question = models.TextField()
    own = models.TextField()
    replies = models.JSONField(default=dict)  # {"persona": str, "base": str, "other": str}; the last where there is one
    approved = models.BooleanField(default=False)  # the person looked at it and lets friends see it

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["link", "number"], name="a_friends_question_once")]

    def __str__(self) -> str:
        return self.question


class FriendGuess(Owned):
    """Which reply a friend took for the person's own. The owner is the persona's: friends have no account."""

    question = models.ForeignKey(FriendQuestion, on_delete=models.CASCADE, related_name="guesses")
    friend = models.UUIDField()  # drawn for each session, tied to nobody
    picked = models.CharField(max_length=8)  # own, persona, base, other

    class Meta:
        ordering = ["created_at"]
        constraints = [models.UniqueConstraint(fields=["question", "friend"], name="one_guess_a_friend")]

    def __str__(self) -> str:
        return self.picked
