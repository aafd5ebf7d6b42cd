"""Personas, the question bank, and answers with every text that they ever had."""

from typing import Any

from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from questionnaires.owned import Owned


class Persona(Owned):
    """A person, or the fictional demo person, whose answers a model learns from."""

    name = models.CharField(max_length=80)
    language = models.CharField(max_length=8, default="en")
    is_demo = models.BooleanField(default=False)  # fictional and read-only
    # When the person confirmed that it is about them, or that whom it is about agreed. None: not asked yet.
    agreed_at = models.DateTimeField(null=True, blank=True)
    made_from = models.CharField(
        max_length=10, blank=True, default="", db_default=""
    )  # "file": of a program's file, without answers
    questionnaire = models.ForeignKey(
        "Questionnaire", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )  # none: know-me-200
    # Topic -> how often the portrait chose as the person did in the newest report, 0 to 1. Written by fidelity.
    topic_agreement = models.JSONField(default=dict, blank=True)
    current_question = models.ForeignKey("Question", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["is_demo", "created_at"]
        constraints = [
            models.UniqueConstraint(fields=["owner"], condition=models.Q(is_demo=True), name="one_demo_an_owner")
        ]

    def __str__(self) -> str:
        return self.name


class Topic(models.Model):
    """A chapter of the question bank. Texts: {"en": ..., "ru": ...}."""

    slug = models.SlugField(primary_key=True)
    title = models.JSONField(default=dict)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["position"]

    def __str__(self) -> str:
        return localised(self.title)


class Question(models.Model):
    """A question of the bank, or a persona's own one (then `persona` is set and `topic` may be empty).

    `texts` maps a language to {"text", "wordings": [str, str], "hint", "follow_up"}; an own question has only the
    language it was written in.
    """

    slug = models.SlugField(max_length=120, unique=True)
    topic = models.ForeignKey(Topic, null=True, blank=True, on_delete=models.PROTECT, related_name="questions")
    persona = models.ForeignKey(Persona, null=True, blank=True, on_delete=models.CASCADE, related_name="own_questions")
    texts = models.JSONField(default=dict)
    position = models.PositiveIntegerField(default=0)  # within its topic, or among the own ones
    retired = models.BooleanField(default=False)  # left the bank; kept because somebody answered it

    class Meta:
        ordering = ["topic__position", "position", "pk"]
        indexes = [  # an export reads along them (questionnaires.answer_stream)
            models.Index(fields=["topic", "position", "id"], name="questions_of_a_topic"),
            models.Index(fields=["persona", "topic", "position", "id"], name="questions_of_a_persona"),
        ]

    def __str__(self) -> str:
        return self.text

    def in_language(self, language: str | None = None) -> dict[str, Any]:
        """The texts in `language`, in English, or in the only language there is."""
        texts: dict[str, dict[str, Any]] = self.texts
        return texts.get((language or get_language() or "en")[:2]) or texts.get("en") or next(iter(texts.values()))

    @property
    def text(self) -> str:
        return str(self.in_language()["text"])

    @property
    def hint(self) -> str:
        return str(self.in_language().get("hint", ""))

    @property
    def follow_up(self) -> str:
        return str(self.in_language().get("follow_up", ""))


class Questionnaire(models.Model):
    """An ordered selection from the bank, or a persona's own one (then `persona` is set and `slug` is a UUID)."""

    slug = models.SlugField(primary_key=True)
    persona = models.ForeignKey(
        Persona, null=True, blank=True, on_delete=models.CASCADE, related_name="own_questionnaires"
    )
    title = models.JSONField(default=dict)
    purpose = models.JSONField(default=dict)  # one line on what it is for, by language
    file_slug = models.SlugField(max_length=80, blank=True, default="")  # of an own one: its name in shared files
    version = models.PositiveIntegerField(default=1)  # of an own one: rises with each change
    questions: "models.ManyToManyField[Question, QuestionnaireItem]" = models.ManyToManyField(
        Question, through="QuestionnaireItem", related_name="questionnaires"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["persona", "file_slug"],
                condition=models.Q(persona__isnull=False),
                name="one_file_slug_a_persona",
            )
        ]

    def __str__(self) -> str:
        return localised(self.title)

    @property
    def line(self) -> str:
        return localised(self.purpose)


class QuestionnaireItem(models.Model):
    """A question's place in a questionnaire."""

    questionnaire = models.ForeignKey(Questionnaire, on_delete=models.CASCADE, related_name="items")
    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="+")
    position = models.PositiveIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["questionnaire", "question"], name="a_question_once")]

    def __str__(self) -> str:
        return f"{self.position}. {self.question}"


class Answer(Owned):
    """What a persona answered to a question. Four kinds of silence are kept apart from an answer."""

    class State(models.TextChoices):
        OPEN = "open", _("open")
        ANSWERED = "answered", _("answered")
        SKIPPED = "skipped", _("skipped")
        REFUSED = "refused", _("rather not say")
        LATER = "later", _("later")

    persona = models.ForeignKey(Persona, on_delete=models.CASCADE, related_name="answers")
    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="answers")
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    text = models.TextField(blank=True, default="")
    revision = models.PositiveIntegerField(default=0)
    source = models.CharField(max_length=20, default="typed")  # typed, imported, demo
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["question__topic__position", "question__position"]
        constraints = [models.UniqueConstraint(fields=["persona", "question"], name="one_answer_a_question")]

    def __str__(self) -> str:
        return f"{self.question}: {self.state}"


class AnswerRevision(Owned):
    """Append-only: each text that reached the server, a conflicting one included, and the reply it got."""

    answer = models.ForeignKey(Answer, on_delete=models.CASCADE, related_name="revisions")
    revision = models.PositiveIntegerField()
    operation_id = models.CharField(max_length=64)  # of the save, chosen by the client
    text = models.TextField(blank=True, default="")
    state = models.CharField(max_length=10, choices=Answer.State, default=Answer.State.OPEN)
    source = models.CharField(max_length=20, default="typed")
    conflict = models.BooleanField(default=False)
    thinned = models.BooleanField(default=False)  # the text is gone; the row answers a repeated operation for a while
    digest = models.CharField(max_length=64, blank=True, default="")  # SHA-256 of a thinned text

    class Meta:
        ordering = ["created_at"]
        constraints = [models.UniqueConstraint(fields=["answer", "operation_id"], name="an_operation_once")]

    def __str__(self) -> str:
        return f"{self.answer_id} r{self.revision}"


class AnswerVectors(Owned):
    """The sentences of an answer as vectors, kept so that only a changed answer is read again."""

    answer = models.OneToOneField(Answer, on_delete=models.CASCADE, related_name="vectors")
    digest = models.CharField(max_length=64)  # SHA-256 of the text
    space = models.CharField(max_length=20)  # of which encoder; those of two cannot be compared
    data = models.BinaryField()  # little-endian half-precision floats, one sentence after the other

    def __str__(self) -> str:
        return f"{self.answer_id} in {self.space}"


class Comparison(Owned):
    """The last look at which answers say the same or contradict each other. A worker makes it."""

    persona = models.OneToOneField(Persona, on_delete=models.CASCADE, related_name="comparison")
    asked_at = models.DateTimeField(null=True, blank=True)  # under way since
    done_at = models.DateTimeField(null=True, blank=True)
    # [{"kind", "answers": [id, id], "digests": [str, str], "texts": [str, str]}]
    pairs = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"{self.persona}: {len(self.pairs)}"


class LeftFinding(Owned):
    """A finding of the data checks that the person looked at and left as it is."""

    persona = models.ForeignKey(Persona, on_delete=models.CASCADE, related_name="left_findings")
    key = models.CharField(max_length=64)  # of questionnaires.findings.finding_key

    class Meta:
        constraints = [models.UniqueConstraint(fields=["persona", "key"], name="a_finding_left_once")]

    def __str__(self) -> str:
        return self.key


class WeeklyQuestion(Owned):
    """The open question that a persona is reminded of this week, and whether it wants to be."""

    persona = models.OneToOneField(Persona, on_delete=models.CASCADE, related_name="weekly_question")
    question = models.ForeignKey(Question, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    week = models.DateField()  # the Monday on which it was chosen, or the one before
    put_off_until = models.DateField(null=True, blank=True)
    is_off = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.persona}, {self.week}"


def localised(texts: dict[str, str]) -> str:
    """The text in the active language, in English, or in the only language there is."""
    return texts.get((get_language() or "en")[:2]) or texts.get("en") or next(iter(texts.values()), "")
